"""The permission to send: every mutating call needs one; the journal alone makes them (`rollout.md` 3)."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Permission"]


class Permission(Protocol):
    """A token for one mutating call on one device, valid once and for 5 s after its intent was committed."""

    def claim(self, op: str, device: str) -> None:
        """Use the permission up, right before the first byte.

        `op` is one of upload, fetch, delete, init, start, reset. Raises an error of ours where the permission
        was used, is too old, or was given for something else; then nothing is sent.
        """
