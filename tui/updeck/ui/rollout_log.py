"""What the screens show of planned rollouts: read from the journal, beside the screen, when it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from updeck.clock import Clock
    from updeck.fleet.service import FleetService
    from updeck.journal.plan_models import RolloutRecord
    from updeck.journal.store import Journal
    from updeck.rollout.plan import Plan
    from updeck.rollout.summary import Summary
    from updeck.ui.rollout_sight import Sight

__all__ = ["RolloutLog"]

LEAST_S = 0.5
"""Seconds between two reads, however much is written meanwhile."""

LEASE_S = 5.0
"""Seconds between two reads while a rollout is unfinished: an engine that dies writes nothing."""

SHOWN = 50
"""How many of the newest rollouts are listed."""


class _Wanted(NamedTuple):
    """What is to be read: `held` are the unfinished rollouts of the fleet's devices, `opened` that of a screen."""

    token: int
    held: tuple[str, ...]
    opened: str | None
    listing: bool

    @property
    def whole(self) -> tuple[str, ...]:
        """The rollouts of which everything is shown, newest first."""
        return tuple(sorted({*self.held, *([self.opened] if self.opened else [])}, reverse=True))


class _Read(NamedTuple):
    """What was read. `listed` is None unless all are listed; `marks` tell which of them has changed since."""

    found: Mapping[str, tuple[RolloutRecord, Plan]] = {}
    braked: bool = False
    listed: tuple[Summary, ...] | None = None
    marks: Mapping[str, int] = {}


class RolloutLog:
    """Planned rollouts by id, newest first, with their plans; `version` grows with every change.

    `opened` is the rollout that a screen shows, `listing` whether one shows them all in short: so much is read, and
    those that hold a device of the fleet. Of the others no more than the list shows is kept.
    """

    def __init__(self, clock: Clock) -> None:
        self.held: tuple[str, ...] = ()
        self.version = 0
        self.opened: str | None = None
        self.listing = False
        self._clock = clock
        self._read = _Read()
        self._read_for: _Wanted | None = None
        self._read_at = float("-inf")
        self._reading = False

    @property
    def found(self) -> Mapping[str, tuple[RolloutRecord, Plan]]:
        """What is known whole: the rollouts that hold a device of the fleet, and the one that was opened."""
        return self._read.found

    @property
    def braked(self) -> bool:
        """Whether everything is paused."""
        return self._read.braked

    @property
    def listed(self) -> tuple[Summary, ...] | None:
        """The newest rollouts in short, newest first; None before they were read."""
        return self._read.listed

    def sights(self, now: float) -> list[Sight]:
        """Return the unfinished rollouts that hold a device of the fleet, as they stand at `now`."""
        from updeck.ui.rollout_sight import Sight

        return [Sight(*self.found[one], now) for one in self.held if one in self.found]

    def due(self, service: FleetService, held: Iterable[str]) -> bool:
        """Whether there may be news; `held` are the unfinished rollouts of the fleet's devices."""
        if service.journal is None or self._reading:
            return False
        since, wanted = self._clock.monotonic() - self._read_at, self._wanted(service, held)
        if wanted != self._read_for:
            return since >= LEAST_S or self._unseen
        return since >= LEASE_S and bool(wanted.whole)

    @property
    def _unseen(self) -> bool:
        """Whether a screen has nothing to show yet."""
        return (self.opened is not None and self.opened not in self.found) or (self.listing and self.listed is None)

    async def read(self, service: FleetService, held: Iterable[str]) -> bool:
        """Read what is shown; returns whether anything is different. Raises `UpdeckError`."""
        journal, wanted = service.journal, self._wanted(service, held)
        if journal is None:
            return False
        self._reading = True
        try:
            read = await asyncio.to_thread(_read, journal, wanted, self._read, self._clock.wall())
        finally:
            self._reading = False
            self._read_at = self._clock.monotonic()
            self._read_for = wanted
        if (read, wanted.held) == (self._read, self.held):
            return False
        self._read, self.held = read, wanted.held
        self.version += 1
        return True

    def _wanted(self, service: FleetService, held: Iterable[str]) -> _Wanted:
        return _Wanted(service.events_token(), tuple(sorted(set(held))), self.opened, self.listing)


def _read(journal: Journal, wanted: _Wanted, before: _Read, now: float) -> _Read:
    records = [journal.rollout(one) for one in wanted.whole]
    found = {record.row.id: (record, _plan(record, before)) for record in records}
    marks = journal.marks(limit=SHOWN) if wanted.listing else {}
    listed = _listed(journal, marks, before, now) if wanted.listing else None
    return _Read(found, journal.braked() is not None, listed, marks)


def _plan(record: RolloutRecord, before: _Read) -> Plan:
    """Return the plan, which never changes and so is parsed once."""
    from updeck.rollout.registration import plan_of

    known = before.found.get(record.row.id)
    return known[1] if known is not None and known[0].plan == record.plan else plan_of(record)


def _listed(journal: Journal, marks: Mapping[str, int], before: _Read, now: float) -> tuple[Summary, ...]:
    """Return the rollouts in short; those that were over and are as they were are not read again."""
    from updeck.journal.plan_models import ManualRecord
    from updeck.rollout.summary import summaries

    known = {one.id: one for one in before.listed or () if one.over and marks.get(one.id) == before.marks[one.id]}
    fresh = summaries(journal, [one for one in marks if one not in known], now)
    known |= {one.id: one for one in fresh if not isinstance(one, ManualRecord)}
    return tuple(known[one] for one in marks)
