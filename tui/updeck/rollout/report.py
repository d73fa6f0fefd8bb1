"""What became of a rollout, for the change ticket: the plan, who confirmed it, each device before and after. Pure.

`report` gathers everything into one value, which `report_document` and `report_markdown` only spell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from updeck.clock import rfc3339
from updeck.device.fetch_url import masked
from updeck.journal.models import Actor, End, Intent, Observation
from updeck.journal.plan_models import Attempt, MemberRecord, RolloutRecord
from updeck.markdown import cell, heading, table
from updeck.rollout.forecast import (
    Forecast,
    fit_in_words,
    forecast,
    forecast_in_words,
    need_in_words,
    took_in_words,
)
from updeck.rollout.plan import Json, Plan, Source
from updeck.rollout.plan_document import plan_document
from updeck.rollout.progress import RolloutState, headline, next_in_words, state_of, verdicts_in_words
from updeck.rollout.standing import Gate, gate_of, stops_at

__all__ = ["Condition", "Report", "report", "report_document", "report_markdown"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What was seen of a device at a time: its state and the version it ran. `at` in Unix seconds of our clock."""

    at: float
    state: str | None
    version: str | None
    reach: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report tells; `before` and `after` by device, absent where nothing was seen."""

    record: RolloutRecord
    plan: Plan
    state: RolloutState
    summary: str
    gate: Gate
    expected: Forecast
    made_at: float
    before: Mapping[str, Condition]
    after: Mapping[str, Condition]


def report(record: RolloutRecord, plan: Plan, latest: Mapping[str, Observation], now: float) -> Report:
    """Gather a report at `now` (Unix seconds); `latest` holds the newest observation of each device."""
    return Report(
        record=record,
        plan=plan,
        state=state_of(record, plan, now),
        summary=next_in_words(record, plan, now),
        gate=gate_of(record, plan),
        expected=forecast(record, plan, now),
        made_at=now,
        before={one.device: _before(intents[0]) for one in record.members if (intents := _intents(one))},
        after={name: _after(observation) for name, observation in latest.items()},
    )


def report_document(made: Report) -> dict[str, Json]:
    """Return the report as JSON; times are RFC 3339 in UTC."""
    record = made.record
    return {
        "id": record.row.id,
        "state": made.state.value,
        "summary": made.summary,
        "verdicts": verdicts_in_words(record),
        "reported_at": rfc3339(made.made_at),
        "confirmed_by": _name(record.confirmed_by),
        "confirmed_at": rfc3339(record.confirmed_at),
        "gate": {
            "closed": made.gate.closed,
            "bad": made.gate.bad,
            "limit": made.gate.limit,
            "reason": made.gate.reason,
        },
        "expected": _expected_document(made),
        "plan": _plan_document(made.plan),
        "requests": [
            {
                "kind": control.kind.value,
                "device": control.device,
                "value": control.value,
                "reason": control.reason,
                "by": _name(control.actor),
                "at": rfc3339(control.at),
            }
            for control in record.controls
        ],
        "devices": [_device_document(made, member) for member in record.members],
    }


def report_markdown(made: Report) -> str:
    """Return the report as Markdown; whatever was not written here is escaped."""
    record = made.record
    lines = [f"# Rollout {cell(record.row.id)}", "", cell(headline(made.state, made.summary))]
    lines += heading(2, "Plan") + table(("what", "value"), list(_facts(made)))
    lines += heading(2, "Devices")
    lines += table(
        ("device", "wave", "verdict", "reason", "before", "expected", "found", "judged by a person"),
        [_device_row(made, member) for member in record.members],
    )
    if record.controls:
        lines += heading(2, "Requests")
        lines += table(
            ("time", "by", "request", "device", "value", "reason"),
            [
                (rfc3339(one.at), _name(one.actor), one.kind.value, one.device, one.value, one.reason)
                for one in record.controls
            ],
        )
    undone = [(member.device, attempt) for member in record.members for attempt in member.attempts if attempt.undone]
    if undone:
        lines += heading(2, "Un-initialized (reset) afterwards")
        lines += table(
            ("device", "attempt", "time", "by", "in the journal as"),
            [(device, str(attempt.number), *_undone_row(attempt.undone)) for device, attempt in undone],
        )
    lines += heading(2, "Operations")
    lines += table(
        ("device", "attempt", "operation", "try", "sent", "by", "outcome", "answered", "error"),
        [_operation_row(intent) for member in record.members for intent in _intents(member)],
    )
    return "\n".join(lines) + "\n"


def _facts(made: Report) -> Iterator[tuple[str, str | None]]:
    plan, record, image = made.plan, made.record, made.plan.image
    yield "goal", plan.until.value
    yield "version", image.version
    yield "image", image.source.value if image.source is Source.PRESENT else masked(image.location or "")
    yield "sha256", image.sha256
    yield "size in bytes", None if image.size_bytes is None else str(image.size_bytes)
    yield "devices", str(len(plan.devices))
    yield "waves", str(plan.waves)
    yield "limit", stops_at(plan.limits.max_failures, len(plan.devices))
    yield "stopped", f"after {made.gate.reason}" if made.gate.closed else "no"
    yield "a box took", took_in_words(made.expected.took) or None
    yield "expected", _expected(made)
    yield "window", None if plan.window is None else plan.window.describe()
    yield "ticket", plan.ticket
    yield "digest", record.digest
    yield "confirmed by", _name(record.confirmed_by)
    yield "confirmed at", rfc3339(record.confirmed_at)
    yield "reported at", rfc3339(made.made_at)


def _expected(made: Report) -> str | None:
    def clock(at: float) -> str:
        return rfc3339(at) or ""

    last, fit = forecast_in_words(made.expected, clock), fit_in_words(made.expected)
    return "; ".join(filter(None, (last, fit, need_in_words(made.expected, made.made_at, clock)))) or None


def _expected_document(made: Report) -> dict[str, Json]:
    expected = made.expected
    need = expected.need
    return {
        "seconds_from_start_to_proven": expected.took.start,
        "boxes_measured": expected.took.boxes,
        "last_back_at": rfc3339(expected.last_back),
        "unknown": expected.unknown or None,
        "not_fitting_the_window": expected.left_out,
        "person_needed_at": None if need is None else rfc3339(need.at),
        "person_needed_for": None if need is None else need.why,
    }


def _plan_document(plan: Plan) -> dict[str, Json]:
    document = plan_document(plan)
    location = plan.image.location
    if plan.image.source is Source.URL and location is not None:
        image = document["image"]
        assert isinstance(image, dict)
        document["image"] = {**image, "location": masked(location)}
    return document


def _device_document(made: Report, member: MemberRecord) -> dict[str, Json]:
    planned = made.plan.device(member.device)
    before, after = made.before.get(member.device), made.after.get(member.device)
    return {
        "name": member.device,
        "url": planned.url,
        "serial": planned.serial,
        "wave": member.wave,
        "expected": made.plan.image.version,
        "found": None if after is None else after.version,
        "before": None if before is None else _condition(before),
        "after": None if after is None else _condition(after),
        "attempts": [
            {
                "attempt": attempt.number,
                "verdict": _verdict(attempt),
                "reason": attempt.end.reason if attempt.end else None,
                "ended_at": rfc3339(attempt.end.at) if attempt.end else None,
                "resolved": attempt.resolve.verdict.value if attempt.resolve else None,
                "resolved_by": _name(attempt.resolve.actor) if attempt.resolve else None,
                "resolved_because": attempt.resolve.reason if attempt.resolve else None,
                "reset_afterwards": _undone(attempt.undone),
                "operations": [_operation(intent) for intent in attempt.intents],
            }
            for attempt in member.attempts
        ],
    }


def _device_row(made: Report, member: MemberRecord) -> tuple[str | None, ...]:
    attempt = member.attempt
    before, after = made.before.get(member.device), made.after.get(member.device)
    judged = attempt.resolve
    return (
        member.device,
        str(member.wave),
        _verdict(attempt) or "no verdict yet",
        attempt.end.reason if attempt.end else None,
        None if before is None else before.version,
        made.plan.image.version,
        None if after is None else after.version,
        None if judged is None else f"{judged.verdict.value} by {_name(judged.actor)}: {judged.reason}",
    )


def _operation(intent: Intent) -> dict[str, Json]:
    outcome = intent.outcome
    return {
        "op": intent.op.value,
        "attempt": intent.attempt,
        "try": intent.try_,
        "intent_at": rfc3339(intent.at),
        "by": _name(intent.actor),
        "outcome": None if outcome is None else outcome.outcome.value,
        "outcome_at": None if outcome is None else rfc3339(outcome.at),
        "error": None if outcome is None else outcome.error,
    }


def _operation_row(intent: Intent) -> tuple[str | None, ...]:
    told = _operation(intent)
    keys = ("attempt", "op", "try", "intent_at", "by", "outcome", "outcome_at", "error")
    told["op"] = intent.op.words
    return (intent.device, *(None if told[key] is None else str(told[key]) for key in keys))


def _undone(end: End | None) -> dict[str, Json] | None:
    return None if end is None else {"at": rfc3339(end.at), "by": _name(end.actor), "rollout": end.rollout}


def _undone_row(end: End | None) -> tuple[str | None, ...]:
    return (None, None, None) if end is None else (rfc3339(end.at), _name(end.actor), end.rollout)


def _intents(member: MemberRecord) -> list[Intent]:
    return [intent for attempt in member.attempts for intent in attempt.intents]


def _before(intent: Intent) -> Condition:
    baseline = intent.baseline
    newest = max(baseline.history, key=lambda entry: entry[0] or 0, default=(None, None))[1]
    return Condition(baseline.observed_at, baseline.state, baseline.sw_version or newest)


def _after(observation: Observation) -> Condition:
    seen = {key: value for key, value in observation.payload.items() if isinstance(value, str)}
    return Condition(observation.at, seen.get("state"), seen.get("version"), seen.get("reach"))


def _condition(condition: Condition) -> dict[str, Json]:
    found: dict[str, Json] = {
        "at": rfc3339(condition.at),
        "state": condition.state,
        "version": condition.version,
    }
    return found if condition.reach is None else {**found, "reach": condition.reach}


def _verdict(attempt: Attempt) -> str | None:
    end = attempt.end
    return None if end is None or end.verdict is None else end.verdict.value


def _name(actor: Actor) -> str:
    return f"{actor.user}@{actor.host}"
