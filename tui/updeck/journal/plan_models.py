"""A planned rollout as the journal holds it: one frozen value, from which everything else is computed.

The plan itself is canonical JSON to the journal; what it means is known above (`rollout/`). Times are Unix seconds of
our wall clock, device times those of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from updeck.journal.models import Actor, End, Intent, RolloutRow, Verdict

__all__ = [
    "Attempt",
    "Control",
    "ControlKind",
    "MemberRecord",
    "Milestone",
    "MilestoneKind",
    "Resolve",
    "RolloutRecord",
]


class ControlKind(StrEnum):
    """What a person may ask of a running rollout; each is a row that never changes."""

    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    PROMOTE = "promote"
    REOPEN = "reopen"
    RETRY = "retry"
    SKIP = "skip"
    ADOPT = "adopt"
    ARM = "arm"


class MilestoneKind(StrEnum):
    """What an attempt has reached and must not forget: an image proven, an INITIALIZED that is ours."""

    STAGED = "staged"
    INITIALIZED = "initialized"


@dataclass(frozen=True, slots=True)
class Control:
    """A request of a person. `value` is the wave of a promote, the limit of a reopen, the target of an arm."""

    id: int
    kind: ControlKind
    device: str | None
    value: str | None
    reason: str
    at: float
    actor: Actor


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
class Resolve:
    """A person's judgement of an end; changes what the gate counts, never the verdict."""

    verdict: Verdict
    reason: str
    at: float
    actor: Actor


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one device: its intents in order, what it reached, its end and a person's judgement of that."""

    number: int
    intents: tuple[Intent, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    end: End | None = None
    resolve: Resolve | None = None


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """One device of a rollout. There is always an attempt 1; a `retry` control opens the next one.

    `soft` is set by the engine while the device is past a soft limit, and holds new starts.
    `pair_down` names a device of its pair that has an open init or start in any rollout of this journal.
    """

    device: str
    position: int
    wave: int
    attempts: tuple[Attempt, ...]
    soft: bool = False
    pair_down: str | None = None

    @property
    def attempt(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[-1]


@dataclass(frozen=True, slots=True)
class RolloutRecord:
    """All that the journal knows of one planned rollout. `braked` is the pause of everything (`!`)."""

    row: RolloutRow
    digest: str
    plan: str
    members: tuple[MemberRecord, ...]
    controls: tuple[Control, ...]
    braked: bool
    confirmed_by: Actor
    confirmed_at: float

    def member(self, device: str) -> MemberRecord:
        """Return a device's record; raises `KeyError`."""
        for member in self.members:
            if member.device == device:
                return member
        raise KeyError(device)
