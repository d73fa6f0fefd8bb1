"""Takes the reason of what a person asks of a rollout, with a number or a choice where it needs one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual import on

from updeck.text import clean
from updeck.ui.facts import Lines
from updeck.ui.ink import Ink
from updeck.ui.screens.dialog import CANCEL, Dialog, Look
from updeck.ui.widgets.form import Button, Entry, Form

__all__ = ["Asked", "Given", "ReasonDialog"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the dialog is about.

    `value` is one more line to fill, with `check` saying what is wrong with what stands there; `options` are what it
    can be where it is chosen and not typed.
    """

    title: str
    verb: str
    lines: Lines
    value: Entry | None = None
    options: tuple[str, ...] = ()
    check: Callable[[str], str | None] = lambda text: None


@dataclass(frozen=True, slots=True)
class Given:
    """What a person gave."""

    reason: str
    value: str | None


class ReasonDialog(Dialog[Given]):
    """Answered with a reason, or None. It is recorded with the person's name."""

    PANEL_HEIGHT = 20

    def __init__(self, look: Look, asked: Asked) -> None:
        super().__init__(asked.title, look)
        self._asked = asked

    def make_form(self) -> Form:
        """Return the lines to fill."""
        value = self._asked.value
        reason = Entry("reason", "reason", hint="why; it is recorded with your name")
        entries = [reason] if value is None else [value, reason]
        buttons = [CANCEL, Button("go", self._asked.verb)]
        form = Form(self.look.glyphs, entries, buttons, at=entries[0].key)
        if value is not None:
            form.give_options(value.key, self._asked.options)
        return form

    def on_mount(self) -> None:
        """Show what it means."""
        self.show(self._asked.lines)
        self.say("enter in the last line does it, escape leaves")

    @on(Form.Submitted)
    def _submitted(self, event: Form.Submitted) -> None:
        event.stop()
        self.pressed("go")

    def pressed(self, button: str) -> None:
        """Close with what was given, if it is complete."""
        entry = self._asked.value
        value = None if entry is None else clean(self.form.value(entry.key).strip())
        wrong = None if value is None else self._asked.check(value)
        reason = clean(self.form.value("reason").strip())
        if wrong is not None:
            self.say(wrong, Ink.MAY)
        elif not reason:
            self.say("it needs a reason", Ink.MAY)
        else:
            self.leave(Given(reason, value))
