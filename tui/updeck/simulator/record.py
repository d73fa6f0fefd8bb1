"""What was really asked of a device and what became of it: the part of the truth that counts."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["READS_KEPT", "Asked", "Record"]

READS_KEPT = 200
"""GETs are remembered up to this number for each device, the newest; all other requests without limit."""


@dataclass(slots=True)
class Asked:
    """A request: its number, `at` in Unix seconds, the device's state before it, and its status (None: no answer)."""

    number: int
    at: float
    method: str
    path: str
    state: str
    status: int | None = None

    def describe(self) -> dict[str, object]:
        """Return the request as JSON."""
        return {
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "state": self.state,
            "status": self.status,
        }


class Record:
    """Counts accepted calls, keeps requests in the order they came in, and what was uploaded and fetched.

    `told` is called after each request.
    """

    def __init__(self, told: Callable[[], None] = lambda: None) -> None:
        self._told = told
        self.inits = 0
        self.starts = 0
        self.resets = 0
        self.uploads: list[dict[str, object]] = []
        self.fetches: list[dict[str, object]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._numbers = itertools.count(1)
        self._reads: deque[Asked] = deque(maxlen=READS_KEPT)
        self._others: list[Asked] = []

    @contextmanager
    def asked(self, at: float, method: str, path: str, state: str) -> Iterator[Asked]:
        """Remember a request, which is in flight as long as the context lasts; its status is set by the caller."""
        request = Asked(next(self._numbers), at, method, path, state)
        if method == "GET":
            self._reads.append(request)
        else:
            self._others.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            yield request
        finally:
            self.in_flight -= 1
            self._told()

    def requests(self) -> list[Asked]:
        """Return the requests that are remembered, in the order they came in."""
        return sorted((*self._reads, *self._others), key=lambda request: request.number)

    def describe(self) -> dict[str, object]:
        """Return the record as JSON."""
        return {
            "inits": self.inits,
            "starts": self.starts,
            "resets": self.resets,
            "uploads": list(self.uploads),
            "fetches": list(self.fetches),
            "most_in_flight": self.most_in_flight,
            "requests": [request.describe() for request in self.requests()],
        }
