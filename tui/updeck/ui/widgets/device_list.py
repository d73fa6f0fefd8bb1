"""The device list: thousands of rows, of which only those on view are ever formatted."""

from __future__ import annotations

from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, line
from updeck.ui.lines.row import Columns, row
from updeck.ui.lineup import Lineup
from updeck.ui.widgets.canvas import Canvas

__all__ = ["DeviceList"]


class DeviceList(Canvas):
    """Draws the rows of a `Lineup` around its cursor. It scrolls by half its height, which a thin line pays seldom.

    The columns from *next* on stand on a canvas of their own, `moving`, because Textual paints a changed cell from
    the left edge of its widget on.
    """

    def __init__(self, glyphs: Glyphs, lineup: Lineup, moving: Canvas, *, widget_id: str) -> None:
        super().__init__(glyphs, widget_id=widget_id)
        self._lineup = lineup
        self._moving = moving
        self._top = 0
        self.columns = Columns.for_width(80, ())
        self.nothing = ""

    def row_at(self, y: int) -> int:
        """Return which row of the lineup stands in line `y` of the widget."""
        return self._top + y

    def draw(self, now: float) -> int:
        """Draw the rows on view, and return how many cells of *next* have changed. `now` is our wall clock."""
        lineup = self._lineup
        height = self.rows
        self._top = self._scrolled(lineup.row, len(lineup.shown), height)
        names = lineup.shown[self._top : self._top + height]
        if not names:
            told, cut = f"   {self.nothing}", self.columns.left
            self.show((line((told[:cut], Ink.DIM)),))
            return self._moving.show((line((told[cut:], Ink.DIM)),))
        rows = [
            row(
                lineup.view(name),
                self.columns,
                self.glyphs,
                now,
                cursor=name == lineup.cursor,
                marked=name in lineup.marks,
                changed=lineup.changed(name, now),
            )
            for name in names
        ]
        self.show([left for left, _ in rows])
        return self._moving.show([right for _, right in rows])

    def _scrolled(self, cursor: int, count: int, height: int) -> int:
        """Return the first row on view, so that the cursor's row is among them."""
        top = self._top
        if cursor < top or cursor >= top + height:
            top = cursor - height // 2
        return max(0, min(top, count - height))
