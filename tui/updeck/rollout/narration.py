"""What changed in a rollout between two looks, a line per change: for whoever is attached, and for the log. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from updeck.clock import rfc3339
from updeck.fleet.views import Phase
from updeck.journal.models import Intent, Op, Verdict
from updeck.journal.plan_models import Attempt, Control, ControlKind, MemberRecord, RolloutRecord
from updeck.rollout.forecast import fit_in_words, forecast, forecast_in_words, measured, took_in_words
from updeck.rollout.gate import why_not
from updeck.rollout.plan import Goal, Plan
from updeck.rollout.progress import headline, next_in_words, state_of
from updeck.rollout.standing import GOOD_VERDICTS, ended, phase_of

__all__ = ["needs", "news", "standing"]

_FIGURES = re.compile(r"[\d.:]+")

_AFTER = {
    Verdict.REVIEW: "resolve it",
    Verdict.FAILED_GRACEFUL: "un-init (reset) it, then retry or leave it",
    Verdict.FAILED_CRITICAL: "call support",
}


def standing(member: MemberRecord, record: RolloutRecord, plan: Plan, now: float) -> str:
    """Return why a device stands where it does: the reason of its end, what holds it back, or what its engine says."""
    end = member.attempt.end
    if end is not None:
        return end.reason
    if phase_of(member) is Phase.WAITING and not member.attempt.intents:
        first = Op.UPLOAD if plan.until is Goal.STAGED else Op.INIT
        return why_not(first, member.device, record, plan, now) or member.text or "waits for its engine"
    return member.text or ""


def needs(member: MemberRecord, record: RolloutRecord, plan: Plan, now: float) -> str:
    """Return the one thing that comes next for a device, "" where nothing does."""
    end, resolve = member.attempt.end, member.attempt.resolve
    if end is None:
        return standing(member, record, plan, now)
    if end.verdict is None or end.verdict in GOOD_VERDICTS:
        return ""
    if resolve is not None:
        return f"resolved as {resolve.verdict.value}"
    if end.verdict is Verdict.FAILED_GRACEFUL and member.attempt.undone is not None:
        return "un-initialized since: retry it or leave it"
    return _AFTER.get(end.verdict, "retry it or leave it")


def news(before: RolloutRecord | None, after: RolloutRecord, plan: Plan, now: float) -> list[str]:
    """Return what is new since `before`, oldest first; figures alone, such as a time left, are no news.

    Without `before`: where the rollout stands, in one line.
    """
    if before is None:
        return [_headline(after, plan, now)]
    lines = [_asked(one) for one in after.controls if one not in before.controls]
    if after.braked is not before.braked:
        lines.append("all new starts are paused (!)" if after.braked else "new starts are not paused (!) any more")
    known = {member.device: member for member in before.members}
    for member in after.members:
        lines += [f"{member.device}: {text}" for text in _member_news(known[member.device], member)]
    if state_of(before, plan, now) is not state_of(after, plan, now):
        lines.append(_headline(after, plan, now))
    return lines + _foretold(before, after, plan, now)


def _foretold(before: RolloutRecord, after: RolloutRecord, plan: Plan, now: float) -> list[str]:
    """Tell, once the first box is back, how long it took and whether the rest fits (`rollout.md` 7)."""
    if measured(before).boxes or not measured(after).boxes or all(map(ended, after.members)):
        return []
    made = forecast(after, plan, now)
    told = (took_in_words(made.took), forecast_in_words(made, lambda at: rfc3339(at) or ""), fit_in_words(made))
    return ["; ".join(filter(None, told))]


def _headline(record: RolloutRecord, plan: Plan, now: float) -> str:
    return headline(state_of(record, plan, now), next_in_words(record, plan, now))


def _asked(control: Control) -> str:
    subject = f"{control.device}: " if control.device else ""
    kind = Op.RESET.words if control.kind is ControlKind.RESET else control.kind.value
    what = kind + (f" {control.value}" if control.value else "")
    return f"{subject}{what} by {control.actor.user}" + (f": {control.reason}" if control.reason else "")


def _member_news(before: MemberRecord, after: MemberRecord) -> Iterator[str]:
    for attempt in after.attempts:
        known = next((one for one in before.attempts if one.number == attempt.number), Attempt(attempt.number))
        yield from _sent(known, attempt)
        if attempt.end is not None and known.end is None:
            verdict = "ended" if attempt.end.verdict is None else attempt.end.verdict.value
            yield f"{verdict}: {attempt.end.reason}" if attempt.end.reason else verdict
        judged = attempt.resolve
        if judged is not None and known.resolve is None:
            yield f"resolved as {judged.verdict.value} by {judged.actor.user}: {judged.reason}"
    if not ended(after) and after.phase is not None and _shape(before) != _shape(after):
        yield after.text or after.phase


def _sent(before: Attempt, after: Attempt) -> Iterator[str]:
    known = {intent.id: intent for intent in before.intents}
    for intent in after.intents:
        outcome = intent.outcome
        if outcome is None:
            if intent.id not in known:
                yield f"{_named(intent)} is sent"
        elif intent.id not in known or known[intent.id].outcome is None:
            yield f"{_named(intent)} {outcome.outcome.value}" + (f": {outcome.error}" if outcome.error else "")


def _named(intent: Intent) -> str:
    return intent.op.words + (f" (try {intent.try_})" if intent.try_ > 1 else "")


def _shape(member: MemberRecord) -> tuple[str | None, str]:
    return member.phase, _FIGURES.sub("", member.text or "")
