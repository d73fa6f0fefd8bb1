"""Plays a script of moments on a timeline, one timer at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from updeck.simulator.script import Moment
from updeck.simulator.timeline import Timeline, Timer

__all__ = ["Player"]


class Player:
    """At most one script at a time, `seconds` long from share 0 to 1."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._timer: Timer | None = None

    def play(
        self, moments: Sequence[Moment], seconds: float, act: Callable[[Moment], None], *, start: float = 0.0
    ) -> None:
        """Call `act` for each moment when it comes; those at share `start` or before at once."""
        self.stop()
        self._next(list(moments), seconds, act, start)

    def stop(self) -> None:
        """Let nothing more of the script happen."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self, moments: list[Moment], seconds: float, act: Callable[[Moment], None], now: float) -> None:
        self._timer = None
        while moments and moments[0].at <= now:
            act(moments.pop(0))
        if moments:
            at = moments[0].at
            self._timer = self._timeline.call_later((at - now) * seconds, lambda: self._next(moments, seconds, act, at))
