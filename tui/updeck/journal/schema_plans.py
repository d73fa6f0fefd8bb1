"""What the schema has beyond version 1: the tables of planned rollouts, and the order of what counts in one."""

from __future__ import annotations

from collections.abc import Sequence

from updeck.journal.plan_models import ControlKind, MilestoneKind
from updeck.journal.statements import STRICT, frozen, one_of

__all__ = ["PLAN_STEP", "PLAN_TABLES", "TURN_STEP", "UN_INIT_STEP"]

PLAN_TABLES = ("plans", "members", "mates", "controls", "brakes", "milestones")
"""Tables of planned rollouts whose rows are never changed and never deleted."""

_KINDS_OF_2 = ("pause", "resume", "abort", "promote", "reopen", "retry", "skip", "adopt", "arm")
"""The controls that version 2 knew, which its text has to go on naming."""


def _controls(kinds: Sequence[ControlKind], more: str = "") -> str:
    """Return the table of controls of these kinds; `more` are columns."""
    of_a_device = one_of([kind for kind in kinds if kind.of_a_device])
    reasoned = one_of([kind for kind in kinds if kind.needs_reason])
    valued = one_of([kind for kind in kinds if kind.needs_value])
    return f"""CREATE TABLE controls (
        id INTEGER PRIMARY KEY,
        rollout TEXT NOT NULL REFERENCES plans,
        device TEXT,
        kind TEXT NOT NULL CHECK (kind IN {one_of(list(kinds))}),
        value TEXT,
        reason TEXT NOT NULL,
        at REAL NOT NULL,
        actor INTEGER NOT NULL REFERENCES actors,{more}
        CHECK ((device IS NOT NULL) = (kind IN {of_a_device})),
        CHECK ((value IS NOT NULL) = (kind IN {valued})),
        CHECK (length(reason) > 0 OR kind NOT IN {reasoned}),
        FOREIGN KEY (rollout, device) REFERENCES members (rollout, device))"""


_TABLES = (
    """CREATE TABLE plans (
        rollout TEXT PRIMARY KEY REFERENCES rollouts,
        digest TEXT NOT NULL CHECK (length(digest) > 0),
        plan TEXT NOT NULL)""",
    """CREATE TABLE members (
        rollout TEXT NOT NULL REFERENCES plans,
        device TEXT NOT NULL,
        position INTEGER NOT NULL CHECK (position >= 0),
        wave INTEGER NOT NULL CHECK (wave >= 1),
        url TEXT NOT NULL,
        identity TEXT NOT NULL,
        PRIMARY KEY (rollout, device),
        UNIQUE (rollout, position))""",
    """CREATE TABLE mates (
        rollout TEXT NOT NULL,
        device TEXT NOT NULL,
        mate TEXT NOT NULL CHECK (mate <> device),
        PRIMARY KEY (rollout, device, mate),
        FOREIGN KEY (rollout, device) REFERENCES members (rollout, device))""",
    _controls([ControlKind(one) for one in _KINDS_OF_2]),
    """CREATE TABLE brakes (
        id INTEGER PRIMARY KEY,
        engaged INTEGER NOT NULL CHECK (engaged IN (0, 1)),
        reason TEXT NOT NULL,
        at REAL NOT NULL,
        actor INTEGER NOT NULL REFERENCES actors)""",
    f"""CREATE TABLE milestones (
        id INTEGER PRIMARY KEY,
        rollout TEXT NOT NULL,
        device TEXT NOT NULL,
        attempt INTEGER NOT NULL CHECK (attempt >= 1),
        kind TEXT NOT NULL CHECK (kind IN {one_of(list(MilestoneKind))}),
        last_state_time INTEGER,
        target_version TEXT,
        checksum TEXT,
        newest_intent INTEGER REFERENCES intents,
        at REAL NOT NULL,
        actor INTEGER NOT NULL REFERENCES actors,
        FOREIGN KEY (rollout, device) REFERENCES members (rollout, device))""",
    """CREATE TABLE positions (
        rollout TEXT NOT NULL,
        device TEXT NOT NULL,
        attempt INTEGER NOT NULL CHECK (attempt >= 1),
        phase TEXT NOT NULL,
        text TEXT NOT NULL,
        soft INTEGER NOT NULL CHECK (soft IN (0, 1)),
        at REAL NOT NULL,
        PRIMARY KEY (rollout, device),
        FOREIGN KEY (rollout, device) REFERENCES members (rollout, device))""",
)

_CONTROL_ROWS = """CREATE VIEW control_rows AS
        SELECT c.*, a.uid, a.user, a.host, a.program, a.pid, a.boot_id, a.started
        FROM controls c JOIN actors a ON a.id = c.actor"""

_CONTROL_INDEXES = (
    "CREATE INDEX controls_of_rollout ON controls (rollout, id)",
    "CREATE UNIQUE INDEX retries ON controls (rollout, device, value) WHERE kind = 'retry'",
)

_TRANSFERS_BY_DEVICE = (
    "ALTER TABLE transfers RENAME TO transfers_of_one",
    f"""CREATE TABLE transfers (
        rollout TEXT NOT NULL REFERENCES rollouts,
        device TEXT NOT NULL,
        sent_bytes INTEGER NOT NULL,
        total_bytes INTEGER NOT NULL,
        started_at REAL NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (rollout, device)) {STRICT}""",
    "INSERT INTO transfers SELECT t.rollout, r.device, t.sent_bytes, t.total_bytes, t.started_at, t.at"
    " FROM transfers_of_one t JOIN rollouts r ON r.id = t.rollout",
    "DROP TABLE transfers_of_one",
)

_LEASES_WITH_SEEN = (
    "ALTER TABLE leases ADD COLUMN seen_at REAL NOT NULL DEFAULT 0",
    "UPDATE leases SET seen_at = until - 30 WHERE until > 30",
)

_VIEWS = (
    "DROP VIEW rollout_rows",
    """CREATE VIEW rollout_rows AS
        SELECT r.*, a.uid, a.user, a.host, a.program, a.pid, a.boot_id, a.started,
            h.device AS held_device, l.epoch, l.until, l.seen_at,
            d.uid AS driver_uid, d.user AS driver_user, d.host AS driver_host, d.program AS driver_program,
            d.pid AS driver_pid, d.boot_id AS driver_boot_id, d.started AS driver_started
        FROM rollouts r JOIN actors a ON a.id = r.actor
        LEFT JOIN holds h ON h.rollout = r.id
        LEFT JOIN leases l ON l.rollout = r.id LEFT JOIN actors d ON d.id = l.actor""",
    """CREATE VIEW done_resets AS
        SELECT e.device, e.id AS end_id FROM ends e
        JOIN intents i ON (i.rollout, i.device, i.attempt, i.op) = (e.rollout, e.device, e.attempt, e.op)
        LEFT JOIN outcomes o ON o.intent = i.id
        WHERE e.op = 'reset' AND e.verdict IS NULL AND o.outcome IS NOT 'refused'""",
    _CONTROL_ROWS,
    """CREATE VIEW brake_rows AS
        SELECT b.*, a.uid, a.user, a.host, a.program, a.pid, a.boot_id, a.started
        FROM brakes b JOIN actors a ON a.id = b.actor""",
    """CREATE VIEW resolve_rows AS
        SELECT r.*, a.uid, a.user, a.host, a.program, a.pid, a.boot_id, a.started
        FROM resolves r JOIN actors a ON a.id = r.actor""",
)

_INDEXES = (
    *_CONTROL_INDEXES,
    "CREATE INDEX milestones_of_rollout ON milestones (rollout, device, id)",
    "CREATE INDEX milestones_of_device ON milestones (device, id)",
    "CREATE INDEX resolves_of_rollout ON resolves (rollout, device)",
)

PLAN_STEP: tuple[str, ...] = (
    *(f"{table} {STRICT}" for table in _TABLES),
    *_TRANSFERS_BY_DEVICE,
    *_LEASES_WITH_SEEN,
    *_VIEWS,
    *_INDEXES,
    *frozen(PLAN_TABLES),
)
"""The statements that make version 2 out of version 1."""

TURN_STEP: tuple[str, ...] = tuple(
    f"ALTER TABLE {table} ADD COLUMN turn INTEGER" for table in ("ends", "resolves", "controls")
)
"""The statements that make version 3 out of version 2: ends, resolves and controls tell which came first.

`turn` is the number of the transaction, as `revision` counts them; NULL in what was written before. Their times do not
tell it, because clocks are set back.
"""

UN_INIT_STEP: tuple[str, ...] = (
    "DROP VIEW control_rows",
    "CREATE TEMP TABLE controls_before AS SELECT * FROM controls",
    "DROP TABLE controls",
    f"{_controls(list(ControlKind), more=' turn INTEGER,')} {STRICT}",
    "INSERT INTO controls (id, rollout, device, kind, value, reason, at, actor, turn)"
    " SELECT id, rollout, device, kind, value, reason, at, actor, turn FROM controls_before",
    "DROP TABLE controls_before",
    _CONTROL_ROWS,
    *_CONTROL_INDEXES,
    *frozen(("controls",)),
)
"""The statements that make version 4 out of version 3: a person may ask for the un-init of a device.

SQLite changes no CHECK in place, so the table is made anew with the rows that it had.
"""
