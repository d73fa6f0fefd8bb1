"""What a simulated device is when it is switched on, as frozen values; nothing here moves."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Blueprint", "ImageBlueprint", "Installed", "Manners", "Passport"]


@dataclass(frozen=True, slots=True)
class Installed:
    """An entry of the update history; `time` in Unix seconds of the device's clock."""

    time: int
    version: str


@dataclass(frozen=True, slots=True)
class Passport:
    """Who a device says it is."""

    serial: str
    device_name: str
    model: str


@dataclass(frozen=True, slots=True)
class ImageBlueprint:
    """An image that is on the device from the beginning."""

    id: int
    state: str
    state_description: str
    version: str | None
    checksum: str | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Manners:
    """In what a device's answers differ from another's, all of it allowed by `protocol.md` 2 and 3.

    `empty_status` answers calls without a body. `absent` is what an image says of its version and checksum while they
    are not known: a text, or None for no field at all. A device that `refuses_charset` answers 415 to a JSON
    Content-Type with a charset; one that does not `tells_methods` has no auth_info where only Basic is offered.
    """

    empty_status: int = 204
    absent: str | None = None
    fractional_progress: bool = False
    tells_methods: bool = True
    refuses_charset: bool = False


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One device as it is when it is switched on.

    `state_age_s` is how long it has been in its state, in seconds (None: since its newest installation);
    `clock_offset_s` is how far its clock is ahead. `reboots` is how often it goes down during a run. A device that does
    not `speaks_2_0` has npm.system_update 1.0 only; one without `names_target` never says its `target_version`.
    `traits` are the misfits it stands for, by name.
    """

    name: str
    model: str
    serial: str
    hw_version: str
    site: str
    pair: str | None
    tags: tuple[str, ...]
    version: str
    history: tuple[Installed, ...]
    images: tuple[ImageBlueprint, ...] = ()
    manners: Manners = field(default_factory=Manners)
    state: str = "IDLE"
    state_description: str = ""
    target_version: str | None = None
    state_age_s: float | None = None
    clock_offset_s: float = 0.0
    reboots: int = 1
    names_target: bool = True
    unreachable: bool = False
    password_expired: bool = False
    certificate_changed: bool = False
    speaks_2_0: bool = True
    traits: tuple[str, ...] = ()
