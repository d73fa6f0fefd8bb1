"""When each device is polled: one schedule for all, one poll in flight per device, and no slow one that delays others.

A poll takes a starting place for at most `START_HOLD_S`; a dead box that lets a connection time out has given its
place back long before. The schedule is one heap and one task, so a thousand resting devices cost nothing.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable
from random import Random

from updeck.clock import Clock

__all__ = ["Poller"]

STARTING_MOST = 32
"""Polls that may be within their first second at once: what bounds the load of TLS handshakes at startup."""

IN_FLIGHT_MOST = 512
"""Polls in flight in all, slow and dead ones included."""

START_HOLD_S = 1.0

JITTER = 0.2
"""Intervals vary by this share, so that a fleet does not answer in step (`rollout.md` 5)."""


class Poller:
    """Calls `poll(name)` for each device again and again; its result is the seconds until the next call."""

    def __init__(self, poll: Callable[[str], Awaitable[float]], *, clock: Clock, random: Random) -> None:
        self._poll = poll
        self._clock = clock
        self._random = random
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._starting: dict[str, float] = {}
        self._wake = asyncio.Event()

    def add(self, names: Iterable[str]) -> None:
        """Poll these devices from now on, at once for the first time."""
        self.poke(names)

    def remove(self, name: str) -> None:
        """Poll a device no more; a poll in flight is cancelled."""
        self._due.pop(name, None)
        self._again.discard(name)
        self._starting.pop(name, None)
        task = self._running.pop(name, None)
        if task is not None:
            task.cancel()
        self._wake.set()

    def poke(self, names: Iterable[str]) -> None:
        """Poll these devices now; one whose poll is in flight is polled again right after."""
        now = self._clock.monotonic()
        for name in names:
            if name in self._running:
                self._again.add(name)
            else:
                self._schedule(name, now)
        self._wake.set()

    async def run(self) -> None:
        """Run the schedule until cancelled; polls in flight are cancelled and awaited then."""
        try:
            while True:
                self._wake.clear()
                self._start_due()
                await self._wait()
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _schedule(self, name: str, at: float) -> None:
        self._due[name] = at
        heapq.heappush(self._heap, (at, name))

    @property
    def _full(self) -> bool:
        return len(self._starting) >= STARTING_MOST or len(self._running) >= IN_FLIGHT_MOST

    def _start_due(self) -> None:
        now = self._clock.monotonic()
        while (place_ends := next(iter(self._starting.values()), None)) is not None and place_ends <= now:
            del self._starting[next(iter(self._starting))]
        while self._heap and self._heap[0][0] <= now and not self._full:
            at, name = heapq.heappop(self._heap)
            if self._due.get(name) != at or name in self._running:
                continue
            self._starting[name] = now + START_HOLD_S
            self._running[name] = asyncio.create_task(self._one(name))

    def _next_at(self) -> float | None:
        """Return when the next poll may start as far as time alone decides it; None where only a wake can."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if not self._heap or len(self._running) >= IN_FLIGHT_MOST:
            return None
        if len(self._starting) >= STARTING_MOST:
            return next(iter(self._starting.values()))
        return self._heap[0][0]

    async def _wait(self) -> None:
        at = self._next_at()
        if at is None:
            await self._wake.wait()
            return
        left = at - self._clock.monotonic()
        if left <= 0:
            return
        timer = asyncio.ensure_future(self._clock.sleep(left))
        wake = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((timer, wake), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            wake.cancel()

    async def _one(self, name: str) -> None:
        interval = await self._poll(name)
        if self._full:
            self._wake.set()
        self._starting.pop(name, None)
        self._running.pop(name, None)
        if name not in self._due:
            return
        spread = interval * JITTER * (2 * self._random.random() - 1)
        again = name in self._again
        self._again.discard(name)
        self._schedule(name, self._clock.monotonic() + (0.0 if again else interval + spread))
        if self._heap[0][1] == name:  # who waits for a later one waits too long
            self._wake.set()
