"""The journal: every mutating call as intent before and outcome after, and the right to send (`rollout.md` 3, 8).

One `Journal` serves all threads of a process. A method either did all that it says, on disk, or raises and did
nothing; `JournalError` names the file, what is wrong with it and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from updeck.errors import Blocked
from updeck.journal import activity, attempts, leases, observations, plan_records, plans, records
from updeck.journal.actor import this_actor
from updeck.journal.book import FILE_NAME
from updeck.journal.encoding import digest
from updeck.journal.models import (
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
from updeck.journal.plan_models import RolloutRecord
from updeck.journal.plan_store import PlanBook
from updeck.journal.sentences import intent_line, outcome_line
from updeck.journal.writing import Writing, add_event

__all__ = ["FILE_NAME", "Journal", "this_actor"]


class Journal(PlanBook):
    """The record, as one process writes and reads it."""

    def begin_manual(self, device: str, op: Op, *, url: str) -> RolloutRow:
        """Register a manual rollout of one device, with its lease ours.

        Raises `Blocked`, naming the other rollout, when the device belongs to one that has not ended.
        """
        with self._writing() as writing:
            rollout = self._new_id(writing)
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
        allow: Callable[[RolloutRecord], str | None] | None = None,
    ) -> Permit:
        """Commit the baseline and the intent, and return the permission to send that comes of it.

        `detail` may name the `file` of an upload, the masked `url` of a fetch, the `image_id` to delete. `allow` is
        what a planned rollout needs: it is asked within the transaction, with the rollout as it is then, and its
        reason forbids the call (`rollout.md` 7). Raises `LeaseLost` when another drives the rollout, `Blocked` when
        `allow` says so, this call was sent before in this attempt, its baseline is older than 10 s, or a start in
        REVIEW is not answered.
        """
        key = attempts.Key(rollout, device, attempt, op, try_)
        with self._writing() as writing:
            epoch = leases.keep(writing, rollout, self._held.get(rollout))
            self._ask(writing, rollout, device, allow)
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

        Raises `LeaseLost` when another drives the rollout, `JournalError` when it has ended or an intent is open,
        `Blocked` when `attempt` is not the present one.
        """
        ending = attempts.Ending(op, verdict, reason, last_state_time, target_version)
        with self._writing() as writing:
            leases.keep(writing, rollout, self._held.get(rollout))
            attempts.add_end(writing, rollout, device, attempt, ending)
            over = leases.drop(writing, rollout, device)
            if over and plans.is_plan(writing.tx, rollout):
                plans.say_finished(writing, rollout)
        if over:
            self._held.pop(rollout, None)

    def resolve(self, rollout: str, device: str, verdict: Verdict, reason: str) -> None:
        """Record a person's judgement of the newest end; the verdict stays. Raises `Blocked` without a reason."""
        with self._writing() as writing:
            attempts.add_resolve(writing, rollout, device, verdict, reason)

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

    def observe(self, device: str, at: float, payload: Mapping[str, Json]) -> bool:
        """Keep what was seen of a device; what differs by progress alone at most once a second.

        Returns whether it entered the history: what says the same does not, nor do more than 30 changes an hour.
        """
        return device in self.observe_many([(device, at, payload)])

    def observe_many(self, seen: Iterable[tuple[str, float, Mapping[str, Json]]]) -> frozenset[str]:
        """Keep what was seen of many devices, in one transaction: (device, time, payload) each.

        Returns the devices whose history has one more entry now.
        """
        seals = [(one, digest(one[2])) for one in seen]
        due = [(one, seal) for one, seal in seals if self._pace.is_due(one[0], seal)]
        if not due:
            return frozenset()
        with self._writing(revises=False) as writing:
            kept = [one[0] for one, seal in due if observations.see(writing, *one, seal)]
        for one, seal in due:
            self._pace.done(one[0], seal)
        return frozenset(kept)

    def latest(self, device: str) -> Observation | None:
        """Return the newest that any process has seen of a device."""
        with self._database.read() as tx:
            return observations.find_latest(tx, device)

    def seen(self, device: str, *, limit: int = 50) -> list[Observation]:
        """Return the newest changes that any process saw of a device, oldest first."""
        with self._database.read() as tx:
            return observations.find_seen(tx, device, limit)

    def unanswered_since(self, devices: Iterable[str]) -> dict[str, float]:
        """Return since when (Unix seconds) the devices did not answer that did not when they were last seen."""
        with self._database.read() as tx:
            return observations.find_unanswered(tx, devices)

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

    def acknowledge(self, device: str, state: str, note: str, what: str | None = None) -> None:
        """Keep that a person has seen a device in `state`, with a note; it is for the reader to see if it still is.

        `what` says in the activity what was seen, where `state` is no word for people.
        """
        with self._writing() as writing:
            activity.set_acknowledgement(writing, device, state, note, what or state)

    def progress(self, rollout: str, sent_bytes: int, total_bytes: int, *, device: str | None = None) -> None:
        """Keep how far an upload of ours is, at most once a second but for its last byte. Raises `LeaseLost`.

        A planned rollout names the `device`; a manual one has but one.
        """
        part = "whole" if sent_bytes >= total_bytes else "part"
        subject = f"{rollout} {device or ''}"
        if not self._pace.is_due(subject, part):
            return
        with self._writing() as writing:
            leases.keep(writing, rollout, self._held.get(rollout))
            activity.set_progress(writing, rollout, device, sent_bytes, total_bytes)
        self._pace.done(subject, part)

    def _ask(
        self,
        writing: Writing,
        rollout: str,
        device: str,
        allow: Callable[[RolloutRecord], str | None] | None,
    ) -> None:
        if not plans.is_plan(writing.tx, rollout):
            return
        if allow is None:
            raise Blocked("a planned rollout sends nothing that its plan was not asked about", device=device)
        reason = allow(plan_records.read_plans(writing.tx, [rollout], self._view())[rollout])
        if reason is not None:
            raise Blocked(reason, device=device)
