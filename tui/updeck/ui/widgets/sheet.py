"""Text of a dialog: lines that scroll, drawn by the Line API, and word of when they reached the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.segment import Segment
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from updeck.ui.facts import Lines
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import EMPTY, Ink, Line, text_of
from updeck.ui.theme import palette_of

__all__ = ["Sheet"]


class Sheet(Widget, can_focus=False):
    """Draws laid-out lines, and posts `Painted` when a new text was handed to the terminal for the first time.

    It scrolls by itself, because Textual lays the whole screen out anew when a scrolling widget changes its size.

    Keys that were pressed before that moment were not meant for what the sheet says (`security.md`, confirmation).
    """

    @dataclass
    class Painted(Message):
        """What `show` was given last has been drawn; `Message.time` is the moment."""

        sheet: Sheet

        @property
        def control(self) -> Sheet:
            return self.sheet

    @dataclass
    class Moved(Message):
        """Other lines are on view; `below` lines follow the last of them."""

        sheet: Sheet
        below: int

        @property
        def control(self) -> Sheet:
            return self.sheet

    def __init__(self, glyphs: Glyphs, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._glyphs = glyphs
        self._lay_out: Lines = lambda width: ()
        self._lines: Sequence[Line] = ()
        self._laid_out_for = -1
        self._top = 0
        self._below = 0
        self._unpainted = False

    @property
    def text(self) -> str:
        """The whole text as it is laid out now."""
        return "\n".join(text_of(drawn) for drawn in self._lines)

    def show(self, lay_out: Lines, *, keep_place: bool = False) -> None:
        """Draw another text, from its top unless the place is to be kept; repaints the changed lines only."""
        before = self._on_view()
        self._lay_out = lay_out
        self._laid_out_for = -1
        self._unpainted = True
        self._top = self._top if keep_place else 0
        self._fold()
        self._refresh_changed(before)

    def scroll_lines(self, lines: int) -> None:
        """Scroll by some lines, up where they are negative."""
        before = self._on_view()
        self._top += lines
        self._settle()
        self._refresh_changed(before)

    def on_resize(self) -> None:
        """See how much is on view now."""
        self._settle()

    def _fold(self) -> None:
        """Lay the text out for the present width; where that is not known yet, the first paint will do it."""
        width = self.size.width
        if width > 0 and width != self._laid_out_for:
            self._laid_out_for = width
            self._lines = self._lay_out(width)
        self._settle()

    def _settle(self) -> None:
        """Keep the view within the text, and tell how much lies below it."""
        height = self.size.height
        self._top = min(max(self._top, 0), max(0, len(self._lines) - height))
        below = max(0, len(self._lines) - self._top - height)
        if below != self._below and height > 0:
            self._below = below
            self.post_message(self.Moved(self, below))

    def _on_view(self) -> Sequence[Line]:
        return self._lines[self._top : self._top + self.size.height]

    def _refresh_changed(self, before: Sequence[Line]) -> None:
        for y, (old, new) in enumerate(zip_longest(before, self._on_view(), fillvalue=EMPTY)):
            if old != new and self.size.width:
                self.refresh(Region(0, y, self.size.width, 1))
        if self._unpainted:
            self.refresh(Region(0, 0, 1, 1))  # so that even an unchanged text is painted, and said to be

    def render_line(self, y: int) -> Strip:
        """Draw line `y` of the view."""
        palette = palette_of(self.app.theme)
        index = y + self._top
        drawn = self._lines[index] if index < len(self._lines) else EMPTY
        segments = [Segment(self._glyphs.show(span.text), palette[span.ink]) for span in drawn]
        return Strip(segments).adjust_cell_length(self.size.width, palette[Ink.PLAIN])

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw lines, and once they are with the driver, say so."""
        self._fold()
        if self._unpainted and self._laid_out_for >= 0:
            self._unpainted = False
            self.call_later(self._tell_painted)
        return super().render_lines(crop)

    def _tell_painted(self) -> None:
        if not self._unpainted:
            self.post_message(self.Painted(self))
