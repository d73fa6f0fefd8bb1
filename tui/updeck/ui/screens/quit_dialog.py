"""Asks before uploads are lost by quitting."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from updeck.fleet.views import DeviceView
from updeck.text import plural
from updeck.ui.facts import row, sentence
from updeck.ui.ink import EMPTY, Ink, Line
from updeck.ui.screens.dialog import CANCEL, Dialog, Look
from updeck.ui.times import size
from updeck.ui.widgets.form import Button, Form

__all__ = ["QuitDialog"]


class QuitDialog(Dialog[bool]):
    """Answered with True to quit all the same."""

    PANEL_HEIGHT = 16

    def __init__(self, look: Look, views: Sequence[DeviceView]) -> None:
        super().__init__("Quit updeck?", look)
        self._views = tuple(views)

    def make_form(self) -> Form:
        """Return the buttons."""
        return Form(self.look.glyphs, (), [CANCEL, Button("quit", "Quit and lose")], at="cancel")

    def on_mount(self) -> None:
        """Name what would be lost."""
        self.show(self._lines)
        self.say("press y to quit all the same, escape to stay")

    def _lines(self, width: int) -> list[Line]:
        count = len(self._views)
        again = "it has" if count == 1 else "they have"
        lost = f"{plural(count, 'upload')} would be lost; {again} to begin anew."
        out = [*sentence(lost, width, Ink.STRONG), EMPTY]
        name_width = min(max(len(view.name) for view in self._views), width // 3)
        for view in self._views:
            transfer = view.transfer
            words = "waits for its turn"
            if transfer is not None and transfer.sent_bytes:
                words = f"{size(transfer.sent_bytes)} of {size(transfer.total_bytes)} of {transfer.file_name}"
            out.append(row([(view.name, name_width, Ink.PLAIN), (words, max(8, width - name_width - 4), Ink.MAY)]))
        return out

    def heard(self, event: events.Key) -> bool:
        """Take `y` as a yes."""
        yes = event.key == "y"
        if yes:
            self.leave(answer=True)
        return yes

    def pressed(self, button: str) -> None:
        """Quit by the button."""
        self.leave(answer=True)
