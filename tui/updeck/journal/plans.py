"""Planned rollouts as they come and go: registered with all their devices at once, and over with the last of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from updeck.errors import Blocked, UsageError
from updeck.journal.attempts import check_present
from updeck.journal.encoding import small_int
from updeck.journal.leases import View, find_rollout, hold
from updeck.journal.models import Milestone, RolloutRow, Verdict
from updeck.journal.plan_models import Member, Position
from updeck.journal.plan_sentences import finished, reached, registered
from updeck.journal.writing import Writing, add_event
from updeck.text import clean

__all__ = ["add_milestone", "find_plan", "is_plan", "register_plan", "say_finished", "set_positions"]

_HELD = "HELD"
"""The phase of a device that only a person can go on with."""


def register_plan(
    writing: Writing, rollout: str, plan: str, digest: str, members: Sequence[Member], view: View
) -> RolloutRow:
    """Insert a plan with its members and take them in; nobody drives it yet.

    Raises `Blocked` for a plan without devices, and when a device belongs to another rollout, which is named.
    """
    if not members:
        raise Blocked("the plan has no devices")
    tx = writing.tx
    tx.execute(
        "INSERT INTO rollouts (id, kind, device, op, url, at, actor) VALUES (?, 'plan', NULL, NULL, NULL, ?, ?)",
        (rollout, writing.at, writing.actor),
    )
    tx.execute("INSERT INTO plans (rollout, digest, plan) VALUES (?, ?, ?)", (rollout, digest, plan))
    tx.executemany(
        "INSERT INTO members (rollout, device, position, wave, url, identity) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (rollout, one.device, position, one.wave, clean(one.url), one.identity)
            for position, one in enumerate(members)
        ],
    )
    tx.executemany(
        "INSERT INTO mates (rollout, device, mate) VALUES (?, ?, ?)",
        [(rollout, one.device, mate) for one in members for mate in one.mates],
    )
    hold(writing, rollout, [member.device for member in members], view)
    row = find_rollout(tx, rollout, view)
    assert row is not None
    add_event(writing, "rollout", None, registered(row, members))
    return row


def is_plan(tx: sqlite3.Connection, rollout: str) -> bool:
    """Whether a rollout is a planned one."""
    return tx.execute("SELECT 1 FROM plans WHERE rollout = ?", (rollout,)).fetchone() is not None


def find_plan(tx: sqlite3.Connection, prefix: str) -> str:
    """Return the id of the one planned rollout whose id begins with `prefix`. Raises `UsageError` without one."""
    wanted = clean(prefix.strip().lower(), 80)
    query = "SELECT rollout FROM plans WHERE substr(rollout, 1, length(?)) = ? ORDER BY rollout DESC LIMIT 4"
    found = [str(row["rollout"]) for row in tx.execute(query, (wanted, wanted))] if wanted else []
    if not found:
        raise UsageError(f"there is no planned rollout {clean(prefix, 40)!r}", advice="see updeck rollout list")
    if len(found) > 1:
        raise UsageError(f"{clean(prefix, 40)!r} begins several rollouts: {', '.join(found)}", advice="say more of it")
    return found[0]


def say_finished(writing: Writing, rollout: str) -> None:
    """Note that a planned rollout has ended, with the newest verdicts of its devices counted."""
    query = """
        SELECT verdict, count(*) AS count FROM ends WHERE verdict IS NOT NULL AND id IN (
            SELECT max(id) FROM ends WHERE rollout = ? GROUP BY device)
        GROUP BY verdict ORDER BY count(*) DESC, verdict"""
    verdicts = {Verdict(row["verdict"]): int(row["count"]) for row in writing.tx.execute(query, (rollout,))}
    add_event(writing, "rollout", None, finished(rollout, verdicts))


def add_milestone(writing: Writing, rollout: str, device: str, milestone: Milestone) -> None:
    """Insert what the present attempt has reached. Raises `Blocked` when the attempt is not under way."""
    check_present(writing.tx, rollout, device, milestone.attempt)
    writing.tx.execute(
        "INSERT INTO milestones"
        " (rollout, device, attempt, kind, last_state_time, target_version, checksum, at, actor, newest_intent)"
        " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, max(id) FROM intents WHERE device = ?",
        (
            rollout,
            device,
            milestone.attempt,
            milestone.kind,
            small_int(milestone.last_state_time),
            milestone.target_version,
            milestone.checksum,
            writing.at,
            writing.actor,
            device,
        ),
    )
    add_event(writing, "milestone", device, reached(milestone))


def set_positions(writing: Writing, rollout: str, positions: Sequence[Position]) -> None:
    """Keep where devices stand, in place of where they stood before; a hold that begins or ends is told for ever."""
    for one in positions:
        _say_hold(writing, rollout, one)
    writing.tx.executemany(
        "INSERT INTO positions (rollout, device, attempt, phase, text, soft, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (rollout, device) DO UPDATE SET attempt = excluded.attempt, phase = excluded.phase,"
        " text = excluded.text, soft = excluded.soft, at = excluded.at",
        [
            (rollout, one.device, one.attempt, clean(one.phase, 40), clean(one.text), int(one.soft), writing.at)
            for one in positions
        ],
    )


def _say_hold(writing: Writing, rollout: str, now: Position) -> None:
    query = "SELECT text FROM positions WHERE rollout = ? AND device = ? AND phase = ?"
    before = writing.tx.execute(query, (rollout, now.device, _HELD)).fetchone()
    if now.phase == _HELD and (before is None or before["text"] != clean(now.text)):
        add_event(writing, "hold", now.device, f"waits for a person: {now.text}")
    elif now.phase != _HELD and before is not None:
        add_event(writing, "hold", now.device, "no person is needed any more")
