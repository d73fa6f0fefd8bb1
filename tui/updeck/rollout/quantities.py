"""Rates and durations as people write them on a command line."""

from __future__ import annotations

import re

from updeck.errors import UsageError
from updeck.text import clean

__all__ = ["parse_duration", "parse_rate"]

_RATE = re.compile(r"(?P<amount>[0-9]{1,9}(?:\.[0-9]{1,6})?) ?(?P<unit>[kKMG]?i?)(?P<bytes>B?)(?:/s)?")
_FACTORS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "ki": 2**10, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}

_DURATION = re.compile(r"(?P<amount>[0-9]{1,6})(?P<unit>[smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_rate(text: str) -> int:
    """Return bytes per second for `50MB/s`, `500kB/s`, `1GiB/s` or a plain number; raises `UsageError`."""
    match = _RATE.fullmatch(text.strip())
    factor = None if match is None else _FACTORS.get(match["unit"])
    rate = 0 if match is None or factor is None else int(float(match["amount"]) * factor)
    if rate < 1:
        raise UsageError(f'"{clean(text, 40)}" is no rate', advice="write it as 50MB/s, which is in bytes")
    return rate


def parse_duration(text: str) -> int:
    """Return seconds for `90s`, `30m`, `2h`, `1d` or `0`; raises `UsageError`."""
    if text.strip() == "0":
        return 0
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f'"{clean(text, 40)}" is no duration', advice="write it as 90s, 30m or 2h")
    return int(match["amount"]) * _SECONDS[match["unit"]]
