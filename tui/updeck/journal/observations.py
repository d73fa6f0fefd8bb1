"""What was seen of devices: one row with the newest, and a history of what changed (`rollout.md` 8)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from updeck.journal.encoding import json_text, payload_from
from updeck.journal.models import Json, Observation
from updeck.journal.rows import observation_of
from updeck.journal.writing import Writing

__all__ = ["find_latest", "find_seen", "find_unanswered", "see"]


def see(writing: Writing, device: str, at: float, payload: Mapping[str, Json], seal: str) -> None:
    """Keep what was seen at `at`, in the history only if its digest `seal` has changed; older news is dropped."""
    tx = writing.tx
    before = tx.execute("SELECT at, digest FROM latest WHERE device = ?", (device,)).fetchone()
    if before is not None and before["at"] > at:
        return
    text = json_text(payload)
    if before is None or before["digest"] != seal:
        tx.execute(
            "INSERT INTO observations (device, at, kind, payload, actor) VALUES (?, ?, 'seen', ?, ?)",
            (device, at, text, writing.actor),
        )
    tx.execute(
        "INSERT INTO latest (device, at, digest, payload, actor) VALUES (?, ?, ?, ?, ?) ON CONFLICT (device) DO UPDATE"
        " SET at = excluded.at, digest = excluded.digest, payload = excluded.payload, actor = excluded.actor",
        (device, at, seal, text, writing.actor),
    )


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
