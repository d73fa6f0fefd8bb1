"""Rollouts, the devices they hold, and who drives them: registration and leases with fencing (`rollout.md` 3).

A lease's epoch grows with each new driver. Every write of a driver names the epoch it holds, so one that was stopped
and wakes up after another took over cannot write, hence cannot send.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from updeck.clock import rfc3339
from updeck.errors import Blocked, JournalError, LeaseLost
from updeck.journal.models import Actor, Op, RolloutRow
from updeck.journal.rows import actor_of, listed
from updeck.journal.sentences import held_by, taken_over, who
from updeck.journal.writing import Writing, add_event
from updeck.text import clean

__all__ = ["LEASE_S", "View", "drop", "give_up", "holders", "keep", "register", "renew", "take", "unfinished"]

LEASE_S = 30.0
"""Seconds that a lease lasts unless it is renewed."""


@dataclass(frozen=True, slots=True)
class View:
    """From where leases are looked at: our epochs by rollout, the time, and what tells that a process is gone."""

    held: Mapping[str, int]
    now: float
    gone: Callable[[Actor], bool]


def holders(tx: sqlite3.Connection, devices: Iterable[str], view: View) -> dict[str, RolloutRow]:
    """Return the unfinished rollouts of some devices, by device."""
    query = "SELECT * FROM rollout_rows WHERE held_device IN (SELECT value FROM json_each(?))"
    return {row["held_device"]: _rollout_of(row, view) for row in tx.execute(query, (listed(devices),))}


def _rollout_of(row: sqlite3.Row, view: View) -> RolloutRow:
    driver = None if row["epoch"] is None else actor_of(row, "driver_")
    ours = driver is not None and view.held.get(row["id"]) == row["epoch"]
    return RolloutRow(
        id=row["id"],
        kind=row["kind"],
        created_at=row["at"],
        actor=actor_of(row),
        device=row["device"],
        leased_by=driver,
        lease_alive=driver is not None and row["until"] > view.now and (ours or not view.gone(driver)),
        lease_ours=ours,
        op=None if row["op"] is None else Op(row["op"]),
        url=row["url"],
    )


def unfinished(tx: sqlite3.Connection, view: View) -> list[RolloutRow]:
    """Return the rollouts that hold a device, oldest first."""
    query = "SELECT * FROM rollout_rows WHERE held_device IS NOT NULL ORDER BY id"
    return list({row["id"]: _rollout_of(row, view) for row in tx.execute(query)}.values())


def register(writing: Writing, rollout: str, device: str, op: Op, url: str, view: View) -> RolloutRow:
    """Insert a manual rollout with its hold on the device and its lease. Raises `Blocked` when another holds it."""
    tx = writing.tx
    for other in holders(tx, [device], view).values():
        raise Blocked(held_by(other, rfc3339(other.created_at)), device=device, advice="wait for its end")
    tx.execute(
        "INSERT INTO rollouts (id, kind, device, op, url, at, actor) VALUES (?, 'manual', ?, ?, ?, ?, ?)",
        (rollout, device, op, clean(url), writing.at, writing.actor),
    )
    tx.execute("INSERT INTO holds (device, rollout) VALUES (?, ?)", (device, rollout))
    tx.execute(
        "INSERT INTO leases (rollout, epoch, actor, until) VALUES (?, 1, ?, ?)",
        (rollout, writing.actor, writing.at + LEASE_S),
    )
    return holders(tx, [device], view)[device]


def keep(writing: Writing, rollout: str, epoch: int | None) -> int:
    """Extend a lease that is still ours, as the condition of any write for its rollout; return its epoch.

    Raises `LeaseLost` when another drives the rollout, `JournalError` when it has ended or never was.
    """
    if epoch is not None:
        done = writing.tx.execute(
            "UPDATE leases SET until = ? WHERE rollout = ? AND epoch = ? AND actor = ?",
            (writing.at + LEASE_S, rollout, epoch, writing.actor),
        )
        if done.rowcount == 1:
            return epoch
    row = writing.tx.execute("SELECT * FROM rollout_rows WHERE id = ? AND epoch IS NOT NULL", (rollout,)).fetchone()
    if row is None:
        raise JournalError(f"rollout {clean(rollout, 40)} has ended or never was")
    raise LeaseLost(f"rollout {rollout} is not driven by this program but by {who(actor_of(row, 'driver_'))}")


def take(writing: Writing, rollout: str, view: View) -> int | None:
    """Take a lease over; return its new epoch, None when its driver may still write or the rollout has ended."""
    rows = writing.tx.execute(
        "SELECT * FROM rollout_rows WHERE id = ? AND held_device IS NOT NULL AND epoch IS NOT NULL", (rollout,)
    ).fetchall()
    for row in rows:
        found = _rollout_of(row, view)
        if found.lease_ours:
            return view.held[rollout]
        if found.lease_alive:
            return None
        add_event(writing, "lease", row["held_device"], taken_over(actor_of(row, "driver_")))
    if not rows:
        return None
    writing.tx.execute(
        "UPDATE leases SET epoch = epoch + 1, actor = ?, until = ? WHERE rollout = ?",
        (writing.actor, writing.at + LEASE_S, rollout),
    )
    return int(writing.tx.execute("SELECT epoch FROM leases WHERE rollout = ?", (rollout,)).fetchone()["epoch"])


def renew(writing: Writing, held: Mapping[str, int]) -> tuple[str, ...]:
    """Renew the leases in `held`; return the rollouts whose lease was lost."""
    return tuple(
        rollout
        for rollout, epoch in held.items()
        if writing.tx.execute(
            "UPDATE leases SET until = ? WHERE rollout = ? AND epoch = ? AND actor = ?",
            (writing.at + LEASE_S, rollout, epoch, writing.actor),
        ).rowcount
        == 0
    )


def give_up(writing: Writing, held: Mapping[str, int]) -> None:
    """Let the leases in `held` run out now, so that anybody may take over."""
    for rollout, epoch in held.items():
        writing.tx.execute(
            "UPDATE leases SET until = 0 WHERE rollout = ? AND epoch = ? AND actor = ?",
            (rollout, epoch, writing.actor),
        )


def drop(writing: Writing, rollout: str, device: str) -> bool:
    """Let a rollout's hold on a device go; return whether it was the last, which ends the rollout's lease as well."""
    tx = writing.tx
    tx.execute("DELETE FROM holds WHERE rollout = ? AND device = ?", (rollout, device))
    if tx.execute("SELECT 1 FROM holds WHERE rollout = ?", (rollout,)).fetchone() is not None:
        return False
    tx.execute("DELETE FROM leases WHERE rollout = ?", (rollout,))
    tx.execute("DELETE FROM transfers WHERE rollout = ?", (rollout,))
    return True
