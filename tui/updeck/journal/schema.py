"""The tables of the journal, version by version, and the step from each version to the next.

A version that was released never changes: what is new is a new entry of `STEPS`. No statement needs an SQLite newer
than 3.35; where it knows STRICT (3.37) the tables are strict.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from updeck.errors import JournalError
from updeck.journal.models import Op, Outcome, Verdict
from updeck.journal.schema_plans import PLAN_STEP, TURN_STEP, UN_INIT_STEP
from updeck.journal.statements import STRICT, frozen, one_of

__all__ = ["APPEND_ONLY", "STEPS", "migrate"]

APPEND_ONLY = ("actors", "rollouts", "observations", "intents", "outcomes", "ends", "resolves", "events")
"""Tables of version 1 whose rows are never changed and never deleted."""

_APPLICATION_ID = 0x75706463

_OPS = one_of(list(Op))
_ONCE = one_of([Op.INIT, Op.START, Op.RESET])

_TABLES = (
    """CREATE TABLE actors (
        id INTEGER PRIMARY KEY,
        uid INTEGER NOT NULL,
        user TEXT NOT NULL,
        host TEXT NOT NULL,
        program TEXT NOT NULL,
        pid INTEGER NOT NULL,
        boot_id TEXT NOT NULL,
        started TEXT NOT NULL,
        UNIQUE (uid, user, host, program, pid, boot_id, started))""",
    f"""CREATE TABLE rollouts (
        id TEXT PRIMARY KEY CHECK (length(id) = 36),
        kind TEXT NOT NULL CHECK (kind IN ('manual', 'plan')),
        device TEXT,
        op TEXT CHECK (op IN {_OPS}),
        url TEXT,
        at REAL NOT NULL,
        actor INTEGER NOT NULL REFERENCES actors,
        CHECK (kind = 'plan' OR (device IS NOT NULL AND op IS NOT NULL AND url IS NOT NULL)))""",
    """CREATE TABLE holds (
        device TEXT PRIMARY KEY,
        rollout TEXT NOT NULL REFERENCES rollouts)""",
    """CREATE TABLE leases (
        rollout TEXT PRIMARY KEY REFERENCES rollouts,
        epoch INTEGER NOT NULL CHECK (epoch >= 1),
        actor INTEGER NOT NULL REFERENCES actors,
        until REAL NOT NULL)""",
    """CREATE TABLE observations (
        id INTEGER PRIMARY KEY,
        device TEXT NOT NULL,
        at REAL NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('seen', 'baseline')),
        payload TEXT NOT NULL,
        actor INTEGER NOT NULL REFERENCES actors)""",
    """CREATE TABLE latest (
        device TEXT PRIMARY KEY,
        at REAL NOT NULL,
        digest TEXT NOT NULL,
        payload TEXT NOT NULL,
        actor INTEGER NOT NULL REFERENCES actors)""",
    f"""CREATE TABLE intents (
        id INTEGER PRIMARY KEY,
        rollout TEXT NOT NULL REFERENCES rollouts,
        device TEXT NOT NULL,
        attempt INTEGER NOT NULL CHECK (attempt >= 1),
        op TEXT NOT NULL CHECK (op IN {_OPS}),
        try INTEGER NOT NULL CHECK (try BETWEEN 1 AND CASE WHEN op IN {_ONCE} THEN 1 ELSE 3 END),
        epoch INTEGER NOT NULL,
        observation INTEGER NOT NULL REFERENCES observations,
        checksum TEXT,
        detail TEXT NOT NULL,
        at REAL NOT NULL,
        actor INTEGER NOT NULL REFERENCES actors,
        UNIQUE (rollout, device, attempt, op, try))""",
    f"""CREATE TABLE outcomes (
        intent INTEGER PRIMARY KEY REFERENCES intents,
        outcome TEXT NOT NULL CHECK (outcome IN {one_of(list(Outcome))}),
        status INTEGER,
        error TEXT,
        at REAL NOT NULL,
        actor INTEGER NOT NULL REFERENCES actors)""",
    f"""CREATE TABLE ends (
        id INTEGER PRIMARY KEY,
        rollout TEXT NOT NULL REFERENCES rollouts,
        device TEXT NOT NULL,
        attempt INTEGER NOT NULL CHECK (attempt >= 1),
        op TEXT CHECK (op IN {_OPS}),
        verdict TEXT CHECK (verdict IN {one_of(list(Verdict))}),
        reason TEXT NOT NULL,
        last_state_time INTEGER,
        target_version TEXT,
        at REAL NOT NULL,
        actor INTEGER NOT NULL REFERENCES actors,
        UNIQUE (rollout, device, attempt))""",
    f"""CREATE TABLE resolves (
        id INTEGER PRIMARY KEY,
        rollout TEXT NOT NULL,
        device TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        verdict TEXT NOT NULL CHECK (verdict IN {one_of(list(Verdict))}),
        reason TEXT NOT NULL CHECK (length(reason) > 0),
        at REAL NOT NULL,
        actor INTEGER NOT NULL REFERENCES actors,
        FOREIGN KEY (rollout, device, attempt) REFERENCES ends (rollout, device, attempt))""",
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        device TEXT,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        actor INTEGER NOT NULL REFERENCES actors)""",
    """CREATE TABLE acknowledgements (
        device TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        note TEXT NOT NULL,
        at REAL NOT NULL,
        actor INTEGER NOT NULL REFERENCES actors)""",
    """CREATE TABLE transfers (
        rollout TEXT PRIMARY KEY REFERENCES rollouts,
        sent_bytes INTEGER NOT NULL,
        total_bytes INTEGER NOT NULL,
        started_at REAL NOT NULL,
        at REAL NOT NULL)""",
    """CREATE TABLE revision (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        count INTEGER NOT NULL)""",
)


_VIEWS = (
    """CREATE VIEW rollout_rows AS
        SELECT r.*, a.uid, a.user, a.host, a.program, a.pid, a.boot_id, a.started,
            h.device AS held_device, l.epoch, l.until,
            d.uid AS driver_uid, d.user AS driver_user, d.host AS driver_host, d.program AS driver_program,
            d.pid AS driver_pid, d.boot_id AS driver_boot_id, d.started AS driver_started
        FROM rollouts r JOIN actors a ON a.id = r.actor
        LEFT JOIN holds h ON h.rollout = r.id
        LEFT JOIN leases l ON l.rollout = r.id LEFT JOIN actors d ON d.id = l.actor""",
    """CREATE VIEW intent_rows AS
        SELECT i.*, a.uid, a.user, a.host, a.program, a.pid, a.boot_id, a.started,
            b.payload, o.outcome, o.status, o.error, o.at AS outcome_at
        FROM intents i JOIN actors a ON a.id = i.actor JOIN observations b ON b.id = i.observation
        LEFT JOIN outcomes o ON o.intent = i.id""",
    """CREATE VIEW end_rows AS
        SELECT e.*, a.uid, a.user, a.host, a.program, a.pid, a.boot_id, a.started
        FROM ends e JOIN actors a ON a.id = e.actor""",
    """CREATE VIEW event_rows AS
        SELECT e.*, a.uid, a.user, a.host, a.program, a.pid, a.boot_id, a.started
        FROM events e JOIN actors a ON a.id = e.actor""",
    """CREATE VIEW latest_rows AS
        SELECT l.*, a.uid, a.user, a.host, a.program, a.pid, a.boot_id, a.started
        FROM latest l JOIN actors a ON a.id = l.actor""",
)

_INDEXES = (
    "CREATE INDEX holds_of_rollout ON holds (rollout)",
    "CREATE INDEX intents_of_device ON intents (device, op, id)",
    "CREATE INDEX ends_of_device ON ends (device, id)",
    "CREATE INDEX resolves_of_device ON resolves (device, rollout)",
    "CREATE INDEX events_of_device ON events (device, id)",
    "CREATE INDEX observations_of_device ON observations (device, id)",
)


STEPS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {_APPLICATION_ID}",
        *(f"{table} {STRICT}" for table in _TABLES),
        *_VIEWS,
        *_INDEXES,
        *frozen(APPEND_ONLY),
        "INSERT INTO revision VALUES (1, 0)",
    ),
    PLAN_STEP,
    TURN_STEP,
    UN_INIT_STEP,
)
"""Statements that make version n+1 out of version n; version 0 is an empty file."""


def migrate(connection: sqlite3.Connection, path: object, steps: Sequence[Sequence[str]] = STEPS) -> None:
    """Bring the file to the version that this program knows, in one transaction: wholly or not at all.

    Raises `JournalError` for a file of a newer program and for one that is no journal; both stay as they are.
    """
    with _transaction(connection, "BEGIN"):
        if _version(connection, path, steps) == len(steps):
            return
    with _transaction(connection, "BEGIN IMMEDIATE"):
        for step in steps[_version(connection, path, steps) :]:  # somebody may have been faster
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection, path: object, steps: Sequence[Sequence[str]]) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    used = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if used and mark != _APPLICATION_ID:
        raise JournalError(f"{path} is no journal of updeck", advice="move it away or choose another UPDECK_STATE")
    if version > len(steps):
        raise JournalError(
            f"{path} was written by a newer updeck (schema {version}, this one knows {len(steps)})",
            advice="use the newer program",
        )
    return version
