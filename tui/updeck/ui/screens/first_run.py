"""The first device: its address, a name for it and tags; whether something answers there is tried at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from textual import on

from updeck.errors import UpdeckError, UsageError
from updeck.fleet.addresses import completed_url
from updeck.fleet.inventory import NAME_RULE, DeviceEntry, check_label, check_name, single_device_fleet
from updeck.fleet.orders import CertificateOffer
from updeck.text import clean
from updeck.ui.confirmation import reason
from updeck.ui.facts import bullet, fact, sentence
from updeck.ui.ink import EMPTY, Ink, Line
from updeck.ui.screens.dialog import Dialog, Look
from updeck.ui.widgets.form import Button, Entry, Form

__all__ = ["FirstRun", "Found", "Knock"]

_ROOMY = 70

PLAIN_HTTP = "plain http: nothing proves who answers, and whoever listens reads the password"


@dataclass(frozen=True, slots=True)
class Found:
    """A device that answers, as it is to be saved; `offer` is what has to be trusted first.

    There is none over plain http, and where the system's store vouches for the certificate.
    """

    entry: DeviceEntry
    offer: CertificateOffer | None


Knock = Callable[[DeviceEntry], Awaitable[CertificateOffer | None]]
"""Tries whether a device answers, and returns the certificate that it presents; raises `UpdeckError` where not."""


class FirstRun(Dialog[Found]):
    """Answered with the device once something answered at its address, or with None.

    `place` is the file it is saved in. `draft` is what was typed before, and `problem` what came of it.
    """

    PANEL_HEIGHT = 22

    def __init__(
        self, look: Look, place: str, knock: Knock, *, draft: DeviceEntry | None = None, problem: str = ""
    ) -> None:
        super().__init__("The first device", look)
        self._place = place
        self._knock = knock
        self._draft = draft
        self._problem = problem
        self._suggested = ""
        self._knocking = 0

    def make_form(self) -> Form:
        """Return the lines for address, name and tags."""
        draft = self._draft
        entries = [
            Entry("address", "address", draft.url if draft else "", "10.1.2.3, ar11-nyc-1.example.com, https://…:8443"),
            Entry("name", "name", draft.name if draft else "", "how it is called here"),
            Entry("tags", "tags", " ".join(draft.tags) if draft else "", "words to select it by, may stay empty"),
        ]
        buttons = [Button("cancel", "Later"), Button("next", "Next: its certificate")]
        return Form(self.look.glyphs, entries, buttons, at="address")

    def on_mount(self) -> None:
        """Say what comes, or what was wrong."""
        self.show(self._lines)
        if self._problem:
            self.say(self._problem, Ink.MAY)
        else:
            self.say("type the address of an appliance; enter goes on")

    def _lines(self, width: int) -> list[Line]:
        space = [EMPTY] if width >= _ROOMY else []
        out = sentence("No inventory yet: three steps to the first live device.", width, Ink.STRONG) + space
        out += bullet("1", "its address, a name for it, tags", width, Ink.ACCENT)
        out += bullet("2", "its certificate, to compare unless this system trusts it", width, Ink.DIM)
        out += bullet("3", "username and password, tried at once, never saved", width, Ink.DIM) + space
        out += fact("saved in", self._place, width)
        out += fact("many", "updeck devices import FILE.csv  (name,url,tags,site,pair)", width)
        return out + fact("no box", "updeck demo  (simulated devices, to try it)", width)

    @on(Form.Changed)
    def _typed(self, event: Form.Changed) -> None:
        event.stop()
        form = event.form
        self._knocking += 1  # what is being tried is not what stands there any more
        if event.key == "address" and form.value("name") == self._suggested:
            try:
                entry = single_device_fleet(completed_url(form.value("address"))).devices[0]
            except UpdeckError:
                return
            self._suggested = entry.name
            form.propose("name", entry.name)
        plain = form.value("address").strip().lower().startswith("http:")
        self.say(PLAIN_HTTP if plain else "", Ink.NEEDS if plain else Ink.DIM)

    @on(Form.Submitted)
    def _submitted(self, event: Form.Submitted) -> None:
        event.stop()
        self.pressed("next")

    def pressed(self, button: str) -> None:
        """Try whether something answers, if what was typed makes a device."""
        entry = self._entry()
        if entry is None:
            return
        self._knocking += 1
        self.say(f"asking {entry.url}…")
        trying = partial(self._try, entry, self._knocking)  # no coroutine: another enter may come before it begins
        self.run_worker(trying, exclusive=True, exit_on_error=False)  # type: ignore[arg-type]

    async def _try(self, entry: DeviceEntry, number: int) -> None:
        try:
            found = Found(entry, await self._knock(entry))
        except UpdeckError as error:
            if number == self._knocking:
                self.form.go("address")
                self.say(f"{clean(entry.url)}: {reason(error)}", Ink.MAY)
            return
        if number == self._knocking:
            self.leave(found)

    def _entry(self) -> DeviceEntry | None:
        """Return the device that was typed; where there is none, go to the line that is wrong and say why."""
        form, at = self.form, "address"
        try:
            address = form.value("address").strip()
            if not address:
                raise UsageError("type the address of an appliance first")
            url, at = completed_url(address), "name"
            name, at = check_name(form.value("name").strip()), "tags"
            return DeviceEntry(name, url, tuple(map(check_label, form.value("tags").replace(",", " ").split())))
        except UsageError as error:
            form.go(at)
            self.say(f"no name: {NAME_RULE}" if at == "name" else str(error), Ink.MAY)
        return None
