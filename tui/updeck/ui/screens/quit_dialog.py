"""Asks before uploads are lost by quitting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import events, on
from textual.widget import Widget

from updeck.fleet.views import DeviceView
from updeck.text import plural
from updeck.ui.facts import row, sentence
from updeck.ui.ink import EMPTY, Ink, Line
from updeck.ui.screens.dialog import Dialog, Look
from updeck.ui.times import size
from updeck.ui.widgets.push_button import PushButton

__all__ = ["QuitDialog"]


class QuitDialog(Dialog[bool]):
    """Dismissed with True to quit all the same."""

    PANEL_HEIGHT = 16

    def __init__(self, look: Look, views: Sequence[DeviceView]) -> None:
        super().__init__("Quit updeck?", look)
        self._views = tuple(views)

    def compose_buttons(self) -> Iterable[Widget]:
        """Return the button that quits."""
        yield PushButton("Quit and lose", widget_id="quit")

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

    def heard(self, event: events.Key) -> None:
        """Take `y` as a yes."""
        if event.key == "y":
            event.stop()
            self.leave(answer=True)

    @on(PushButton.Pressed, "#quit")
    def _pressed(self, event: PushButton.Pressed) -> None:
        event.stop()
        if self.hearing:
            self.leave(answer=True)
