"""A night with a rollout in it, for a picture: planned by the command line, driven by a real engine, on a fast clock.

The engine runs in a thread instead of a process of its own, because a process tells the host and the user that it has.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from fast_clock import FastClock
from shell import Shell
from updeck.clock import rfc3339
from updeck.fleet.desk import Desk
from updeck.fleet.inventory import Fleet
from updeck.fleet.pace import Pace
from updeck.fleet.state import FleetState
from updeck.journal.models import Actor
from updeck.journal.plan_models import RolloutRecord
from updeck.journal.store import Journal
from updeck.rollout.engine import Engine
from updeck.rollout.plan import Plan
from updeck.rollout.registration import check_code, load_plan, register

__all__ = ["SPEED", "driven", "evening", "planned"]

SPEED = 10.0
"""How many times faster than the machine's the clock runs. A lease of 30 s has to outlast a pause of this process."""

RENEW_S = 5.0
"""How often the lease is renewed while a person is waited for."""

CHOSEN = "tag:branch version:<11.8"
TERMS = (
    *("--canary", "1", "--waves", "50%,100%", "--max-parallel", "4", "--max-transfers", "1", "--limit-rate", "700kB/s"),
    *("--promote", "manual", "--bake", "2m", "--ticket", "CHG-4711"),
)


def evening() -> datetime:
    """Return this evening, 22:00."""
    return datetime.now(UTC).replace(hour=22, minute=0, second=0, microsecond=0)


async def planned(config: Path, image: Path, version: str) -> Plan:
    """Return the plan that `updeck rollout plan` makes for what it is about, checked with the code that it prints."""
    begins = evening()
    words = (rfc3339(at.timestamp()) or "" for at in (begins, begins + timedelta(hours=6)))
    window = "/".join(word[:16] for word in words)
    path = image.parent / "plan.json"
    done = await Shell(config, image.parent / "planning").run(
        *("rollout", "plan", CHOSEN, "--image", str(image), "--version", version, *TERMS),
        *("--window", window, "--tz", "UTC", "--last-start", "03:00", "-o", str(path), "--json"),
    )
    assert done.code == 0, done.err
    plan = load_plan(path)
    check_code(plan, done.json["code"])
    return plan


@contextmanager
def driven(plan: Plan, fleet: Fleet, state: Path, *, actor: Actor, clock: FastClock) -> Iterator[str]:
    """Register a plan and have an engine drive it for as long as the context lasts; gives the rollout's id."""
    with closing(Journal.open(state, actor=replace(actor, program="engine"), clock=clock)) as journal:
        rollout = register(plan, fleet, journal).id
        assert journal.take_over(rollout) is not None
        driving = _Driving(plan, fleet, journal, rollout, clock)
        driving.start()
        try:
            yield rollout
        finally:
            driving.end()
            journal.release()


class _Driving(threading.Thread):
    """Engines one after the other, until none is needed any more or `end` is called."""

    def __init__(self, plan: Plan, fleet: Fleet, journal: Journal, rollout: str, clock: FastClock) -> None:
        super().__init__(name="engine")
        self._plan, self._fleet, self._journal, self._rollout = plan, fleet, journal, rollout
        self._clock = clock
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._drive())

    def run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.close()

    def end(self) -> None:
        """Break off, and wait until the thread is gone."""
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._task.cancel)
        self.join()

    async def _drive(self) -> None:
        while True:
            await self._one()
            asked = len(self._record().controls)
            while len(self._record().controls) == asked:  # whoever asks finds that the rollout is still driven
                self._journal.renew()
                await self._clock.sleep(RENEW_S)

    def _record(self) -> RolloutRecord:
        return self._journal.rollout(self._rollout)

    async def _one(self) -> None:
        rate = self._plan.limits.limit_rate
        desk = Desk.assemble(
            self._fleet,
            self._journal,
            state=FleetState(),
            clock=self._clock,
            random=Random(1),
            uploads_at_once=self._plan.limits.max_transfers or 1,
            pace=None if rate is None else Pace(rate * self._clock.speed),
        )
        try:
            await Engine(desk, self._journal, self._rollout, self._plan, clock=self._clock).run()
        finally:
            await desk.close()
