"""Waves: how many devices are done when each has ended, and which device is in which. Pure.

Every entry of `--waves 1,25%,100%` counts from the beginning: the first wave is 1 device, the second brings the fleet
to a quarter of all, the third to all. Percentages are of the whole plan and are rounded up. An entry that adds nobody,
because the fleet is small, makes no wave; so no wave is empty and every device is in exactly one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from updeck.errors import UsageError
from updeck.text import clean

__all__ = ["ALL", "Share", "parse_waves", "wave_numbers"]

_ENTRY = re.compile(r"(?P<amount>[0-9]{1,6})(?P<percent>%?)")


@dataclass(frozen=True, slots=True)
class Share:
    """How many devices are done after a wave: a count, or a percentage of the whole."""

    amount: int
    percent: bool = False

    def of(self, total: int) -> int:
        """Return how many of `total` devices that is."""
        return min(total, -(-total * self.amount // 100) if self.percent else self.amount)

    def __str__(self) -> str:
        return f"{self.amount}%" if self.percent else str(self.amount)


ALL = Share(100, percent=True)


def parse_waves(waves: str | None, *, canary: int | None = None) -> tuple[Share, ...]:
    """Return what `--waves` and `--canary` ask for, one wave of all where they are absent; raises `UsageError`.

    A canary of N is a wave of its own before the others, or their first where that is the same.
    """
    shares = (ALL,) if waves is None else tuple(_share(entry, waves) for entry in waves.split(","))
    if canary is not None:
        if canary < 1:
            raise UsageError("a canary is at least one device")
        shares = shares if shares[0] == Share(canary) else (Share(canary), *shares)
    for before, after in pairwise(shares):
        if before.percent == after.percent and after.amount <= before.amount:
            raise UsageError(f"waves count from the beginning, so {after} cannot follow {before}")
    return shares


def wave_numbers(shares: Sequence[Share], total: int) -> tuple[int, ...]:
    """Return the wave of each of `total` devices in their order, beginning with 1.

    Raises `UsageError` where the last wave leaves somebody out.
    """
    numbers: list[int] = []
    for share in shares:
        joining = share.of(total) - len(numbers)
        numbers += [numbers[-1] + 1 if numbers else 1] * joining
    if len(numbers) < total:
        left = total - len(numbers)
        raise UsageError(f"the waves leave out {left} of {total} devices", advice="let the last one be 100%")
    return tuple(numbers)


def _share(text: str, waves: str) -> Share:
    match = _ENTRY.fullmatch(text.strip())
    amount = 0 if match is None else int(match["amount"])
    percent = match is not None and bool(match["percent"])
    if amount < 1 or (percent and amount > 100):
        advice = "write counts and percentages of the whole, such as 1,25%,100%"
        raise UsageError(f'"{clean(text.strip(), 40)}" in the waves {clean(waves, 80)} is no share', advice=advice)
    return Share(amount, percent)
