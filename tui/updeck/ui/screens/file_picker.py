"""Chooses a file: a directory's images first, a path typed with completion, names shown clean and opened raw."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.types import CSSPathType
from textual.widget import Widget

from updeck.text import clean, fit, plural
from updeck.ui.directory import FileEntry, Listing, complete, matching, read_directory, split_typed
from updeck.ui.ink import Ink, Line, line
from updeck.ui.screens.dialog import CANCEL, DIALOG_CSS, Dialog, Look
from updeck.ui.widgets.file_list import FileList
from updeck.ui.widgets.form import Entry, Form

__all__ = ["FilePicker"]


class FilePicker(Dialog[Path]):
    """Answered with the path chosen, or None.

    What is typed filters the directory; a `/` in it goes there; tab completes. The arrows move in the list at any
    time; enter takes what is under the cursor.
    """

    CSS_PATH: ClassVar[CSSPathType] = [DIALOG_CSS, "file_picker.tcss"]
    PANEL_HEIGHT = 30
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
    ]

    def __init__(self, look: Look, directory: Path, *, title: str) -> None:
        super().__init__(title, look)
        self._directory = directory
        self._listing = Listing(directory, ())
        self._asked = 0
        self._reading = False
        self._entered = False

    def make_form(self) -> Form:
        """Return the line for a name or path."""
        return Form(self.look.glyphs, [Entry("path", "file")], [CANCEL], at="path", tab_passes=True)

    def compose_more(self) -> Iterable[Widget]:
        """Return the list."""
        yield FileList(self.look.glyphs, widget_id="files")

    def on_mount(self) -> None:
        """List the directory of last time."""
        self._go(self._directory)

    @property
    def _typed_text(self) -> str:
        return self.form.value("path")

    def _put(self, text: str) -> None:
        self.form.put("path", text)

    def _go(self, directory: Path) -> None:
        self._directory = directory
        self._asked += 1
        self._reading, self._entered = True, False
        self._listing = Listing(directory, ())
        self.query_one(FileList).show(())
        if self.hearing:
            self.body.show(self._place)  # what is typed meanwhile goes on to count
        else:
            self.show(self._place)
        self.say("reading the directory…")
        self.run_worker(self._read(directory, self._asked), exit_on_error=False)

    def _place(self, width: int) -> list[Line]:
        text = clean(self._directory, 2000)
        kept = text if len(text) <= width else "…" + text[len(text) - width + 1 :]
        return [line((fit(kept, width), Ink.DIM))]

    async def _read(self, directory: Path, asked: int) -> None:
        listing = await asyncio.to_thread(read_directory, directory)
        if asked != self._asked:
            return  # the person has gone elsewhere meanwhile
        with self.app.batch_update():
            self._listing, self._reading = listing, False
            self._filter()
        if self._entered:
            self._entered = False
            self._enter()

    def _filter(self) -> None:
        typed = self._typed_text
        found = matching(self._listing.entries, typed)
        self.query_one(FileList).show(found)
        if self._listing.error is not None:
            self.say(self._listing.error, Ink.NEEDS)
        elif typed and not found:
            self.say(f"nothing here is called {typed}")
        else:
            more = ", and more that are not listed: type a name" if self._listing.cut else ""
            self.say(f"{plural(len(found), 'entry', 'entries')}{more}  ·  tab completes, / goes into, .. goes up")

    @on(Form.Changed)
    def _typed(self, event: Form.Changed) -> None:
        event.stop()
        directory, rest = split_typed(self._typed_text, self._directory)
        if directory is None:
            self._filter()
        else:
            self._put(rest)
            self._go(Path(os.path.normpath(directory)))

    @on(Form.Submitted)
    def _submitted(self, event: Form.Submitted) -> None:
        event.stop()
        if self._reading:
            self._entered = True  # counts once the directory is known
        else:
            self._enter()

    def _enter(self) -> None:
        if self._typed_text == "..":
            self._put("")
            self._go(self._directory.parent)
            return
        entry = self.query_one(FileList).entry
        if entry is not None:
            self._take(entry)

    def _take(self, entry: FileEntry) -> None:
        if entry.is_directory:
            self._put("")
            self._go(entry.path)
        else:
            self.leave(entry.path)

    def heard(self, event: events.Key) -> bool:
        """Go up on backspace where nothing is typed."""
        up = event.key == "backspace"
        if up:
            self._go(self._directory.parent)
        return up

    def action_complete(self) -> None:
        """Make what was typed longer by what all names that begin with it have in common."""
        longer = complete(self._listing.entries, self._typed_text)
        if longer.endswith("/"):
            entry = next(one for one in matching(self._listing.entries, longer[:-1]) if one.is_directory)
            self._take(entry)
        elif longer != self._typed_text:
            self._put(longer)
            self._filter()

    def action_move(self, step: int) -> None:
        """Move the cursor in the list."""
        self.query_one(FileList).move(step)

    def action_page(self, pages: int) -> None:
        """Move the cursor by pages."""
        self.query_one(FileList).page(pages)
