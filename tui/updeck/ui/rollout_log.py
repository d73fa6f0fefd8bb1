"""What the screens show of planned rollouts: read from the journal, beside the screen, when it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from updeck.clock import Clock
    from updeck.fleet.service import FleetService
    from updeck.journal.plan_models import RolloutRecord
    from updeck.journal.store import Journal
    from updeck.rollout.plan import Plan
    from updeck.ui.rollout_sight import Sight

__all__ = ["RolloutLog"]

LEAST_S = 0.5
"""Seconds between two reads, however much is written meanwhile."""

LEASE_S = 5.0
"""Seconds between two reads while a rollout is unfinished: an engine that dies writes nothing."""

SHOWN = 50
"""How many of the newest rollouts are listed."""

_Key = tuple[int, tuple[str, ...], bool]


class RolloutLog:
    """Planned rollouts by id, newest first, with their plans; `version` grows with every change.

    `opened` is the rollout that a screen shows, `listing` whether one shows them all: so much is read, and those that
    hold a device of the fleet.
    """

    def __init__(self, clock: Clock) -> None:
        self.found: dict[str, tuple[RolloutRecord, Plan]] = {}
        self.held: tuple[str, ...] = ()
        self.braked = False
        self.version = 0
        self.opened: str | None = None
        self.listing = False
        self._clock = clock
        self._read_for: _Key | None = None
        self._read_at = float("-inf")
        self._reading = False

    def sights(self, now: float) -> list[Sight]:
        """Return the unfinished rollouts that hold a device of the fleet, as they stand at `now`."""
        from updeck.ui.rollout_sight import Sight

        return [Sight(*self.found[one], now) for one in self.held if one in self.found]

    def due(self, service: FleetService, held: Iterable[str]) -> bool:
        """Whether there may be news; `held` are the unfinished rollouts of the fleet's devices."""
        if service.journal is None or self._reading:
            return False
        since = self._clock.monotonic() - self._read_at
        if self._key(service, held) != self._read_for:
            return since >= LEAST_S
        return since >= LEASE_S and bool(self._read_for[1] or self.opened)

    async def read(self, service: FleetService, held: Iterable[str]) -> bool:
        """Read what is shown; returns whether anything is different. Raises `UpdeckError`."""
        journal, key = service.journal, self._key(service, held)
        if journal is None:
            return False
        self._reading = True
        try:
            found, braked = await asyncio.to_thread(_read, journal, key, self.opened)
        finally:
            self._reading = False
            self._read_at = self._clock.monotonic()
            self._read_for = key
        if (found, braked, key[1]) == (self.found, self.braked, self.held):
            return False
        self.found, self.braked, self.held = found, braked, key[1]
        self.version += 1
        return True

    def _key(self, service: FleetService, held: Iterable[str]) -> _Key:
        return service.events_token(), tuple(sorted(set(held))), self.listing


def _read(journal: Journal, key: _Key, opened: str | None) -> tuple[dict[str, tuple[RolloutRecord, Plan]], bool]:
    from updeck.journal.plan_models import RolloutRecord
    from updeck.rollout.registration import plan_of

    _, held, listing = key
    records = [one for one in journal.rollouts(limit=SHOWN) if isinstance(one, RolloutRecord)] if listing else []
    known = {record.row.id for record in records}
    others = [one for one in (*held, *([opened] if opened else [])) if one not in known]
    records += [journal.rollout(one) for one in dict.fromkeys(others)]
    records.sort(key=lambda record: record.row.id, reverse=True)
    return {record.row.id: (record, plan_of(record)) for record in records}, journal.braked() is not None
