"""How a device's certificate is to be trusted, as the inventory says it; `tls` does the checking."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Tls", "TlsMode"]

TlsMode = Literal["verify", "ca", "pin", "insecure"]


@dataclass(frozen=True, slots=True)
class Tls:
    """How a device's certificate is trusted.

    `verify`: by the system's store; `ca`: by the certificates in `ca_file`; both check the host name as well.
    `pin`: its fingerprint is `pin` (`sha256:` and 64 hex digits), whatever else it says. `insecure`: any.
    """

    mode: TlsMode = "verify"
    ca_file: Path | None = None
    pin: str | None = None
