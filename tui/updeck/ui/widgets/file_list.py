"""Names, sizes and dates of one directory, drawn line by line; moving repaints two lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from updeck.text import pad
from updeck.ui.directory import FileEntry
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink
from updeck.ui.theme import palette_of
from updeck.ui.times import date_and_time, size

__all__ = ["FileList"]

SIZE_WIDTH = 10
DATE_WIDTH = 16


class FileList(Widget, can_focus=False):
    """Entries in the order given, with a cursor that the screen moves."""

    @dataclass
    class Moved(Message):
        """The cursor stands on another entry."""

        files: FileList

        @property
        def control(self) -> FileList:
            return self.files

    def __init__(self, glyphs: Glyphs, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._glyphs = glyphs
        self._entries: Sequence[FileEntry] = ()
        self._at = 0
        self._top = 0

    @property
    def entry(self) -> FileEntry | None:
        """The entry under the cursor."""
        return self._entries[self._at] if self._entries else None

    @property
    def entries(self) -> Sequence[FileEntry]:
        """What is listed."""
        return self._entries

    def show(self, entries: Sequence[FileEntry]) -> None:
        """List other entries, the cursor on the first."""
        self._entries, self._at, self._top = entries, 0, 0
        self.refresh()

    def move(self, step: int) -> None:
        """Move the cursor by `step` entries and keep it on view."""
        before = self._at
        self._at = min(max(self._at + step, 0), max(0, len(self._entries) - 1))
        if before == self._at:
            return
        top, height = self._top, max(1, self.size.height)
        self._top = min(max(top, self._at - height + 1), self._at)
        if self._top != top:
            self.refresh()
        else:
            for index in (before, self._at):
                self.refresh(Region(0, index - top, self.size.width, 1))
        self.post_message(self.Moved(self))

    def page(self, pages: int) -> None:
        """Move the cursor by pages."""
        self.move(pages * max(1, self.size.height - 1))

    def render_line(self, y: int) -> Strip:
        """Draw the entry in line `y` of the view."""
        width = self.size.width
        index = y + self._top
        if index >= len(self._entries):
            return Strip.blank(width, self.rich_style)
        entry = self._entries[index]
        palette = palette_of(self.app.theme)
        here = index == self._at
        ink = Ink.STRONG if here else Ink.PLAIN if entry.is_image or entry.is_directory else Ink.DIM
        name = entry.name + ("/" if entry.is_directory else "")
        columns = SIZE_WIDTH + DATE_WIDTH + 4
        date = "" if entry.modified is None else date_and_time(entry.modified)
        cells = [
            (self._glyphs.cursor if here else " ", Ink.ACCENT),
            (" " + pad(name, max(1, width - 2 - columns)), ink),
            ("  " + pad("" if entry.size_bytes is None else size(entry.size_bytes), SIZE_WIDTH, "right"), ink),
            ("  " + pad(date, DATE_WIDTH), Ink.DIM),
        ]
        segments = [Segment(self._glyphs.show(text), palette[shade]) for text, shade in cells]
        return Strip(segments).adjust_cell_length(width, self.rich_style)
