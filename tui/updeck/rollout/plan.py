"""What a rollout is to do, as one frozen value, and the digest that a person confirms (`rollout.md` 3). Pure.

A plan says nothing of what devices were seen to be in: that is looked at again by the engine, before each step.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

from updeck.errors import UsageError
from updeck.rollout.window import Window

__all__ = [
    "POLICY_VERSION",
    "Fence",
    "Goal",
    "Json",
    "Limits",
    "Plan",
    "PlannedDevice",
    "PlannedImage",
    "Promotion",
    "Source",
    "Via",
    "canonical",
]

POLICY_VERSION = 1
"""The version of the rules that a plan was made under; an engine of other rules refuses it."""

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"

_CODE_LENGTH = 8
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Goal(StrEnum):
    """How far each device is brought."""

    STAGED = "staged"
    INITIALIZED = "initialized"
    UPDATED = "updated"

    @property
    def words(self) -> str:
        """What that means for a box."""
        return {"staged": "image only", "initialized": "ready to start"}.get(self.value, self.value)


class Fence(StrEnum):
    """Where each device waits for a person: nowhere, or INITIALIZED, before its start."""

    NONE = "none"
    START = "start"


class Via(StrEnum):
    """How the image gets to a device: we send it, or the device fetches it. Nothing moves where it is there."""

    PUSH = "push"
    FETCH = "fetch"


class Promotion(StrEnum):
    """Whether the next wave waits for a person."""

    AUTO = "auto"
    MANUAL = "manual"


class Source(StrEnum):
    """Where the image is: in a file of ours, behind a URL, or on the devices."""

    FILE = "file"
    URL = "url"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """The image that is meant. `sha256` in 64 lower-case hex digits; `location` is an absolute path or a URL.

    `size_bytes` is known of a file only. `sha256` is absent where the image is on the devices and nobody said which.
    """

    version: str
    source: Source
    sha256: str | None = None
    size_bytes: int | None = None
    location: str | None = None

    def __post_init__(self) -> None:
        if not self.version.strip():
            raise UsageError("the plan names no version")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise UsageError("the image's sha256 has not 64 lower-case hex digits")
        if (self.location is None) is not (self.source is Source.PRESENT):
            raise UsageError(f"the place of an image from {self.source.value} is {self.location or 'not given'}")
        if self.source is not Source.PRESENT and self.sha256 is None:
            raise UsageError("an image that is to be brought to devices needs its sha256")
        if (self.size_bytes is None) is (self.source is Source.FILE):
            raise UsageError("the size is known of a file, and of a file only")


@dataclass(frozen=True, slots=True)
class PlannedDevice:
    """One device as it was known when planned; `serial`, `device_name` and `model` are "" where it did not say."""

    name: str
    url: str
    wave: int
    serial: str = ""
    device_name: str = ""
    model: str = ""
    site: str | None = None
    pair: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What may happen at once, and how much may go wrong; None is no limit.

    `max_parallel` and `max_per_site` count boxes that are down, `max_transfers` images on their way, `limit_rate` is
    bytes per second of all uploads together.
    """

    max_parallel: int | None = None
    max_transfers: int | None = None
    limit_rate: int | None = None
    max_per_site: int | None = None
    max_failures: int = 0


@dataclass(frozen=True)
class Plan:
    """A goal for a fleet. Devices are in order, waves numbered from 1 and never falling along that order.

    `bake_s` passes after a wave before the next may open. `version_path` holds the pairs of versions that an update
    may lead from and to, None where nobody gave any. Raises `UsageError` for what contradicts itself.
    """

    image: PlannedImage
    devices: tuple[PlannedDevice, ...]
    until: Goal = Goal.UPDATED
    fence: Fence = Fence.NONE
    via: Via = Via.PUSH
    limits: Limits = Limits()
    bake_s: int = 0
    promote: Promotion = Promotion.MANUAL
    window: Window | None = None
    ticket: str = ""
    allow_unverified: bool = False
    allow_insecure: bool = False
    version_path: tuple[tuple[str, str], ...] | None = None
    policy_version: int = POLICY_VERSION

    def __post_init__(self) -> None:
        if not self.devices:
            raise UsageError("the plan has no device")
        for what in ("name", "url"):
            values = [getattr(device, what) for device in self.devices]
            twins = [value for value in values if values.count(value) > 1] if len(set(values)) < len(values) else []
            if twins:
                raise UsageError(f"the plan has two devices with the {what} {twins[0]}")
        waves = [device.wave for device in self.devices]
        if waves != sorted(waves) or list(dict.fromkeys(waves)) != list(range(1, len(set(waves)) + 1)):
            raise UsageError("the waves of the plan are not numbered from 1 in the order of its devices")
        if (self.via is Via.FETCH) is not (self.image.source is Source.URL):
            raise UsageError(f"an image from {self.image.source.value} does not get there by {self.via.value}")

    def device(self, name: str) -> PlannedDevice:
        """Return a planned device; raises `KeyError`."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> Mapping[str, PlannedDevice]:
        return {device.name: device for device in self.devices}

    @property
    def waves(self) -> int:
        """How many waves there are."""
        return self.devices[-1].wave

    @property
    def digest(self) -> str:
        """SHA-256 over what a person consents to, in 64 lower-case hex digits (`rollout.md` 3)."""
        return hashlib.sha256(canonical(_consented(self)).encode("ascii")).hexdigest()

    @property
    def code(self) -> str:
        """What a person repeats to confirm: the first 8 characters of the digest in base32."""
        return base64.b32encode(bytes.fromhex(self.digest)).decode("ascii")[:_CODE_LENGTH]


def canonical(value: Json) -> str:
    """Return JSON in its one spelling: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _consented(plan: Plan) -> dict[str, Json]:
    """Return what the digest covers. How an image travels, and the ticket, change nothing about what is done."""
    limits, window = plan.limits, plan.window
    return {
        "image": {"sha256": plan.image.sha256, "size": plan.image.size_bytes, "version": plan.image.version},
        "until": plan.until.value,
        "fence": plan.fence.value,
        "devices": [_identified(device) for device in plan.devices],
        "waves": {
            "numbers": [device.wave for device in plan.devices],
            "bake_s": plan.bake_s,
            "promote": plan.promote.value,
        },
        "limits": {
            "max_parallel": limits.max_parallel,
            "max_transfers": limits.max_transfers,
            "limit_rate": limits.limit_rate,
            "max_per_site": limits.max_per_site,
            "max_failures": limits.max_failures,
        },
        "window": None if window is None else [window.spelled, window.last_start.isoformat(), window.tz],
        "policy": {
            "version": plan.policy_version,
            "allow_unverified": plan.allow_unverified,
            "allow_insecure": plan.allow_insecure,
            "version_path": plan.version_path,
        },
    }


def _identified(device: PlannedDevice) -> list[Json]:
    identity: list[Json] = [device.serial] if device.serial else [device.device_name, device.model]
    return [device.name, device.url, identity, device.site, device.pair]
