"""Which devices are past a soft limit by the truth, with so much slack that any engine must have seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from updeck.journal.models import Op, Outcome
from updeck.journal.plan_models import MemberRecord, MilestoneKind, RolloutRecord
from world.planning import PATIENCE

if TYPE_CHECKING:
    from world.client import Arrival
    from world.world import World

__all__ = ["past_soft"]

SLACK_S = 90.0
"""Twice the longest pause between two polls, and what a poll takes."""


def past_soft(world: World, arrival: Arrival, record: RolloutRecord) -> str | None:
    """Return which other device must be known to be past its soft limit when a box is to go down."""
    if arrival.op not in ("init", "start"):
        return None
    for member in record.members:
        limit_s = None if member.device == arrival.device else _limit_s(world, member)
        if limit_s is None:
            continue
        lasts_s = world.now() - _since(world, arrival.pid, member.device)
        if lasts_s > limit_s + SLACK_S:
            return f"{member.device} is past its soft limit of {limit_s:.0f} s since {lasts_s - limit_s:.0f} s"
    return None


def _since(world: World, pid: int, device: str) -> float:
    """Return since when a device is as it is, and this engine could see it all the time."""
    sent = [one.at for one in world.arrivals if one.device == device and one.op in ("init", "start", "reset")]
    driving = next(one.driving_since for one in world.processes if one.actor.pid == pid)
    seen = (world.devices[device].changed_at, world.disturbed[device], world.hindered, driving)
    return max(*seen, *sent, 0.0)


def _limit_s(world: World, member: MemberRecord) -> float | None:
    device = world.devices[member.device]
    sent = [one for one in member.attempt.intents if one.op in (Op.INIT, Op.START, Op.RESET)]
    if member.attempt.end is not None or not sent or device.certificate != world.trusted[member.device]:
        return None
    last = sent[-1]
    if last.outcome is not None and last.outcome.outcome is Outcome.REFUSED:
        return None
    if last.op is Op.INIT:
        reached = any(one.kind is MilestoneKind.INITIALIZED for one in member.attempt.milestones)
        limits = {"INITIALIZING": PATIENCE.initializing_soft, "IDLE": PATIENCE.init_soft}
        return None if reached else limits.get(device.state)
    if last.op is Op.START:
        if device.down:
            return PATIENCE.unreachable_soft
        return {"INITIALIZED": PATIENCE.starting_soft, "RUNNING": PATIENCE.running_soft}.get(device.state)
    return None
