"""Time for simulated devices: what the hour is, and what happens later. Idle devices hold no timer and cost nothing."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Protocol

__all__ = ["LoopTimeline", "Timeline", "Timer", "VirtualTimeline"]


class Timer(Protocol):
    """Something that is going to happen."""

    def cancel(self) -> None:
        """Let it not happen; a timer that fired stays as it is."""


class Timeline(Protocol):
    """A source of time and of timers. All seconds are real ones, not divided by any speed."""

    def wall(self) -> float:
        """Return Unix seconds."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, `delay_s` from now."""

    async def sleep(self, delay_s: float) -> None:
        """Wait for `delay_s`."""


class LoopTimeline:
    """The machine's clock and the timers of the running event loop."""

    def wall(self) -> float:
        return time.time()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(delay_s, callback)

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


class _Entry:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class VirtualTimeline:
    """Time that stands still until `advance` moves it, so that a test drives hours at once."""

    def __init__(self, wall: float) -> None:
        self._start = wall
        self._elapsed = 0.0
        self._order = itertools.count()
        self._due: list[tuple[float, int, _Entry]] = []
        self._sleepers = 0
        self._slept = asyncio.Event()

    def wall(self) -> float:
        return self._start + self._elapsed

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        entry = _Entry(callback)
        heapq.heappush(self._due, (self._elapsed + max(0.0, delay_s), next(self._order), entry))
        return entry

    async def sleep(self, delay_s: float) -> None:
        over = asyncio.Event()
        timer = self.call_later(delay_s, over.set)
        self._sleepers += 1
        self._slept.set()
        try:
            await over.wait()
        finally:
            timer.cancel()
            self._sleepers -= 1
            if not self._sleepers:
                self._slept.clear()

    def pending(self) -> int:
        """Return how many timers are set."""
        return sum(entry.callback is not None for _, _, entry in self._due)

    async def slept(self) -> None:
        """Wait until somebody sleeps."""
        await self._slept.wait()

    def steps(self, seconds: float) -> Iterator[None]:
        """Let `seconds` pass; yields after each timer that came due and was called, those that they set included."""
        until = self._elapsed + seconds
        while self._due and self._due[0][0] <= until:
            moment, _, entry = heapq.heappop(self._due)
            self._elapsed = max(self._elapsed, moment)
            callback, entry.callback = entry.callback, None
            if callback is not None:
                callback()
                yield
        self._elapsed = max(self._elapsed, until)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        for _ in self.steps(seconds):
            pass
