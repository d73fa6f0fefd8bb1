"""A widget that draws lines and repaints only those that changed: the ground of all panes (`design.md` 6)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import EMPTY, Ink, Line
from updeck.ui.layout import Place
from updeck.ui.theme import palette_of

__all__ = ["Canvas"]


class Canvas(Widget, can_focus=False):
    """Shows what `show` was given last, from its top left corner; what does not fit is cut off."""

    def __init__(self, glyphs: Glyphs, *, widget_id: str) -> None:
        super().__init__(id=widget_id)
        self.glyphs = glyphs
        self._lines: tuple[Line, ...] = ()
        self.cells = self.rows = 0
        """Width and height as placed, known before Textual has laid anything out."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is shown now."""
        return self._lines

    def place(self, place: Place | None) -> None:
        """Stand at this place of the screen, or nowhere."""
        self.display = place is not None
        self.cells, self.rows = (0, 0) if place is None else (place.width, place.height)
        if place is not None:
            self.styles.offset = (place.x, place.y)
            self.styles.width = place.width
            self.styles.height = place.height

    def show(self, lines: Sequence[Line]) -> int:
        """Show these lines; repaints the changed ones only, and returns how many."""
        painted = 0
        before, self._lines = self._lines, tuple(lines)
        for y, (old, new) in enumerate(zip_longest(before, self._lines, fillvalue=EMPTY)):
            if y >= self.rows:
                break
            if old != new and self.cells:
                self.refresh(Region(0, y, self.cells, 1))
                painted += 1
        return painted

    def render_line(self, y: int) -> Strip:
        """Draw one line, padded to the width of the widget."""
        palette = palette_of(self.app.theme)
        drawn = self._lines[y] if y < len(self._lines) else EMPTY
        segments = [Segment(self.glyphs.show(span.text), palette[span.ink]) for span in drawn]
        return Strip(segments).adjust_cell_length(self.size.width, palette[Ink.PLAIN])
