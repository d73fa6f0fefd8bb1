"""How rows of the schema's views become values, and how a query is handed a list."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable
from dataclasses import fields

from updeck.journal.encoding import baseline_from, detail_from, json_text, payload_from
from updeck.journal.models import (
    Actor,
    End,
    Event,
    Intent,
    Milestone,
    MilestoneKind,
    Observation,
    Op,
    Outcome,
    OutcomeRow,
    TransferRow,
    Verdict,
)

__all__ = ["actor_of", "end_of", "event_of", "intent_of", "listed", "milestone_of", "observation_of", "transfer_of"]


_ACTOR = tuple(one.name for one in fields(Actor))

_actor = functools.lru_cache(maxsize=256)(Actor)
"""The same few processes stand in thousands of rows: one value for each of them."""


def actor_of(row: sqlite3.Row, prefix: str = "") -> Actor:
    """Return the actor in a row."""
    return _actor(*(row[prefix + name] for name in _ACTOR))


def intent_of(row: sqlite3.Row) -> Intent:
    """Return the intent in a row."""
    outcome = None
    if row["outcome"] is not None:
        outcome = OutcomeRow(Outcome(row["outcome"]), row["outcome_at"], row["status"], row["error"])
    return Intent(
        id=row["id"],
        rollout=row["rollout"],
        device=row["device"],
        attempt=row["attempt"],
        op=Op(row["op"]),
        try_=row["try"],
        at=row["at"],
        actor=actor_of(row),
        baseline=baseline_from(row["payload"]),
        detail=detail_from(row["detail"]),
        outcome=outcome,
    )


def end_of(row: sqlite3.Row) -> End:
    """Return the end in a row."""
    return End(
        rollout=row["rollout"],
        device=row["device"],
        attempt=row["attempt"],
        op=None if row["op"] is None else Op(row["op"]),
        verdict=None if row["verdict"] is None else Verdict(row["verdict"]),
        reason=row["reason"],
        at=row["at"],
        actor=actor_of(row),
        last_state_time=row["last_state_time"],
        target_version=row["target_version"],
        turn=row["turn"] or 0,
    )


def milestone_of(row: sqlite3.Row) -> Milestone:
    """Return the milestone in a row of its table."""
    return Milestone(
        kind=MilestoneKind(row["kind"]),
        attempt=row["attempt"],
        last_state_time=row["last_state_time"],
        target_version=row["target_version"],
        checksum=row["checksum"],
        at=row["at"],
    )


def event_of(row: sqlite3.Row) -> Event:
    """Return the event in a row."""
    return Event(row["id"], row["at"], row["device"], row["kind"], row["text"], actor_of(row))


def transfer_of(row: sqlite3.Row) -> TransferRow:
    """Return the transfer in a row of its table."""
    return TransferRow(row["sent_bytes"], row["total_bytes"], row["started_at"], row["at"])


def observation_of(row: sqlite3.Row) -> Observation:
    """Return the newest observation in a row."""
    return Observation(row["device"], row["at"], payload_from(row["payload"]), actor_of(row))


def listed(values: Iterable[str]) -> str:
    """Return values in the form that `IN (SELECT value FROM json_each(?))` takes, which is one for any number."""
    return json_text(list(values))
