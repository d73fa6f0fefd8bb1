"""The first device: its address, a name for it and tags; trust and login follow."""

from __future__ import annotations

from textual import on

from updeck.errors import UpdeckError
from updeck.fleet.addresses import completed_url
from updeck.fleet.inventory import DeviceEntry, check_label, check_name, single_device_fleet
from updeck.ui.facts import bullet, fact, sentence
from updeck.ui.ink import EMPTY, Ink, Line
from updeck.ui.screens.dialog import Dialog, Look
from updeck.ui.widgets.form import Button, Entry, Form

__all__ = ["FirstRun"]


class FirstRun(Dialog[DeviceEntry]):
    """Answered with the device as it is to be saved, yet untrusted, or None. `place` is the file it is saved in."""

    PANEL_HEIGHT = 22

    def __init__(self, look: Look, place: str) -> None:
        super().__init__("The first device", look)
        self._place = place
        self._suggested = ""

    def make_form(self) -> Form:
        """Return the lines for address, name and tags."""
        entries = [
            Entry("address", "address", hint="10.1.2.3, ar11-nyc-1.example.com, https://…:8443"),
            Entry("name", "name", hint="how it is called here"),
            Entry("tags", "tags", hint="words to select it by, may stay empty"),
        ]
        buttons = [Button("cancel", "Later"), Button("next", "Next: its certificate")]
        return Form(self.look.glyphs, entries, buttons, at="address")

    def on_mount(self) -> None:
        """Say what comes."""
        self.show(self._lines)
        self.say("type the address of an appliance")

    def _lines(self, width: int) -> list[Line]:
        out = sentence("There is no inventory yet. Three steps lead to the first live device:", width, Ink.STRONG)
        out.append(EMPTY)
        out += bullet("1", "its address, a name for it, tags", width, Ink.ACCENT)
        out += bullet("2", "its certificate is shown, for you to compare and trust", width, Ink.DIM)
        out += bullet("3", "username and password, tried at once and kept in memory only", width, Ink.DIM)
        out.append(EMPTY)
        out += fact("saved in", self._place, width)
        out += fact("many", "updeck devices add NAME URL adds one after the other, for scripts", width)
        return out + fact("no device", "quit, then: updeck demo", width)

    @on(Form.Changed)
    def _typed(self, event: Form.Changed) -> None:
        event.stop()
        form = event.form
        if event.key == "address" and form.value("name") == self._suggested:
            try:
                entry = single_device_fleet(completed_url(form.value("address"))).devices[0]
            except UpdeckError:
                return
            self._suggested = entry.name
            form.propose("name", entry.name)
        self.say("")

    @on(Form.Submitted)
    def _submitted(self, event: Form.Submitted) -> None:
        event.stop()
        self.pressed("next")

    def pressed(self, button: str) -> None:
        """Close with the device, if what was typed makes one."""
        try:
            self.leave(self._entry())
        except UpdeckError as error:
            self.say(str(error), Ink.MAY)

    def _entry(self) -> DeviceEntry:
        form = self.form
        tags = tuple(check_label(tag) for tag in form.value("tags").replace(",", " ").split())
        return DeviceEntry(check_name(form.value("name").strip()), completed_url(form.value("address")), tags)
