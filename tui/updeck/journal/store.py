"""The journal: every mutating call as intent before and outcome after, and the right to send (`rollout.md` 3, 8).

One `Journal` serves all threads of a process. A method either did all that it says, on disk, or raises and did
nothing; `JournalError` names the file, what is wrong with it and what to do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from updeck.clock import Clock
from updeck.errors import JournalError
from updeck.journal import activity, attempts, leases, observations, records
from updeck.journal.actor import this_actor
from updeck.journal.database import Database
from updeck.journal.encoding import digest
from updeck.journal.file_system import refuse_network
from updeck.journal.machine import Machine
from updeck.journal.models import (
    Actor,
    Baseline,
    DeviceRecord,
    Event,
    Json,
    Observation,
    Op,
    Outcome,
    RolloutRow,
    Verdict,
)
from updeck.journal.permit import Permit
from updeck.journal.rollout_id import RANDOM_BYTES, uuid7
from updeck.journal.sentences import intent_line, outcome_line
from updeck.journal.writing import Writing, add_event, enter_actor
from updeck.paths import ready_state_dir

__all__ = ["FILE_NAME", "Journal", "this_actor"]

FILE_NAME = "journal.db"

EVERY_S = 1.0
"""Shortest time between two writes of what only progresses, in seconds."""


class Journal:
    """The record, as one process writes and reads it."""

    def __init__(self, database: Database, *, actor: Actor, clock: Clock, machine: Machine | None = None) -> None:
        self._database = database
        self._actor = actor
        self._clock = clock
        self._machine = machine or Machine()
        self._held: dict[str, int] = {}
        self._pace = _Pace(clock)
        self._revision = (-1, 0)

    @classmethod
    def open(cls, state_dir: Path, *, actor: Actor, clock: Clock, machine: Machine | None = None) -> Journal:
        """Open the journal of a state directory; both are made where they are missing.

        Raises `ConfigError` for a directory or file that others could swap, and `JournalError` for a network file
        system and for a file that is locked, damaged, of a newer program or no journal.
        """
        machine = machine or Machine()
        mode = ready_state_dir(state_dir)
        refuse_network(state_dir, machine.mounts())
        return cls(Database.open(state_dir / FILE_NAME, mode=mode), actor=actor, clock=clock, machine=machine)

    def close(self) -> None:
        """Give the leases up and close the file; where that cannot be written, they run out by themselves."""
        with contextlib.suppress(JournalError):
            self.release()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin_manual(self, device: str, op: Op, *, url: str) -> RolloutRow:
        """Register a manual rollout of one device, with its lease ours.

        Raises `Blocked`, naming the other rollout, when the device belongs to one that has not ended.
        """
        with self._writing() as writing:
            rollout = uuid7(writing.at, self._machine.entropy(RANDOM_BYTES))
            view = replace(self._view(), held={rollout: 1})
            row = leases.register(writing, rollout, device, op, url, view)
        self._held[rollout] = 1
        return row

    def intend(
        self,
        rollout: str,
        device: str,
        op: Op,
        *,
        attempt: int = 1,
        try_: int = 1,
        baseline: Baseline,
        detail: Mapping[str, str] | None = None,
    ) -> Permit:
        """Commit the baseline and the intent, and return the permission to send that comes of it.

        `detail` may name the `file` of an upload, the masked `url` of a fetch, the `image_id` to delete. Raises
        `LeaseLost` when another drives the rollout, `Blocked` when this call was sent before in this attempt, its
        baseline is older than 10 s, or a start in REVIEW is not answered.
        """
        key = attempts.Key(rollout, device, attempt, op, try_)
        with self._writing() as writing:
            epoch = leases.keep(writing, rollout, self._held.get(rollout))
            intent_id = attempts.add_intent(writing, key, epoch, baseline, detail or {})
            # a permit ages from before its commit, so that a process stopped in between finds it expired
            monotonic = self._clock.monotonic()
        self._machine.witness(intent_line(intent_id, rollout, device, op, self._actor))
        return Permit(intent_id, op, device, clock=self._clock, monotonic=monotonic, wall=writing.at)

    def outcome(self, intent_id: int, outcome: Outcome, *, status: int | None, error: str | None) -> None:
        """Record what became of an intent, once; who took its rollout over does it with `unknown`.

        Raises `LeaseLost` when another drives the rollout, `JournalError` when there is an outcome already.
        """
        with self._writing() as writing:
            intent = attempts.find_intent(writing.tx, intent_id)
            if intent.outcome is None:
                leases.keep(writing, intent.rollout, self._held.get(intent.rollout))
            attempts.add_outcome(writing, intent, outcome, status, error)
        self._machine.witness(outcome_line(intent, outcome, status, self._actor))

    def end(
        self,
        rollout: str,
        device: str,
        *,
        attempt: int = 1,
        op: Op | None,
        verdict: Verdict | None,
        reason: str,
        last_state_time: int | None,
        target_version: str | None,
    ) -> None:
        """Record how an attempt ended, once and for ever, and let the device go.

        Raises `LeaseLost` when another drives the rollout, `JournalError` when it has ended or an intent is open.
        """
        ending = attempts.Ending(op, verdict, reason, last_state_time, target_version)
        with self._writing() as writing:
            leases.keep(writing, rollout, self._held.get(rollout))
            attempts.add_end(writing, rollout, device, attempt, ending)
            over = leases.drop(writing, rollout, device)
        if over:
            self._held.pop(rollout, None)

    def resolve(self, rollout: str, device: str, verdict: Verdict, reason: str) -> None:
        """Record a person's judgement of the newest end; the verdict stays. Raises `Blocked` without a reason."""
        with self._writing() as writing:
            attempts.add_resolve(writing, rollout, device, verdict, reason)

    def take_over(self, rollout: str) -> RolloutRow | None:
        """Drive a rollout on: at once if its process is gone or gave it up, else only after its lease ran out.

        Returns None when its process may still write, and when the rollout has ended.
        """
        with self._writing() as writing:
            epoch = leases.take(writing, rollout, self._view())
            if epoch is None:
                return None
        self._held[rollout] = epoch
        return next((row for row in self.unfinished() if row.id == rollout), None)

    def renew(self) -> tuple[str, ...]:
        """Renew all our leases, to be called every 10 s; return the rollouts that another process took over."""
        if not self._held:
            return ()
        with self._writing(revises=False) as writing:
            lost = leases.renew(writing, dict(self._held))
        for rollout in lost:
            self._held.pop(rollout, None)
        return lost

    def release(self) -> None:
        """Give all our leases up, so that another process may take over at once."""
        if not self._held:
            return
        with self._writing() as writing:
            leases.give_up(writing, dict(self._held))
        self._held.clear()

    def record(self, device: str) -> DeviceRecord:
        """Return what the journal knows of one device."""
        return self.records([device])[device]

    def records(self, devices: Iterable[str]) -> dict[str, DeviceRecord]:
        """Return what the journal knows of many devices, in a few queries however many they are."""
        with self._database.read() as tx:
            return records.read_records(tx, devices, self._view())

    def unfinished(self) -> list[RolloutRow]:
        """Return the rollouts that have not ended, oldest first."""
        with self._database.read() as tx:
            return leases.unfinished(tx, self._view())

    def change_token(self) -> int:
        """Return a number that changes when any process has written what `record` or `events` would show.

        Observations and renewed leases do not change it. It is cheap enough to be asked every second.
        """
        version = self._database.data_version()
        if version != self._revision[0]:
            with self._database.read() as tx:
                self._revision = (version, int(tx.execute("SELECT count FROM revision").fetchone()["count"]))
        return self._revision[1]

    def observe(self, device: str, at: float, payload: Mapping[str, Json]) -> None:
        """Keep what was seen of a device; what differs by progress alone at most once a second."""
        self.observe_many([(device, at, payload)])

    def observe_many(self, seen: Iterable[tuple[str, float, Mapping[str, Json]]]) -> None:
        """Keep what was seen of many devices, in one transaction: (device, time, payload) each."""
        seals = [(one, digest(one[2])) for one in seen]
        due = [(one, seal) for one, seal in seals if self._pace.is_due(one[0], seal)]
        if not due:
            return
        with self._writing(revises=False) as writing:
            for (device, at, payload), seal in due:
                observations.see(writing, device, at, payload, seal)
        for one, seal in due:
            self._pace.done(one[0], seal)

    def latest(self, device: str) -> Observation | None:
        """Return the newest that any process has seen of a device."""
        with self._database.read() as tx:
            return observations.find_latest(tx, device)

    def note(self, kind: str, device: str | None, text: str) -> None:
        """Add a line to the activity: a state that changed, a trust that was given, a login."""
        self.note_many([(kind, device, text)])

    def note_many(self, notes: Iterable[tuple[str, str | None, str]]) -> None:
        """Add lines to the activity in one transaction: (kind, device, text) each."""
        with self._writing() as writing:
            for kind, device, text in notes:
                add_event(writing, kind, device, text)

    def events(
        self,
        *,
        devices: Iterable[str] | None = None,
        since: float | None = None,
        after_id: int = 0,
        limit: int = 500,
    ) -> list[Event]:
        """Return the newest `limit` lines of the activity that match, oldest first."""
        with self._database.read() as tx:
            return activity.find_events(tx, devices, since, after_id, limit)

    def acknowledge(self, device: str, state: str, note: str) -> None:
        """Keep that a person has seen a device in `state`, with a note; it is for the reader to see if it still is."""
        with self._writing() as writing:
            activity.set_acknowledgement(writing, device, state, note)

    def progress(self, rollout: str, sent_bytes: int, total_bytes: int) -> None:
        """Keep how far an upload of ours is, at most once a second but for its last byte. Raises `LeaseLost`."""
        part = "whole" if sent_bytes >= total_bytes else "part"
        if not self._pace.is_due(rollout, part):
            return
        with self._writing() as writing:
            leases.keep(writing, rollout, self._held.get(rollout))
            activity.set_progress(writing, rollout, sent_bytes, total_bytes)
        self._pace.done(rollout, part)

    def _view(self) -> leases.View:
        return leases.View(dict(self._held), self._clock.wall(), self._machine.gone)

    @contextmanager
    def _writing(self, *, revises: bool = True) -> Iterator[Writing]:
        with self._database.write() as tx:
            yield Writing(tx, enter_actor(tx, self._actor), self._clock.wall())
            if revises:
                tx.execute("UPDATE revision SET count = count + 1")


class _Pace:
    """Lets a subject through when its kind has changed, and otherwise once in `EVERY_S`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, tuple[str, float]] = {}

    def is_due(self, subject: str, kind: str) -> bool:
        """Whether a write for `subject` is due."""
        last = self._last.get(subject)
        return last is None or last[0] != kind or self._clock.monotonic() - last[1] >= EVERY_S

    def done(self, subject: str, kind: str) -> None:
        """Note that it was written just now."""
        self._last[subject] = (kind, self._clock.monotonic())
