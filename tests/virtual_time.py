"""A clock that jumps: whatever waits on it goes on as soon as nothing else in the loop has anything to do."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

__all__ = ["VirtualClock"]

IDLE_TURNS = 20
"""Turns of the loop that must pass without anybody waking before time jumps."""


class VirtualClock:
    """An `updeck.clock.Clock` whose time passes only by `run`; sleepers wake in the order of their times."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._offset = wall
        self._now = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def wall(self) -> float:
        return self._offset + self._now

    def monotonic(self) -> float:
        return self._now

    def step_wall(self, seconds: float) -> None:
        """Make the wall clock jump, as a correction by hand would."""
        self._offset += seconds

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + max(0.0, seconds), next(self._order), future))
        await future

    async def settle(self) -> None:
        """Let everything run that can run without time passing."""
        for _ in range(IDLE_TURNS):
            await asyncio.sleep(0)

    async def run(self, seconds: float) -> None:
        """Let `seconds` pass, waking every sleeper at its time."""
        end = self._now + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, future = heapq.heappop(self._sleepers)
            self._now = max(self._now, at)
            if not future.done():
                future.set_result(None)
            await self.settle()
        self._now = end
        await self.settle()
