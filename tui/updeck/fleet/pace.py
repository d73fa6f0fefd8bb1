"""Holding the uploads of one process, all together, to a rate: a shared line is not ours alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Pace"]


class Pace:
    """A rate in bytes per second that several threads share; whoever sends is told how long to wait."""

    def __init__(self, bytes_per_second: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.bytes_per_second = bytes_per_second
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._free_at = monotonic()

    def take(self, size_bytes: int) -> float:
        """Take `size_bytes` of the rate; return the seconds to wait until the next byte may be sent.

        What was not used in the past is not saved up, so a line that rested is not flooded afterwards.
        """
        with self._lock:
            now = self._monotonic()
            self._free_at = max(now, self._free_at) + size_bytes / self.bytes_per_second
            return self._free_at - now
