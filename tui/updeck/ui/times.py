"""Times in few cells: relative for what moves, absolute for what rests. Local time; seconds are Unix seconds."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = [
    "age",
    "date_and_time",
    "is_recent",
    "lasted",
    "minute",
    "minute_and_zone",
    "rate",
    "size",
    "span",
    "time_of_day",
]

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_RECENT_S = 20 * _HOUR


def age(seconds: float) -> str:
    """Return an age in at most four cells that changes seldom: 50s, 4m, 30m, 5h, 12d.

    Past ten minutes it counts by tens and is rounded down, so that a screen at rest does not tick.
    """
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole // 10 * 10}s"
    minutes = whole // _MINUTE
    if minutes < 10:
        return f"{minutes}m"
    if whole < _HOUR:
        return f"{minutes // 10 * 10}m"
    if whole < 2 * _DAY:
        return f"{whole // _HOUR}h"
    return f"{min(999, whole // _DAY)}d"


def lasted(seconds: float) -> str:
    """Return how long something took that is over, in at most four cells: 9s, 42s, 38m, 5h, 12d."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    return f"{whole // _MINUTE}m" if whole < _HOUR else age(seconds)


def span(seconds: float) -> str:
    """Return a length of time in its largest unit: `47 min`, `2 h`, `3 days`."""
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.0f} h" if seconds < 2 * _DAY else f"{seconds / _DAY:.0f} days"


def _local(at: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(at, UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return None


def minute_and_zone(at: float) -> str:
    """Return `12:04 CET`; where the system's name of the zone is long, its offset instead."""
    local = _local(at)
    if local is None:
        return "?"
    zone = local.strftime("%Z")
    return local.strftime("%H:%M ") + (zone if 0 < len(zone) <= 5 and zone.isascii() else local.strftime("%z"))


def is_recent(at: float, now: float) -> bool:
    """Whether a time is within 20 hours of `now`, so that the time of day alone says which is meant."""
    return abs(now - at) < _RECENT_S


def minute(at: float, now: float) -> str:
    """Return `12:04` for what is within 20 hours of `now`, rounded up, else the date and time."""
    local = _local(at + _MINUTE - 1)
    if local is None:
        return "?"
    return local.strftime("%H:%M") if is_recent(at, now) else date_and_time(at + _MINUTE - 1)


def time_of_day(at: float, now: float) -> str:
    """Return `12:03:55` for what was within 20 hours of `now`, else the date and time."""
    local = _local(at)
    if local is None:
        return "?"
    return local.strftime("%H:%M:%S") if is_recent(at, now) else date_and_time(at)


def date_and_time(at: float) -> str:
    """Return `2026-03-02 21:14`; what is no time stays a number."""
    local = _local(at)
    return f"{at:.0f} s" if local is None else local.strftime("%Y-%m-%d %H:%M")


def size(amount_bytes: float) -> str:
    """Return an amount in decimal units with three digits: `314 MB`, `2.10 GB`."""
    value = float(amount_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if value >= 99.5 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"


def rate(bytes_per_second: float) -> str:
    """Return a rate: `81.0 MB/s`."""
    return f"{size(bytes_per_second)}/s"
