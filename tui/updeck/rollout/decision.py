"""What a decision about one device rests on, and what it can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from updeck.fleet.ruling import Patience, Ruling, Seen
from updeck.fleet.views import Phase
from updeck.journal.models import Intent, Op, Verdict
from updeck.journal.plan_models import (
    Attempt,
    Control,
    ControlKind,
    MemberRecord,
    Milestone,
    MilestoneKind,
    RolloutRecord,
)
from updeck.rollout.plan import Plan

__all__ = ["Case", "Decision", "End", "Hold", "Reached", "Send", "Wait", "Watch", "asked_since"]


@dataclass(frozen=True, slots=True)
class Send:
    """A call to make, if the journal permits it. `image_id` is that of a deletion."""

    op: Op
    try_: int = 1
    image_id: int | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """A call of ours has no verdict yet; there is nothing to do but to look on."""

    ruling: Ruling


@dataclass(frozen=True, slots=True)
class Wait:
    """Something is to be sent as soon as `reason` no longer stands against it."""

    phase: Phase
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Only a person can go on with this device; counts as needing one, and not as failed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reached:
    """A milestone that the journal must keep before anything else is done."""

    kind: MilestoneKind
    last_state_time: int | None = None
    target_version: str | None = None
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The verdict of this attempt."""

    verdict: Verdict
    reason: str


Decision = Send | Watch | Wait | Hold | Reached | End


@dataclass(frozen=True, slots=True)
class Case:
    """What a decision about one device rests on.

    `why_not` answers with what stands against an operation now (gate, wave, limits, window, pause), or None.
    `controls` are those for this device or all of them that were given since the attempt began, in order.
    `blocked` is the reason of a check that forbids to begin. `earlier` holds what attempts before this one reached and
    left as it was, no start of theirs having left. `unproven`: the connection is insecure now, and the plan does not
    allow that. The rest is as the last poll and the journal have it.
    """

    plan: Plan
    attempt: Attempt
    controls: tuple[Control, ...]
    seen: Seen
    patience: Patience
    why_not: Callable[[Op], str | None]
    blocked: str | None = None
    earlier: tuple[Milestone, ...] = ()
    unproven: bool = False

    def asked(self, kind: ControlKind) -> Control | None:
        """Return the newest control of a kind that was given since this attempt began."""
        found = [one for one in self.controls if one.kind is kind]
        return found[-1] if found else None

    def milestone(self, kind: MilestoneKind) -> Milestone | None:
        """Return the newest milestone of a kind in this attempt."""
        return next((one for one in reversed(self.attempt.milestones) if one.kind is kind), None)

    def last(self, *ops: Op) -> Intent | None:
        """Return the newest intent of one of these operations in this attempt."""
        return next((one for one in reversed(self.attempt.intents) if one.op in ops), None)

    @property
    def transferring(self) -> bool:
        """Whether a transfer of ours has begun and its image was not yet found whole."""
        return self.last(Op.UPLOAD, Op.FETCH) is not None and self.milestone(MilestoneKind.STAGED) is None

    @property
    def running_version(self) -> str | None:
        """The version that the device runs: as it says, else its newest history entry."""
        if self.seen.sw_version:
            return self.seen.sw_version
        newest = None if self.seen.update is None else self.seen.update.newest()
        return None if newest is None else newest.version


def asked_since(record: RolloutRecord, member: MemberRecord) -> tuple[Control, ...]:
    """Return what people asked of a device since its newest attempt began; by number, because clocks are set back."""
    mine = [one for one in record.controls if one.device in (None, member.device)]
    opened = max((one.id for one in mine if one.kind is ControlKind.RETRY), default=0)
    return tuple(one for one in mine if one.id > opened)
