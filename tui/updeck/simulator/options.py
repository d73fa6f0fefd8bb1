"""What can be asked of the simulator: the arguments of `simulator serve` and `demo` (`contracts.md` 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from updeck.errors import UsageError

__all__ = ["HOST", "AuthMode", "Scenario", "ServeOptions"]

HOST = "127.0.0.1"
"""Where all simulated devices and the control port listen."""

DEVICES_MOST = 5000
PORT_MOST = 65535


class Scenario(StrEnum):
    """What the fleet is like: all well, with the misfits of `protocol.md` 5, or all well but for faults at random."""

    CALM = "calm"
    MIXED = "mixed"
    CHAOS = "chaos"


class AuthMode(StrEnum):
    """Which ways to log in the devices offer; passwords are checked in each."""

    ANY = "any"
    BASIC = "basic"
    COOKIE = "cookie"
    TOKEN = "token"  # noqa: S105
    OAUTH = "oauth"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How to serve a fleet; all checked by `check`.

    `fleet_out` is the inventory to write; what must survive a restart is kept beside it. `speed` divides the device
    time of init and run. Device i listens on `port_base` + i, without it on the kept or a free port. `label` is the
    inventory's. `token_life_s` is how long a token or session lasts, in seconds.
    """

    fleet_out: Path
    devices: int = 12
    seed: int = 1
    scenario: Scenario = Scenario.CALM
    speed: float = 1.0
    auth: AuthMode = AuthMode.ANY
    http: bool = False
    port_base: int | None = None
    label: str = "LAB"
    token_life_s: float = 3600.0

    def check(self) -> None:
        """Raise `UsageError` for numbers that cannot be meant."""
        if not 1 <= self.devices <= DEVICES_MOST:
            raise UsageError(f"--devices {self.devices} is not between 1 and {DEVICES_MOST}")
        if not (math.isfinite(self.speed) and self.speed > 0):
            raise UsageError(f"--speed {self.speed} is not a number above 0")
        if self.port_base is not None and not 1 <= self.port_base <= PORT_MOST - self.devices + 1:
            raise UsageError(f"--port-base {self.port_base} does not leave {self.devices} ports up to {PORT_MOST}")
