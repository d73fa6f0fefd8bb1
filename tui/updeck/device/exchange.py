"""One call and its answer, as the layers above the transports see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache

__all__ = ["CONNECT_S", "READ_S", "TLS_S", "Answer", "Call", "Departure"]

CONNECT_S = 5.0
TLS_S = 10.0
READ_S = 15.0
"""The parts of a GET's patience in seconds (`rollout.md` 5); around all of them stands the call's own total."""

_DATE_LIMIT = 100
"""The longest `Date` that is looked at, in characters; a real one has 29."""

_TEXT_START = (b"{", b"[", b'"')


class Departure:
    """The moment at which a request's first byte leaves, the one that decides what may be said of a failure.

    `permit` is called right before that moment; what it raises stops the request with nothing sent.
    """

    def __init__(self, permit: Callable[[], None] | None = None) -> None:
        self._permit = permit
        self.left = False

    def leave(self) -> None:
        """Mark the moment; the transport calls it with the connection ready and the request not begun."""
        if self._permit is not None:
            if self.left:
                raise RuntimeError("a call that changes a device leaves once only")
            self._permit()
        self.left = True


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a device. `total_s` is the patience around the whole of it, connecting included."""

    method: str
    path: str
    total_s: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    departure: Departure = field(default_factory=Departure, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer within the limits. `set_cookies` are the raw `Set-Cookie` values."""

    status: int
    body: bytes = field(repr=False)
    content_type: str = ""
    date: str = ""
    set_cookies: tuple[str, ...] = field(default=(), repr=False)

    @property
    def good(self) -> bool:
        """Whether the status is any 2xx (`protocol.md` 2: no success code is documented)."""
        return 200 <= self.status < 300

    @property
    def html(self) -> bool:
        """Whether a front end's web page came instead of data."""
        if self.body.lstrip()[:1] == b"<":
            return True
        return "html" in self.content_type.lower() and not self.body.lstrip().startswith(_TEXT_START)

    def device_time(self) -> float | None:
        """Return the `Date` header in Unix seconds, None where it is absent or no date."""
        return _unix_time(self.date) if len(self.date) <= _DATE_LIMIT else None


@lru_cache(maxsize=64)
def _unix_time(date: str) -> float | None:
    """Return a date in Unix seconds; devices that are polled in one second all tell the same."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
