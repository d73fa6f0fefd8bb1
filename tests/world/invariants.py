"""The invariants of `rollout.md` 9, judged by the world's truth and the journal's rows, not by the engine's code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING

from updeck.device.versions import same_version
from updeck.journal.models import End, Intent, Op, Verdict
from updeck.journal.plan_models import Attempt, ControlKind, MemberRecord, MilestoneKind, RolloutRecord
from updeck.rollout.plan import Fence, Plan
from updeck.rollout.progress import state_of
from world.device import NEW, Device

if TYPE_CHECKING:
    from world.client import Arrival

__all__ = ["Gate", "Permitted", "Violation", "judge_arrival", "judge_end", "judge_replay"]

PERMIT_S = 5.0
FRESH_S = 15.0

_MAY_BE = {
    "upload": ("IDLE",),
    "fetch": ("IDLE",),
    "delete": ("IDLE",),
    "init": ("IDLE",),
    "start": ("INITIALIZED",),
    "reset": ("INITIALIZED",),
}
_GOOD = ("SUCCESS", "ALREADY_INSTALLED", "STAGED", "INITIALIZED", "SKIPPED", "ABORTED_BEFORE_START")
_RUNS = (Verdict.SUCCESS, Verdict.ALREADY_INSTALLED)
_RUNS_NOT = (
    Verdict.NOT_STARTED,
    Verdict.WRONG_TARGET,
    Verdict.FAILED_GRACEFUL,
    Verdict.FAILED_CRITICAL,
    Verdict.NO_EFFECT,
    Verdict.TRANSFER_FAILED,
)


@dataclass(frozen=True)
class Violation:
    """An invariant that was broken, and how."""

    name: str
    text: str


@dataclass(frozen=True)
class Permitted:
    """An intent at its commit: the whole record as it was then, whether the gate was closed, who drove."""

    at: float
    wall: float
    record: RolloutRecord
    device: str
    intent: Intent
    closed: bool
    driver: int

    @property
    def member(self) -> MemberRecord:
        return self.record.member(self.device)


class Gate:
    """The gate as a witness keeps it: closed by one failure too many, opened by a person alone."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.closed = False
        self._reopened = 0

    def look(self, record: RolloutRecord) -> None:
        """Take in what stands in the journal now."""
        reopens = [one for one in record.controls if one.kind is ControlKind.REOPEN and one.id > self._reopened]
        if reopens:
            self._reopened, self.limit, self.closed = reopens[-1].id, int(reopens[-1].value or 0), False
        count = sum(_bad(attempt) for member in record.members for attempt in member.attempts)
        self.closed = self.closed or count > self.limit


def judge_arrival(
    arrival: Arrival, before: Sequence[Arrival], permitted: Permitted | None, plan: Plan, *, read_only: bool
) -> list[Violation]:
    """Return what is wrong with a mutating call, at the moment it comes to a device."""
    said = f"at {arrival.at:.1f} s: {arrival.op} to {arrival.device} by process {arrival.pid}"
    if permitted is None or (permitted.intent.op.value, permitted.device) != (arrival.op, arrival.device):
        return [Violation("nothing is sent without an intent", said)]
    checks = (
        ("a key is sent at most once", _sent_twice(arrival, before)),
        ("start only where it is due", _undue_start(permitted, plan)),
        ("hands off what moves or is not known", _hands_on(arrival, plan)),
        ("limits hold", _over_limit(arrival, permitted.record, plan)),
        ("nothing begins after the gate closed", _closed(arrival, permitted)),
        ("waves and requests of people are kept", _unasked(arrival, permitted, plan)),
        ("the window is kept", _out_of_window(arrival, permitted, plan)),
        ("only who drives sends", _not_driving(arrival, permitted)),
        ("read-only sends nothing", "read-only" if read_only else None),
    )
    return [Violation(name, f"{said}: {text}") for name, text in checks if text is not None]


def judge_end(end: End, device: Device) -> list[Violation]:
    """Return what is wrong with a verdict at the moment it is given."""
    becomes = NEW if same_version(device.destined, NEW) and device.busy else device.version
    falls = device.temper.run.value == "falls back" and same_version(device.version, NEW)
    runs = same_version(becomes, NEW) and not falls
    text = f"{device.name} ended {end.verdict} ({end.reason}), and it is {device.state}, {becomes}"
    if end.verdict in _RUNS and (not runs or device.busy):
        return [Violation("SUCCESS is true", text)]
    if end.verdict in _RUNS_NOT and runs:
        return [Violation("a failure is true", text)]
    return []


def judge_replay(seen: RolloutRecord, again: RolloutRecord, plan: Plan, now: float) -> list[Violation]:
    """Return what differs between the journal as it was lived with and as it is read anew."""
    if replace(seen, row=again.row) != again or state_of(seen, plan, now) is not state_of(again, plan, now):
        return [Violation("replay gives the same state", "the journal read anew differs")]
    return []


def _sent_twice(arrival: Arrival, before: Sequence[Arrival]) -> str | None:
    twice = [one for one in before if one.intent_id == arrival.intent_id]
    return f"was sent at {twice[0].at:.1f}" if twice else None


def _undue_start(permitted: Permitted, plan: Plan) -> str | None:
    intent = permitted.intent
    if intent.op is not Op.START:
        return None
    attempt = next(one for one in permitted.member.attempts if one.number == intent.attempt)
    if sum(one.op is Op.START for one in attempt.intents) > 1:
        return "a second start in one attempt"
    seen = intent.baseline
    if seen.state != "INITIALIZED":
        return f"it was seen {seen.state}"
    if seen.target_version is None or not same_version(seen.target_version, plan.image.version):
        return f"its target was {seen.target_version}"
    ours = any(one.op is Op.INIT for one in attempt.intents)
    adopted = any(one.kind is ControlKind.ADOPT and one.device == permitted.device for one in permitted.record.controls)
    reached = [one for one in attempt.milestones if one.kind is MilestoneKind.INITIALIZED]
    if not (ours or adopted) or not reached or reached[-1].last_state_time != seen.last_state_time:
        return "its INITIALIZED is not ours"
    return None


def _hands_on(arrival: Arrival, plan: Plan) -> str | None:
    told = arrival.told
    if told is None or not told.good or arrival.at - told.at > FRESH_S:
        return f"without a fresh and good answer ({told})"
    if told.state not in _MAY_BE[arrival.op]:
        return f"it said {told.state}"
    serial = plan.device(arrival.device).serial
    if told.serial != serial:
        return f"it said it is {told.serial or 'nobody'}, not {serial}"
    return None


def _over_limit(arrival: Arrival, record: RolloutRecord, plan: Plan) -> str | None:
    if arrival.op == "fetch":
        return _over_transfers(arrival, record, plan)
    if arrival.op not in ("init", "start"):
        return None
    busy = [
        other.device
        for other in record.members
        if other.device in arrival.others_busy and other.attempt.end is None and _sent_down(other.attempt)
    ]
    limit = plan.limits.max_parallel
    if limit is not None and len(busy) >= limit:
        return f"{', '.join(busy)} are down, and {limit} may be"
    pair = plan.device(arrival.device).pair
    site, most = plan.device(arrival.device).site, plan.limits.max_per_site
    here = [name for name in busy if site is not None and plan.device(name).site == site]
    if most is not None and len(here) >= most:
        return f"{', '.join(here)} of its site are down, and {most} may be"
    mates = [name for name in busy if pair is not None and plan.device(name).pair == pair]
    return f"its pair {mates[0]} is down" if mates else None


def _over_transfers(arrival: Arrival, record: RolloutRecord, plan: Plan) -> str | None:
    limit = plan.limits.max_transfers
    busy = [
        other.device
        for other in record.members
        if other.device in arrival.others_fetching and other.attempt.end is None and _fetches(other.attempt)
    ]
    if limit is None or len(busy) < limit:
        return None
    return f"{', '.join(busy)} are fetching, and {limit} may be"


def _fetches(attempt: Attempt) -> bool:
    return any(one.op is Op.FETCH for one in attempt.intents)


def _out_of_window(arrival: Arrival, permitted: Permitted, plan: Plan) -> str | None:
    window = plan.window
    if window is None or arrival.op in ("delete", "reset"):
        return None
    opens, last, closes = (
        one.replace(tzinfo=UTC).timestamp() for one in (window.opens, window.last_start, window.closes)
    )
    resumes = [one for one in permitted.record.controls if one.kind is ControlKind.RESUME]
    if any(one.at >= closes for one in resumes):
        return None
    if permitted.wall >= closes:
        return "the window was over, and nobody confirmed anew"
    if arrival.op in ("init", "start") and not opens <= permitted.wall < last:
        return "it was before the window or after the last start"
    return None


def _sent_down(attempt: Attempt) -> bool:
    return any(one.op in (Op.INIT, Op.START) for one in attempt.intents)


def _closed(arrival: Arrival, permitted: Permitted) -> str | None:
    return "the gate was closed" if permitted.closed and arrival.op in ("init", "start") else None


def _bad(attempt: Attempt) -> bool:
    end, resolve = attempt.end, attempt.resolve
    if end is None or end.verdict is None or end.verdict.value in _GOOD:
        return False
    return resolve is None or resolve.verdict.value not in _GOOD


def _unasked(arrival: Arrival, permitted: Permitted, plan: Plan) -> str | None:
    if arrival.op in ("delete", "reset"):
        return None
    record, member = permitted.record, permitted.member
    if any(one.kind is ControlKind.ABORT for one in record.controls):
        return "it was aborted"
    pauses = [one.kind for one in record.controls if one.kind in (ControlKind.PAUSE, ControlKind.RESUME)]
    if pauses and pauses[-1] is ControlKind.PAUSE:
        return "it was paused"
    if record.braked and arrival.op in ("init", "start"):
        return "the brake was on"
    steered = [one.kind for one in record.controls if one.device == member.device]
    if ControlKind.SKIP in steered and ControlKind.RETRY not in steered:
        return "it was skipped"
    if arrival.op == "start" and plan.fence is Fence.START and ControlKind.ARM not in steered:
        return "nobody let it past the fence"
    late = [one.device for one in record.members if one.wave < member.wave and one.attempts[0].end is None]
    return f"{late[0]} of a wave before it has not ended" if late else None


def _not_driving(arrival: Arrival, permitted: Permitted) -> str | None:
    if permitted.intent.actor.pid != arrival.pid:
        return f"the intent is that of process {permitted.intent.actor.pid}"
    if permitted.driver != arrival.pid:
        return f"process {permitted.driver} had taken it over"
    aged = arrival.at - permitted.at > PERMIT_S
    return f"its permission is {arrival.at - permitted.at:.1f} s old" if aged else None
