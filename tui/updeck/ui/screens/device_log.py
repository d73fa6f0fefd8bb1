"""The log of one device in a rollout, with the chain of causes; newest at the end, and live."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from updeck.errors import UpdeckError
from updeck.journal.plan_sentences import in_short
from updeck.rollout.chain import Link, chain
from updeck.text import plural
from updeck.ui.actions import Action
from updeck.ui.ink import Ink, Line, line
from updeck.ui.lines.device_log import link_lines, matches
from updeck.ui.screens.reading import ReadingScreen

if TYPE_CHECKING:
    from updeck.journal.models import Event
    from updeck.ui.app import UpdeckApp
    from updeck.ui.screens.help import Page

__all__ = ["DeviceLogScreen"]

EVENTS_MOST = 2_000
"""How many of the newest events of the device are read."""


class DeviceLogScreen(ReadingScreen):
    """Follows one device of one rollout, until somebody scrolls up."""

    FILTERS = True
    FOLLOWS = True

    def __init__(self, deck: UpdeckApp, rollout: str, device: str) -> None:
        super().__init__(deck)
        self.rollout = rollout
        self.device = device
        self._events: tuple[Event, ...] = ()
        self._read_version = -1

    def on_mount(self) -> None:
        """Follow the journal."""
        self.deck.rollouts.opened = self.rollout
        self._follow()
        self.set_interval(self.deck.options.pace_s, self._follow)

    def _follow(self) -> None:
        version = self.deck.rollouts.version
        if self.is_current and version != self._read_version:
            self._read_version = version
            self.run_worker(self._read(), exit_on_error=False)

    async def _read(self) -> None:
        journal, found = self.deck.service.journal, self.deck.rollouts.found.get(self.rollout)
        if journal is None or found is None:
            return
        since = found[0].row.created_at
        try:
            self._events = tuple(
                await asyncio.to_thread(lambda: journal.events(devices=[self.device], since=since, limit=EVENTS_MOST))
            )
        except UpdeckError as error:
            self.say(line((str(error), Ink.MAY)))
        self.draw()

    def _links(self) -> tuple[Link, ...]:
        found = self.deck.rollouts.found.get(self.rollout)
        member = None if found is None else next((one for one in found[0].members if one.device == self.device), None)
        if found is None or member is None:
            return ()
        return chain(member, *found, self._events, self.deck.clock.wall())

    def title_line(self, width: int) -> Line:
        """Return whose log this is."""
        count = plural(len(self._links()), "entry", "entries")
        head = line((self.device, Ink.STRONG), (f"  in rollout {in_short(self.rollout)}", Ink.DIM))
        return line(*head, (f"  {count}", Ink.DIM))

    def help_page(self) -> Page:
        """Return the help of this screen."""
        from updeck.ui.screens.help import DEVICE_LOG

        return DEVICE_LOG

    def keys_line(self) -> Line:
        """Return the keys that apply."""
        return self.deck.keys_line(["back", "filter", "page_up", "page_down", "help"])

    def text(self, width: int) -> Sequence[Line]:
        """Return the links in which every word of the filter stands."""
        now = self.deck.clock.wall()
        return [one for link in self._links() if matches(link, self.words) for one in link_lines(link, width, now)]

    def act(self, action: Action) -> None:
        """Close by the key that opened this."""
        if action.id in ("view", "next"):
            self.deck.close(self)
        else:
            super().act(action)
