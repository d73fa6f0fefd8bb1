"""How often the list is drawn for what changes by itself: the more lines a picture changes, the later the next.

A line of *next* costs about ten bytes; so many of them a second stay below what `htop` sends (`design.md` 6), though
every device on view uploads at once. Keys never wait for this.
"""

from __future__ import annotations

__all__ = ["LINES_PER_S", "MOST_S", "Pacing"]

LINES_PER_S = 40.0
"""Changed lines that are drawn a second, where all that is on view changes all the time."""

MOST_S = 1.5
"""Longest time for which a change that is known is not drawn, in seconds."""


class Pacing:
    """When to draw; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._next_at = float("-inf")
        self._waits = False

    def due(self, now: float, *, changed: bool) -> bool:
        """Whether to draw now, as something has changed since the last picture."""
        self._waits = self._waits or changed
        return self._waits and now >= self._next_at

    def drew(self, now: float, lines: int) -> None:
        """Take in that a picture was drawn in which so many lines had changed."""
        self._waits = False
        self._next_at = now + min(lines / LINES_PER_S, MOST_S)
