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
        self._starting: set[str] = set()
        self._wake = asyncio.Event()

    def add(self, names: Iterable[str]) -> None:
        """Poll these devices from now on, at once for the first time."""
        self.poke(names)

    def remove(self, name: str) -> None:
        """Poll a device no more; a poll in flight is cancelled."""
        self._due.pop(name, None)
        self._again.discard(name)
        self._starting.discard(name)
        task = self._running.pop(name, None)
        if task is not None:
            task.cancel()

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

    def _start_due(self) -> None:
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            if len(self._starting) >= STARTING_MOST or len(self._running) >= IN_FLIGHT_MOST:
                return
            at, name = heapq.heappop(self._heap)
            if self._due.get(name) != at or name in self._running:
                continue
            self._starting.add(name)
            self._running[name] = asyncio.create_task(self._one(name))

    async def _wait(self) -> None:
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        full = len(self._starting) >= STARTING_MOST or len(self._running) >= IN_FLIGHT_MOST
        if not self._heap or full:
            await self._wake.wait()
            return
        left = self._heap[0][0] - self._clock.monotonic()
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
        poll = asyncio.ensure_future(self._poll(name))
        hold = asyncio.ensure_future(self._clock.sleep(START_HOLD_S))
        try:
            try:
                await asyncio.wait((poll, hold), return_when=asyncio.FIRST_COMPLETED)
            finally:
                hold.cancel()
                self._starting.discard(name)
                self._wake.set()
            interval = await poll
        except asyncio.CancelledError:
            poll.cancel()
            await asyncio.gather(poll, return_exceptions=True)
            raise
        self._running.pop(name, None)
        if name not in self._due:
            return
        spread = interval * JITTER * (2 * self._random.random() - 1)
        again = name in self._again
        self._again.discard(name)
        self._schedule(name, self._clock.monotonic() + (0.0 if again else interval + spread))
        self._wake.set()
