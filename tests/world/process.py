"""One engine process of the world: its clock, its journal, and how it dies, stops and reports."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from updeck.errors import JournalError, UpdeckError
from updeck.fleet.state import FleetState
from updeck.journal.models import Actor
from updeck.journal.store import Journal
from updeck.journal.writing import Writing

if TYPE_CHECKING:
    from world.world import World

__all__ = ["Killed", "Process", "WorldJournal", "WorldState"]


ASKS_MOST = 12
ASKS_WITHIN_S = 10.0
"""A device in motion is polled every 4 s, once more before each call, and once more after what a person does."""


class Killed(BaseException):
    """This process is dead."""


class Process:
    """One engine process; `clock`, `actor` and `journal` are its own."""

    def __init__(self, world: World, pid: int) -> None:
        self.world = world
        self.actor = Actor(1000, "mk", "jump", "engine", pid, "boot", str(pid))
        self.dead = self.done = False
        self.asked = 0
        self.driving_since = 0.0
        self.running = asyncio.Event()
        self.running.set()
        self.task: asyncio.Task[None] | None = None
        self.journal: WorldJournal | None = None
        self._asked_at: dict[str, deque[float]] = {}

    def wall(self) -> float:
        return self.world.wall()

    def monotonic(self) -> float:
        return self.world.now()

    async def sleep(self, seconds: float) -> None:
        self.check()
        await asyncio.sleep(seconds)
        await self.gate()

    async def gate(self) -> None:
        """Stand still while the process is stopped."""
        await self.running.wait()
        self.check()

    def check(self) -> None:
        if self.dead:
            raise Killed

    def asks(self, device: str) -> None:
        """Note that it asks a device for its state; so often in so short a time would be a storm."""
        now, times = self.world.now(), self._asked_at.setdefault(device, deque(maxlen=ASKS_MOST))
        if len(times) == ASKS_MOST and now - times[0] < ASKS_WITHIN_S:
            self.world.violated(
                "no device is stormed with questions", f"{ASKS_MOST} in {now - times[0]:.1f} s: {device}"
            )
        times.append(now)

    def die(self) -> None:
        """End at once, as by SIGKILL: nothing of it is written or sent any more."""
        self.dead = True
        self.running.set()
        if self.task is not None:
            self.task.get_loop().call_soon(self.task.cancel)


class WorldJournal(Journal):
    """The real journal, on a machine whose disk and locks can fail, and that can die before and after each commit."""

    process: Process

    @contextmanager
    def _writing(self, *, revises: bool = True) -> Iterator[Writing]:
        process = self.process
        process.world.point(process, "before commit")
        if process.world.now() < process.world.locked_until:
            raise JournalError("the journal is locked by another process")
        with super()._writing(revises=revises) as writing:
            yield writing
            if process.world.now() < process.world.full_until:
                raise JournalError("the journal cannot grow: the disk is full")
        process.world.committed()
        process.world.point(process, "after commit")


class WorldState(FleetState):
    """Where the fleet's loop reports its troubles; an error that is none of ours is a finding."""

    world: World

    def report(self, source: str, trouble: str | None) -> None:
        super().report(source, trouble)
        if trouble is None or source == "journal":
            return
        if [*trouble.split(": "), "", ""][1] not in {one.__name__ for one in _all_subclasses(UpdeckError)}:
            self.world.violated("no internal error", trouble)


def _all_subclasses(kind: type[object]) -> set[type[object]]:
    deeper: set[type[object]] = {kind}
    for one in kind.__subclasses__():
        deeper |= _all_subclasses(one)
    return deeper
