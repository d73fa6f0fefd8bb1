"""Takes format and place of a file that a table is written to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from textual import on

from updeck.errors import UpdeckError, UsageError
from updeck.export import Format
from updeck.paths import write_atomic, write_new
from updeck.text import clean, plural
from updeck.ui.exports import Export
from updeck.ui.facts import fact, sentence
from updeck.ui.ink import EMPTY, Ink, Line
from updeck.ui.screens.dialog import CANCEL, Dialog, Look
from updeck.ui.widgets.form import Button, Entry, Form

__all__ = ["ExportDialog"]

_WORDS = {
    "CSV, for a spreadsheet": Format.CSV,
    "JSON, for a script": Format.JSON,
    "Markdown, for a ticket": Format.MARKDOWN,
}
_WRITE, _REPLACE = Button("write", "Write it"), Button("replace", "Replace the file")


class ExportDialog(Dialog[str]):
    """Answered with what was written where. A file that is there is replaced only by a button that says so.

    `make` returns the table, read anew when it is written; it may block.
    """

    PANEL_HEIGHT = 17

    def __init__(self, look: Look, title: str, rows: int, make: Callable[[], Export], directory: Path) -> None:
        super().__init__(f"Export {title}", look)
        self._about = title
        self._rows = rows
        self._make = make
        self._directory = directory
        self._suggested = f"updeck-{title}.{Format.CSV.value}"
        self._writing = False

    def make_form(self) -> Form:
        """Return the lines for format and file."""
        words = list(_WORDS)
        entries = [
            Entry("format", "format", words[0], chooses=True),
            Entry("path", "file", self._suggested, hint="a name here, or a path"),
        ]
        form = Form(self.look.glyphs, entries, [CANCEL, _WRITE], at="format")
        form.give_options("format", words)
        return form

    def on_mount(self) -> None:
        """Say what is written."""
        self.show(self._lines)
        self.say("left and right choose, enter goes on and writes")

    def _lines(self, width: int) -> list[Line]:
        what = f"{plural(self._rows, 'row')} as filtered and sorted now, with what is known at this moment."
        out = [*sentence(what, width, Ink.STRONG), EMPTY]
        out += fact("written to", clean(str(self._target())), width)
        return out + fact("cells", "no cell can become a formula or a link; the file is yours alone (0600)", width)

    def _target(self) -> Path:
        typed = self.form.value("path").strip() if self.is_mounted else self._suggested
        return self._directory / Path(typed).expanduser()

    @on(Form.Changed)
    def _changed(self, event: Form.Changed) -> None:
        event.stop()
        form = event.form
        if event.key == "format" and form.value("path") == self._suggested:
            self._suggested = f"updeck-{self._about}.{self._format().value}"
            form.put("path", self._suggested)
        form.offer([CANCEL, _WRITE], ["format", "path"])
        self.say("")
        self.body.show(self._lines)

    @on(Form.Submitted)
    def _submitted(self, event: Form.Submitted) -> None:
        event.stop()
        self.pressed("write")

    def _format(self) -> Format:
        return _WORDS[self.form.value("format")]

    def pressed(self, button: str) -> None:
        """Write; where a file is there already, ask for another button."""
        if not self._writing:
            self._writing = True
            self.run_worker(self._write(replaces=button == _REPLACE.key), exit_on_error=False)

    async def _write(self, *, replaces: bool) -> None:
        try:
            if not self.form.value("path").strip():
                raise UsageError("it needs a name for the file")
            target, form = self._target(), self._format()
            if await asyncio.to_thread(self._save, target, form, replaces=replaces):
                self.leave(f"{plural(self._rows, 'row')} written to {clean(str(target))}")
                return
            self.form.offer([CANCEL, _REPLACE], ["format", "path"])
            self.say("there is such a file already: tab to the button that replaces it, or type another name", Ink.MAY)
        except (UpdeckError, ValueError, RuntimeError) as error:
            self.say(str(error) if isinstance(error, UpdeckError) else "that is no path", Ink.MAY)
        finally:
            self._writing = False

    def _save(self, target: Path, form: Format, *, replaces: bool) -> bool:
        """Write the file; returns False where there is one that is not to be replaced."""
        if not target.parent.is_dir():
            raise UsageError(f"there is no directory {clean(str(target.parent))}")
        text = self._make().text(form)
        if not replaces:
            return write_new(target, text)
        if target.exists() and not target.is_file():
            raise UsageError(f"{clean(str(target))} is no regular file")
        write_atomic(target, text)
        return True
