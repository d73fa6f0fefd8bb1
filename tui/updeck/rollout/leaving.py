"""When an engine has nothing left to do: all have ended, or only a person can go on (`rollout.md` 7). Pure."""

from __future__ import annotations

from collections.abc import Collection

from updeck.fleet.views import Phase
from updeck.journal.plan_models import MemberRecord, MilestoneKind, RolloutRecord
from updeck.rollout.gate import open_wave
from updeck.rollout.plan import Plan
from updeck.rollout.progress import RolloutState, state_of
from updeck.rollout.standing import armed, down, ended, resetting, transferring

__all__ = ["held_by_phase", "only_people_can_go_on", "orphaned"]

_FOR_A_PERSON = (RolloutState.PAUSED, RolloutState.WAITING_FOR_PROMOTION, RolloutState.STOPPED_BY_GATE)


def only_people_can_go_on(record: RolloutRecord, plan: Plan, now: float, held: Collection[str]) -> bool:
    """Whether nothing is under way and time alone changes nothing; `held` are the devices that wait for a person.

    Devices of later waves wait for those of the open one, so they do not keep an engine where all of these are held.
    """
    left = [member for member in record.members if not ended(member)]
    if any(down(one) or armed(one) or transferring(one) or resetting(one) for one in left):
        return False
    if not left or state_of(record, plan, now) in _FOR_A_PERSON:
        return True
    reached = open_wave(record, plan, now)
    open_ = [member for member in left if member.wave <= reached]
    return bool(open_) and all(member.device in held or _waits_for_its_pair(member) for member in open_)


def _waits_for_its_pair(member: MemberRecord) -> bool:
    """Whether all is ready but for the other of its pair, which a person has to look after first."""
    staged = any(one.kind is MilestoneKind.STAGED for one in member.attempt.milestones)
    return staged and member.pair_lost is not None


def orphaned(record: RolloutRecord, plan: Plan, now: float) -> bool:
    """Whether no engine drives it though one would have something to do: somebody has to resume it."""
    if record.row.lease_alive or record.row.awaits_engine(now) or all(map(ended, record.members)):
        return False
    return not only_people_can_go_on(record, plan, now, held_by_phase(record))


def held_by_phase(record: RolloutRecord) -> frozenset[str]:
    """Return the devices that wait for a person, as the engine that saw them last says."""
    return frozenset(member.device for member in record.members if not ended(member) and member.phase == Phase.HELD)
