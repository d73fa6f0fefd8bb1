"""What outlives a restart of the simulator, in a file beside the inventory: ports, certificates, passwords.

Serials need no keeping: they follow from the seed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from updeck.errors import ConfigError
from updeck.simulator.certificates import Certificate

__all__ = ["Kept", "KeptDevice", "Paths", "load", "new", "write_private"]


@dataclass(frozen=True, slots=True)
class Paths:
    """The files of a simulated fleet, all in the directory of the inventory."""

    fleet: Path

    @property
    def kept(self) -> Path:
        """What is kept, as JSON."""
        return self.fleet.with_name(f"{self.fleet.stem}.simulator.json")

    @property
    def password(self) -> Path:
        """The password of all devices."""
        return self.fleet.with_name(f"{self.fleet.stem}.password")

    @property
    def oauth_code(self) -> Path:
        """The access code of all devices."""
        return self.fleet.with_name(f"{self.fleet.stem}.oauth")


@dataclass(slots=True)
class KeptDevice:
    """What is kept of a device; `old_pin` is the fingerprint of the certificate before, where it changed."""

    port: int = 0
    certificate: Certificate | None = None
    old_pin: str | None = None


@dataclass(slots=True)
class Kept:
    """What is kept of a fleet made from `seed`."""

    seed: int
    password: str
    oauth_code: str
    control_port: int = 0
    devices: dict[str, KeptDevice] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write to `path`, for nobody else to read."""
        write_private(path, json.dumps(asdict(self), indent=1))


def new(seed: int) -> Kept:
    """Return the beginning: new secrets, no devices."""
    return Kept(seed, secrets.token_urlsafe(12), secrets.token_urlsafe(24))


def load(path: Path, seed: int) -> Kept | None:
    """Return what was kept for this seed; None where there is nothing.

    Raises `ConfigError` for a file that cannot be read.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        kept = Kept(int(raw["seed"]), str(raw["password"]), str(raw["oauth_code"]), _port(raw["control_port"]))
        for name, device in raw["devices"].items():
            pair = device["certificate"]
            certificate = None if pair is None else Certificate(str(pair["certificate"]), str(pair["key"]))
            old_pin = None if device["old_pin"] is None else str(device["old_pin"])
            kept.devices[str(name)] = KeptDevice(_port(device["port"]), certificate, old_pin)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"{path} cannot be used: {error}", advice="delete it and the simulator makes a new one"
        ) from error
    return kept if kept.seed == seed else None


def _port(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= 65535:
        raise ValueError(f"{value} is no port")
    return value


def write_private(path: Path, text: str) -> None:
    """Replace `path` by a file with mode 0600; raises `ConfigError` where that cannot be."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error
