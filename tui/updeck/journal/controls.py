"""What people ask of a planned rollout, and when it may be asked; and the brake on all of them (`rollout.md` 3, 7)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from updeck.errors import Blocked
from updeck.journal.attempts import present_attempt
from updeck.journal.leases import View, hold
from updeck.journal.models import Verdict
from updeck.journal.plan_models import Brake, ControlKind
from updeck.journal.plan_sentences import aborted_before, asked, braked
from updeck.journal.rows import actor_of
from updeck.journal.writing import Writing, add_event
from updeck.text import clean

__all__ = ["Request", "add_brake", "add_control", "find_brake"]

_AGAIN = frozenset({Verdict.TRANSFER_FAILED, Verdict.NO_EFFECT, Verdict.NOT_STARTED, Verdict.WRONG_TARGET})
"""Verdicts after which a person may try again without more."""


@dataclass(frozen=True, slots=True)
class Request:
    """A control about to be recorded."""

    rollout: str
    kind: ControlKind
    device: str | None
    value: str | None
    reason: str


def add_control(writing: Writing, request: Request, view: View) -> None:
    """Insert a control. Raises `Blocked`, saying why, when it means nothing or is not allowed now.

    A retry takes the device in again and opens the next attempt, whose number becomes its value.
    """
    tx = writing.tx
    reason = clean(request.reason.strip())
    _check_shape(request, reason)
    _check_subject(tx, request)
    value = _CHECKS[request.kind](tx, request)
    if request.kind is ControlKind.RETRY:
        hold(writing, request.rollout, [request.device or ""], view)
    tx.execute(
        "INSERT INTO controls (rollout, device, kind, value, reason, at, actor, turn)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT count FROM revision))",
        (request.rollout, request.device, request.kind, value, reason, writing.at, writing.actor),
    )
    add_event(writing, "control", request.device, asked(request.rollout, request.kind, value, reason))


def add_brake(writing: Writing, reason: str, *, on: bool) -> None:
    """Pause the inits and starts of all planned rollouts, or let them go on."""
    reason = clean(reason.strip())
    writing.tx.execute(
        "INSERT INTO brakes (engaged, reason, at, actor) VALUES (?, ?, ?, ?)",
        (int(on), reason, writing.at, writing.actor),
    )
    add_event(writing, "brake", None, braked(reason, on=on))


def find_brake(tx: sqlite3.Connection) -> Brake | None:
    """Return the pause of everything if it is on."""
    row = tx.execute("SELECT * FROM brake_rows ORDER BY id DESC LIMIT 1").fetchone()
    return Brake(row["reason"], row["at"], actor_of(row)) if row is not None and row["engaged"] else None


def _check_shape(request: Request, reason: str) -> None:
    if request.kind.needs_reason and not reason:
        raise Blocked(f"{request.kind} needs a reason", device=request.device)
    if request.kind.of_a_device != (request.device is not None):
        raise Blocked(f"{request.kind} is for {'one device' if request.kind.of_a_device else 'a whole rollout'}")


def _check_subject(tx: sqlite3.Connection, request: Request) -> None:
    if tx.execute("SELECT 1 FROM plans WHERE rollout = ?", (request.rollout,)).fetchone() is None:
        raise Blocked(f"there is no planned rollout {clean(request.rollout, 40)}")
    abort = tx.execute(
        "SELECT * FROM control_rows WHERE rollout = ? AND kind = 'abort' LIMIT 1", (request.rollout,)
    ).fetchone()
    if abort is not None:
        raise Blocked(aborted_before(actor_of(abort), abort["at"]), device=request.device, advice="make a new plan")
    if request.device is None:
        return
    members = tx.execute("SELECT device FROM members WHERE rollout = ?", (request.rollout,))
    if request.device not in {row["device"] for row in members}:
        raise Blocked(f"it is no device of rollout {request.rollout}", device=request.device)


def _unfinished(tx: sqlite3.Connection, request: Request) -> None:
    if tx.execute("SELECT 1 FROM holds WHERE rollout = ?", (request.rollout,)).fetchone() is None:
        raise Blocked(f"rollout {request.rollout} has ended")


def _promote(tx: sqlite3.Connection, request: Request) -> str:
    _unfinished(tx, request)
    last = tx.execute("SELECT max(wave) AS last FROM members WHERE rollout = ?", (request.rollout,)).fetchone()["last"]
    wave = _number(request.value)
    if wave is None or not 2 <= wave <= last:
        raise Blocked(f"wave {clean(request.value or '')!r} cannot be promoted: there are {last} waves")
    return str(wave)


def _reopen(tx: sqlite3.Connection, request: Request) -> str:
    limit = _number(request.value)
    if limit is None:
        raise Blocked(f"the new limit is a number of failures, not {clean(request.value or '')!r}")
    return str(limit)


def _number(value: str | None) -> int | None:
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) <= 9 else None


def _end(tx: sqlite3.Connection, request: Request) -> sqlite3.Row | None:
    """Return the end of the present attempt, None while it is under way."""
    attempt = present_attempt(tx, request.rollout, request.device or "")
    query = "SELECT * FROM ends WHERE (rollout, device, attempt) = (?, ?, ?)"
    row: sqlite3.Row | None = tx.execute(query, (request.rollout, request.device, attempt)).fetchone()
    return row


def _under_way(tx: sqlite3.Connection, request: Request) -> None:
    end = _end(tx, request)
    if end is not None:
        raise Blocked(f"its attempt {end['attempt']} has ended {end['verdict']}", device=request.device)


def _before_start(tx: sqlite3.Connection, request: Request) -> None:
    _under_way(tx, request)
    query = """
        SELECT 1 FROM intents i LEFT JOIN outcomes o ON o.intent = i.id
        WHERE (i.rollout, i.device, i.attempt, i.op) = (?, ?, ?, 'start') AND o.outcome IS NOT 'refused'"""
    attempt = present_attempt(tx, request.rollout, request.device or "")
    if tx.execute(query, (request.rollout, request.device, attempt)).fetchone() is not None:
        raise Blocked("its start was sent, and it is watched to its verdict", device=request.device)


def _not_undone(tx: sqlite3.Connection, request: Request) -> None:
    """Raise `Blocked` where the un-init of a device was asked for in its present attempt."""
    query = "SELECT kind FROM controls WHERE rollout = ? AND device = ? AND kind IN ('reset', 'retry') ORDER BY id DESC"
    newest = tx.execute(f"{query} LIMIT 1", (request.rollout, request.device)).fetchone()
    if newest is not None and newest["kind"] == ControlKind.RESET:
        raise Blocked("its un-init (reset) was asked for", device=request.device)


def _un_init(tx: sqlite3.Connection, request: Request) -> None:
    _before_start(tx, request)
    _not_undone(tx, request)
    attempt = present_attempt(tx, request.rollout, request.device or "")
    key = (request.rollout, request.device, attempt)
    reached = "SELECT 1 FROM milestones WHERE (rollout, device, attempt) = (?, ?, ?) AND kind = 'initialized'"
    sent = "SELECT 1 FROM intents WHERE (rollout, device, attempt) = (?, ?, ?) AND op = 'reset'"
    if tx.execute(reached, key).fetchone() is None:
        raise Blocked("it is not INITIALIZED by this rollout, so there is nothing to un-init", device=request.device)
    if tx.execute(sent, key).fetchone() is not None:
        raise Blocked("its un-init (reset) was sent, and it is watched to its verdict", device=request.device)


def _arm(tx: sqlite3.Connection, request: Request) -> str:
    _before_start(tx, request)
    _not_undone(tx, request)
    value = clean((request.value or "").strip(), 80)
    if not value:
        raise Blocked("letting it start needs the target that was shown", device=request.device)
    return value


def _retry(tx: sqlite3.Connection, request: Request) -> str:
    end = _end(tx, request)
    attempt = present_attempt(tx, request.rollout, request.device or "")
    if end is None:
        raise Blocked(f"its attempt {attempt} has not ended", device=request.device)
    forbidden = _not_again(tx, end)
    if forbidden is not None:
        raise Blocked(forbidden, device=request.device)
    return str(attempt + 1)


def _not_again(tx: sqlite3.Connection, end: sqlite3.Row) -> str | None:
    """Return why there is no other attempt after this end, None when a person may open one (`rollout.md` 3)."""
    verdict = Verdict(end["verdict"]) if end["verdict"] is not None else None
    if verdict in _AGAIN:
        return None
    reset = tx.execute(
        "SELECT 1 FROM done_resets WHERE device = ? AND end_id > ?", (end["device"], end["id"])
    ).fetchone()
    if verdict is Verdict.FAILED_GRACEFUL:
        return None if reset is not None else "it ended FAILED_GRACEFUL: un-init (reset) it first"
    if verdict is Verdict.REVIEW:
        query = "SELECT 1 FROM resolves WHERE (rollout, device, attempt) = (?, ?, ?)"
        resolved = tx.execute(query, (end["rollout"], end["device"], end["attempt"])).fetchone()
        return None if reset or resolved else "it ended in REVIEW: resolve that, or un-init (reset) it, first"
    return f"it ended {verdict or 'without a verdict'}, after which there is no other attempt"


_CHECKS: Mapping[ControlKind, Callable[[sqlite3.Connection, Request], str | None]] = {
    ControlKind.PAUSE: _unfinished,
    ControlKind.RESUME: _unfinished,
    ControlKind.ABORT: _unfinished,
    ControlKind.PROMOTE: _promote,
    ControlKind.REOPEN: _reopen,
    ControlKind.RETRY: _retry,
    ControlKind.SKIP: _before_start,
    ControlKind.ADOPT: _before_start,
    ControlKind.ARM: _arm,
    ControlKind.RESET: _un_init,
}
"""What must be true before a control of each kind; answers with the value to record."""
