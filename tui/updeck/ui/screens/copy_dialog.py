"""Asks which text to send to the terminal's clipboard."""

from __future__ import annotations

from collections.abc import Mapping

from textual import on

from updeck.ui.facts import fact, sentence
from updeck.ui.ink import EMPTY, Ink, Line
from updeck.ui.screens.dialog import CANCEL, Dialog, Look
from updeck.ui.widgets.form import Button, Entry, Form

__all__ = ["CopyDialog"]


class CopyDialog(Dialog[str]):
    """Answered with the label of the chosen text, or None. `texts` by label."""

    PANEL_HEIGHT = 20

    def __init__(self, look: Look, name: str, texts: Mapping[str, str]) -> None:
        super().__init__(f"Copy from {name}", look)
        self._texts = texts

    def make_form(self) -> Form:
        """Return the choice."""
        labels = list(self._texts)
        entries = [Entry("what", "what", labels[0], chooses=True)]
        form = Form(self.look.glyphs, entries, [CANCEL, Button("send", "Send it")], at="what")
        form.give_options("what", labels)
        return form

    def on_mount(self) -> None:
        """Show the texts."""
        self.show(self._lines)
        self.say("left and right choose, enter sends it to the terminal")

    def _lines(self, width: int) -> list[Line]:
        way = (
            "It goes to the terminal as OSC 52. Many terminals put that into the clipboard, some ignore it or have to "
        )
        way += "be told first (tmux: set-clipboard on); no answer comes, so nobody here can know."
        out = [*sentence(way, width, Ink.DIM), EMPTY]
        for label, text in self._texts.items():
            out += fact(label, text, width)
        return out

    @on(Form.Submitted)
    def _submitted(self, event: Form.Submitted) -> None:
        event.stop()
        self.pressed("send")

    def pressed(self, button: str) -> None:
        """Close with the choice."""
        self.leave(self.form.value("what"))
