"""A planned rollout as the journal holds it: one frozen value, from which everything else is computed.

The plan itself is canonical JSON to the journal; what it means is known above (`rollout/`). Times are Unix seconds of
our wall clock, device times those of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from updeck.journal.models import Actor, End, Intent, Milestone, MilestoneKind, RolloutRow, TransferRow, Verdict

__all__ = [
    "Attempt",
    "Brake",
    "Control",
    "ControlKind",
    "Engine",
    "ManualRecord",
    "Member",
    "MemberRecord",
    "Milestone",
    "MilestoneKind",
    "Position",
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
    RESET = "reset"

    @property
    def of_a_device(self) -> bool:
        """Whether it is asked for one device, not for all of them."""
        return self in (ControlKind.RETRY, ControlKind.SKIP, ControlKind.ADOPT, ControlKind.ARM, ControlKind.RESET)

    @property
    def needs_reason(self) -> bool:
        """Whether it is recorded only with a reason (`contracts.md` 2)."""
        return self in (ControlKind.REOPEN, ControlKind.RETRY, ControlKind.SKIP, ControlKind.ADOPT)

    @property
    def needs_value(self) -> bool:
        """Whether it carries a value."""
        return self in (ControlKind.PROMOTE, ControlKind.REOPEN, ControlKind.RETRY, ControlKind.ARM)


@dataclass(frozen=True, slots=True)
class Member:
    """A device as a plan is registered with it. `identity` is JSON; `mates` are the other devices of its pair."""

    device: str
    wave: int
    url: str
    identity: str = "{}"
    mates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Where a device stands, as its engine sees it now; `soft` while it is past a soft limit, which holds starts."""

    device: str
    phase: str
    text: str
    attempt: int = 1
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """A request of a person.

    `value` is the wave of a promote, the limit of a reopen, the target of an arm, the attempt that a retry opens.
    `turn` orders it among ends and resolves, 0 where an older program wrote it.
    """

    id: int
    kind: ControlKind
    device: str | None
    value: str | None
    reason: str
    at: float
    actor: Actor
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Resolve:
    """A person's judgement of an end; changes what the gate counts, never the verdict."""

    verdict: Verdict
    reason: str
    at: float
    actor: Actor
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one device: its intents in order, what it reached, its end and a person's judgement of that.

    `undone` is the end of the un-init by hand that answered it, which is a rollout of its own.
    """

    number: int
    intents: tuple[Intent, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    end: End | None = None
    resolve: Resolve | None = None
    undone: End | None = None


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """One device of a rollout. There is always an attempt 1; a `retry` control opens the next one.

    `phase`, `text` and `soft` are where its engine saw it last in the newest attempt: `soft` while the device is past
    a soft limit, which holds new starts. `transfer` is how far the bytes of an upload under way are.
    `pair_down` names a device of its pair that may be down, by an open init or start in any rollout here; `pair_lost`
    one whose last start ended in REVIEW or FAILED_CRITICAL and was answered by no reset or person.
    """

    device: str
    position: int
    wave: int
    attempts: tuple[Attempt, ...]
    soft: bool = False
    pair_down: str | None = None
    pair_lost: str | None = None
    phase: str | None = None
    text: str | None = None
    transfer: TransferRow | None = None
    url: str = ""
    identity: str = "{}"

    @property
    def attempt(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[-1]


@dataclass(frozen=True, slots=True)
class RolloutRecord:
    """All that the journal knows of one planned rollout. `braked` is the pause of everything (`!`).

    `uploads_beside` counts what other plans that only bring an image are sending, where this is one too: uploads by
    hand are such plans, and together they keep to one limit, because the line of this host is one.
    """

    row: RolloutRow
    digest: str
    plan: str
    members: tuple[MemberRecord, ...]
    controls: tuple[Control, ...]
    braked: bool
    confirmed_by: Actor
    confirmed_at: float
    uploads_beside: int = 0

    def member(self, device: str) -> MemberRecord:
        """Return a device's record; raises `KeyError`."""
        for member in self.members:
            if member.device == device:
                return member
        raise KeyError(device)


@dataclass(frozen=True, slots=True)
class ManualRecord:
    """A manual rollout: what it sent, and its end if it has ended."""

    row: RolloutRow
    intents: tuple[Intent, ...]
    end: End | None


@dataclass(frozen=True, slots=True)
class Brake:
    """The pause of everything, while it is on."""

    reason: str
    at: float
    actor: Actor


@dataclass(frozen=True, slots=True)
class Engine:
    """Who drives a rollout, or drove it last; `seen_at` is when it last wrote to the journal."""

    actor: Actor
    alive: bool
    seen_at: float
