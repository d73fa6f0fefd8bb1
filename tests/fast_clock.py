"""Time that runs faster than the machine's: for the programs that look at hours, and for the devices that they see."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from updeck.simulator.timeline import Timer

__all__ = ["FastClock", "FastTimeline"]


class FastClock:
    """The machine's clock, some times faster, from `since` on (Unix seconds), or from the minute that it was made."""

    def __init__(self, speed: float, *, since: float | None = None) -> None:
        self.speed = speed
        self._wall, self._started = time.time() // 60 * 60 if since is None else since, time.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._started) * self.speed

    def wall(self) -> float:
        return self._wall + self.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


class FastTimeline:
    """The time of simulated devices, told by a fast clock."""

    def __init__(self, clock: FastClock) -> None:
        self._clock = clock

    def wall(self) -> float:
        return self._clock.wall()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(delay_s / self._clock.speed, callback)

    async def sleep(self, delay_s: float) -> None:
        await self._clock.sleep(delay_s)
