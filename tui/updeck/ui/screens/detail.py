"""One device in full: status, images, every answer, trust and login, what it went through, what was done to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from updeck.errors import UpdeckError
from updeck.fleet.orders import CertificateOffer
from updeck.fleet.views import DeviceView
from updeck.ui.actions import Action, Group
from updeck.ui.facts import heading
from updeck.ui.ink import Ink, Line, line
from updeck.ui.lines.dossier import Dossier, dossier_lines
from updeck.ui.lines.images import image_blocks
from updeck.ui.lines.status import status_lines
from updeck.ui.screens.reading import ReadingScreen

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp
    from updeck.ui.screens.help import Page

__all__ = ["DetailScreen"]

TIMES_S = 30.0
"""Seconds between two looks at what changes by the times of its answers alone."""

_HERE_TOO = ("poll", "activity", "copy")


class DetailScreen(ReadingScreen):
    """Shows the device under the list's cursor; keys that act on one device act on this one."""

    def __init__(self, deck: UpdeckApp) -> None:
        super().__init__(deck)
        self._drawn: tuple[DeviceView | None, int] | None = None
        self._drawn_at = 0.0
        self._view: DeviceView | None = None
        self._known = Dossier()
        self._offered_by: str | None = None

    def on_mount(self) -> None:
        """Follow the device."""
        self.set_interval(self.deck.options.pace_s, self._follow)

    def _follow(self) -> None:
        home, service = self.deck.home, self.deck.service_or_none
        if not self.is_current or home.lineup.current is None or service is None:
            return
        view, token = home.lineup.current, service.events_token()
        self._view = service.state.view(view.name) or view
        now = self.deck.clock.monotonic()
        if (view, token) == self._drawn and now - self._drawn_at < TIMES_S:
            return
        self._drawn, self._drawn_at = (view, token), now
        self._read(view, service)
        self.draw()

    def _read(self, view: DeviceView, service: FleetService) -> None:
        """Read what the journal has of the device, and once what certificate it presents."""
        try:
            known = replace(self._known, steps=service.way(view.name), events=tuple(service.events_of(view.name)))
        except UpdeckError as error:
            self.say(line((str(error), Ink.MAY)))
            return
        self._known = known
        if self._offered_by != view.name:
            self._offered_by = view.name
            self._known = replace(known, offer=None)
            if view.url.startswith("https:"):
                self.run_worker(self._look_at_certificate(view.name, service), exclusive=True, exit_on_error=False)

    async def _look_at_certificate(self, name: str, service: FleetService) -> None:
        offer: CertificateOffer | str
        try:
            offer = await asyncio.wrap_future(service.certificate(name))
        except UpdeckError as error:
            offer = error.message
        if self._offered_by == name:
            self._known = replace(self._known, offer=offer)
            self.draw()

    def title_line(self, width: int) -> Line:
        """Return whose fleet the device is of."""
        return self.deck.name_line()

    def help_page(self) -> Page:
        """Return the help of this screen."""
        from updeck.ui.screens.help import DETAIL

        return DETAIL

    def keys_line(self) -> Line:
        """Return the keys that act on this device."""
        return self.deck.keys_line(["back", "next", "upload", "fetch", "init", "start", "reset", "copy", "help"])

    def text(self, width: int) -> Sequence[Line]:
        """Return all that is known of the device."""
        home, glyphs, now = self.deck.home, self.deck.glyphs, self.deck.clock.wall()
        view = self._view or home.lineup.current
        out = list(status_lines(view, width, glyphs, now))
        if view is None:
            return out
        out += heading("Images", width, glyphs.rule)
        none = "not known: it has not answered yet" if view.reading is None else "none"
        for block in image_blocks(view, width, glyphs) or ((line((none, Ink.DIM)),),):
            out += block
        return out + dossier_lines(view, self._known, width, glyphs, now)

    def act(self, action: Action) -> None:
        """Do what the list would do with this device."""
        if action.id == "poll":
            self._offered_by = None
            self._drawn = None
        if action.id == "view":
            self.deck.close(self)
        elif action.id == "export" and self._view is not None and not self.deck.busy:
            from updeck.ui.exports import devices_export

            made = devices_export([self._view])
            self.deck.export(made.title, 1, lambda: made)
        elif action.group is Group.ACT or action.id in _HERE_TOO:
            self.deck.home.press(action.id)
        else:
            super().act(action)
