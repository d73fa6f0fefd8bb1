"""What the commands of `updeck rollout` and exports give as JSON: the objects of `contracts.md` 3. Pure."""

from __future__ import annotations

from updeck.clock import rfc3339
from updeck.journal.models import Intent, Json
from updeck.journal.plan_models import Engine, ManualRecord, MemberRecord, RolloutRecord
from updeck.rollout.narration import needs, standing
from updeck.rollout.plan import Plan
from updeck.rollout.progress import RolloutState, state_of
from updeck.rollout.standing import gate_of, phase_of
from updeck.rollout.summary import Summary

__all__ = ["list_row", "manual_row", "show_document"]


def list_row(summary: Summary) -> dict[str, Json]:
    """Return one planned rollout of `rollout list`."""
    return {
        "id": summary.id,
        "state": summary.state.value,
        "digest": summary.digest,
        "created_at": rfc3339(summary.created_at),
        "ticket": summary.ticket,
    }


def manual_row(record: ManualRecord) -> dict[str, Json]:
    """Return one manual rollout of `rollout list --all`; it has neither digest nor ticket."""
    state = RolloutState.RUNNING if record.end is None else RolloutState.ENDED
    return {
        "id": record.row.id,
        "state": state.value,
        "digest": None,
        "created_at": rfc3339(record.row.created_at),
        "ticket": "",
    }


def show_document(record: RolloutRecord, plan: Plan, engine: Engine | None, now: float) -> dict[str, Json]:
    """Return `rollout show`; the operations of a device are those of all its attempts, in order."""
    gate = gate_of(record, plan)
    return {
        "id": record.row.id,
        "digest": record.digest,
        "state": state_of(record, plan, now).value,
        "until": plan.until.value,
        "engine": None if engine is None else _engine(engine),
        "image": {
            "sha256": plan.image.sha256,
            "size": plan.image.size_bytes,
            "version": plan.image.version,
            "source": plan.image.source.value,
        },
        "gate": {"closed": gate.closed, "reason": gate.reason},
        "devices": [_device(member, record, plan, now) for member in record.members],
    }


def _engine(engine: Engine) -> dict[str, Json]:
    return {
        "pid": engine.actor.pid,
        "host": engine.actor.host,
        "alive": engine.alive,
        "seen_at": rfc3339(engine.seen_at),
    }


def _device(member: MemberRecord, record: RolloutRecord, plan: Plan, now: float) -> dict[str, Json]:
    end = member.attempt.end
    return {
        "name": member.device,
        "wave": member.wave,
        "attempt": member.attempt.number,
        "phase": phase_of(member).value,
        "verdict": None if end is None or end.verdict is None else end.verdict.value,
        "reason": standing(member, record, plan, now),
        "next": needs(member, record, plan, now),
        "operations": [_operation(intent) for attempt in member.attempts for intent in attempt.intents],
    }


def _operation(intent: Intent) -> dict[str, Json]:
    outcome = intent.outcome
    return {
        "op": intent.op.value,
        "attempt": intent.attempt,
        "try": intent.try_,
        "intent_at": rfc3339(intent.at),
        "outcome": None if outcome is None else outcome.outcome.value,
        "outcome_at": None if outcome is None else rfc3339(outcome.at),
        "error": None if outcome is None else outcome.error,
    }
