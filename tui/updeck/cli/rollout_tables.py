"""What the commands of `updeck rollout` show a person, within 80 columns where names allow it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from updeck.cli.output import aligned
from updeck.clock import rfc3339
from updeck.journal.plan_models import Engine, ManualRecord, MemberRecord, RolloutRecord
from updeck.journal.plan_sentences import in_short
from updeck.rollout.forecast import fit_in_words, forecast, forecast_in_words, need_in_words, took_in_words
from updeck.rollout.narration import standing
from updeck.rollout.plan import Plan
from updeck.rollout.progress import headline, next_in_words, state_of
from updeck.rollout.standing import gate_of, phase_of, stops_at
from updeck.rollout.summary import Summary
from updeck.text import plural

__all__ = ["list_table", "show_lines"]


def list_table(rollouts: Sequence[Summary | ManualRecord]) -> list[str]:
    """Return one line per rollout, newest first; its short id is enough to name it."""
    rows = [_manual(one) if isinstance(one, ManualRecord) else _planned(one) for one in rollouts]
    return aligned(("id", "created", "state", "devices", "what"), rows, right=frozenset({3}))


def show_lines(record: RolloutRecord, plan: Plan, engine: Engine | None, now: float) -> list[str]:
    """Return a rollout: what it is, what it waits for, who drives it, and a line per device."""
    confirmed = f"{record.confirmed_by.user}@{record.confirmed_by.host} at {rfc3339(record.confirmed_at)}"
    facts = [
        ("rollout", record.row.id),
        ("state", headline(state_of(record, plan, now), next_in_words(record, plan, now))),
        ("goal", f"{plan.image.version}, {plan.until.words}" + (f", ticket {plan.ticket}" if plan.ticket else "")),
        ("limit", _gate(record, plan)),
        ("engine", _engine(engine)),
        *_expected(record, plan, now),
        ("plan", f"code {plan.code}, confirmed by {confirmed}"),
    ]
    return [f"{name:8}{text}" for name, text in facts] + ["", *_device_table(record, plan, now)]


def _gate(record: RolloutRecord, plan: Plan) -> str:
    gate = gate_of(record, plan)
    return f"stopped after {gate.reason}" if gate.closed else stops_at(gate.limit, len(record.members))


def _expected(record: RolloutRecord, plan: Plan, now: float) -> list[tuple[str, str]]:
    made = forecast(record, plan, now)
    told = [took_in_words(made.took), forecast_in_words(made, _utc), fit_in_words(made), need_in_words(made, now, _utc)]
    return [("outlook", "; ".join(filter(None, told)))] if any(told[1:]) else []


def _utc(at: float) -> str:
    return rfc3339(at) or ""


def _engine(engine: Engine | None) -> str:
    if engine is None:
        return "none has driven it yet"
    who = f"pid {engine.actor.pid} on {engine.actor.host} by {engine.actor.user}"
    return f"{who}, {'alive' if engine.alive else 'gone'}, seen {rfc3339(engine.seen_at)}"


def _device_table(record: RolloutRecord, plan: Plan, now: float) -> list[str]:
    rows = [(str(one.wave), one.device, _word(one), standing(one, record, plan, now)) for one in record.members]
    return aligned(("wave", "device", "phase", "why"), rows, right=frozenset({0}))


def _word(member: MemberRecord) -> str:
    end, number = member.attempt.end, member.attempt.number
    word = phase_of(member).value if end is None or end.verdict is None else end.verdict.value
    return f"{word} ({plural(number, 'attempt')})" if number > 1 else word


def _planned(one: Summary) -> tuple[str, ...]:
    return in_short(one.id), _minute(one.created_at), one.state.word, f"{one.ended}/{one.devices}", one.title


def _manual(record: ManualRecord) -> tuple[str, ...]:
    state = "RUNNING" if record.end is None else "ENDED"
    what = f"{record.row.op or 'call'} of {record.row.device}"
    return in_short(record.row.id), _minute(record.row.created_at), state, "0/1" if record.end is None else "1/1", what


def _minute(at: float) -> str:
    return (rfc3339(at) or "")[:16].replace("T", " ") + "Z"
