"""Time for simulated devices: what the hour is, and what happens later. Idle devices hold no timer and cost nothing."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
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
    """Time that stands still until `step` moves it, so that a test drives hours at once."""

    def __init__(self, wall: float) -> None:
        self._wall = wall
        self._order = itertools.count()
        self._due: list[tuple[float, int, _Entry]] = []

    def wall(self) -> float:
        return self._wall

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        entry = _Entry(callback)
        heapq.heappush(self._due, (self._wall + max(0.0, delay_s), next(self._order), entry))
        return entry

    async def sleep(self, delay_s: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        timer = self.call_later(delay_s, lambda: None if waiter.done() else waiter.set_result(None))
        try:
            await waiter
        finally:
            timer.cancel()

    def step(self, until: float) -> bool:
        """Move to the next timer that is due at `until` (Unix seconds) or before and call it.

        Returns False, with the time at `until`, when none was left.
        """
        while self._due and self._due[0][0] <= until:
            moment, _, entry = heapq.heappop(self._due)
            self._wall = max(self._wall, moment)
            callback, entry.callback = entry.callback, None
            if callback is not None:
                callback()
                return True
        self._wall = max(self._wall, until)
        return False

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass and call all timers that come due, those that they set included."""
        until = self._wall + seconds
        while self.step(until):
            pass
