"""The journal's rows as frozen values, and its closed sets (`contracts.md` 3).

Times are Unix seconds of our wall clock, unless they are said to be the device's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from updeck.journal.op import Op

__all__ = [
    "GOOD_VERDICTS",
    "Actor",
    "Baseline",
    "DeviceRecord",
    "End",
    "Event",
    "Intent",
    "Json",
    "Milestone",
    "MilestoneKind",
    "Observation",
    "Op",
    "Outcome",
    "OutcomeRow",
    "RolloutRow",
    "TransferRow",
    "Verdict",
]

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"
"""What an observation is made of."""


class Outcome(StrEnum):
    """What is known of a call's fate: 2xx, a sure refusal, or neither (`rollout.md` 2)."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """How an attempt ended (`rollout.md` 4); never changes."""

    SUCCESS = "SUCCESS"
    ALREADY_INSTALLED = "ALREADY_INSTALLED"
    STAGED = "STAGED"
    INITIALIZED = "INITIALIZED"
    SKIPPED = "SKIPPED"
    NOT_STARTED = "NOT_STARTED"
    WRONG_TARGET = "WRONG_TARGET"
    FAILED_GRACEFUL = "FAILED_GRACEFUL"
    FAILED_CRITICAL = "FAILED_CRITICAL"
    NO_EFFECT = "NO_EFFECT"
    TRANSFER_FAILED = "TRANSFER_FAILED"
    REVIEW = "REVIEW"
    ABORTED_BEFORE_START = "ABORTED_BEFORE_START"


GOOD_VERDICTS = frozenset(
    {
        Verdict.SUCCESS,
        Verdict.ALREADY_INSTALLED,
        Verdict.STAGED,
        Verdict.INITIALIZED,
        Verdict.SKIPPED,
        Verdict.ABORTED_BEFORE_START,
    }
)
"""The verdicts that do not count against a rollout (`rollout.md` 7)."""


ENGINE_STARTS_S = 15.0
"""Seconds that the first engine of a rollout may take until it drives, on a busy machine too."""


class MilestoneKind(StrEnum):
    """What an attempt has reached and must not forget: an image proven, an INITIALIZED that is ours."""

    STAGED = "staged"
    INITIALIZED = "initialized"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as recorded with every row. `started` is the process start time where the system tells it."""

    uid: int
    user: str
    host: str
    program: str
    pid: int
    boot_id: str
    started: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was seen right before a mutating call (`rollout.md` 4); device times in Unix seconds of its clock.

    `history` is the multiset as a sorted tuple of (time, version). `image_ids` are the ids on the device.
    `expected` is the version meant by the operator, `checksum` and `size_bytes` those of the image meant, if
    any.
    """

    observed_at: float
    state: str
    last_state_time: int
    target_version: str | None
    history: tuple[tuple[int | None, str | None], ...]
    sw_version: str
    serial: str
    device_name: str
    model: str
    url: str
    image_ids: tuple[int, ...] = ()
    expected: str | None = None
    checksum: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class RolloutRow:
    """A rollout as registered. `kind` is `manual` or `plan`; `op` and `url` are those of a manual one.

    `leased_by` drives it, or drove it last. `lease_alive` tells whether that process can still write;
    `lease_ours` whether it is the process that asks.
    """

    id: str
    kind: str
    created_at: float
    actor: Actor
    device: str | None
    leased_by: Actor | None
    lease_alive: bool
    lease_ours: bool
    op: Op | None = None
    url: str | None = None

    def awaits_engine(self, now: float) -> bool:
        """Whether it was registered so shortly before `now` (Unix seconds) that its first engine may still start.

        `now` may be that of a look shortly before, but not of a clock that was set back: nobody would be called.
        """
        return self.leased_by is None and abs(now - self.created_at) < ENGINE_STARTS_S


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What became of an intent. `status` is the HTTP status where there was one."""

    outcome: Outcome
    at: float
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Intent:
    """A recorded permission to send; `outcome` is None while open."""

    id: int
    rollout: str
    device: str
    attempt: int
    op: Op
    try_: int
    at: float
    actor: Actor
    baseline: Baseline
    detail: Mapping[str, str]
    outcome: OutcomeRow | None


@dataclass(frozen=True, slots=True)
class End:
    """The end of an attempt; `verdict` is None for operations that have none (delete, reset).

    `turn` orders it among resolves and controls, 0 where an older program wrote it.
    """

    rollout: str
    device: str
    attempt: int
    op: Op | None
    verdict: Verdict | None
    reason: str
    at: float
    actor: Actor
    last_state_time: int | None
    target_version: str | None
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Milestone:
    """What was reached, with what identifies it on the device."""

    kind: MilestoneKind
    attempt: int
    last_state_time: int | None
    target_version: str | None
    checksum: str | None
    at: float


@dataclass(frozen=True, slots=True)
class TransferRow:
    """How far an upload was at `at`; `started_at` is when its present try sent the first bytes."""

    sent_bytes: int
    total_bytes: int
    started_at: float
    at: float


@dataclass(frozen=True, slots=True)
class Observation:
    """The newest that any process saw of a device; `payload` is what the observer chose to keep."""

    device: str
    at: float
    payload: Mapping[str, Json]
    actor: Actor


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """All that decisions about one device need from the journal.

    `rollout` is its one unfinished rollout, or None; `intents` are those of it, of a plan those of the present
    attempt; `transfer` is how far its upload got. `last_end` is the newest end of any kind; `last_init` the newest
    init intent with its end, which says whether an INITIALIZED is ours; `last_start` likewise. `start_unresolved` is
    true after a REVIEW of a start that no reset or resolve has answered.
    `proven_checksums` are those of the images that a transfer of ours ended STAGED with, proven.
    `reset_since_init` tells that a reset of ours was sent (accepted or unknown) after `last_init`.
    `initialized` is the INITIALIZED that a planned rollout reached last, None when an init or reset of ours was sent
    after it. Where it was someone else's and was adopted, there is no `last_init`.
    `phase` and `phase_text` are where the engine of a planned rollout saw it last in the present attempt.
    """

    device: str
    rollout: RolloutRow | None = None
    intents: tuple[Intent, ...] = ()
    last_end: End | None = None
    last_init: Intent | None = None
    last_init_end: End | None = None
    last_start: Intent | None = None
    last_start_end: End | None = None
    start_unresolved: bool = False
    reset_since_init: bool = False
    proven_checksums: frozenset[str] = frozenset()
    acknowledged_state: str | None = None
    acknowledged_note: str | None = None
    transfer: TransferRow | None = None
    initialized: Milestone | None = None
    phase: str | None = None
    phase_text: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the activity: intents, outcomes, ends, state changes, notes. `text` is a clean sentence."""

    id: int
    at: float
    device: str | None
    kind: str
    text: str
    actor: Actor
