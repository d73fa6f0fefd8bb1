"""The permission to send: made by the journal for an intent that is committed, used once, soon (`rollout.md` 3)."""

from __future__ import annotations

import threading

from updeck.clock import Clock
from updeck.errors import Blocked
from updeck.journal.models import Op

__all__ = ["PERMIT_S", "Permit"]

PERMIT_S = 5.0
"""Seconds after the commit of its intent that a permit lives."""


class Permit:
    """One mutating call on one device, allowed once; the code that sends it claims it before its first byte."""

    def __init__(self, intent_id: int, op: Op, device: str, *, clock: Clock, monotonic: float, wall: float) -> None:
        self.intent_id = intent_id
        self._op = op
        self._device = device
        self._clock = clock
        self._monotonic = monotonic
        self._wall = wall
        self._used = False
        self._lock = threading.Lock()

    def claim(self, op: str, device: str) -> None:
        """Use the permit up. Raises `Blocked`, and nothing may be sent, when it was used, is too old or is another's.

        The wall clock counts as well, because the monotonic one stands still while a laptop sleeps.
        """
        with self._lock:
            if self._used:
                raise Blocked(f"the permission for {self._op} was used already", device=self._device)
            self._used = True
        if (op, device) != (self._op, self._device):
            raise Blocked(f"the permission is for {self._op} on {self._device}, not {op}", device=device)
        age = max(self._clock.monotonic() - self._monotonic, self._clock.wall() - self._wall)
        if age > PERMIT_S:
            raise Blocked(
                f"the permission for {self._op} is {age:.0f} s old, and only {PERMIT_S:.0f} s are allowed",
                device=self._device,
            )
