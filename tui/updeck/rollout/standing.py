"""Where each device of a rollout stands, by the journal alone: what is down, on its way, armed, bad. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from updeck.fleet.views import Phase
from updeck.journal.models import GOOD_VERDICTS, End, Op, Outcome, Verdict
from updeck.journal.plan_models import (
    Attempt,
    Control,
    ControlKind,
    MemberRecord,
    Milestone,
    MilestoneKind,
    Resolve,
    RolloutRecord,
)
from updeck.rollout.plan import Plan
from updeck.text import plural

__all__ = [
    "GOOD_VERDICTS",
    "Counts",
    "Gate",
    "Order",
    "armed",
    "bad",
    "begun",
    "counts",
    "down",
    "ended",
    "gate_of",
    "left_initialized",
    "order_of",
    "phase_of",
    "resetting",
    "started",
    "stops_at",
    "transferring",
    "un_init_asked",
]


Order: TypeAlias = tuple[int, float]
"""What puts rows of one rollout in their order."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate: `bad` verdicts so far, `limit` how many are allowed, `reason` why it is closed."""

    closed: bool
    bad: int
    limit: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """A rollout in numbers of devices. `verdicts` counts the ends of the newest attempts."""

    total: int
    ended: int
    bad: int
    down: int
    transferring: int
    armed: int
    verdicts: Mapping[Verdict, int]


def ended(member: MemberRecord) -> bool:
    """Whether the device's newest attempt has its end."""
    return member.attempt.end is not None


def phase_of(member: MemberRecord) -> Phase:
    """Return where a device stands; WAITING until an engine has seen it."""
    if ended(member):
        return Phase.ENDED
    return Phase(member.phase) if member.phase in {phase.value for phase in Phase} else Phase.WAITING


def begun(member: MemberRecord) -> bool:
    """Whether anything was sent to the device, in any attempt."""
    return any(attempt.intents for attempt in member.attempts)


def started(member: MemberRecord) -> bool:
    """Whether a start was sent in the newest attempt, accepted or not known not to be."""
    return _last_sent(member.attempt, Op.START) is Op.START


def down(member: MemberRecord) -> bool:
    """Whether the box may be down: an init that has not reached INITIALIZED, or a start, without an end."""
    if ended(member):
        return False
    last = _last_sent(member.attempt, Op.INIT, Op.START, Op.RESET)
    return last is Op.START or (last is Op.INIT and not _initialized(member.attempt))


def armed(member: MemberRecord) -> bool:
    """Whether the device is INITIALIZED, ours, and its start has not been sent."""
    return not ended(member) and _initialized(member.attempt) and _last_sent(member.attempt, Op.START, Op.RESET) is None


def resetting(member: MemberRecord) -> bool:
    """Whether an un-init was sent that has no end yet."""
    return not ended(member) and _last_sent(member.attempt, Op.START, Op.RESET) is Op.RESET


def un_init_asked(member: MemberRecord, record: RolloutRecord) -> bool:
    """Whether a person asked for the un-init of a device in its present attempt."""
    kinds = (ControlKind.RESET, ControlKind.RETRY)
    asked = [one for one in record.controls if one.device == member.device and one.kind in kinds]
    return bool(asked) and max(asked, key=lambda one: one.id).kind is ControlKind.RESET


def transferring(member: MemberRecord) -> bool:
    """Whether an image is on its way: an upload of ours without outcome, or a fetch that has not yet proved good."""
    moves = [intent for intent in member.attempt.intents if intent.op in (Op.UPLOAD, Op.FETCH, Op.DELETE)]
    if ended(member) or not moves or moves[-1].op is Op.DELETE:
        return False
    last = moves[-1]
    if last.op is Op.UPLOAD:
        return last.outcome is None
    refused = last.outcome is not None and last.outcome.outcome is Outcome.REFUSED
    staged = [one for one in member.attempt.milestones if one.kind is MilestoneKind.STAGED]
    return not refused and not staged


def left_initialized(member: MemberRecord) -> tuple[Milestone, ...]:
    """Return the INITIALIZED of attempts before the newest, but for those whose start may have left."""
    return tuple(
        milestone
        for attempt in member.attempts[:-1]
        if _last_sent(attempt, Op.START) is None
        for milestone in attempt.milestones
        if milestone.kind is MilestoneKind.INITIALIZED
    )


def bad(attempt: Attempt) -> bool:
    """Whether an attempt's verdict counts against the rollout: not good, and not resolved as good by a person."""
    if not _bad_verdict(attempt):
        return False
    return attempt.resolve is None or attempt.resolve.verdict not in GOOD_VERDICTS


def gate_of(record: RolloutRecord, plan: Plan) -> Gate:
    """Return the gate as the whole history of the rollout leaves it.

    It closes when more verdicts are bad than the limit allows, and stays closed until a person reopens it with a new
    limit, whatever is resolved meanwhile (`rollout.md` 7). Every attempt counts, so a retry does not hide a failure.
    What came first is told by the journal's own order, because clocks are set back.
    """
    reopened = _reopened(record)
    limit, since = (plan.limits.max_failures, (-1, 0.0)) if reopened is None else reopened
    count, closed = 0, False
    for when, _, change in sorted(_gate_events(record)):
        count += change
        closed = closed or (when > since and count > limit)
    closed = closed or count > limit
    return Gate(closed, count, limit, _gate_words(record, count, limit) if closed else None)


def stops_at(limit: int, devices: int) -> str:
    """Return the threshold as an absolute number, in words."""
    if limit >= devices:
        return f"goes on whatever fails: {plural(limit, 'failure')} allowed, {plural(devices, 'device')} in all"
    return f"stops at failure number {limit + 1}"


def counts(record: RolloutRecord) -> Counts:
    """Count the devices of a rollout."""
    members = record.members
    ends = [member.attempt.end for member in members]
    return Counts(
        total=len(members),
        ended=sum(map(ended, members)),
        bad=sum(bad(attempt) for member in members for attempt in member.attempts),
        down=sum(map(down, members)),
        transferring=sum(map(transferring, members)),
        armed=sum(map(armed, members)),
        verdicts=Counter(end.verdict for end in ends if end is not None and end.verdict is not None),
    )


def _last_sent(attempt: Attempt, *ops: Op) -> Op | None:
    """Return the newest of these operations that was not surely refused."""
    for intent in reversed(attempt.intents):
        refused = intent.outcome is not None and intent.outcome.outcome is Outcome.REFUSED
        if intent.op in ops and not refused:
            return intent.op
    return None


def _initialized(attempt: Attempt) -> bool:
    return any(one.kind is MilestoneKind.INITIALIZED for one in attempt.milestones)


def _bad_verdict(attempt: Attempt) -> bool:
    end = attempt.end
    return end is not None and end.verdict is not None and end.verdict not in GOOD_VERDICTS


def _reopened(record: RolloutRecord) -> tuple[int, Order] | None:
    """Return the limit of the newest reopen, and when that was."""
    found = [one for one in record.controls if one.kind is ControlKind.REOPEN and _is_number(one.value or "")]
    newest = max(found, key=lambda one: one.id, default=None)
    return None if newest is None else (int(newest.value or ""), order_of(newest))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def order_of(row: End | Resolve | Control) -> Order:
    """Return what orders rows: their turn, and the time among those that older programs wrote without one."""
    return row.turn, 0.0 if row.turn else row.at


def _gate_events(record: RolloutRecord) -> list[tuple[Order, int, int]]:
    """Return (when, order at the same time, change of the count)."""
    events: list[tuple[Order, int, int]] = []
    for attempt in (attempt for member in record.members for attempt in member.attempts):
        if not _bad_verdict(attempt) or attempt.end is None:
            continue
        ended_at = order_of(attempt.end)
        events.append((ended_at, 0, 1))
        if attempt.resolve is not None and not bad(attempt):
            events.append((max(ended_at, order_of(attempt.resolve)), 1, -1))
    return events


def _gate_words(record: RolloutRecord, count: int, limit: int) -> str:
    """Return what closed the gate; where people resolved failures as good since, that it was these."""
    failed = [
        (member, attempt)
        for member in record.members
        for attempt in member.attempts
        if _bad_verdict(attempt) and (bad(attempt) or count <= limit)
    ]
    named = [f"{member.device} {attempt.end.verdict}" for member, attempt in failed if attempt.end is not None]
    shown = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
    resolved = f", {len(failed) - count} resolved as good since" if len(failed) > count else ""
    return f"{plural(len(failed), 'failure')}, {limit} allowed{resolved}" + (f" ({shown})" if shown else "")
