"""An attempt in the record: intents, which are the permission to send, outcomes, the end (`rollout.md` 3, 4, 8)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from updeck.clock import rfc3339
from updeck.errors import Blocked, JournalError
from updeck.journal.encoding import baseline_text, detail_text, small_int
from updeck.journal.models import Baseline, Intent, Op, Outcome, Verdict
from updeck.journal.records import start_unresolved
from updeck.journal.rows import intent_of
from updeck.journal.sentences import ended, intended, outcome_came, resolved, who
from updeck.journal.writing import Writing, add_event
from updeck.text import clean

__all__ = [
    "BASELINE_S",
    "TRIES",
    "Ending",
    "Key",
    "add_end",
    "add_intent",
    "add_outcome",
    "add_resolve",
    "check_present",
    "find_intent",
    "present_attempt",
]

BASELINE_S = 10.0
"""Oldest baseline that an intent may rest on, in seconds (`rollout.md` 2)."""

TRIES = {Op.UPLOAD: 3, Op.FETCH: 3, Op.DELETE: 3, Op.INIT: 1, Op.START: 1, Op.RESET: 1}
"""How often an operation may be sent in one attempt."""

_CLOCK_STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Key:
    """What names a call that may be sent once: it is UNIQUE in the journal."""

    rollout: str
    device: str
    attempt: int
    op: Op
    try_: int


@dataclass(frozen=True, slots=True)
class Ending:
    """What is recorded at the end of an attempt; `last_state_time` in Unix seconds of the device's clock."""

    op: Op | None
    verdict: Verdict | None
    reason: str
    last_state_time: int | None
    target_version: str | None


def add_intent(writing: Writing, key: Key, epoch: int, baseline: Baseline, detail: Mapping[str, str]) -> int:
    """Insert an intent behind its baseline and return its id.

    Raises `Blocked` when the key was used, the baseline is older than 10 s, a limit of tries is reached, the rollout
    does not hold the device, or a start in REVIEW is not answered.
    """
    _check(writing, key, baseline)
    tx = writing.tx
    text = baseline_text(baseline)
    observation = tx.execute(
        "INSERT INTO observations (device, at, kind, payload, actor) VALUES (?, ?, 'baseline', ?, ?)",
        (key.device, baseline.observed_at, text, writing.actor),
    ).lastrowid
    values = (key.rollout, key.device, key.attempt, key.op, key.try_, epoch, observation, baseline.checksum)
    try:
        done = tx.execute(
            "INSERT INTO intents (rollout, device, attempt, op, try, epoch, observation, checksum, detail, at, actor)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, detail_text(detail), writing.at, writing.actor),
        )
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            raise
        raise Blocked(_sent_before(tx, key), device=key.device) from error
    add_event(writing, "intent", key.device, intended(key.op, key.try_, baseline, detail))
    return int(done.lastrowid or 0)


def _check(writing: Writing, key: Key, baseline: Baseline) -> None:
    tx = writing.tx
    age = writing.at - baseline.observed_at
    if not -_CLOCK_STEP_S <= age <= BASELINE_S:
        raise Blocked(f"the device was read {age:.0f} s ago, and {BASELINE_S:.0f} s are allowed", device=key.device)
    if not 1 <= key.try_ <= TRIES[key.op]:
        raise Blocked(f"{key.op.words} may be sent {TRIES[key.op]} times in an attempt, not more", device=key.device)
    check_present(tx, key.rollout, key.device, key.attempt)
    if key.op is Op.START and start_unresolved(tx, key.device):
        raise Blocked(
            "the last start ended in REVIEW, which no person and no un-init (reset) resolved", device=key.device
        )


def present_attempt(tx: sqlite3.Connection, rollout: str, device: str) -> int:
    """Return the number of the newest attempt: the first, and one more for each retry that a person asked for."""
    query = "SELECT count(*) FROM controls WHERE rollout = ? AND device = ? AND kind = 'retry'"
    return 1 + int(tx.execute(query, (rollout, device)).fetchone()[0])


def check_present(tx: sqlite3.Connection, rollout: str, device: str, attempt: int) -> None:
    """Raise `Blocked` unless `attempt` is the one that a rollout has under way on a device."""
    if tx.execute("SELECT 1 FROM holds WHERE device = ? AND rollout = ?", (device, rollout)).fetchone() is None:
        raise Blocked(f"the device does not belong to rollout {rollout}, or its attempt has ended", device=device)
    present = present_attempt(tx, rollout, device)
    if attempt != present:
        raise Blocked(
            f"attempt {attempt} is not the present one of rollout {rollout}, that is {present}", device=device
        )


def _sent_before(tx: sqlite3.Connection, key: Key) -> str:
    row = tx.execute(
        "SELECT * FROM intent_rows WHERE (rollout, device, attempt, op, try) = (?, ?, ?, ?, ?)",
        (key.rollout, key.device, key.attempt, key.op, key.try_),
    ).fetchone()
    before = intent_of(row)
    return (
        f"{key.op.words} was sent at {rfc3339(before.at)} by {who(before.actor)} and is not sent again in this attempt"
    )


def find_intent(tx: sqlite3.Connection, intent_id: int) -> Intent:
    """Return an intent with its outcome. Raises `JournalError` for an unknown id."""
    row = tx.execute("SELECT * FROM intent_rows WHERE id = ?", (intent_id,)).fetchone()
    if row is None:
        raise JournalError(f"there is no intent {intent_id} in the journal")
    return intent_of(row)


def add_outcome(writing: Writing, intent: Intent, outcome: Outcome, status: int | None, error: str | None) -> None:
    """Insert the outcome of an intent. Raises `JournalError` when it has one."""
    if intent.outcome is not None:
        raise JournalError(f"intent {intent.id} has the outcome {intent.outcome.outcome} already", device=intent.device)
    error = None if error is None else clean(error)
    writing.tx.execute(
        "INSERT INTO outcomes (intent, outcome, status, error, at, actor) VALUES (?, ?, ?, ?, ?, ?)",
        (intent.id, outcome, status, error, writing.at, writing.actor),
    )
    text = outcome_came(intent.op, outcome, intent.baseline, intent.detail, status=status, error=error)
    add_event(writing, "outcome", intent.device, text)


def add_end(writing: Writing, rollout: str, device: str, attempt: int, ending: Ending) -> None:
    """Insert the end of an attempt.

    Raises `JournalError` when it has one or an intent has no outcome yet, `Blocked`
    when it is not under way.
    """
    tx = writing.tx
    values = (rollout, device, attempt)
    if tx.execute("SELECT 1 FROM ends WHERE (rollout, device, attempt) = (?, ?, ?)", values).fetchone() is not None:
        raise JournalError(f"attempt {attempt} of rollout {rollout} has ended already", device=device)
    check_present(tx, rollout, device, attempt)
    query = "SELECT * FROM intent_rows WHERE (rollout, device, attempt) = (?, ?, ?) AND outcome IS NULL"
    for row in tx.execute(query, values):
        raise JournalError(f"{row['op']} has no outcome yet (intent {row['id']}), so it cannot end", device=device)
    reason = clean(ending.reason)
    tx.execute(
        "INSERT INTO ends"
        " (rollout, device, attempt, op, verdict, reason, last_state_time, target_version, at, actor, turn)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT count FROM revision))",
        (
            *values,
            ending.op,
            ending.verdict,
            reason,
            small_int(ending.last_state_time),
            ending.target_version,
            writing.at,
            writing.actor,
        ),
    )
    add_event(writing, "end", device, ended(ending.op, ending.verdict, reason))


def add_resolve(writing: Writing, rollout: str, device: str, verdict: Verdict, reason: str) -> None:
    """Insert a person's resolve of the newest end. Raises `Blocked` without a verdict to resolve or a reason."""
    reason = clean(reason.strip())
    if not reason:
        raise Blocked("resolving needs a reason", device=device)
    row = writing.tx.execute(
        "SELECT attempt, verdict FROM ends WHERE rollout = ? AND device = ? ORDER BY id DESC LIMIT 1",
        (rollout, device),
    ).fetchone()
    if row is None or row["verdict"] is None:
        raise Blocked(f"rollout {clean(rollout, 40)} has no verdict that could be resolved", device=device)
    writing.tx.execute(
        "INSERT INTO resolves (rollout, device, attempt, verdict, reason, at, actor, turn)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT count FROM revision))",
        (rollout, device, row["attempt"], verdict, reason, writing.at, writing.actor),
    )
    add_event(writing, "resolve", device, resolved(Verdict(row["verdict"]), verdict, reason))
