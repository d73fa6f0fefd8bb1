"""The body of a dialog: lines that scroll, drawn by the Line API, and word of when they reached the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from updeck.ui.facts import Lines
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Line, text_of
from updeck.ui.theme import DEFAULT_THEME, PALETTES

__all__ = ["Sheet"]


class Sheet(ScrollView, can_focus=False):
    """Draws laid-out lines, and posts `Painted` when a new text was handed to the terminal for the first time.

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
        self._unpainted = False
        self._below = 0

    @property
    def text(self) -> str:
        """The whole text as it is laid out now."""
        return "\n".join(text_of(drawn) for drawn in self._lines)

    def show(self, lay_out: Lines, *, keep_place: bool = False) -> None:
        """Draw another text, from its top unless the place is to be kept."""
        before = self._lines
        self._lay_out = lay_out
        self._laid_out_for = -1
        self._unpainted = True
        self._fold()
        if not keep_place:
            self.scroll_to(y=0, animate=False, immediate=True)
        elif len(before) == len(self._lines):
            self._refresh_changed(before)
            return
        self.refresh()

    def _refresh_changed(self, before: Sequence[Line]) -> None:
        top = self.scroll_offset.y
        for index, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            if old != new:
                self.refresh(Region(0, index - top, self.size.width, 1))
        self.refresh(Region(0, 0, 1, 1))  # so that even an unchanged text is painted, and said to be

    def on_resize(self) -> None:
        """Lay the text out for the new width."""
        self._fold()
        self._count_below()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Draw the lines that come on view."""
        super().watch_scroll_y(old_value, new_value)
        self._count_below()

    def _fold(self) -> None:
        width = self.size.width
        if width <= 0 or width == self._laid_out_for:
            return
        self._laid_out_for = width
        self._lines = self._lay_out(width)
        self.virtual_size = Size(width, len(self._lines))
        self._count_below()

    def _count_below(self) -> None:
        below = max(0, len(self._lines) - self.scroll_offset.y - self.size.height)
        if below != self._below:
            self._below = below
            self.post_message(self.Moved(self, below))

    def render_line(self, y: int) -> Strip:
        """Draw line `y` of the view."""
        palette = PALETTES.get(self.app.theme, PALETTES[DEFAULT_THEME])
        index = y + self.scroll_offset.y
        drawn = self._lines[index] if index < len(self._lines) else ()
        segments = [Segment(self._glyphs.show(span.text), palette[span.ink]) for span in drawn]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw lines, and once they are with the driver, say so."""
        if self._unpainted and self._laid_out_for >= 0:
            self._unpainted = False
            self.call_later(self._tell_painted)
        return super().render_lines(crop)

    def _tell_painted(self) -> None:
        if not self._unpainted:
            self.post_message(self.Painted(self))
