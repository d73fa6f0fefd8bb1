"""What happened to one device in a rollout, in order, and what each end goes back to: the chain of causes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from updeck.journal.models import Event, Intent, Milestone
from updeck.journal.plan_models import Attempt, Control, ControlKind, MemberRecord, RolloutRecord
from updeck.journal.plan_sentences import asked, reached
from updeck.journal.sentences import intended, outcome_came, resolved
from updeck.rollout.narration import needs, standing
from updeck.rollout.plan import Plan
from updeck.rollout.standing import GOOD_VERDICTS, bad, gate_of, phase_of

__all__ = ["Kind", "Link", "chain"]

TOLD_ELSEWHERE = frozenset({"intent", "outcome", "milestone", "control", "end", "resolve"})
"""Kinds of events whose rows are in the rollout's own record, with more in them."""

_NAMED = 5


class Kind(StrEnum):
    """What a link tells."""

    ATTEMPT = "attempt"
    SENT = "sent"
    OUTCOME = "outcome"
    REACHED = "reached"
    ASKED = "asked"
    SEEN = "seen"
    END = "end"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class Link:
    """One thing that happened, or how it stands now; `because` goes back from it, `at` is Unix seconds of our clock.

    `troubles` marks what a person should look at.
    """

    at: float
    kind: Kind
    text: str
    by: str = ""
    because: tuple[str, ...] = ()
    troubles: bool = False


def chain(
    member: MemberRecord, record: RolloutRecord, plan: Plan, events: Sequence[Event], now: float
) -> tuple[Link, ...]:
    """Return all that happened to a device, oldest first, and how it stands now; `events` are those of the device."""
    seen = [one for one in events if one.kind not in TOLD_ELSEWHERE and one.at >= record.row.created_at]
    links = [*_asked(member, record), *(_seen(one) for one in seen)]
    for attempt in member.attempts:
        links += _attempt(attempt, member, record, seen)
    links.sort(key=lambda one: one.at)
    first = Link(record.confirmed_at, Kind.ATTEMPT, "planned, attempt 1", record.confirmed_by.user)
    return (first, *links, _now(member, record, plan, now))


def _asked(member: MemberRecord, record: RolloutRecord) -> Iterator[Link]:
    for one in record.controls:
        if one.device in (None, member.device):
            text = asked(record.row.id, one.kind, one.value, one.reason)
            kind = Kind.ATTEMPT if one.kind is ControlKind.RETRY else Kind.ASKED
            yield Link(one.at, kind, text, one.actor.user, _before(one, member))


def _before(control: Control, member: MemberRecord) -> tuple[str, ...]:
    """Return what a retry answers: the end of the attempt before it."""
    if control.kind is not ControlKind.RETRY:
        return ()
    ends = [one.end for one in member.attempts if f"{one.number + 1}" == control.value and one.end is not None]
    return tuple(f"attempt {one.attempt} ended {one.verdict or 'without a verdict'}: {one.reason}" for one in ends)


def _seen(event: Event) -> Link:
    return Link(event.at, Kind.SEEN, event.text, event.actor.user if event.kind != "state" else "")


def _attempt(attempt: Attempt, member: MemberRecord, record: RolloutRecord, seen: Iterable[Event]) -> Iterator[Link]:
    for intent in attempt.intents:
        yield from _sent(intent)
    for milestone in attempt.milestones:
        yield Link(milestone.at, Kind.REACHED, reached(milestone) + _took(milestone, attempt))
    end, judged = attempt.end, attempt.resolve
    if end is not None:
        verdict = "ended" if end.verdict is None else end.verdict.value
        took = "" if not attempt.intents else f", {_length(end.at - attempt.intents[0].at)} after it began"
        causes = tuple(_causes(attempt, [one for one in seen if one.at <= end.at]))
        yield Link(end.at, Kind.END, verdict + took, "", causes, bad(attempt))
    if end is not None and end.verdict is not None and judged is not None:
        text = resolved(end.verdict, judged.verdict, judged.reason)
        yield Link(judged.at, Kind.ASKED, text, judged.actor.user)


def _sent(intent: Intent) -> Iterator[Link]:
    yield Link(
        intent.at,
        Kind.SENT,
        intended(intent.op, intent.try_, intent.baseline, intent.detail),
        intent.actor.user,
    )
    found = intent.outcome
    if found is not None:
        text = outcome_came(
            intent.op, found.outcome, intent.baseline, intent.detail, status=found.status, error=found.error
        )
        yield Link(found.at, Kind.OUTCOME, text, troubles=found.outcome.value != "accepted")


def _took(milestone: Milestone, attempt: Attempt) -> str:
    before = [intent.at for intent in attempt.intents if intent.at <= milestone.at]
    return f", {_length(milestone.at - before[-1])} after {attempt.intents[len(before) - 1].op.words}" if before else ""


def _causes(attempt: Attempt, seen: Sequence[Event]) -> Iterator[str]:
    """Return what an end goes back to: its reason, the call it hangs on, what was last seen of the device."""
    end = attempt.end
    assert end is not None
    if end.reason:
        yield end.reason
    if end.verdict in GOOD_VERDICTS or not attempt.intents:
        return
    last = attempt.intents[-1]
    if last.outcome is None:
        yield f"{last.op.words} was sent, and no outcome was recorded"
    elif last.outcome.error and last.outcome.error not in end.reason:
        yield f"{last.op.words} {last.outcome.outcome}: {last.outcome.error}"
    else:
        yield f"{last.op.words} was sent by {last.actor.user} and {last.outcome.outcome}"
    if seen:
        yield f"last seen: {seen[-1].text}"


def _now(member: MemberRecord, record: RolloutRecord, plan: Plan, now: float) -> Link:
    """Return how a device stands, why, and what that goes back to."""
    todo, phase = needs(member, record, plan, now), phase_of(member)
    if member.attempt.end is not None:
        return Link(now, Kind.NOW, todo or "nothing is left to do", troubles=bool(todo) and bad(member.attempt))
    why = standing(member, record, plan, now)
    gate = gate_of(record, plan)
    causes: list[str] = [why] if why else []
    if gate.closed and why.startswith("stopped after"):
        ends = [(one.device, a.end) for one in record.members for a in one.attempts if bad(a) and a.end is not None]
        causes += [f"{device} ended {end.verdict}: {end.reason}" for device, end in ends[:_NAMED]]
        causes += [f"and {len(ends) - _NAMED} more"] if len(ends) > _NAMED else []
    return Link(now, Kind.NOW, f"now {phase}", because=tuple(causes), troubles=phase.value == "HELD")


def _length(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {whole % 60:02} s"
