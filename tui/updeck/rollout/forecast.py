"""When a rollout will be through, and when it next needs a person: from what its own boxes took so far. Pure.

No number without a measurement behind it: before the first box has ended there is none, and why is said instead. Each
step is taken to last as long as with the slowest of ten boxes, so that "by" holds for most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from updeck.fleet.ruling import Ruling
from updeck.fleet.views import Phase
from updeck.journal.models import Intent, Op, Verdict
from updeck.journal.plan_models import Attempt, MemberRecord, MilestoneKind, RolloutRecord
from updeck.rollout.gate import aborted, fenced, open_wave, promoted, window_in_force
from updeck.rollout.leaving import held_by_phase, orphaned
from updeck.rollout.plan import Fence, Goal, Plan, Promotion, Source
from updeck.rollout.progress import RolloutState, state_of
from updeck.rollout.schedule import Job, Step, run
from updeck.rollout.standing import armed, down, ended, started
from updeck.text import plural

__all__ = [
    "NOT_YET",
    "Forecast",
    "Need",
    "Took",
    "back_by",
    "fit_in_words",
    "forecast",
    "forecast_in_words",
    "measured",
    "need_in_words",
    "took_in_words",
    "with_back",
]

NOT_YET = "not known before the first box is back"
_LONGER = "it takes longer than the others took"

_FOR_A_PERSON = {
    RolloutState.STOPPED_BY_GATE: "it stopped at a failure",
    RolloutState.PAUSED: "it is paused",
    RolloutState.PLANNED: "no engine drives it yet",
}


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds that a step took the slowest of ten boxes of this rollout, None where no box has done it yet.

    `start` is from the start to the proven version; `boxes` is how many of those stand behind it.
    """

    transfer: float | None = None
    init: float | None = None
    start: float | None = None
    boxes: int = 0

    def of(self, step: Step) -> float | None:
        """Return the seconds of a step."""
        return {Step.TRANSFER: self.transfer, Step.INIT: self.init, Step.START: self.start}[step]


@dataclass(frozen=True, slots=True)
class Need:
    """What a person will be needed for, and from when on; Unix seconds, not later than now where it is now."""

    at: float
    why: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected; times in Unix seconds.

    `back` tells of each box that is down by when its verdict is expected; those in `late` take longer than the others
    took. `last_back` is the end of the last one, if nobody is waited for; where it is None, `unknown` says why.
    `left_out` counts the devices that the window leaves no time for, None where there is no window or no measurement.
    `waves` tells of each wave that is left when it begins, or goes on, and when it is through.
    """

    took: Took
    back: Mapping[str, float]
    late: tuple[str, ...]
    last_back: float | None
    unknown: str
    need: Need | None
    left_out: int | None = None
    waves: Mapping[int, tuple[float, float]] = field(default_factory=dict)


def measured(record: RolloutRecord) -> Took:
    """Return what the steps took so far, from the intent of each to what it led to."""
    attempts = [attempt for member in record.members for attempt in member.attempts]
    starts = [one for attempt in attempts if (one := _start_took(attempt)) is not None]
    return Took(
        transfer=_slow(_between(attempts, (Op.UPLOAD, Op.FETCH), MilestoneKind.STAGED)),
        init=_slow(_between(attempts, (Op.INIT,), MilestoneKind.INITIALIZED)),
        start=_slow(starts),
        boxes=len(starts),
    )


def back_by(member: MemberRecord, took: Took) -> float | None:
    """Return by when a box that was started is expected back, None where that is not known."""
    if took.start is None or ended(member) or not started(member):
        return None
    return _sent(member.attempt, Op.START).at + took.start


def forecast(record: RolloutRecord, plan: Plan, now: float) -> Forecast:
    """Return what is to be expected of a rollout at `now`."""
    took = measured(record)
    away = {member.device: at for member in record.members if (at := back_by(member, took)) is not None}
    late = tuple(device for device, at in away.items() if at <= now)
    made = Forecast(took, {device: at for device, at in away.items() if at > now}, late, None, "", None)
    if all(map(ended, record.members)):
        return made
    made = replace(made, need=_needed_now(record, plan, now))
    if not _goes_on(record, plan, now):
        return _of_those_away(made, record)
    unknown = _unmeasured(record, plan, took)
    return _ahead(made, record, plan, now) if unknown is None else replace(made, unknown=unknown)


def forecast_in_words(made: Forecast, clock: Callable[[float], str]) -> str:
    """Return when the last box is expected back, "" where nothing is to be expected; `clock` spells a time."""
    if made.last_back is None:
        return f"last expected back: {made.unknown}" if made.unknown else ""
    late = f", but for {len(made.late)} later than the others" if made.late else ""
    waits = ", with you there when needed" if made.need is not None and made.need.at < made.last_back else ""
    return f"last expected back {clock(made.last_back)}{late}{waits}"


def need_in_words(made: Forecast, now: float, clock: Callable[[float], str], *, why: bool = True) -> str:
    """Return when a person will be needed, and what for, "" where nothing is known to need one."""
    if made.need is None:
        return ""
    reason = f": {made.need.why}" if why else ""
    return f"needs you now{reason}" if made.need.at <= now else f"needs you about {clock(made.need.at)}{reason}"


def took_in_words(took: Took) -> str:
    """Return how long a box took from its start to the proven version, and how many say so; "" before the first."""
    if took.start is None:
        return ""
    whole = round(took.start)
    hours, minutes = divmod(whole // 60, 60)
    told = f"{whole} s" if whole < 90 else f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
    return f"a box took {told} from its start until proven ({plural(took.boxes, 'box', 'boxes')} so far)"


def fit_in_words(made: Forecast) -> str:
    """Return whether the rest fits into the window, "" where there is none or nothing was measured."""
    if made.left_out is None:
        return ""
    if not made.left_out:
        return "the rest fits into the window"
    return f"{plural(made.left_out, 'device does', 'devices do')} not fit into the window"


def with_back(ruling: Ruling, record: RolloutRecord, device: str, now: float) -> str:
    """Return what is to be said of a box that was started, with the local minute by which it is, or was, expected."""
    if ruling.phase not in (Phase.REBOOTING, Phase.RUNNING):
        return ruling.text
    expected = back_by(record.member(device), measured(record))
    if expected is None:
        return ruling.text
    minute = datetime.fromtimestamp(expected + 59, UTC).astimezone().strftime("%H:%M")
    told = "down" if ruling.phase is Phase.REBOOTING else ruling.text
    return f"{told}, back by ~{minute}" if now < expected + 60 else f"{told}, was due by {minute}"


def _slow(seconds: Iterable[float]) -> float | None:
    """Return what nine of ten stay within; of fewer than ten, the longest."""
    found = sorted(one for one in seconds if one >= 0)
    return found[-(-9 * len(found) // 10) - 1] if found else None


def _start_took(attempt: Attempt) -> float | None:
    end = attempt.end
    if end is None or end.verdict is not Verdict.SUCCESS or not _has(attempt, Op.START):
        return None
    return end.at - _sent(attempt, Op.START).at


def _between(attempts: Iterable[Attempt], ops: Sequence[Op], reached: MilestoneKind) -> list[float]:
    return [
        found[0] - _sent(attempt, *ops).at
        for attempt in attempts
        if _has(attempt, *ops) and (found := [one.at for one in attempt.milestones if one.kind is reached])
    ]


def _has(attempt: Attempt, *ops: Op) -> bool:
    return any(intent.op in ops for intent in attempt.intents)


def _sent(attempt: Attempt, *ops: Op) -> Intent:
    return next(intent for intent in attempt.intents if intent.op in ops)


def _needed_now(record: RolloutRecord, plan: Plan, now: float) -> Need | None:
    """Return what a person is needed for at once, None for nothing."""
    state = state_of(record, plan, now)
    if orphaned(record, plan, now):
        return Need(now, "no engine drives it")
    if state is RolloutState.PLANNED and record.row.awaits_engine(now):
        return None
    if state in _FOR_A_PERSON:
        return Need(now, _FOR_A_PERSON[state])
    if state is RolloutState.WAITING_FOR_PROMOTION:
        return Need(now, f"wave {open_wave(record, plan, now) + 1} waits to be promoted")
    held = held_by_phase(record)
    if held:
        return Need(now, f"{plural(len(held), 'device waits', 'devices wait')} for a person")
    waiting = sum(armed(one) and fenced(one, record, plan) is not None for one in record.members)
    return Need(now, f"{waiting} ready for a person") if waiting else None


def _goes_on(record: RolloutRecord, plan: Plan, now: float) -> bool:
    """Whether more is begun as it stands: no pause, no gate, no abort, and nobody past a soft limit."""
    stopped = state_of(record, plan, now) in (RolloutState.STOPPED_BY_GATE, RolloutState.PAUSED)
    late = any(member.soft and not ended(member) for member in record.members)
    return not stopped and not late and aborted(record) is None


def _of_those_away(made: Forecast, record: RolloutRecord) -> Forecast:
    """Tell of the boxes that were started, where nothing more is begun."""
    if not any(started(member) for member in record.members if not ended(member)):
        return made
    unknown = "" if made.back else _LONGER if made.late else NOT_YET
    return replace(made, last_back=max(made.back.values(), default=None), unknown=unknown)


def _unmeasured(record: RolloutRecord, plan: Plan, took: Took) -> str | None:
    """Return why there is no forecast yet, None where each step that is left was measured."""
    left = [member for member in record.members if not ended(member)]
    brought = _brought(record)
    steps = {step for member in left for step in _steps(member, plan, brought=brought)}
    missing = [step for step in Step if step in steps and took.of(step) is None]
    if not missing:
        return None
    return NOT_YET if Step.START in missing else f"not known before the first {missing[0].value} is done"


def _brought(record: RolloutRecord) -> bool:
    """Whether the image has to be brought to a box not yet looked at: unless all so far held it already."""
    attempts = [attempt for member in record.members for attempt in member.attempts]
    reached = any(attempt.milestones for attempt in attempts)
    return not reached or any(_has(attempt, Op.UPLOAD, Op.FETCH) for attempt in attempts)


def _steps(member: MemberRecord, plan: Plan, *, brought: bool) -> tuple[Step, ...]:
    """Return the steps that a device has left, that under way first."""
    if started(member):
        return (Step.START,)
    goal = _STEPS[plan.until]
    if armed(member):
        return goal[1:]
    staged = any(one.kind is MilestoneKind.STAGED for one in member.attempt.milestones)
    if staged or down(member) or plan.image.source is Source.PRESENT or not brought:
        return goal
    return (Step.TRANSFER, *goal)


_STEPS: Mapping[Goal, tuple[Step, ...]] = {
    Goal.STAGED: (),
    Goal.INITIALIZED: (Step.INIT,),
    Goal.UPDATED: (Step.INIT, Step.START),
}
_OPS: Mapping[Step, tuple[Op, ...]] = {
    Step.TRANSFER: (Op.UPLOAD, Op.FETCH),
    Step.INIT: (Op.INIT,),
    Step.START: (Op.START,),
}


def _job(member: MemberRecord, plan: Plan, took: Took, now: float, *, brought: bool) -> Job:
    planned = plan.device(member.device)
    steps = [(step, took.of(step) or 0.0) for step in _steps(member, plan, brought=brought)]
    under_way = bool(steps) and _has(member.attempt, *_OPS[steps[0][0]])
    if under_way:
        step, seconds = steps[0]
        steps[0] = (step, max(0.0, _sent(member.attempt, *_OPS[step]).at + seconds - now))
    return Job(member.device, tuple(steps), under_way, planned.site, planned.pair)


def _ahead(made: Forecast, record: RolloutRecord, plan: Plan, now: float) -> Forecast:
    """Run the waves that are left one after the other, as if whoever is needed were there at once."""
    reached, brought = open_wave(record, plan, now), _brought(record)
    window = window_in_force(record, plan)
    needs = [] if made.need is None else [made.need]
    last, left_out = now, 0
    waves: dict[int, tuple[float, float]] = {}
    for wave in range(reached, plan.waves + 1):
        here = [one for one in record.members if one.wave == wave or one.wave < wave == reached]
        left = [one for one in here if not ended(one)]
        begins = now if wave == reached else max(now, _ripe(record, wave, last) + plan.bake_s)
        if left_out:
            left_out += len(left)
            continue
        if left and wave > reached and plan.promote is Promotion.MANUAL and not promoted(wave, record):
            needs.append(Need(begins, f"wave {wave} waits to be promoted"))
        jobs = [_job(one, plan, made.took, now, brought=brought) for one in left]
        outcome = run(jobs, plan.limits, window, begins)
        if plan.fence is Fence.START:
            fence = [outcome.starts.get(one.device) for one in left if fenced(one, record, plan) is not None]
            needs += [Need(at, "the first is ready to start") for at in fence if at is not None]
        last = max((last, *outcome.through.values()))
        waves[wave] = (begins, max(begins, last))
        left_out = len(outcome.left_out)
    if window is not None and left_out:
        needs.append(Need(window.closes_at, f"the window ends before {plural(left_out, 'device')} began"))
    need = min(needs, key=lambda one: one.at, default=None)
    made = replace(made, need=need, left_out=None if window is None else left_out, waves=waves)
    if all(ended(one) or one.device in made.late for one in record.members):
        return replace(made, unknown=_LONGER)
    return replace(made, last_back=last)


def _ripe(record: RolloutRecord, wave: int, last: float) -> float:
    """Return when all before a wave have ended: by record, and by forecast where some have not."""
    before = [one for one in record.members if one.wave < wave]
    ends = [one.attempt.end.at for one in before if one.attempt.end is not None]
    return max((*ends, *([last] if len(ends) < len(before) else [])), default=last)
