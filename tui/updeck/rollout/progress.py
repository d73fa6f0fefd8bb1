"""A rollout as a whole: its state in the words of `contracts.md` 3, and what comes next in a sentence. Pure."""

from __future__ import annotations

from enum import StrEnum

from updeck.journal.models import Verdict
from updeck.journal.plan_models import RolloutRecord
from updeck.rollout.gate import aborted, awaits_promotion, open_wave, paused, wave_barrier, window_refusal
from updeck.rollout.plan import Fence, Plan
from updeck.rollout.standing import GOOD_VERDICTS, armed, begun, counts, ended, gate_of, started, stops_at
from updeck.text import plural

__all__ = ["RolloutState", "headline", "next_in_words", "state_of", "verdicts_in_words"]


class RolloutState(StrEnum):
    """The states of a planned rollout (`contracts.md` 3)."""

    PLANNED = "PLANNED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    WAITING_FOR_PROMOTION = "WAITING_FOR_PROMOTION"
    STOPPED_BY_GATE = "STOPPED_BY_GATE"
    ENDED = "ENDED"
    ABORTED = "ABORTED"

    @property
    def word(self) -> str:
        """The state as people are told it."""
        return "STOPPED" if self is RolloutState.STOPPED_BY_GATE else self.value


def state_of(record: RolloutRecord, plan: Plan, now: float) -> RolloutState:
    """Return the state at `now` (Unix seconds).

    What is past its start is watched to its verdict whatever holds the others (`rollout.md` 7); so where nobody else
    is left, and while an aborted rollout has some of those, it is RUNNING.
    """
    if all(ended(member) for member in record.members):
        return RolloutState.ENDED if aborted(record) is None else RolloutState.ABORTED
    if aborted(record) is not None or all(ended(member) or started(member) for member in record.members):
        return RolloutState.RUNNING
    if gate_of(record, plan).closed:
        return RolloutState.STOPPED_BY_GATE
    if paused(record, plan, now) is not None:
        return RolloutState.PAUSED
    if not any(begun(member) or ended(member) for member in record.members) and not record.row.lease_alive:
        return RolloutState.PLANNED
    return RolloutState.WAITING_FOR_PROMOTION if awaits_promotion(record, plan, now) else RolloutState.RUNNING


def headline(state: RolloutState, summary: str) -> str:
    """Return a state and the sentence of `next_in_words`, which may begin with it: `STOPPED: 1 failure; …`."""
    return f"{state.word}: {summary.removeprefix(f'{state.word.lower()}: ')}"


def next_in_words(record: RolloutRecord, plan: Plan, now: float) -> str:
    """Return what the rollout waits for, or does, in one sentence."""
    match state_of(record, plan, now):
        case RolloutState.ENDED:
            return f"ended: {verdicts_in_words(record)}"
        case RolloutState.ABORTED:
            return f"{aborted(record)}; {verdicts_in_words(record)}"
        case RolloutState.STOPPED_BY_GATE:
            return _stopped(record, plan)
        case RolloutState.PAUSED:
            return paused(record, plan, now) or "paused"
        case RolloutState.PLANNED:
            starting = record.row.awaits_engine(now)
            return "registered, its engine starts" if starting else "registered, and no engine drives it yet: resume it"
        case RolloutState.WAITING_FOR_PROMOTION:
            wave = open_wave(record, plan, now) + 1
            size = sum(member.wave == wave for member in record.members)
            return f"wave {wave} of {plan.waves} ({plural(size, 'device')}) waits for a person to promote it"
        case RolloutState.RUNNING:
            return _going_on(record, plan, now)


def verdicts_in_words(record: RolloutRecord) -> str:
    """Return `2 REVIEW, 57 SUCCESS`: what is not good first, each in the order of `contracts.md` 3."""
    found = counts(record).verdicts
    ordered = sorted(Verdict, key=lambda verdict: verdict in GOOD_VERDICTS)
    return ", ".join(f"{found[verdict]} {verdict.value}" for verdict in ordered if found.get(verdict)) or "no verdict"


def _stopped(record: RolloutRecord, plan: Plan) -> str:
    waiting = sum(map(armed, record.members))
    left = f"; {plural(waiting, 'device stays', 'devices stay')} INITIALIZED" if waiting else ""
    return f"stopped: {gate_of(record, plan).reason}; reopen it with a new limit and a reason{left}"


def _going_on(record: RolloutRecord, plan: Plan, now: float) -> str:
    found = counts(record)
    stopped = aborted(record)
    if stopped is not None:
        return f"{stopped}; {plural(found.total - found.ended, 'device has', 'devices have')} not ended yet"
    wave = open_wave(record, plan, now)
    here = [member for member in record.members if member.wave == wave]
    if all(map(ended, here)) and wave < plan.waves:
        return wave_barrier(wave + 1, record, plan, now) or f"wave {wave + 1} opens"
    words = [f"{sum(map(ended, here))} of {len(here)} done"]
    if found.transferring:
        words.append(plural(found.transferring, "transfer"))
    if found.down:
        words.append(f"{plural(found.down, 'box', 'boxes')} down")
    if found.armed and plan.fence is Fence.START:
        words.append(f"{found.armed} ready for a person")
    closed = window_refusal(record, plan, now)
    words.append(closed if closed is not None else stops_at(gate_of(record, plan).limit, found.total))
    return f"wave {wave} of {plan.waves}: " + ", ".join(words)
