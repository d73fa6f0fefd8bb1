"""What the fleet's loop keeps of one device between polls, and how a poll's result changes it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime

from updeck.device.client import DeviceClient
from updeck.device.models import Identity, ImageState, Reach, UpdateState
from updeck.errors import AuthError, DeviceError, SecretError, TrustError, UpdeckError
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.next import Known, next_step
from updeck.fleet.ruling import Timers
from updeck.fleet.views import DeviceView, Phase, Reading, Transfer, Watch
from updeck.journal.models import DeviceRecord, Op
from updeck.settings import PollSettings

__all__ = ["Tracked"]

_TODAY_S = 20 * 3600.0

MOVING_AFTER_ACTION_S = 30.0
"""How long a device is polled at the moving interval after an action of ours."""


@dataclass(slots=True)
class Tracked:
    """One device in the fleet's loop. Times `*_at` and `*_since` are wall clock, `moving_until` is monotonic."""

    entry: DeviceEntry
    client: DeviceClient
    record: DeviceRecord
    interval_s: float
    reach: Reach | None = None
    error: str | None = None
    reading: Reading | None = None
    attempted_at: float | None = None
    failing_since: float | None = None
    failures: int = 0
    state_since: float | None = None
    identity: Identity | None = None
    presented: str | None = None
    rejected: bool = False
    timers: Timers | None = None
    watch: Watch | None = None
    transfer: Transfer | None = None
    sending: bool = False
    moving_until: float = 0.0
    info_wanted: bool = True
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def answered(self, reading: Reading, now: float) -> None:
        """Take over a good answer, or set it aside when another box gave it or its state is unknown."""
        self.attempted_at = now
        identity = reading.identity(self.entry.url)
        if self.identity is not None and not self.identity.same_as(identity):
            self._fail(Reach.IDENTITY, f"{identity.describe()} answers, {self.identity.describe()} was known", now)
            return
        if self.identity is None or (reading.info is not None and self.identity != identity):
            self.identity = identity
        if self.reading is None or _standing(self.reading) != _standing(reading):
            self.state_since = _began(reading, now)
        self.reading = reading
        if not reading.update.known:
            self._fail(Reach.GARBLED, f"unknown state {reading.update.state}", now)
            return
        self.reach, self.error = Reach.OK, None
        self.failing_since, self.failures, self.presented, self.rejected = None, 0, None, False

    def failed(self, error: UpdeckError, now: float) -> None:
        """Take over that a poll failed; the last good reading stays."""
        self.attempted_at = now
        if isinstance(error, SecretError):
            self._fail(Reach.AUTH, error.message, now)
            return
        reach = Reach(error.reach) if isinstance(error, DeviceError) else Reach.UNREACHABLE
        self._fail(reach if reach is not Reach.OK else Reach.GARBLED, error.message, now)
        if isinstance(error, TrustError):
            self.presented = error.presented
        self.rejected = isinstance(error, AuthError) and error.rejected

    def _fail(self, reach: Reach, error: str, now: float) -> None:
        if self.reach is Reach.OK or self.failing_since is None:
            self.failing_since = now
        self.reach, self.error = reach, error
        self.failures += 1
        self.info_wanted = True

    @property
    def state_word(self) -> str | None:
        """The device's last state, as it spelled it."""
        return None if self.reading is None else self.reading.update.state

    def next_interval(self, poll: PollSettings, monotonic: float) -> float:
        """Return the seconds until the next poll: quick where things move, doubling where nothing answers."""
        soon = monotonic < self.moving_until
        if self.reach is not Reach.OK:
            if soon and self.failures <= 3:
                return poll.moving
            return min(poll.unreachable * 2.0 ** min(self.failures - 1, 16), poll.unreachable_most)
        state = self.state_word
        if state == UpdateState.RUNNING:
            return poll.running
        images = () if self.reading is None else self.reading.images
        in_transfer = any(image.state in (ImageState.UPLOADING, ImageState.VALIDATING) for image in images)
        rollout = self.record.rollout
        watched = rollout is not None and rollout.kind == "manual"
        if soon or state == UpdateState.INITIALIZING or in_transfer or watched:
            return poll.moving
        return poll.rest

    def view(self) -> DeviceView:
        """Return the value that views read."""
        failing = self.failing_since
        failing_at = None if failing is None else _clock_time(failing, self.attempted_at)
        watch = self.watch
        if watch is not None and watch.phase is Phase.REBOOTING and self.reach is Reach.UNREACHABLE and failing_at:
            watch = replace(watch, text=f"down since {failing_at}")
        transfer = self.transfer or _by_an_engine(self.record)
        known = Known(
            reach=self.reach,
            error=self.error,
            reading=self.reading,
            record=self.record,
            watch=watch,
            transfer=transfer,
            failing_at=failing_at,
            at=self.attempted_at or 0.0,
        )
        return DeviceView(
            entry=self.entry,
            reach=self.reach,
            error=self.error,
            reading=self.reading,
            record=self.record,
            next=next_step(known),
            interval_s=self.interval_s,
            attempted_at=self.attempted_at,
            failing_since=failing,
            state_since=self.state_since,
            identity=self.identity,
            presented=self.presented,
            tls_note=self.client.tls_note,
            login_note=self.client.login_note,
            watch=watch,
            transfer=transfer,
        )


def _clock_time(at: float, now: float | None) -> str:
    """Return `11:59`, with the date where that was not within the last 20 hours."""
    return datetime.fromtimestamp(at).strftime("%H:%M" if (now or at) - at < _TODAY_S else "%Y-%m-%d %H:%M")


def _by_an_engine(record: DeviceRecord) -> Transfer | None:
    """Return how far the engine of a plan has come with its upload, as the journal knows; None where it sends none."""
    rollout, moved = record.rollout, record.transfer
    if rollout is None or rollout.kind != "plan" or not rollout.lease_alive or moved is None or not record.intents:
        return None
    intent = record.intents[-1]
    if intent.op is not Op.UPLOAD or intent.outcome is not None or moved.at < intent.at:
        return None
    took = moved.at - moved.started_at
    rate = moved.sent_bytes / took if took > 0 and moved.sent_bytes else None
    return Transfer(intent.detail.get("file", ""), moved.sent_bytes, moved.total_bytes, rate, moved.started_at)


def _standing(reading: Reading) -> tuple[str, int]:
    return reading.update.state, reading.update.last_state_time


def _began(reading: Reading, now: float) -> float:
    """Return when a state began, by our clock: as the device says, else the moment at which we see it."""
    told = reading.update.last_state_time - (reading.clock_offset_s or 0.0)
    return told if 0 < told < now else now
