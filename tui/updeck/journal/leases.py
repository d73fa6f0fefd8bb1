"""Rollouts, the devices they hold, and who drives them: registration and leases with fencing (`rollout.md` 3).

A lease's epoch grows with each new driver. Every write of a driver names the epoch it holds, so one that was stopped
and wakes up after another took over cannot write, hence cannot send.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from updeck.clock import rfc3339
from updeck.errors import Blocked, JournalError, LeaseLost
from updeck.journal.models import Actor, Op, RolloutRow
from updeck.journal.rows import actor_of, listed
from updeck.journal.sentences import held_by, taken_over, who
from updeck.journal.writing import Writing, add_event
from updeck.text import clean, plural

__all__ = [
    "LEASE_S",
    "View",
    "drop",
    "find_rollout",
    "give_up",
    "hold",
    "holders",
    "keep",
    "register",
    "renew",
    "rollout_of",
    "take",
    "unfinished",
]

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
    found: dict[str, RolloutRow] = {}
    holding: dict[str, RolloutRow] = {}
    for row in tx.execute(query, (listed(devices),)):
        if row["id"] not in found:
            found[row["id"]] = rollout_of(row, view)
        holding[row["held_device"]] = found[row["id"]]
    return holding


def rollout_of(row: sqlite3.Row, view: View) -> RolloutRow:
    """Return the rollout in a row of its view."""
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
    query = "SELECT * FROM rollout_rows WHERE held_device IS NOT NULL GROUP BY id ORDER BY id"
    return [rollout_of(row, view) for row in tx.execute(query)]


def find_rollout(tx: sqlite3.Connection, rollout: str, view: View) -> RolloutRow | None:
    """Return a rollout, None when there is none of this id."""
    row = tx.execute("SELECT * FROM rollout_rows WHERE id = ? LIMIT 1", (rollout,)).fetchone()
    return None if row is None else rollout_of(row, view)


def hold(writing: Writing, rollout: str, devices: Sequence[str], view: View) -> None:
    """Take devices into a rollout. Raises `Blocked`, naming the other rollout, when one belongs to another."""
    taken = holders(writing.tx, devices, view)
    for device, other in taken.items():
        more = f"; so with {plural(len(taken) - 1, 'more device')}" if len(taken) > 1 else ""
        raise Blocked(held_by(other, rfc3339(other.created_at)) + more, device=device, advice="wait for its end")
    writing.tx.executemany("INSERT INTO holds (device, rollout) VALUES (?, ?)", [(one, rollout) for one in devices])


def register(writing: Writing, rollout: str, device: str, op: Op, url: str, view: View) -> RolloutRow:
    """Insert a manual rollout with its hold on the device and its lease. Raises `Blocked` when another holds it."""
    tx = writing.tx
    tx.execute(
        "INSERT INTO rollouts (id, kind, device, op, url, at, actor) VALUES (?, 'manual', ?, ?, ?, ?, ?)",
        (rollout, device, op, clean(url), writing.at, writing.actor),
    )
    hold(writing, rollout, [device], view)
    tx.execute(
        "INSERT INTO leases (rollout, epoch, actor, until, seen_at) VALUES (?, 1, ?, ?, ?)",
        (rollout, writing.actor, writing.at + LEASE_S, writing.at),
    )
    return holders(tx, [device], view)[device]


def keep(writing: Writing, rollout: str, epoch: int | None) -> int:
    """Extend a lease that is still ours, as the condition of any write for its rollout; return its epoch.

    Raises `LeaseLost` when another drives the rollout or nobody does, `JournalError` when it has ended or never was.
    """
    if epoch is not None and _extend(writing, rollout, epoch):
        return epoch
    row = writing.tx.execute("SELECT * FROM rollout_rows WHERE id = ? LIMIT 1", (rollout,)).fetchone()
    if row is None or row["held_device"] is None:
        raise JournalError(f"rollout {clean(rollout, 40)} has ended or never was")
    if row["epoch"] is None:
        raise LeaseLost(f"rollout {rollout} is driven by nobody", advice="take it over first")
    raise LeaseLost(f"rollout {rollout} is not driven by this program but by {who(actor_of(row, 'driver_'))}")


def _extend(writing: Writing, rollout: str, epoch: int) -> bool:
    done = writing.tx.execute(
        "UPDATE leases SET until = ?, seen_at = ? WHERE rollout = ? AND epoch = ? AND actor = ?",
        (writing.at + LEASE_S, writing.at, rollout, epoch, writing.actor),
    )
    return done.rowcount == 1


def take(writing: Writing, rollout: str, view: View) -> int | None:
    """Take a lease over; return its new epoch, None when its driver may still write or the rollout has ended."""
    tx = writing.tx
    row = tx.execute(
        "SELECT * FROM rollout_rows WHERE id = ? AND held_device IS NOT NULL LIMIT 1", (rollout,)
    ).fetchone()
    if row is None:
        return None
    found = rollout_of(row, view)
    if found.lease_ours:
        return view.held[rollout]
    if found.lease_alive:
        return None
    if found.leased_by is not None:
        add_event(writing, "lease", found.device, taken_over(found.leased_by))
    tx.execute(
        "INSERT INTO leases (rollout, epoch, actor, until, seen_at) VALUES (?, 1, ?, ?, ?) ON CONFLICT (rollout)"
        " DO UPDATE SET epoch = epoch + 1, actor = excluded.actor, until = excluded.until, seen_at = excluded.seen_at",
        (rollout, writing.actor, writing.at + LEASE_S, writing.at),
    )
    return int(tx.execute("SELECT epoch FROM leases WHERE rollout = ?", (rollout,)).fetchone()["epoch"])


def renew(writing: Writing, held: Mapping[str, int]) -> tuple[str, ...]:
    """Renew the leases in `held`; return the rollouts whose lease was lost."""
    return tuple(rollout for rollout, epoch in held.items() if not _extend(writing, rollout, epoch))


def give_up(writing: Writing, held: Mapping[str, int]) -> None:
    """Let the leases in `held` run out now, so that anybody may take over."""
    for rollout, epoch in held.items():
        writing.tx.execute(
            "UPDATE leases SET until = 0 WHERE rollout = ? AND epoch = ? AND actor = ?",
            (rollout, epoch, writing.actor),
        )


def drop(writing: Writing, rollout: str, device: str) -> bool:
    """Let a rollout's hold on a device go; return whether it was the last, which ends the rollout's lease as well.

    The lease of a plan stays, run out, with its epoch: a retry can make the rollout go on.
    """
    tx = writing.tx
    tx.execute("DELETE FROM holds WHERE rollout = ? AND device = ?", (rollout, device))
    tx.execute("DELETE FROM transfers WHERE rollout = ? AND device = ?", (rollout, device))
    if tx.execute("SELECT 1 FROM holds WHERE rollout = ?", (rollout,)).fetchone() is not None:
        return False
    tx.execute("DELETE FROM leases WHERE rollout = ? AND rollout NOT IN (SELECT rollout FROM plans)", (rollout,))
    tx.execute("UPDATE leases SET until = 0 WHERE rollout = ?", (rollout,))
    return True
