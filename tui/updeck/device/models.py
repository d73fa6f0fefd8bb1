"""What a device says, as frozen values. Strings in here have passed the door of `updeck.text` already.

Sources: `protocol.md` 1 to 3. States are kept as the device spells them, so that an unknown one can be shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from updeck.device.states import ImageState, Reach, UpdateState

__all__ = [
    "Certificate",
    "HistoryEntry",
    "Identity",
    "Image",
    "ImageState",
    "Info",
    "Reach",
    "Update",
    "UpdateState",
    "valid_images",
]


@dataclass(frozen=True, slots=True)
class Image:
    """An update image on a device. `progress` is percent as the device says it and decides nothing.

    `checksum` is SHA-256 in 64 lower-case hex digits; empty strings and "N/A" arrive as None.
    """

    id: int | None
    state: str
    state_description: str = ""
    version: str | None = None
    progress: float | None = None
    checksum: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class HistoryEntry:
    """One past installation; `time` in Unix seconds of the device's clock."""

    time: int | None
    version: str | None


@dataclass(frozen=True, slots=True)
class Update:
    """The answer of `GET /update`. `last_state_time` in Unix seconds of the device's clock; history as it came."""

    state: str
    state_description: str
    last_state_time: int
    history: tuple[HistoryEntry, ...]
    target_version: str | None = None

    @property
    def known(self) -> bool:
        """Whether the state is one of `UpdateState`; any other is shown and never touched."""
        return self.state in UpdateState.__members__

    def newest(self) -> HistoryEntry | None:
        """Return the entry with the largest time, not the last position (`protocol.md` 2)."""
        timed = [entry for entry in self.history if entry.time is not None]
        if timed:
            return max(timed, key=lambda entry: entry.time or 0)
        return self.history[-1] if self.history else None


@dataclass(frozen=True, slots=True)
class Info:
    """The answer of `common/1.0/info`; absent strings are ""."""

    device_name: str = ""
    model: str = ""
    serial: str = ""
    sw_version: str = ""
    hw_version: str = ""
    mgmt_addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device is: its serial; where that is empty, name and model; else only its URL (`rollout.md` 1)."""

    serial: str
    name: str
    model: str
    url: str

    @classmethod
    def of(cls, info: Info | None, url: str) -> Identity:
        """Build the identity from what could be read."""
        if info is None:
            return cls("", "", "", url)
        return cls(info.serial, info.device_name, info.model, url)

    def same_as(self, other: Identity) -> bool:
        """Whether both can be the same box; what one side does not know is not held against it."""
        if self.serial and other.serial:
            return self.serial == other.serial
        if (self.name or self.model) and (other.name or other.model):
            return (self.name, self.model) == (other.name, other.model)
        return self.url == other.url

    def describe(self) -> str:
        """Return the identity in words for a dialog or an error."""
        if self.serial:
            return f"serial {self.serial}"
        if self.name or self.model:
            return f"{self.name} {self.model}".strip()
        return f"{self.url} (no serial or name known)"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A presented certificate. `fingerprint` is `sha256:` and 64 hex digits; times are RFC 3339 or None if unread."""

    fingerprint: str
    subject: str | None = None
    issuer: str | None = None
    not_before: str | None = None
    not_after: str | None = None


def valid_images(images: Iterable[Image]) -> tuple[Image, ...]:
    """Return the images in state VALID, in the order given."""
    return tuple(image for image in images if image.state == ImageState.VALID)
