"""A dated maintenance window with its time zone and a last start (`rollout.md` 7). Pure.

Local times that a change of the clocks makes ambiguous are read so that the window is never longer than it was meant:
it opens at the later of the two, and closes at the earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from updeck.errors import UsageError
from updeck.text import clean

__all__ = ["Moment", "Window", "local_minute", "parse_window"]

SPELLING = "2026-12-01T22:00/2026-12-02T04:00"

_MINUTE = "%Y-%m-%dT%H:%M"


class Moment(StrEnum):
    """Where a moment lies, seen from a window. `LATE` is after the last start, with the window still open."""

    BEFORE = "before"
    OPEN = "open"
    LATE = "late"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Window:
    """When boxes may go down. All three times are local times of `tz` without an offset, whole minutes.

    Raises `UsageError` where they make no window: out of order, in a zone nobody knows, or skipped by the clocks.
    """

    opens: datetime
    closes: datetime
    last_start: datetime
    tz: str

    def __post_init__(self) -> None:
        for local in (self.opens, self.closes, self.last_start):
            _refuse_skipped(local, self.tz)
        if not self.opens_at < self.closes_at:
            raise UsageError(f"the window {self.spelled} ends before it begins")
        if not self.opens_at < self.last_start_at <= self.closes_at:
            raise UsageError(f"the last start {self.last_start:%H:%M} is not within the window {self.spelled}")

    @property
    def opens_at(self) -> float:
        """Unix seconds."""
        return max(_readings(self.opens, self.tz))

    @property
    def closes_at(self) -> float:
        """Unix seconds."""
        return min(_readings(self.closes, self.tz))

    @property
    def last_start_at(self) -> float:
        """Unix seconds; at this second a start is too late."""
        return min(_readings(self.last_start, self.tz))

    @property
    def spelled(self) -> str:
        """The window as `parse_window` reads it."""
        return f"{self.opens.strftime(_MINUTE)}/{self.closes.strftime(_MINUTE)}"

    def at(self, now: float) -> Moment:
        """Say where `now` (Unix seconds) lies."""
        if now < self.opens_at:
            return Moment.BEFORE
        if now >= self.closes_at:
            return Moment.OVER
        return Moment.OPEN if now < self.last_start_at else Moment.LATE

    def refusal(self, now: float) -> str | None:
        """Return why no box may go down at `now`, None while the window lets it."""
        match self.at(now):
            case Moment.BEFORE:
                return f"the window opens at {self.local(self.opens_at)}"
            case Moment.LATE:
                return f"the last start was at {self.local(self.last_start_at)}"
            case Moment.OVER:
                return f"the window ended at {self.local(self.closes_at)}"
            case Moment.OPEN:
                return None

    def local(self, at: float) -> str:
        """Return Unix seconds as `2026-12-02 04:00 CET`, in the window's own zone."""
        return datetime.fromtimestamp(at, _zone(self.tz)).strftime("%Y-%m-%d %H:%M %Z")

    def describe(self) -> str:
        """Return the window in words."""
        return (
            f"{self.local(self.opens_at)} to {self.local(self.closes_at)} ({self.tz}),"
            f" last start {self.local(self.last_start_at)}"
        )


def parse_window(text: str, *, tz: str | None, last_start: str | None) -> Window:
    """Return the window that `2026-12-01T22:00/2026-12-02T04:00` spells; raises `UsageError`.

    `last_start` is a time of day, and means its last occurrence before the window closes; without it the window
    takes starts until it closes.
    """
    opens, slash, closes = text.partition("/")
    if not slash:
        raise UsageError(f'"{clean(text, 80)}" is no window', advice=f"write it as {SPELLING}")
    if tz is None:
        raise UsageError("a window needs its time zone", advice="such as Europe/Berlin")
    begin, end = local_minute(opens), local_minute(closes)
    return Window(begin, end, end if last_start is None else _last_occurrence(last_start, end), tz)


def local_minute(text: str) -> datetime:
    """Return the local time that `2026-12-01T22:00` spells, in this century or the next; raises `UsageError`."""
    try:
        local = datetime.strptime(text.strip(), _MINUTE)
    except ValueError:
        local = datetime.min
    if not 2000 <= local.year < 2200:
        raise UsageError(f'"{clean(text, 80)}" is no local time', advice=f"write a window as {SPELLING}")
    return local


def _last_occurrence(text: str, closes: datetime) -> datetime:
    try:
        hour = time.fromisoformat(text.strip())
    except ValueError:
        hour = time.max
    if hour.second or hour.microsecond or hour.tzinfo is not None:
        raise UsageError(f'"{clean(text, 80)}" is no time of day', advice="write the last start as 03:00")
    found = datetime.combine(closes.date(), hour)
    return found if found <= closes else found - timedelta(days=1)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        advice = "name it as the tz database does, such as Europe/Berlin or UTC"
        raise UsageError(f'there is no time zone "{clean(name, 80)}"', advice=advice) from None


def _readings(local: datetime, tz: str) -> tuple[float, float]:
    """Return what a local time can be in Unix seconds: twice the same, unless the clocks go back over it."""
    zone = _zone(tz)
    return local.replace(tzinfo=zone, fold=0).timestamp(), local.replace(tzinfo=zone, fold=1).timestamp()


def _refuse_skipped(local: datetime, tz: str) -> None:
    there = local.replace(tzinfo=_zone(tz)).astimezone(UTC).astimezone(_zone(tz))
    if there.replace(tzinfo=None) != local:
        raise UsageError(f"{local.strftime(_MINUTE)} does not exist in {tz}: the clocks skip it")
