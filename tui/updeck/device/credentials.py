"""What a login needs, as the device layer sees it; the fleet supplies it and keeps the peace between devices.

One credential may serve hundreds of devices, and a wrong one can lock an account out. So a login happens
inside a turn: the turn is held only from TLS-ready to the answer, and a password once rejected gives no more
turns (`security.md`, lock-out).
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Credential", "CredentialSource", "LoginTurn"]


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name with its secrets, which no repr shows. `oauth_code` is for the OAuth login only."""

    username: str
    password: str = field(repr=False)
    oauth_code: str | None = field(default=None, repr=False)


class LoginTurn(Protocol):
    """The right to try one login; say what came of it, or nothing where the device gave no answer."""

    def accepted(self) -> None:
        """Tell that the device took the credential."""

    def rejected(self, message: str) -> None:
        """Tell that the device refused the credential itself; no other device is tried with it."""


class CredentialSource(Protocol):
    """Where a device's credential comes from."""

    async def credential(self) -> Credential:
        """Return the credential; raises SecretError where its source gives none."""

    def turn(self) -> AbstractAsyncContextManager[LoginTurn]:
        """Return the turn to enter around one login; entering raises AuthError after a rejection."""
