"""The base of the dialogs that send an image to devices: fresh reads of all of them, one table, one yes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, TypeVar

from textual import events, on
from textual.timer import Timer

from updeck.device.versions import doubt
from updeck.errors import UpdeckError
from updeck.fleet.orders import Examination
from updeck.text import clean, plural
from updeck.ui.ink import Ink, Line
from updeck.ui.screens.dialog import CANCEL, Dialog, Look
from updeck.ui.targets import Target, examined, receivers, unanswered
from updeck.ui.widgets.form import Button, Form

__all__ = ["Examine", "TransferDialog"]

Order = TypeVar("Order")

Examine = Callable[[str], Awaitable[Examination]]
"""Reads one device afresh with regard to the transfer; raises `UpdeckError`."""


REDRAW_S = 0.1


class TransferDialog(Dialog[Order]):
    """Answered with the order, or None. A yes counts only once every device was read and the table is painted."""

    PANEL_HEIGHT = 26
    VERB: ClassVar[str] = "send"

    def __init__(self, title: str, look: Look, names: Sequence[str], examine: Examine) -> None:
        super().__init__(title, look)
        self._names = tuple(names)
        self._examine = examine
        self._shown: dict[str, Examination | str] = {}
        self._redrawing: Timer | None = None
        self._taken: str | None = None

    def buttons(self) -> list[Button]:
        """Return the buttons of the form."""
        return [CANCEL, Button("confirm", self.VERB.capitalize())]

    def on_mount(self) -> None:
        """Begin to read every device."""
        self.redraw()
        for name in self._names:
            self.run_worker(self._read(name), exit_on_error=False)

    async def _read(self, name: str) -> None:
        try:
            self._shown[name] = await self._examine(name)
        except UpdeckError as error:
            self._shown[name] = error.message
        self.redraw_soon()

    @abstractmethod
    def lines(self, width: int) -> list[Line]:
        """Return the body."""

    @abstractmethod
    def missing(self) -> str | None:
        """Return what stands in the way of confirming, None when nothing does."""

    @abstractmethod
    def order(self) -> Order:
        """Return what is to be done; asked only when nothing is missing."""

    def sha256(self) -> str | None:
        """Return the checksum of the image, where it is known."""
        return None

    def version(self) -> str | None:
        """Return the version that a person confirmed for the image, None while nothing is typed."""
        return clean(self.form.value("version").strip(), 80) or None

    def refusal_for(self, name: str) -> str | None:
        """Return why a device cannot take this very image, beyond what its state says."""
        return None

    def rate_bps(self, name: str) -> float | None:
        """Return the rate that was measured for a device."""
        return None

    def targets(self) -> tuple[Target, ...]:
        """Return the devices as they stand now."""
        return tuple(self._target(name) for name in self._names)

    def _target(self, name: str) -> Target:
        shown = self._shown.get(name)
        if shown is None:
            return Target(name)
        if isinstance(shown, str):
            return unanswered(name, shown)
        refusal = None if shown.refusal is not None else self.refusal_for(name)
        if refusal:
            return unanswered(name, refusal)
        return examined(shown, self.sha256(), self.rate_bps(name), version=self.version())

    def blocking(self) -> str | None:
        """Return what stands in the way on the side of the devices."""
        targets = self.targets()
        unread = sum(not one.read for one in targets)
        if unread:
            return f"reading {plural(unread, 'device')}…"
        return None if receivers(targets) else "no device would get it"

    def redraw_soon(self) -> None:
        """Draw what came to be known, with what else comes in a moment; a yes counts only when it is painted."""
        self.cover_ears()
        if self._redrawing is None:
            self._redrawing = self.set_timer(REDRAW_S, self.redraw)

    def redraw(self) -> None:
        """Draw the body and say what is missing."""
        self._redrawing = None
        with self.app.batch_update():
            self.show(self.lines, keep_place=True)
            self.report()

    def report(self) -> None:
        """Say what is missing, or how to confirm."""
        missing = self.blocking() or self.missing()
        count = plural(len(receivers(self.targets())), "device")
        how = "tab to the buttons, then press y" if self.form.typing else "press y"
        self.say(missing or f"{how} to {self.VERB} to {count}, escape to leave")

    def heard(self, event: events.Key) -> bool:
        """Take `y` outside of the form as a yes."""
        yes = event.key == "y"
        if yes:
            self.confirm()
        return yes

    def pressed(self, button: str) -> None:
        """Take the button as a yes."""
        self.confirm()

    @on(Form.Submitted)
    def _entered(self, event: Form.Submitted) -> None:
        event.stop()
        self.form.go(CANCEL.key)
        self.report()

    @on(Form.Went)
    def _went(self, event: Form.Went) -> None:
        event.stop()
        self.report()

    def confirm(self) -> None:
        """Close with the order, unless something is missing or not painted yet."""
        if not self.hearing:
            return
        missing = self.blocking() or self.missing()
        if missing is not None:
            self.say(missing, Ink.MAY)
            return
        version = self.version()
        doubted = None if version is None or version == self._taken else doubt(version)
        if doubted is not None:
            self._taken = version
            self.say(f"{doubted}; press y once more to take it as it is", Ink.MAY)
            return
        self.leave(self.order())
