"""How often a client may log in again (`rollout.md` 6): once per 30 s and 5 times in 10 min, then it holds."""

from __future__ import annotations

from collections import deque

from updeck.clock import Clock
from updeck.errors import AuthError

__all__ = ["LoginLimits"]

MOST = 5
WINDOW_S = 600.0


class LoginLimits:
    """Counts the logins of one client in this process; the first one is left out."""

    def __init__(self, clock: Clock, *, spacing_s: float) -> None:
        self._clock = clock
        self._spacing_s = spacing_s
        self._first_done = False
        self._held = False
        self._again: deque[float] = deque(maxlen=MOST)

    def check(self) -> None:
        """Raise AuthError where no login may happen now."""
        now = self._clock.monotonic()
        if len(self._again) == MOST and now - self._again[0] < WINDOW_S:
            self._held = True
        if self._held:
            raise AuthError(
                f"logged in again {MOST} times within {WINDOW_S / 60:g} minutes; logins are on hold",
                advice="see why the device ends its sessions, then log in again by hand",
            )
        wait_s = self._again[-1] + self._spacing_s - now if self._again else 0.0
        if wait_s > 0:
            raise AuthError(f"the session was ended; the next login is due in {wait_s:.0f} s")

    def note(self) -> None:
        """Count a login that was sent."""
        if self._first_done:
            self._again.append(self._clock.monotonic())
        self._first_done = True

    def release(self) -> None:
        """Lift the hold, because a person said so."""
        self._held = False
        self._again.clear()
