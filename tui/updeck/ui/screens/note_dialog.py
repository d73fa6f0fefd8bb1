"""Takes the note of an acknowledgement."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on

from updeck.fleet.views import DeviceView
from updeck.text import clean
from updeck.ui.facts import fact, heading, sentence
from updeck.ui.ink import Ink, Line, ink_of, line
from updeck.ui.lines.row import state_words
from updeck.ui.screens.dialog import CANCEL, Dialog, Look
from updeck.ui.widgets.form import Button, Entry, Form

__all__ = ["NoteDialog"]


class NoteDialog(Dialog[str]):
    """Answered with the note, or None. What is acknowledged leaves the top until it changes."""

    PANEL_HEIGHT = 18

    def __init__(self, look: Look, views: Sequence[DeviceView]) -> None:
        target = views[0].name if len(views) == 1 else f"{len(views)} devices"
        super().__init__(f"Acknowledge {target}", look)
        self._views = tuple(views)

    def make_form(self) -> Form:
        """Return the line for the note."""
        entry = Entry("note", "note", hint="what was found, what is done about it")
        return Form(self.look.glyphs, [entry], [CANCEL, Button("acknowledge", "Acknowledge")], at="note")

    def on_mount(self) -> None:
        """Show what is acknowledged."""
        self.show(self._lines)
        self.say("enter keeps the note in the journal, escape leaves")

    def _lines(self, width: int) -> list[Line]:
        meaning = "It leaves the top of the list until its state changes; nothing is sent to the device."
        out = sentence(meaning, width, Ink.DIM)
        for view in self._views:
            out += heading(view.name, width, self.look.glyphs.rule)
            out += fact("needs", line((view.next.text, ink_of(view.next.tone))), width)
            out += fact("state", " ".join(state_words(view, self.look.glyphs)), width)
            if view.error:
                out += fact("error", view.error, width)
            if view.record.start_unresolved:
                out += fact("review", "the note also resolves the start that nobody can judge, once it is IDLE", width)
        return out

    @on(Form.Submitted)
    def _submitted(self, event: Form.Submitted) -> None:
        event.stop()
        self.pressed("acknowledge")

    def pressed(self, button: str) -> None:
        """Close with the note, if there is one."""
        note = clean(self.form.value("note").strip())
        if note:
            self.leave(note)
        else:
            self.say("an acknowledgement needs a note", Ink.MAY)
