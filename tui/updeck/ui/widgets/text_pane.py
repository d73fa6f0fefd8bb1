"""Lines that scroll under keys: the status of a device, the help, the activity."""

from __future__ import annotations

from collections.abc import Sequence

from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, Line, line
from updeck.ui.widgets.canvas import Canvas

__all__ = ["TextPane"]


class TextPane(Canvas):
    """Shows the part of a text that was scrolled to, and says in its last line how much follows.

    With `follows` it keeps its end on view, filling from the top and going on by half its height, so that a new
    line at the end costs one line and not the whole pane.
    """

    stays: int | None = None
    """Which line of the text remains on top when it was scrolled past, because it names the columns beneath it."""

    def __init__(self, glyphs: Glyphs, *, widget_id: str, follows: bool = False) -> None:
        super().__init__(glyphs, widget_id=widget_id)
        self._text: Sequence[Line] = ()
        self._top = 0
        self._follows = follows
        self._at_end = follows

    @property
    def text(self) -> tuple[Line, ...]:
        """The whole text."""
        return tuple(self._text)

    def set_text(self, text: Sequence[Line], *, keep_place: bool = True) -> None:
        """Show another text, at the same place where that exists; only the lines on view are asked for.

        The text is kept as it is handed over, and must not change.
        """
        self._text = text
        if not keep_place:
            self._top, self._at_end = 0, self._follows
        self.draw()

    def scroll_lines(self, rows: int) -> None:
        """Scroll by lines, as far as there are any."""
        last = self._last_top()
        self._top = min(max(self._top + rows, 0), last)
        self._at_end = self._follows and self._top >= last
        self.draw()

    def reveal(self, first: int, last: int) -> None:
        """Scroll until the lines from `first` to `last` are on view; no farther than must be, to save a thin line."""
        covered = 1 if self.stays is not None and first > self.stays else 0
        if first < self._top + covered:
            self._top = first - covered
        cut = 1 if self._top + self.rows < len(self._text) else 0
        if last > self._top + self.rows - 1 - cut:
            self._top = min(last - self.rows + 2, self._last_top())
        self._top = max(0, self._top)
        self.draw()

    def draw(self) -> None:
        """Draw the lines on view."""
        height = self.rows
        if height <= 0:
            return
        if self._at_end:
            self._top = self._following_top(height)
        self._top = min(self._top, max(0, len(self._text) - 1))
        shown = list(self._text[self._top : self._top + height])
        if self.stays is not None and self.stays < self._top and shown:
            shown[0] = self._text[self.stays]
        below = len(self._text) - self._top - len(shown)
        if below > 0 and not self._at_end:
            shown[-1] = line((f"{self.glyphs.ellipsis} {below + 1} more lines", Ink.DIM))
        self.show(shown)

    def _last_top(self) -> int:
        height = max(1, self.rows)
        return self._following_top(height) if self._follows else max(0, len(self._text) - height)

    def _following_top(self, height: int) -> int:
        count = len(self._text)
        if self._top <= count <= self._top + height and self._top > 0:
            return self._top
        if count <= height:
            return 0
        step = max(1, height // 2)
        pages = -(-(count - height) // step)
        return pages * step
