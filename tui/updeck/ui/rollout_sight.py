"""One planned rollout as a screen sees it, with the device under its cursor, and what a person may ask of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from updeck.fleet.views import Phase
from updeck.journal.models import MilestoneKind, Verdict
from updeck.journal.plan_models import Attempt, MemberRecord, RolloutRecord
from updeck.rollout.gate import aborted, awaits_promotion, open_wave, paused, wave_barrier
from updeck.rollout.leaving import orphaned
from updeck.rollout.plan import Fence, Plan
from updeck.rollout.progress import RolloutState, state_of
from updeck.rollout.standing import GOOD_VERDICTS, armed, ended, gate_of, phase_of, started, un_init_asked

__all__ = ["Sight", "left_behind", "target_shown", "undoable"]


@dataclass(frozen=True, slots=True)
class Sight:
    """A rollout at `now` (Unix seconds); `device` is the one under the cursor, if any."""

    record: RolloutRecord
    plan: Plan
    now: float
    device: str | None = None

    @property
    def id(self) -> str:
        """The rollout's id."""
        return self.record.row.id

    @property
    def member(self) -> MemberRecord | None:
        """The device under the cursor."""
        return next((one for one in self.record.members if one.device == self.device), None)

    @property
    def state(self) -> RolloutState:
        """The state of the whole."""
        return state_of(self.record, self.plan, self.now)

    @property
    def over(self) -> bool:
        """Whether every device has its verdict."""
        return all(map(ended, self.record.members))

    @property
    def orphaned(self) -> bool:
        """Whether no engine drives it though one would have something to do: somebody has to resume it."""
        return orphaned(self.record, self.plan, self.now)

    @property
    def starting(self) -> bool:
        """Whether its first engine may be starting at this moment; where none comes, resuming starts one."""
        return not self.over and self.record.row.awaits_engine(self.now)

    @property
    def stopped(self) -> bool:
        """Whether it goes on only when a person resumes it: paused, or past its window, or without its engine."""
        unbraked = replace(self.record, braked=False)
        halted = paused(unbraked, self.plan, self.now) is not None
        return halted or self.orphaned or self.starting or self.left_to_people

    @property
    def left_to_people(self) -> bool:
        """Whether its engine has left because only people can go on, and would look again when it is resumed."""
        driven = self.orphaned or self.starting or self.record.row.lease_alive
        return not (self.over or driven) and self.state is RolloutState.RUNNING

    @property
    def next_wave(self) -> int:
        """The wave that a promotion would open."""
        return open_wave(self.record, self.plan, self.now) + 1

    def why_not(self, action_id: str, *, read_only: bool) -> str | None:
        """Return why a key of a rollout does not apply now, None where it does."""
        if read_only and (action_id != "pause" or self.stopped):
            return "read-only: a rollout can be paused here, and no more"
        return _RULES[action_id](self)


def target_shown(member: MemberRecord) -> str | None:
    """Return the target that the device named when its init was done."""
    reached = [one for one in member.attempt.milestones if one.kind is MilestoneKind.INITIALIZED]
    return reached[-1].target_version if reached else None


def undoable(record: RolloutRecord) -> tuple[MemberRecord, ...]:
    """Return the devices that the rollout holds INITIALIZED, and whose un-init nobody has asked for."""
    return tuple(one for one in record.members if armed(one) and not un_init_asked(one, record))


def left_behind(record: RolloutRecord) -> tuple[MemberRecord, ...]:
    """Return the devices that ended without a start after they were INITIALIZED, and that nobody un-initialized."""
    return tuple(one for one in _left(record) if one.attempt.undone is None)


def _left(record: RolloutRecord) -> tuple[MemberRecord, ...]:
    return tuple(one for one in record.members if one.attempt.end is not None and _left_ready(one.attempt))


def _left_ready(attempt: Attempt) -> bool:
    unended = replace(attempt, end=None)
    return armed(MemberRecord("", 0, 1, (unended,))) and attempt.end is not None and attempt.end.verdict in _LEFT


_LEFT = (Verdict.ABORTED_BEFORE_START, Verdict.SKIPPED)


def _reset(sight: Sight) -> str | None:
    gate, words = gate_of(sight.record, sight.plan), aborted(sight.record)
    if words is not None:
        if left_behind(sight.record):
            return None
        return "all that it left INITIALIZED is un-initialized" if _left(sight.record) else "it left none INITIALIZED"
    if not undoable(sight.record):
        return "no device of it stands INITIALIZED"
    halted = gate.closed or paused(sight.record, sight.plan, sight.now) is not None
    return None if halted else "it goes on: un-init is offered once a failure stopped it, and while it is paused"


def _unended(sight: Sight) -> str | None:
    if sight.over:
        return "the rollout has ended"
    words = aborted(sight.record)
    return None if words is None else f"the rollout was {words}"


def _promote(sight: Sight) -> str | None:
    wave = sight.next_wave
    if wave > sight.plan.waves:
        return "its last wave is open already"
    if awaits_promotion(sight.record, sight.plan, sight.now):
        return None
    return wave_barrier(wave, sight.record, sight.plan, sight.now) or f"wave {wave} opens by itself"


def _reopen(sight: Sight) -> str | None:
    return None if gate_of(sight.record, sight.plan).closed else "no failure has stopped it"


def _of_device(rule: Callable[[MemberRecord, Sight], str | None]) -> Callable[[Sight], str | None]:
    def applies(sight: Sight) -> str | None:
        member, words = sight.member, aborted(sight.record)
        if member is None:
            return "no device is under the cursor"
        if words is not None:
            return f"the rollout was {words}"
        found = rule(member, sight)
        return None if found is None else f"{member.device}: {found}"

    return applies


def _retry(member: MemberRecord, sight: Sight) -> str | None:
    end = member.attempt.end
    if end is None:
        return "its attempt has not ended"
    good = end.verdict in GOOD_VERDICTS
    return f"it ended {end.verdict}, after which there is no other attempt" if good else None


def _before_start(member: MemberRecord, sight: Sight) -> str | None:
    end = member.attempt.end
    if end is not None:
        return f"it has ended {end.verdict or ''}".rstrip()
    return "its start was sent, and it is watched to its verdict" if started(member) else None


def _adopt(member: MemberRecord, sight: Sight) -> str | None:
    reason = _before_start(member, sight)
    if reason is not None or phase_of(member) is Phase.HELD:
        return reason
    return "nobody else initialized it"


def _resolve(sight: Sight) -> str | None:
    member = sight.member
    if member is None:
        return "no device is under the cursor"
    end = member.attempt.end
    if end is None or end.verdict is None:
        return f"{member.device}: it has no verdict yet"
    return f"{member.device}: {end.verdict} leaves nothing to judge" if end.verdict in GOOD_VERDICTS else None


def _arm(member: MemberRecord, sight: Sight) -> str | None:
    if sight.plan.fence is Fence.NONE:
        return "this plan asks nobody before a start: its engine starts what is ready"
    reason = _before_start(member, sight)
    if reason is not None:
        return reason
    if not armed(member):
        return "it is not ready to start: INITIALIZED comes first"
    return None if target_shown(member) else "the device names no target"


_RULES: Mapping[str, Callable[[Sight], str | None]] = {
    "pause": _unended,
    "promote": lambda sight: _unended(sight) or _promote(sight),
    "abort": _unended,
    "reopen": lambda sight: _unended(sight) or _reopen(sight),
    "retry": _of_device(_retry),
    "skip": _of_device(_before_start),
    "adopt": _of_device(_adopt),
    "arm": _of_device(_arm),
    "resolve": _resolve,
    "reset": _reset,
}
