"""What views read of a device: one frozen value per device, shared by list, detail, CLI and report.

A view joins three sources that are never mixed up: the last good reading (what the device said), the last poll (whether
it answered), and the journal (what we did and what became of it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from updeck.device.models import Identity, Image, Info, Reach, Update, valid_images
from updeck.fleet.tone import Phase, Tone

if TYPE_CHECKING:
    from updeck.fleet.inventory import DeviceEntry
    from updeck.journal.models import DeviceRecord

__all__ = ["DeviceView", "Next", "Phase", "Reading", "Tone", "Transfer", "Watch", "attention_key"]


@dataclass(frozen=True, slots=True)
class Next:
    """The one thing that a device needs, in words; `action` is the registry id that `enter` leads to, if any.

    `brief` says it beside the state where a list is too narrow for `text`: `BRIEF_CELLS` cells, "" where that is short.
    """

    text: str
    tone: Tone
    action: str | None = None
    brief: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One good answer of a device. `at` is our wall clock; `clock_offset_s` is its clock minus ours, from `Date`.

    `info` may be of an earlier poll, at `info_at`; `latency_s` is how long the state took to come.
    """

    at: float
    update: Update
    images: tuple[Image, ...]
    info: Info | None
    clock_offset_s: float | None
    info_at: float | None = None
    latency_s: float | None = None

    @property
    def version(self) -> str | None:
        """The version that runs: from info where offered, else the newest history entry (`protocol.md` 2)."""
        if self.info is not None and self.info.sw_version:
            return self.info.sw_version
        newest = self.update.newest()
        return newest.version if newest else None

    @property
    def valid(self) -> tuple[Image, ...]:
        """The images that an init could take."""
        return valid_images(self.images)

    def identity(self, url: str) -> Identity:
        """Who answered."""
        return Identity.of(self.info, url)


@dataclass(frozen=True, slots=True)
class Transfer:
    """An upload that this process, or the engine of a plan, sends.

    Bytes of the file; `rate_bps` in bytes per second, None before the first.
    """

    file_name: str
    sent_bytes: int
    total_bytes: int
    rate_bps: float | None
    started_at: float

    @property
    def eta_s(self) -> float | None:
        """Seconds left at the present rate, None while that is unknown."""
        if not self.rate_bps:
            return None
        return (self.total_bytes - self.sent_bytes) / self.rate_bps


@dataclass(frozen=True, slots=True)
class Watch:
    """An operation of ours that has no verdict yet, as it looks now. `expected_at` is our wall clock, if known."""

    phase: Phase
    text: str
    soft: bool = False
    expected_at: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceView:
    """All that is known of one device. Times are our wall clock in Unix seconds.

    `reach` is None before the first poll ended. `failing_since` is the first of the unbroken row of bad polls.
    `state_since` is when the present state began, by our clock. `presented` is the fingerprint of a certificate that
    is not the trusted one, while `reach` is TRUST. `changed_at` is when reach or state last became another while we
    looked, None where neither did. `login_note` names the way in that is in use, "" before the first login.
    """

    entry: DeviceEntry
    reach: Reach | None
    error: str | None
    reading: Reading | None
    record: DeviceRecord
    next: Next
    interval_s: float
    attempted_at: float | None = None
    failing_since: float | None = None
    state_since: float | None = None
    identity: Identity | None = None
    presented: str | None = None
    tls_note: str = ""
    login_note: str = ""
    watch: Watch | None = None
    transfer: Transfer | None = None
    changed_at: float | None = None

    @property
    def expected_away(self) -> bool:
        """Whether what we or another process of ours sent explains that the device does not answer."""
        if self.reach is not Reach.UNREACHABLE:
            return False
        if self.watch is not None:
            return not self.watch.soft
        rollout = self.record.rollout
        return rollout is not None and bool(self.record.intents) and rollout.lease_alive and not rollout.lease_ours

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def url(self) -> str:
        return self.entry.url

    @property
    def tags(self) -> tuple[str, ...]:
        return self.entry.tags

    @property
    def site(self) -> str | None:
        return self.entry.site

    @property
    def pair(self) -> str | None:
        return self.entry.pair

    @property
    def state(self) -> str | None:
        """The last state that the device told, None if it never did."""
        return None if self.reading is None else self.reading.update.state

    @property
    def version(self) -> str | None:
        return None if self.reading is None else self.reading.version

    @property
    def image_versions(self) -> tuple[str, ...]:
        """The versions of the images on the device, for the selector `image:`."""
        images = () if self.reading is None else self.reading.images
        return tuple(image.version for image in images if image.version)

    @property
    def acknowledged(self) -> bool:
        """Whether a person has acknowledged the present state; ends when the state changes."""
        note = self.record.acknowledged_state
        return note is not None and note == attention_key(self)

    @property
    def needs_me(self) -> bool:
        """Whether the device waits for a person who has not acknowledged it."""
        return self.next.tone in (Tone.NEEDS, Tone.MAY) and not self.acknowledged

    def stale(self, now: float) -> bool:
        """Whether the last good reading is older than twice the interval (`design.md` 5)."""
        return self.reading is None or now - self.reading.at > 2 * self.interval_s + 1


def attention_key(view: DeviceView) -> str:
    """Return what an acknowledgement is bound to: reach, state and what is next; not since when, which has two ways."""
    return f"{view.reach}/{view.state}/{view.next.text.partition(' since ')[0]}"
