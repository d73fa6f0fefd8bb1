"""The error tree: what happened, to which device, what to do next. Every message is one clean sentence.

The exit codes of `contracts.md` 2 hang on the classes; `cli` and `ui` show `str(error)` and nothing else.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import ClassVar

from updeck.text import clean

__all__ = [
    "AccountBarred",
    "AuthError",
    "Blocked",
    "ConfigError",
    "DeviceError",
    "Garbled",
    "IdentityChanged",
    "Interrupted",
    "JournalError",
    "LeaseLost",
    "LocalFileError",
    "ReadOnly",
    "Refused",
    "SecretError",
    "TrustError",
    "UnknownOutcome",
    "Unreachable",
    "Unsupported",
    "UpdeckError",
    "UsageError",
    "fault_in_words",
]


class UpdeckError(Exception):
    """The root of all errors of ours: a clean sentence, and optionally the device and what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, device: str | None = None, advice: str | None = None) -> None:
        self.message = clean(message)
        self.device = None if device is None else clean(device)
        self.advice = None if advice is None else clean(advice)
        super().__init__(self.message)

    def __str__(self) -> str:
        """Return `device: message; advice`, the whole sentence for a person."""
        head = f"{self.device}: {self.message}" if self.device else self.message
        return f"{head}; {self.advice}" if self.advice else head


def fault_in_words(error: BaseException) -> str:
    """Say where the program itself is wrong: `KeyError in parse.py:12`, behind it who called that.

    What the values were is left out, the message of the error too: one of them may be a secret.
    """
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return clean(f"this is a fault in updeck itself ({type(error).__name__} in {places or 'no place known'})")


class UsageError(UpdeckError):
    """A command, argument or key that cannot be what was meant. Exit code 2."""

    exit_code = 2


class ConfigError(UpdeckError):
    """The configuration, inventory or a directory of ours is not usable; names file and line. Exit code 2."""

    exit_code = 2


class SecretError(ConfigError):
    """A credential source gave nothing usable (missing variable, readable by others, command failed)."""


class LocalFileError(UpdeckError):
    """A local image file is missing, empty, no regular file, or changed while it was read. Exit code 2."""

    exit_code = 2


class Blocked(UpdeckError):
    """A check forbids the action; nothing was sent. Exit code 5."""

    exit_code = 5


class ReadOnly(Blocked):
    """The program runs read-only; nothing but GETs and logins leaves it."""


class JournalError(UpdeckError):
    """The journal cannot be read or written; nothing is sent without it. Exit code 6."""

    exit_code = 6


class LeaseLost(JournalError):
    """Another process drives this rollout now."""


class Interrupted(UpdeckError):
    """A person stopped waiting; what was sent goes on. Exit code 130."""

    exit_code = 130


class DeviceError(UpdeckError):
    """A device did not answer as it should; `reach` is the poll's result in the words of `contracts.md` 3."""

    reach: ClassVar[str] = "UNREACHABLE"


class Unreachable(DeviceError):
    """No usable answer: DNS, refused, reset, timeout, TLS broken off, 502/503/504, HTML for JSON."""


class AuthError(DeviceError):
    """401 or 403, or a login that was rejected. `rejected` is true when the password itself was refused."""

    reach = "AUTH"

    def __init__(
        self, message: str, *, device: str | None = None, advice: str | None = None, rejected: bool = False
    ) -> None:
        super().__init__(message, device=device, advice=advice)
        self.rejected = rejected


class AccountBarred(AuthError):
    """A login that only a person can mend on the device: password expired, account disabled or without the right."""


class Unsupported(DeviceError):
    """The device offers no npm.system_update 2.0; it is shown and never driven."""

    reach = "UNSUPPORTED"


class TrustError(DeviceError):
    """The certificate is not the trusted one. Fingerprints are `sha256:` and 64 hex digits, or None if unknown."""

    reach = "TRUST"

    def __init__(
        self,
        message: str,
        *,
        device: str | None = None,
        advice: str | None = None,
        presented: str | None = None,
        expected: str | None = None,
    ) -> None:
        super().__init__(message, device=device, advice=advice)
        self.presented = presented
        self.expected = expected


class IdentityChanged(DeviceError):
    """Another box answers at the address: its serial, or name and model, differ from what was known."""

    reach = "IDENTITY"


class Garbled(DeviceError):
    """The answer breaks the schema or a limit: size, depth, type, duplicate key, encoding, unknown state."""

    reach = "GARBLED"


class Refused(DeviceError):
    """The device surely refused a call: a 4xx (not 408), or 507 on a transfer, with a well-formed error body."""

    reach = "OK"

    def __init__(self, message: str, *, status: int, error_id: str, device: str | None = None) -> None:
        super().__init__(message, device=device)
        self.status = status
        self.error_id = clean(error_id, 80)


class UnknownOutcome(DeviceError):
    """A mutating call may or may not have been handled; it is observed, never sent again (`rollout.md` 2).

    `status` is the HTTP status of an answer that decides nothing, None where there was no whole answer.
    """

    def __init__(
        self, message: str, *, status: int | None = None, device: str | None = None, advice: str | None = None
    ) -> None:
        super().__init__(message, device=device, advice=advice)
        self.status = status
