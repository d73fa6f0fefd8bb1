"""Planned rollouts as one frozen value each, read in a few queries however many devices they have."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from updeck.journal.controls import find_brake
from updeck.journal.leases import View, rollout_of
from updeck.journal.models import End, Intent, Milestone, TransferRow, Verdict
from updeck.journal.plan_models import (
    Attempt,
    Control,
    ControlKind,
    Engine,
    ManualRecord,
    MemberRecord,
    Position,
    Resolve,
    RolloutRecord,
)
from updeck.journal.rows import actor_of, end_of, intent_of, listed, milestone_of, transfer_of

__all__ = ["find_engine", "read_marks", "read_plans", "read_rollouts"]

_Device = tuple[str, str]
_Attempt = tuple[str, str, int]
K = TypeVar("K")
V = TypeVar("V")

_PLANS = """
    SELECT r.*, p.digest, p.plan, json_extract(p.plan, '$.until') = 'staged' AS only_brings
    FROM rollout_rows r JOIN plans p ON p.rollout = r.id
    WHERE p.rollout IN (SELECT value FROM json_each(?)) GROUP BY r.id"""

_MEMBERS = "SELECT * FROM members WHERE rollout IN (SELECT value FROM json_each(?)) ORDER BY position"
_CONTROLS = "SELECT * FROM control_rows WHERE rollout IN (SELECT value FROM json_each(?)) ORDER BY id"
_INTENTS = "SELECT * FROM intent_rows WHERE rollout IN (SELECT value FROM json_each(?)) ORDER BY id"
_MILESTONES = "SELECT * FROM milestones WHERE rollout IN (SELECT value FROM json_each(?)) ORDER BY id"
_ENDS = "SELECT * FROM end_rows WHERE rollout IN (SELECT value FROM json_each(?))"
_RESOLVES = "SELECT * FROM resolve_rows WHERE rollout IN (SELECT value FROM json_each(?)) ORDER BY id"
_POSITIONS = "SELECT * FROM positions WHERE rollout IN (SELECT value FROM json_each(?))"
_TRANSFERS = "SELECT * FROM transfers WHERE rollout IN (SELECT value FROM json_each(?))"

_MARKS = """
    SELECT r.id, coalesce((SELECT max(id) FROM ends WHERE rollout = r.id), 0)
        + coalesce((SELECT max(id) FROM resolves WHERE rollout = r.id), 0)
        + coalesce((SELECT max(id) FROM controls WHERE rollout = r.id), 0) AS mark
    FROM rollouts r WHERE r.kind IN (SELECT value FROM json_each(?)) ORDER BY r.id DESC LIMIT ?"""

_UPLOADS_BY_PLANS_THAT_ONLY_UPLOAD = """
    SELECT h.rollout, count(*) AS uploads FROM holds h
    JOIN leases l ON l.rollout = h.rollout AND l.until > ?
    JOIN intents i ON i.device = h.device AND i.op = 'upload' AND i.rollout = h.rollout
    WHERE NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.intent = i.id) AND h.rollout IN (
        SELECT rollout FROM plans
        WHERE rollout IN (SELECT rollout FROM holds) AND json_extract(plan, '$.until') = 'staged')
    GROUP BY h.rollout"""
"""Of engines that live: what a dead one was sending has stopped."""

_UNDONE = """
    SELECT e.rollout AS of_rollout, e.attempt AS of_attempt, r.* FROM ends e
    JOIN end_rows r ON r.id = (SELECT min(end_id) FROM done_resets WHERE device = e.device AND end_id > e.id)
    WHERE e.rollout IN (SELECT value FROM json_each(?))
    AND e.verdict NOT IN ('SUCCESS', 'ALREADY_INSTALLED', 'STAGED') AND NOT EXISTS (
        SELECT 1 FROM ends n
        WHERE (n.rollout, n.device) = (e.rollout, e.device) AND n.id > e.id AND n.id < r.id)"""

_PAIR_DOWN = """
    SELECT p.rollout, p.device, p.mate FROM mates p
    JOIN holds own ON own.device = p.device AND own.rollout = p.rollout JOIN holds h ON h.device = p.mate
    WHERE p.rollout IN (SELECT value FROM json_each(?)) AND EXISTS (
        SELECT 1 FROM intents i LEFT JOIN outcomes o ON o.intent = i.id
        WHERE i.rollout = h.rollout AND i.device = h.device AND i.op IN ('init', 'start')
        AND o.outcome IS NOT 'refused' AND NOT EXISTS (
            SELECT 1 FROM ends e WHERE (e.rollout, e.device, e.attempt) = (i.rollout, i.device, i.attempt))
        AND NOT (i.op = 'init' AND EXISTS (
            SELECT 1 FROM milestones m WHERE m.kind = 'initialized'
            AND (m.rollout, m.device, m.attempt) = (i.rollout, i.device, i.attempt))))"""

_PAIR_LOST = """
    SELECT p.rollout, p.device, p.mate FROM mates p
    JOIN holds own ON own.device = p.device AND own.rollout = p.rollout
    JOIN intents i ON i.id = (SELECT max(id) FROM intents WHERE device = p.mate AND op IN ('init', 'start'))
    JOIN ends e ON (e.rollout, e.device, e.attempt) = (i.rollout, i.device, i.attempt)
    WHERE p.rollout IN (SELECT value FROM json_each(?)) AND e.verdict IN ('REVIEW', 'FAILED_CRITICAL')
    AND NOT EXISTS (
        SELECT 1 FROM resolves r WHERE (r.rollout, r.device, r.attempt) = (e.rollout, e.device, e.attempt))
    AND NOT EXISTS (SELECT 1 FROM done_resets r WHERE r.device = e.device AND r.end_id > e.id)"""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What was found of some rollouts, by device or by attempt; `attempts` counts them where there is more than one."""

    attempts: Mapping[_Device, int]
    intents: Mapping[_Attempt, Sequence[Intent]]
    milestones: Mapping[_Attempt, Sequence[Milestone]]
    ends: Mapping[_Attempt, End]
    resolves: Mapping[_Attempt, Resolve]
    undone: Mapping[_Attempt, End]
    positions: Mapping[_Device, Position]
    transfers: Mapping[_Device, TransferRow]
    down: Mapping[_Device, str]
    lost: Mapping[_Device, str]


def read_plans(tx: sqlite3.Connection, rollouts: Sequence[str], view: View) -> dict[str, RolloutRecord]:
    """Return planned rollouts by id; ids of others are left out."""
    wanted = (listed(rollouts),)
    controls = _grouped((row["rollout"], _control_of(row)) for row in tx.execute(_CONTROLS, wanted))
    parts = _parts(tx, wanted, _attempts_by_device(controls))
    members = _grouped((row["rollout"], _member(row, parts)) for row in tx.execute(_MEMBERS, wanted))
    braked = find_brake(tx) is not None
    plans = list(tx.execute(_PLANS, wanted))
    uploads = _uploads(tx, view) if any(row["only_brings"] for row in plans) else {}
    found = {}
    for row in plans:
        rollout = rollout_of(row, view)
        others = (count for other, count in uploads.items() if other != rollout.id)
        found[rollout.id] = RolloutRecord(
            row=rollout,
            digest=row["digest"],
            plan=row["plan"],
            members=tuple(members[rollout.id]),
            controls=tuple(controls.get(rollout.id, ())),
            braked=braked,
            uploads_beside=sum(others) if row["only_brings"] else 0,
            confirmed_by=rollout.actor,
            confirmed_at=rollout.created_at,
        )
    return found


def _uploads(tx: sqlite3.Connection, view: View) -> dict[str, int]:
    return {row["rollout"]: row["uploads"] for row in tx.execute(_UPLOADS_BY_PLANS_THAT_ONLY_UPLOAD, (view.now,))}


def read_marks(tx: sqlite3.Connection, kinds: Sequence[str], limit: int) -> dict[str, int]:
    """Return the newest rollouts of some kinds, newest first, with a number that grows with what ends or changes it."""
    return {row["id"]: row["mark"] for row in tx.execute(_MARKS, (listed(kinds), limit))}


def read_rollouts(tx: sqlite3.Connection, ids: Sequence[str], view: View) -> list[RolloutRecord | ManualRecord]:
    """Return rollouts in the order of their ids as given."""
    plans = read_plans(tx, ids, view)
    manual = _read_manual(tx, [one for one in ids if one not in plans], view)
    return [plans[one] if one in plans else manual[one] for one in ids]


def find_engine(tx: sqlite3.Connection, rollout: str, view: View) -> Engine | None:
    """Return who drives a rollout or drove it last, None if nobody ever did."""
    row = tx.execute("SELECT * FROM rollout_rows WHERE id = ? AND epoch IS NOT NULL LIMIT 1", (rollout,)).fetchone()
    if row is None:
        return None
    found = rollout_of(row, view)
    return None if found.leased_by is None else Engine(found.leased_by, found.lease_alive, row["seen_at"])


def _read_manual(tx: sqlite3.Connection, rollouts: Sequence[str], view: View) -> dict[str, ManualRecord]:
    wanted = (listed(rollouts),)
    intents = _grouped((row["rollout"], intent_of(row)) for row in tx.execute(_INTENTS, wanted))
    ends = {row["rollout"]: end_of(row) for row in tx.execute(_ENDS, wanted)}
    query = "SELECT * FROM rollout_rows WHERE id IN (SELECT value FROM json_each(?)) GROUP BY id"
    rows = [rollout_of(row, view) for row in tx.execute(query, wanted)]
    return {row.id: ManualRecord(row, tuple(intents.get(row.id, ())), ends.get(row.id)) for row in rows}


def _attempts_by_device(controls: Mapping[str, Sequence[Control]]) -> Mapping[_Device, int]:
    retries = Counter(
        (rollout, one.device or "")
        for rollout, some in controls.items()
        for one in some
        if one.kind is ControlKind.RETRY
    )
    return {device: 1 + count for device, count in retries.items()}


def _parts(tx: sqlite3.Connection, wanted: tuple[str], attempts: Mapping[_Device, int]) -> _Parts:
    return _Parts(
        attempts=attempts,
        intents=_grouped((_attempt_of(row), intent_of(row)) for row in tx.execute(_INTENTS, wanted)),
        milestones=_grouped((_attempt_of(row), milestone_of(row)) for row in tx.execute(_MILESTONES, wanted)),
        ends={_attempt_of(row): end_of(row) for row in tx.execute(_ENDS, wanted)},
        resolves={_attempt_of(row): _resolve_of(row) for row in tx.execute(_RESOLVES, wanted)},
        undone={
            (row["of_rollout"], row["device"], row["of_attempt"]): end_of(row) for row in tx.execute(_UNDONE, wanted)
        },
        positions={_device_of(row): _position_of(row) for row in tx.execute(_POSITIONS, wanted)},
        transfers={_device_of(row): transfer_of(row) for row in tx.execute(_TRANSFERS, wanted)},
        down={_device_of(row): row["mate"] for row in tx.execute(_PAIR_DOWN, wanted)},
        lost={_device_of(row): row["mate"] for row in tx.execute(_PAIR_LOST, wanted)},
    )


def _member(row: sqlite3.Row, parts: _Parts) -> MemberRecord:
    key = rollout, device = _device_of(row)
    attempts = tuple(_attempt((rollout, device, number), parts) for number in range(1, parts.attempts.get(key, 1) + 1))
    position = parts.positions.get(key)
    if position is not None and position.attempt != attempts[-1].number:
        position = None
    return MemberRecord(
        device=device,
        position=row["position"],
        wave=row["wave"],
        attempts=attempts,
        soft=position is not None and position.soft and attempts[-1].end is None,
        pair_down=parts.down.get(key),
        pair_lost=parts.lost.get(key),
        phase=None if position is None else position.phase,
        text=None if position is None else position.text,
        transfer=parts.transfers.get(key),
        url=row["url"],
        identity=row["identity"],
    )


def _attempt(key: _Attempt, parts: _Parts) -> Attempt:
    return Attempt(
        number=key[2],
        intents=tuple(parts.intents.get(key, ())),
        milestones=tuple(parts.milestones.get(key, ())),
        end=parts.ends.get(key),
        resolve=parts.resolves.get(key),
        undone=parts.undone.get(key),
    )


def _device_of(row: sqlite3.Row) -> _Device:
    return row["rollout"], row["device"]


def _attempt_of(row: sqlite3.Row) -> _Attempt:
    return row["rollout"], row["device"], row["attempt"]


def _control_of(row: sqlite3.Row) -> Control:
    return Control(
        id=row["id"],
        kind=ControlKind(row["kind"]),
        device=row["device"],
        value=row["value"],
        reason=row["reason"],
        at=row["at"],
        actor=actor_of(row),
        turn=row["turn"] or 0,
    )


def _resolve_of(row: sqlite3.Row) -> Resolve:
    return Resolve(Verdict(row["verdict"]), row["reason"], row["at"], actor_of(row), row["turn"] or 0)


def _position_of(row: sqlite3.Row) -> Position:
    return Position(row["device"], row["phase"], row["text"], row["attempt"], bool(row["soft"]))


def _grouped(pairs: Iterator[tuple[K, V]]) -> dict[K, list[V]]:
    groups: defaultdict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return dict(groups)
