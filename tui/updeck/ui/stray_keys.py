"""Which keys were typed for a dialog that is not there (yet), and so mean nothing to the screen behind it. Pure.

A person who presses S types the device's name at once. While the dialog opens, and where it does not open at all
because start does not apply, these letters would be keys of the list: one of them clears the marks, another opens
a dialog that the rest is typed into.
"""

from __future__ import annotations

__all__ = ["StrayKeys"]

RUN_S = 0.5
"""Seconds within which a key belongs to the same run of typing as the one before it."""

ANSWERED_S = 1.0
"""Seconds in which another dialog of the same flow may follow one that was answered."""


class StrayKeys:
    """Times are those of `Message.time`, monotonic. Only what can be part of a typed text is ever stray."""

    def __init__(self) -> None:
        self._typed_at = float("-inf")
        self._awaited: str | None = None
        self._answered_at: float | None = None

    def begin(self) -> None:
        """Note that a flow of dialogs begins, whose first one is to open."""
        self._answered_at = None

    def answered(self, at: float) -> None:
        """Note that the dialog is closed: the screen behind it is back."""
        self._answered_at = at

    def refused(self, at: float, token: str) -> None:
        """Note that a key did not apply whose dialog would have had `token` typed: who begins with that, goes on."""
        self._typed_at, self._awaited = at, token[:1]

    def take(self, at: float, text: str | None, *, busy: bool) -> bool:
        """Whether a key, pressed at `at`, is stray. `text` is what it types, if anything; `busy`: a flow goes on."""
        if text is None:
            return False
        opening = busy and (self._answered_at is None or at - self._answered_at < ANSWERED_S)
        follows = at - self._typed_at < RUN_S and self._awaited in (None, text)
        self._awaited = None
        self._typed_at = at if opening or follows else float("-inf")
        return opening or follows
