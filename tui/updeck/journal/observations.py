"""What was seen of devices: one row with the newest, and a history of what changed (`rollout.md` 8)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from updeck.journal.encoding import json_text, payload_from
from updeck.journal.models import Json, Observation
from updeck.journal.rows import observation_of
from updeck.journal.writing import Writing

__all__ = ["HOURLY_MOST", "find_latest", "find_seen", "find_unanswered", "see"]

_HOUR_S = 3600.0

HOURLY_MOST = 30
"""Changes of one device that enter the history within an hour.

Rows are never deleted, so a device that comes and goes all day long must not fill the disk: what is more than this is
kept as the newest only, until the hour is over.
"""


def see(writing: Writing, device: str, at: float, payload: Mapping[str, Json], seal: str) -> bool:
    """Keep what was seen at `at`, in the history only if its digest `seal` has changed; older news is dropped.

    Returns whether it entered the history.
    """
    tx = writing.tx
    before = tx.execute("SELECT at, digest FROM latest WHERE device = ?", (device,)).fetchone()
    if before is not None and before["at"] > at:
        return False
    text = json_text(payload)
    kept = (before is None or before["digest"] != seal) and not _too_many(tx, device, at)
    if kept:
        tx.execute(
            "INSERT INTO observations (device, at, kind, payload, actor) VALUES (?, ?, 'seen', ?, ?)",
            (device, at, text, writing.actor),
        )
    tx.execute(
        "INSERT INTO latest (device, at, digest, payload, actor) VALUES (?, ?, ?, ?, ?) ON CONFLICT (device) DO UPDATE"
        " SET at = excluded.at, digest = excluded.digest, payload = excluded.payload, actor = excluded.actor",
        (device, at, seal, text, writing.actor),
    )
    return kept


def _too_many(tx: sqlite3.Connection, device: str, at: float) -> bool:
    rows = tx.execute(
        "SELECT at FROM observations WHERE device = ? AND kind = 'seen' ORDER BY id DESC LIMIT ?", (device, HOURLY_MOST)
    ).fetchall()
    return len(rows) == HOURLY_MOST and 0 <= at - rows[-1]["at"] < _HOUR_S


def find_latest(tx: sqlite3.Connection, device: str) -> Observation | None:
    """Return the newest that any process saw of a device."""
    row = tx.execute("SELECT * FROM latest_rows WHERE device = ?", (device,)).fetchone()
    return None if row is None else observation_of(row)


def find_seen(tx: sqlite3.Connection, device: str, limit: int) -> list[Observation]:
    """Return the newest `limit` changes that were kept of a device, oldest first."""
    rows = tx.execute(
        "SELECT o.device, o.at, o.payload, a.* FROM observations o JOIN actors a ON a.id = o.actor"
        " WHERE o.device = ? AND o.kind = 'seen' ORDER BY o.id DESC LIMIT ?",
        (device, limit),
    )
    return [observation_of(row) for row in rows][::-1]


def find_unanswered(tx: sqlite3.Connection, devices: Iterable[str]) -> dict[str, float]:
    """Return since when no good answer of a device was kept, for those whose newest kept poll was not good."""
    since: dict[str, float] = {}
    for device in devices:
        newest = tx.execute("SELECT payload FROM latest WHERE device = ?", (device,)).fetchone()
        if newest is None or _good(newest):
            continue
        for row in tx.execute(
            "SELECT at, payload FROM observations WHERE device = ? AND kind = 'seen' ORDER BY id DESC", (device,)
        ):
            if _good(row):
                break
            since[device] = row["at"]
    return since


def _good(row: sqlite3.Row) -> bool:
    return payload_from(row["payload"]).get("reach") == "OK"
