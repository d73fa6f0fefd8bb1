"""A journal of version 1, as that version's program left it, goes on under this one."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3

import pytest

from journal_bench import BASELINE, Bench
from journal_plans import A, B, C, attempted, drive, reach, register
from updeck.errors import Blocked, JournalError
from updeck.journal.encoding import baseline_text
from updeck.journal.models import Op, Outcome, Verdict
from updeck.journal.plan_models import ControlKind
from updeck.journal.schema import APPEND_ONLY, STEPS, migrate
from updeck.journal.schema_plans import PLAN_TABLES

STARTED, UPLOADING = (f"018bcfe5-680{number}-7000-8000-000000000000" for number in (1, 2))

VERSION_1 = "602d836067f7fa13f050bb1efb5c35eba846bfdfc8b3e9a440316f398edbe9bf"

WRITTEN_BY_VERSION_1 = (
    ("INSERT INTO actors VALUES (1, 1000, 'mk', 'jump1', 'ui', 7, 'boot', 'started-7')", ()),
    ("INSERT INTO rollouts VALUES (?, 'manual', ?, 'start', 'https://a', 1699999000.0, 1)", (STARTED, A)),
    ("INSERT INTO observations VALUES (1, ?, 1699999000.0, 'baseline', ?, 1)", (A, baseline_text(BASELINE))),
    ("INSERT INTO intents VALUES (1, ?, ?, 1, 'start', 1, 1, 1, ?, '{}', 1699999000.0, 1)", (STARTED, A, "3f" * 32)),
    ("INSERT INTO outcomes VALUES (1, 'unknown', NULL, 'reset', 1699999001.0, 1)", ()),
    ("INSERT INTO ends VALUES (1, ?, ?, 1, 'start', 'REVIEW', 'gone', NULL, NULL, 1699999900.0, 1)", (STARTED, A)),
    ("INSERT INTO rollouts VALUES (?, 'manual', ?, 'upload', 'https://b', 1699999980.0, 1)", (UPLOADING, B)),
    ("INSERT INTO holds VALUES (?, ?)", (B, UPLOADING)),
    ("INSERT INTO leases VALUES (?, 3, 1, 1700000020.0)", (UPLOADING,)),
    ("INSERT INTO observations VALUES (2, ?, 1699999990.0, 'baseline', ?, 1)", (B, baseline_text(BASELINE))),
    ("INSERT INTO intents VALUES (2, ?, ?, 1, 'upload', 1, 3, 2, NULL, '{}', 1699999990.0, 1)", (UPLOADING, B)),
    ("INSERT INTO transfers VALUES (?, 40, 100, 1699999990.0, 1699999999.0)", (UPLOADING,)),
    ("INSERT INTO events VALUES (1, 1699999000.0, ?, 'intent', 'sending start', 1)", (A,)),
    ("UPDATE revision SET count = 41", ()),
)


@pytest.fixture
def old(bench: Bench) -> Bench:
    """Give a state directory with a journal of version 1: a start in REVIEW, and an upload that was under way."""
    bench.directory.mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(bench.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, bench.path, STEPS[:1])
        for statement, values in WRITTEN_BY_VERSION_1:
            connection.execute(statement, values)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    bench.path.chmod(0o600)
    return bench


def test_the_statements_of_version_1_never_change() -> None:
    text = "\n".join(STEPS[0]).replace(" STRICT", "")
    assert hashlib.sha256(text.encode()).hexdigest() == VERSION_1


def test_what_version_1_recorded_is_all_there(old: Bench) -> None:
    journal = old.journal()
    started, uploading = journal.record(A), journal.record(B)
    assert started.start_unresolved
    assert started.last_start_end is not None
    assert started.last_start_end.reason == "gone"
    assert [event.text for event in journal.events()] == ["sending start"]
    assert uploading.transfer is not None
    assert (uploading.transfer.sent_bytes, uploading.transfer.started_at) == (40, 1_699_999_990.0)
    assert [intent.op for intent in uploading.intents] == [Op.UPLOAD]
    assert journal.change_token() == 41
    engine = journal.engine(UPLOADING)
    assert engine is not None
    assert (engine.actor, engine.alive, engine.seen_at) == (old.actor(7), True, 1_699_999_990.0)


def test_what_version_1_began_is_driven_to_its_end(old: Bench) -> None:
    journal = old.journal()
    assert journal.take_over(UPLOADING) is None
    old.dead.add(7)
    rollout = journal.take_over(UPLOADING)
    assert rollout is not None
    journal.outcome(2, Outcome.UNKNOWN, status=None, error="nobody saw the answer")
    journal.progress(UPLOADING, 50, 100)
    old.finish(journal, rollout, Verdict.TRANSFER_FAILED)
    assert journal.unfinished() == []
    old.clock.advance(1.0)
    with pytest.raises(JournalError, match="has ended"):
        journal.progress(UPLOADING, 60, 100)


def test_a_plan_finds_the_holds_and_reviews_of_version_1(old: Bench) -> None:
    journal = old.journal()
    with pytest.raises(Blocked, match=UPLOADING):
        register(journal, A, B)
    rollout = drive(journal, A, C, mates=(A, C))
    assert journal.rollout(rollout).member(C).pair_lost == A
    with pytest.raises(Blocked, match="REVIEW"):
        attempted(old, journal, rollout, A, Verdict.SUCCESS)


def test_no_table_escapes_the_lists_of_what_may_change(bench: Bench) -> None:
    bench.journal()
    with contextlib.closing(sqlite3.connect(bench.path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    mutable = {"holds", "leases", "latest", "acknowledgements", "transfers", "revision", "positions"}
    assert tables == mutable | {*APPEND_ONLY, *PLAN_TABLES}


def test_what_people_asked_under_version_3_stays_as_it_was_and_more_can_be_asked(bench: Bench) -> None:
    bench.directory.mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(bench.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, bench.path, STEPS[:3])
        for statement in (
            "INSERT INTO actors VALUES (1, 1000, 'mk', 'jump1', 'ui', 7, 'boot', 'started-7')",
            f"INSERT INTO rollouts VALUES ('{STARTED}', 'plan', NULL, NULL, NULL, 1699999000.0, 1)",
            f"INSERT INTO plans VALUES ('{STARTED}', 'ab', '{{}}')",
            f"INSERT INTO members VALUES ('{STARTED}', '{A}', 0, 1, 'https://a', '{{}}')",
            f"INSERT INTO holds VALUES ('{A}', '{STARTED}')",
            f"INSERT INTO controls VALUES (4, '{STARTED}', NULL, 'pause', NULL, 'lunch', 1699999100.0, 1, 12)",
            f"INSERT INTO controls VALUES (9, '{STARTED}', '{A}', 'skip', NULL, 'broken', 1699999200.0, 1, NULL)",
        ):
            connection.execute(statement)
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(f"INSERT INTO controls VALUES (10, '{STARTED}', '{A}', 'reset', NULL, '', 1.0, 1, NULL)")
    bench.path.chmod(0o600)
    journal = bench.journal()
    found = journal.rollout(STARTED).controls
    assert [(one.id, one.kind, one.device, one.reason, one.turn) for one in found] == [
        (4, ControlKind.PAUSE, None, "lunch", 12),
        (9, ControlKind.SKIP, A, "broken", 0),
    ]
    assert journal.take_over(STARTED) is not None
    reach(journal, STARTED, A)
    journal.control(STARTED, ControlKind.RESET, device=A)
    assert journal.rollout(STARTED).controls[-1].kind is ControlKind.RESET
    with contextlib.closing(sqlite3.connect(bench.path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute("UPDATE controls SET reason = 'other'")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute("DELETE FROM controls")
