"""What the journal knows of devices, many at a time: the record that decisions and views rest on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from updeck.journal.leases import View, holders
from updeck.journal.models import DeviceRecord, End, Intent, Milestone, Op, Outcome, RolloutRow, TransferRow, Verdict
from updeck.journal.rows import end_of, intent_of, listed, milestone_of, transfer_of

__all__ = ["read_records", "start_unresolved"]

_AttemptKey = tuple[str, str, int]


@dataclass(slots=True)
class _Findings:
    """What was found by device or by attempt."""

    open_intents: dict[str, list[Intent]] = field(default_factory=dict)
    newest: dict[tuple[str, Op], Intent] = field(default_factory=dict)
    resets: dict[str, list[Intent]] = field(default_factory=dict)
    ends: dict[_AttemptKey, End] = field(default_factory=dict)
    last_ends: dict[str, End] = field(default_factory=dict)
    resolved: set[_AttemptKey] = field(default_factory=set)
    checksums: dict[str, set[str]] = field(default_factory=dict)
    notes: dict[str, tuple[str, str]] = field(default_factory=dict)
    transfers: dict[str, TransferRow] = field(default_factory=dict)
    initialized: dict[str, tuple[Milestone, bool]] = field(default_factory=dict)
    phases: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def sent(self) -> Iterator[Intent]:
        """The inits, starts and resets whose ends matter."""
        return chain(self.newest.values(), *self.resets.values())


def read_records(tx: sqlite3.Connection, devices: Iterable[str], view: View) -> dict[str, DeviceRecord]:
    """Return the record of each device, also of those that the journal has never seen."""
    names = list(devices)
    rollouts = holders(tx, names, view)
    found = _find_all(tx, names)
    return {name: _record(name, rollouts.get(name), found) for name in names}


def _record(name: str, rollout: RolloutRow | None, found: _Findings) -> DeviceRecord:
    init, start = found.newest.get((name, Op.INIT)), found.newest.get((name, Op.START))
    state, note = found.notes.get(name, (None, None))
    initialized, adopted = found.initialized.get(name, (None, False))
    init = None if adopted else init
    phase, phase_text = found.phases.get(name, (None, None))
    return DeviceRecord(
        device=name,
        rollout=rollout,
        intents=tuple(found.open_intents.get(name, ())),
        last_end=found.last_ends.get(name),
        last_init=init,
        last_init_end=_end_of(found, init),
        last_start=start,
        last_start_end=_end_of(found, start),
        start_unresolved=_unresolved(found, start),
        reset_since_init=init is not None and any(_sent(one) for one in _resets_after(found, init)),
        proven_checksums=frozenset(found.checksums.get(name, ())),
        acknowledged_state=state,
        acknowledged_note=note,
        transfer=found.transfers.get(name),
        initialized=initialized,
        phase=phase,
        phase_text=phase_text,
    )


def start_unresolved(tx: sqlite3.Connection, device: str) -> bool:
    """Whether the last start of a device ended in REVIEW and neither a reset nor a person has answered it."""
    found = _find_all(tx, [device])
    return _unresolved(found, found.newest.get((device, Op.START)))


_OPEN = """
    SELECT i.* FROM intent_rows i JOIN holds h ON h.rollout = i.rollout AND h.device = i.device
    WHERE h.device IN (SELECT value FROM json_each(?)) AND NOT EXISTS (
        SELECT 1 FROM ends e WHERE (e.rollout, e.device, e.attempt) = (i.rollout, i.device, i.attempt))
    ORDER BY i.id"""

_NEWEST = """
    SELECT * FROM intent_rows WHERE id IN (
        SELECT max(id) FROM intents
        WHERE op IN ('init', 'start') AND device IN (SELECT value FROM json_each(?)) GROUP BY device, op)"""

_RESETS = """
    SELECT i.* FROM intent_rows i WHERE i.op = 'reset' AND i.device IN (SELECT value FROM json_each(?)) AND i.id > (
        SELECT min(newest) FROM (
            SELECT max(id) AS newest FROM intents
            WHERE device = i.device AND op IN ('init', 'start') GROUP BY op))"""
"""Of all ever sent only those that may answer the newest init or start: what is read must not grow with history."""

_LAST_ENDS = """
    SELECT * FROM end_rows WHERE id IN (
        SELECT max(id) FROM ends WHERE device IN (SELECT value FROM json_each(?)) GROUP BY device)"""

_ENDS = """
    SELECT e.* FROM json_each(?) k JOIN end_rows e ON (e.rollout, e.device, e.attempt)
        = (json_extract(k.value, '$[0]'), json_extract(k.value, '$[1]'), json_extract(k.value, '$[2]'))"""

_RESOLVED = """
    SELECT r.rollout, r.device, r.attempt FROM json_each(?) k JOIN resolves r ON (r.rollout, r.device, r.attempt)
        = (json_extract(k.value, '$[0]'), json_extract(k.value, '$[1]'), json_extract(k.value, '$[2]'))"""

_CHECKSUMS = """
    SELECT i.device, i.checksum FROM intents i
    JOIN ends e ON (e.rollout, e.device, e.attempt) = (i.rollout, i.device, i.attempt)
    WHERE e.verdict = 'STAGED' AND i.op IN ('upload', 'fetch') AND i.checksum IS NOT NULL
    AND i.device IN (SELECT value FROM json_each(:devices))
    UNION
    SELECT i.device, i.checksum FROM intents i
    JOIN milestones m ON (m.rollout, m.device, m.checksum) = (i.rollout, i.device, i.checksum)
    WHERE m.kind = 'staged' AND i.device IN (SELECT value FROM json_each(:devices))"""

_INITIALIZED = """
    SELECT m.*, NOT EXISTS (
        SELECT 1 FROM intents i
        WHERE (i.rollout, i.device, i.attempt, i.op) = (m.rollout, m.device, m.attempt, 'init')) AS adopted
    FROM milestones m WHERE m.id IN (
        SELECT max(id) FROM milestones
        WHERE kind = 'initialized' AND device IN (SELECT value FROM json_each(?)) GROUP BY device)
    AND NOT EXISTS (
        SELECT 1 FROM intents i LEFT JOIN outcomes o ON o.intent = i.id
        WHERE i.device = m.device AND i.op IN ('init', 'reset') AND i.id > coalesce(m.newest_intent, 0)
        AND o.outcome IS NOT 'refused')"""

_NOTES = "SELECT device, state, note FROM acknowledgements WHERE device IN (SELECT value FROM json_each(?))"

_TRANSFERS = """
    SELECT t.* FROM transfers t JOIN holds h ON h.rollout = t.rollout AND h.device = t.device
    WHERE h.device IN (SELECT value FROM json_each(?))"""

_POSITIONS = """
    SELECT p.device, p.phase, p.text FROM positions p JOIN holds h ON h.rollout = p.rollout AND h.device = p.device
    WHERE h.device IN (SELECT value FROM json_each(?)) AND p.attempt = 1 + (
        SELECT count(*) FROM controls c WHERE (c.rollout, c.device, c.kind) = (p.rollout, p.device, 'retry'))"""


def _find_all(tx: sqlite3.Connection, names: Iterable[str]) -> _Findings:
    wanted = (listed(names),)
    found = _Findings()
    for row in tx.execute(_OPEN, wanted):
        found.open_intents.setdefault(row["device"], []).append(intent_of(row))
    for row in tx.execute(_NEWEST, wanted):
        found.newest[row["device"], Op(row["op"])] = intent_of(row)
    for row in tx.execute(_RESETS, wanted):
        found.resets.setdefault(row["device"], []).append(intent_of(row))
    for row in tx.execute(_LAST_ENDS, wanted):
        found.last_ends[row["device"]] = end_of(row)
    attempts = (json.dumps([_attempt_of(one) for one in found.sent]),)
    for row in tx.execute(_ENDS, attempts):
        found.ends[row["rollout"], row["device"], row["attempt"]] = end_of(row)
    for row in tx.execute(_CHECKSUMS, {"devices": wanted[0]}):
        found.checksums.setdefault(row["device"], set()).add(row["checksum"])
    for row in tx.execute(_INITIALIZED, wanted):
        found.initialized[row["device"]] = (milestone_of(row), bool(row["adopted"]))
    found.resolved.update((row["rollout"], row["device"], row["attempt"]) for row in tx.execute(_RESOLVED, attempts))
    found.notes.update((row["device"], (row["state"], row["note"])) for row in tx.execute(_NOTES, wanted))
    found.phases.update((row["device"], (row["phase"], row["text"])) for row in tx.execute(_POSITIONS, wanted))
    found.transfers.update((row["device"], transfer_of(row)) for row in tx.execute(_TRANSFERS, wanted))
    return found


def _attempt_of(intent: Intent) -> _AttemptKey:
    return intent.rollout, intent.device, intent.attempt


def _end_of(found: _Findings, intent: Intent | None) -> End | None:
    return None if intent is None else found.ends.get(_attempt_of(intent))


def _resets_after(found: _Findings, intent: Intent) -> list[Intent]:
    return [one for one in found.resets.get(intent.device, ()) if one.id > intent.id]


def _sent(intent: Intent) -> bool:
    return intent.outcome is None or intent.outcome.outcome is not Outcome.REFUSED


def _unresolved(found: _Findings, start: Intent | None) -> bool:
    end = _end_of(found, start)
    if start is None or end is None or end.verdict is not Verdict.REVIEW:
        return False
    if _attempt_of(start) in found.resolved:
        return False
    return not any(_sent(one) and _done(_end_of(found, one)) for one in _resets_after(found, start))


def _done(end: End | None) -> bool:
    return end is not None and end.op is Op.RESET and end.verdict is None
