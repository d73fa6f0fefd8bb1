"""A journal that a group shares may hold what another wrote there by hand: it passes the door like all foreign text."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from hostile_texts import CONTROLS
from journal_bench import DEVICE, Bench
from journal_plans import A, B, attempted, drive
from updeck.journal.models import Op, Outcome, Verdict
from updeck.text import clean

HOSTILE = "".join(text for text in CONTROLS if text.isascii() or text.encode(errors="ignore").decode() == text)
FREE = {"user", "host", "program", "boot_id", "started", "error", "reason", "text", "note", "target_version", "url"}
IN_JSON = {"payload", "detail"}


def texts(value: object) -> Iterator[str]:
    """Yield every text within a value."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield from texts(list(value))
        yield from texts(list(value.values()))
    elif isinstance(value, Sequence | frozenset):
        for one in value:
            yield from texts(one)


def poisoned(value: object) -> object:
    """Return a JSON value whose every text is hostile."""
    if isinstance(value, dict):
        return {key: poisoned(one) for key, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one) for one in value]
    return HOSTILE if isinstance(value, str) else value


def tamper(path: Path) -> int:
    """Write hostile text into every free text of a journal, past its own rules; return how many columns."""
    count = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for column in [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]:
                if column in FREE:
                    connection.execute(f'UPDATE "{table}" SET "{column}" = ?', (HOSTILE,))
                    count += 1
                elif column in IN_JSON:
                    rows = connection.execute(f'SELECT rowid, "{column}" FROM "{table}"').fetchall()
                    for rowid, text in rows:
                        changed = json.dumps(poisoned(json.loads(text)))
                        connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (changed, rowid))
                    count += bool(rows)
    return count


def test_nothing_that_was_written_into_the_journal_by_hand_comes_out_as_it_is(bench: Bench) -> None:
    journal = bench.journal(1)
    bench.whole(journal, Op.FETCH, Outcome.REFUSED, Verdict.TRANSFER_FAILED)
    rollout = drive(journal, A, B)
    attempted(bench, journal, rollout, A, Verdict.REVIEW)
    journal.observe(A, 1.0, {"state": "IDLE", "version": "11.8.0"})
    journal.close()
    assert tamper(bench.path) >= 20
    other = bench.journal(2)
    read: list[object] = [
        other.events(),
        other.record(A),
        other.record(DEVICE),
        other.rollout(rollout),
        other.latest(A),
    ]
    found = [text for text in texts(read) if not text.isprintable()]
    assert found == []
    assert any(clean("\x1b]0;owned\x07") in text for text in texts(read)), "it must have been shown to have been tamed"


@pytest.mark.parametrize("text", [HOSTILE, *CONTROLS], ids=ascii)
def test_the_systems_log_hears_one_clean_line_whatever_a_device_says(bench: Bench, text: str) -> None:
    journal = bench.journal(1)
    rollout = journal.begin_manual(DEVICE, Op.START, url=text)
    permit = bench.intend(journal, rollout)
    journal.outcome(permit.intent_id, Outcome.REFUSED, status=409, error=text)
    bench.finish(journal, rollout, Verdict.REVIEW, text)
    assert len(bench.witnessed) >= 2
    assert all(line.isprintable() for line in bench.witnessed)
    assert all(said.isprintable() for said in texts(journal.events()))
