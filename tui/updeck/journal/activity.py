"""The activity as it is read, and what is said about a device by hand: acknowledgements and progress."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from updeck.journal.models import Event
from updeck.journal.rows import event_of, listed
from updeck.journal.writing import Writing, add_event
from updeck.text import clean

__all__ = ["find_events", "set_acknowledgement", "set_progress"]


def find_events(
    tx: sqlite3.Connection, devices: Iterable[str] | None, since: float | None, after_id: int, limit: int
) -> list[Event]:
    """Return the newest `limit` events that match, oldest first."""
    wanted = None if devices is None else listed(devices)
    rows = tx.execute(
        "SELECT * FROM event_rows WHERE id > ? AND (? IS NULL OR at >= ?)"
        " AND (? IS NULL OR device IN (SELECT value FROM json_each(?))) ORDER BY id DESC LIMIT ?",
        (after_id, since, since, wanted, wanted, limit),
    )
    return [event_of(row) for row in rows][::-1]


def set_acknowledgement(writing: Writing, device: str, state: str, note: str, what: str) -> None:
    """Keep that a person has seen a device in `state`, in place of an earlier one; `what` tells it to people."""
    state, note, what = clean(state), clean(note), clean(what)
    writing.tx.execute(
        "INSERT INTO acknowledgements (device, state, note, at, actor) VALUES (?, ?, ?, ?, ?) ON CONFLICT (device)"
        " DO UPDATE SET state = excluded.state, note = excluded.note, at = excluded.at, actor = excluded.actor",
        (device, state, note, writing.at, writing.actor),
    )
    add_event(writing, "acknowledge", device, f"acknowledged ({what}): {note}")


def set_progress(writing: Writing, rollout: str, device: str | None, sent_bytes: int, total_bytes: int) -> None:
    """Keep how far a transfer is; fewer bytes than before mean a new try, which starts now.

    A `device` of None is the one of a manual rollout.
    """
    writing.tx.execute(
        "INSERT INTO transfers (rollout, device, sent_bytes, total_bytes, started_at, at)"
        " SELECT id, coalesce(?, device), ?, ?, ?, ? FROM rollouts WHERE id = ?"
        " ON CONFLICT (rollout, device) DO UPDATE SET started_at = CASE WHEN excluded.sent_bytes < sent_bytes"
        " THEN excluded.started_at ELSE started_at END,"
        " sent_bytes = excluded.sent_bytes, total_bytes = excluded.total_bytes, at = excluded.at",
        (device, sent_bytes, total_bytes, writing.at, writing.at, rollout),
    )
