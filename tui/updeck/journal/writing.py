"""One write transaction: its connection, who writes, and when."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from updeck.journal.models import Actor
from updeck.text import clean

__all__ = ["Writing", "add_event", "enter_actor"]


@dataclass(frozen=True, slots=True)
class Writing:
    """A write transaction that has begun; `actor` is the row of who writes, `at` the time that its rows get."""

    tx: sqlite3.Connection
    actor: int
    at: float


def enter_actor(tx: sqlite3.Connection, actor: Actor) -> int:
    """Return the row id of an actor, entered if it is new."""
    values = (actor.uid, actor.user, actor.host, actor.program, actor.pid, actor.boot_id, actor.started)
    tx.execute(
        "INSERT OR IGNORE INTO actors (uid, user, host, program, pid, boot_id, started) VALUES (?, ?, ?, ?, ?, ?, ?)",
        values,
    )
    query = "SELECT id FROM actors WHERE (uid, user, host, program, pid, boot_id, started) = (?, ?, ?, ?, ?, ?, ?)"
    return int(tx.execute(query, values).fetchone()["id"])


def add_event(writing: Writing, kind: str, device: str | None, text: str) -> None:
    """Add a line to the activity."""
    writing.tx.execute(
        "INSERT INTO events (at, device, kind, text, actor) VALUES (?, ?, ?, ?, ?)",
        (writing.at, device, clean(kind, 40), clean(text), writing.actor),
    )
