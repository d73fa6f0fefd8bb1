"""Asks for the URL that devices are to fetch, shows which host they will contact, and asks for a yes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from updeck.device.fetch_url import check_fetch_url
from updeck.device.image_file import suggest_version
from updeck.errors import Blocked, UpdeckError
from updeck.fleet.orders import FetchOrder
from updeck.rollout.terms import parse_sha256
from updeck.text import clean
from updeck.ui.facts import fact
from updeck.ui.ink import Ink, Line, line
from updeck.ui.screens.dialog import Look
from updeck.ui.screens.transfer_dialog import Examine, TransferDialog
from updeck.ui.targets import receivers, target_lines
from updeck.ui.widgets.form import Entry, Form

__all__ = ["FetchChoice", "FetchDialog"]

_UNPROVEN = "without a SHA-256 and a version nothing proves what it is"


@dataclass(frozen=True, slots=True)
class FetchChoice:
    """A confirmed fetch: one URL for these devices."""

    order: FetchOrder
    devices: tuple[str, ...]


class FetchDialog(TransferDialog[FetchChoice]):
    """Up in the line of the URL brings those of before. `allows_local` tells by device name what its entry allows."""

    VERB = "fetch"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "recall", show=False),
    ]

    def __init__(
        self,
        look: Look,
        names: Sequence[str],
        examine: Examine,
        *,
        urls: Sequence[str],
        allows_local: Callable[[str], bool],
    ) -> None:
        target = names[0] if len(names) == 1 else f"{len(names)} devices"
        super().__init__(f"Fetch to {target}", look, names, examine)
        self._urls = tuple(urls)
        self._allows_local = allows_local
        self._recalled = 0
        self._suggested = ""

    def make_form(self) -> Form:
        """Return the lines for URL, checksum and version."""
        hint = "http or https; up for those of before" if self._urls else "http or https"
        entries = [
            Entry("url", "URL", hint=hint),
            Entry("sum", "SHA-256", hint="what it must be, where it is known"),
            Entry("version", "version", hint="what it must be"),
        ]
        return Form(self.look.glyphs, entries, self.buttons(), at="url")

    def _value(self, key: str) -> str:
        return self.form.value(key).strip()

    @on(Form.Changed)
    def _typed(self, event: Form.Changed) -> None:
        event.stop()
        if event.key == "url":
            self._suggest()
        self.redraw()

    def _suggest(self) -> None:
        if self._value("version") == self._suggested:
            name = self._value("url").partition("?")[0].rpartition("/")[2]
            self._suggested = suggest_version(clean(name)) or ""
            self.form.put("version", self._suggested)

    def action_recall(self) -> None:
        """Put an older URL into its line, behind the oldest none; scroll where keys go elsewhere."""
        form = self.form
        if form.at != "url" or not self._urls:
            self.action_scroll_body(-1)
            return
        self._recalled = (self._recalled + 1) % (len(self._urls) + 1)
        form.put("url", self._urls[self._recalled - 1] if self._recalled else "")
        self._suggest()
        self.redraw()

    def sha256(self) -> str | None:
        """Return the checksum that is expected."""
        try:
            return parse_sha256(self._value("sum") or None)
        except UpdeckError:
            return None

    def refusal_for(self, name: str) -> str | None:
        """Return why a device may not be told to fetch this URL."""
        try:
            check_fetch_url(self._value("url"), allow_local=self._allows_local(name))
        except Blocked as error:
            return f"{error.message}; fetch_local in the inventory allows it"
        except UpdeckError:
            return None  # no URL at all is said once, in the status
        return None

    def missing(self) -> str | None:
        """Return what is wrong with what was typed."""
        if not self._value("url"):
            return "type the URL that the device is to open"
        try:
            check_fetch_url(self._value("url"), allow_local=True)
        except UpdeckError as error:
            return str(error)
        if self._value("sum") and self.sha256() is None:
            return "a SHA-256 has 64 hex digits"
        return None

    def blocking(self) -> str | None:
        """Say first what is wrong with the URL; whether a device may fetch it follows from it."""
        return self.missing() or super().blocking()

    def order(self) -> FetchChoice:
        """Return the URL and who fetches it."""
        url = check_fetch_url(self._value("url"), allow_local=True).url
        return FetchChoice(FetchOrder(url, self.sha256(), self.version()), receivers(self.targets()))

    def lines(self, width: int) -> list[Line]:
        """Return the host that will be contacted and the devices."""
        proof = "the device is watched until its image is proven" if self.sha256() and self.version() else _UNPROVEN
        out = fact("contacts", self._host(), width) + fact("then", line((proof, Ink.DIM)), width)
        return out + target_lines(self.targets(), None, self.look.glyphs, width)

    def _host(self) -> Line:
        try:
            host = check_fetch_url(self._value("url"), allow_local=True).host
        except UpdeckError:
            return line(("the host of the URL, which each device opens by itself", Ink.DIM))
        return line("each device by itself opens a connection to ", (host, Ink.ACCENT))
