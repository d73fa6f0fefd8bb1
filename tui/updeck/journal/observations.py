"""What was seen of devices: one row with the newest, and a history of what changed (`rollout.md` 8)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from updeck.journal.encoding import json_text
from updeck.journal.models import Json, Observation
from updeck.journal.rows import observation_of
from updeck.journal.writing import Writing

__all__ = ["find_latest", "see"]


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
