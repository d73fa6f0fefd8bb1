"""Time, handed in: wall clock for records and windows, monotonic clock for timers, and waiting.

Whatever waits takes a `Clock`, so that tests drive hours in milliseconds (`rollout.md` 6).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock", "rfc3339"]


class Clock(Protocol):
    """A source of time."""

    def wall(self) -> float:
        """Return Unix seconds; may jump."""

    def monotonic(self) -> float:
        """Return seconds that never go back; the zero is arbitrary."""

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock."""


class SystemClock:
    """The machine's own clock."""

    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds)


def rfc3339(wall: float | None) -> str | None:
    """Return Unix seconds as RFC 3339 in UTC with whole seconds (`contracts.md` 2), None for None."""
    if wall is None:
        return None
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
