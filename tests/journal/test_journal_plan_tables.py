"""The tables of planned rollouts by themselves: what they refuse, whoever writes to the file."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from journal_bench import Bench
from journal_plans import A, B, C, attempted, drive, reach, rollouts
from updeck.errors import JournalError
from updeck.journal.database import Database
from updeck.journal.models import Verdict
from updeck.journal.plan_models import ControlKind, Position
from updeck.journal.schema_plans import PLAN_TABLES


def filled(bench: Bench) -> Database:
    journal, database = bench.process(1)
    rollout = drive(journal, A, B, mates=(A, B, C))
    journal.control(rollout, ControlKind.PAUSE)
    journal.brake(on=True)
    reach(journal, rollout, A)
    journal.stand(rollout, [Position(A, "ARMED", "start?")])
    attempted(bench, journal, rollout, A, Verdict.NO_EFFECT)
    journal.control(rollout, ControlKind.RETRY, device=A, reason="again")
    return database


@pytest.mark.parametrize("table", PLAN_TABLES)
@pytest.mark.parametrize("statement", ["UPDATE {} SET rowid = rowid", "DELETE FROM {}"])
def test_rows_of_plans_are_never_changed_and_never_deleted(bench: Bench, table: str, statement: str) -> None:
    filled(bench)
    with contextlib.closing(sqlite3.connect(bench.path, isolation_level=None)) as connection:
        before = connection.execute(f"SELECT * FROM {table}").fetchall()
        assert before
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement.format(table))
        assert connection.execute(f"SELECT * FROM {table}").fetchall() == before


PLAN = "SELECT rollout FROM plans"
MEANINGLESS = [
    ("INSERT INTO plans SELECT 'none', 'ab', '{}'", "FOREIGN KEY"),
    (f"INSERT INTO plans SELECT ({PLAN}), 'ab', '{{}}'", "UNIQUE"),
    (f"INSERT INTO members VALUES (({PLAN}), '{C}', 9, 0, '', '{{}}')", "CHECK"),
    (f"INSERT INTO members VALUES (({PLAN}), '{C}', 0, 1, '', '{{}}')", "UNIQUE"),
    (f"INSERT INTO members VALUES (({PLAN}), '{A}', 9, 1, '', '{{}}')", "UNIQUE"),
    (f"INSERT INTO mates VALUES (({PLAN}), '{A}', '{A}')", "CHECK"),
    (f"INSERT INTO mates VALUES (({PLAN}), '{C}', '{A}')", "FOREIGN KEY"),
    (f"INSERT INTO controls VALUES (9, ({PLAN}), NULL, 'explode', NULL, '', 0, 1, NULL)", "CHECK"),
    (f"INSERT INTO controls VALUES (9, ({PLAN}), '{A}', 'pause', NULL, '', 0, 1, NULL)", "CHECK"),
    (f"INSERT INTO controls VALUES (9, ({PLAN}), NULL, 'skip', NULL, 'so', 0, 1, NULL)", "CHECK"),
    (f"INSERT INTO controls VALUES (9, ({PLAN}), '{A}', 'skip', NULL, '', 0, 1, NULL)", "CHECK"),
    (f"INSERT INTO controls VALUES (9, ({PLAN}), NULL, 'pause', '2', '', 0, 1, NULL)", "CHECK"),
    (f"INSERT INTO controls VALUES (9, ({PLAN}), NULL, 'promote', NULL, '', 0, 1, NULL)", "CHECK"),
    (f"INSERT INTO controls VALUES (9, ({PLAN}), '{C}', 'skip', NULL, 'so', 0, 1, NULL)", "FOREIGN KEY"),
    (f"INSERT INTO controls VALUES (9, ({PLAN}), '{A}', 'retry', '2', 'so', 0, 1, NULL)", "UNIQUE"),
    ("INSERT INTO brakes VALUES (9, 2, '', 0, 1)", "CHECK"),
    (f"INSERT INTO milestones VALUES (9, ({PLAN}), '{A}', 1, 'done', NULL, NULL, NULL, NULL, 0, 1)", "CHECK"),
    (f"INSERT INTO milestones VALUES (9, ({PLAN}), '{C}', 1, 'staged', NULL, NULL, NULL, NULL, 0, 1)", "FOREIGN KEY"),
    (f"INSERT INTO positions VALUES (({PLAN}), '{C}', 1, 'WAITING', '', 0, 0)", "FOREIGN KEY"),
    (f"INSERT INTO positions VALUES (({PLAN}), '{B}', 1, 'WAITING', '', 2, 0)", "CHECK"),
    (f"INSERT INTO holds VALUES ('{B}', ({PLAN}))", "UNIQUE"),
]


@pytest.mark.parametrize(("statement", "why"), MEANINGLESS)
def test_the_tables_of_plans_refuse_rows_that_mean_nothing(bench: Bench, statement: str, why: str) -> None:
    database = filled(bench)
    with pytest.raises(JournalError, match=f"refused a row or query: .*{why}"), database.write() as tx:
        tx.execute(statement)


def test_a_rollout_is_read_in_as_many_queries_whatever_its_size(bench: Bench) -> None:
    journal, database = bench.process(1)
    counts = []
    for number in (1, 40):
        names = [f"box-{number}-{one}" for one in range(number)]
        rollout = drive(journal, *names, mates=names)
        for name in names:
            reach(journal, rollout, name)
        statements: list[str] = []
        with database.read() as tx:
            tx.set_trace_callback(statements.append)
        rollouts(journal, kinds=("plan", "manual"))
        journal.records(names)
        with database.read() as tx:
            tx.set_trace_callback(None)
        counts.append(len(statements))
    assert counts[0] == counts[1] < 60
