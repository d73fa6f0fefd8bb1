"""The rules of keys and leases against random histories: several processes, killed and stopped, on one real file.

The model knows only what `rollout.md` 3 says; the journal must allow and refuse exactly that, and whatever the
history was, no key is sent twice, no verdict flips and no device belongs to two unfinished rollouts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from journal_bench import URL, Bench
from updeck.errors import Blocked, LeaseLost, UpdeckError
from updeck.journal.database import Database
from updeck.journal.models import Op, Outcome, RolloutRow, Verdict
from updeck.journal.permit import PERMIT_S, Permit
from updeck.journal.store import Journal

DEVICES = ("ar11-a", "ar11-b")
OPS = (Op.UPLOAD, Op.INIT, Op.START, Op.RESET)
LEASE_S = 30.0
Key = tuple[str, str, int, Op, int]
Given = tuple[Permit, Key, float]
T = TypeVar("T")


def tried(call: Callable[[], T]) -> T | UpdeckError:
    """Return what a call returns, or the error of ours that it raises."""
    try:
        return call()
    except UpdeckError as error:
        return error


@dataclass
class Process:
    """A process of the model; `pid` names it in the journal."""

    pid: int
    journal: Journal
    database: Database
    alive: bool = True


@dataclass
class Drive:
    """A rollout of the model: who drives it, until when unless renewed, and what it has sent."""

    row: RolloutRow
    driver: int
    until: float
    intents: dict[int, Key] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    verdict: Verdict | None = None
    ended: bool = False


class Rules(RuleBasedStateMachine):
    """Random histories of up to four processes on two devices."""

    permits: Bundle[Given] = Bundle("permits")

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self.bench = Bench(Path(self._directory.name) / "state")
        self.processes: list[Process] = []
        self.drives: list[Drive] = []
        self.sent: list[Key] = []
        self.spawn()

    def teardown(self) -> None:
        self.bench.close()
        self._directory.cleanup()

    def now(self) -> float:
        return self.bench.clock.wall()

    def spawn(self) -> Process:
        pid = len(self.processes) + 1
        process = Process(pid, *self.bench.process(pid))
        self.processes.append(process)
        return process

    def pick(self, number: int) -> Process:
        living = [process for process in self.processes if process.alive]
        return living[number % len(living)] if living else self.spawn()

    def unfinished(self, device: str) -> Drive | None:
        return next((one for one in self.drives if one.row.device == device and not one.ended), None)

    def start_unresolved(self, device: str) -> bool:
        barred = False
        for drive in self.drives:
            if drive.row.device != device or not drive.ended:
                continue
            for intent, key in drive.intents.items():
                if key[3] is Op.START:
                    barred = drive.verdict is Verdict.REVIEW
                elif key[3] is Op.RESET and drive.row.op is Op.RESET and drive.verdict is None:
                    barred = barred and drive.outcomes[intent] is Outcome.REFUSED
        return barred

    @rule(number=st.integers(0, 3), device=st.sampled_from(DEVICES), op=st.sampled_from(OPS))
    def begin(self, number: int, device: str, op: Op) -> None:
        process = self.pick(number)
        busy = self.unfinished(device)
        row = tried(lambda: process.journal.begin_manual(device, op, url=URL))
        if isinstance(row, UpdeckError):
            assert isinstance(row, Blocked)
            assert busy is not None
            assert busy.row.id in str(row)
        else:
            assert busy is None
            self.drives.append(Drive(row, process.pid, self.now() + LEASE_S))

    @precondition(lambda self: self.drives)
    @rule(
        target=permits,
        number=st.integers(0, 3),
        which=st.integers(0, 5),
        named=st.sampled_from((None, *OPS)),
        try_=st.sampled_from((1, 1, 1, 2, 4)),
        age_s=st.sampled_from((0.0, 0.0, 0.0, 10.0, 11.0)),
    )
    def intend(
        self, number: int, which: int, named: Op | None, try_: int, age_s: float
    ) -> Given | MultipleResults[Given]:
        process, drive = self.pick(number), self.drives[-1 - which % len(self.drives)]
        device, op = drive.row.device or "", named or drive.row.op or Op.START
        key = (drive.row.id, device, 1, op, try_)
        most = 3 if op is Op.UPLOAD else 1
        allowed = (
            not drive.ended
            and drive.driver == process.pid
            and age_s <= 10.0
            and try_ <= most
            and key not in drive.intents.values()
            and not (op is Op.START and self.start_unresolved(device))
        )
        self.bench.clock.step_wall(-age_s)
        baseline = self.bench.baseline()
        self.bench.clock.step_wall(age_s)
        permit = tried(lambda: process.journal.intend(drive.row.id, device, op, try_=try_, baseline=baseline))
        if isinstance(permit, UpdeckError):
            assert not allowed
            assert drive.ended or isinstance(permit, LeaseLost) == (drive.driver != process.pid)
            return multiple()
        assert allowed
        drive.until = self.now() + LEASE_S
        drive.intents[permit.intent_id] = key
        return permit, key, self.bench.clock.monotonic()

    @rule(permit=consumes(permits), again=st.booleans())
    def send(self, permit: Given, again: bool) -> None:
        token, key, committed = permit
        timely = self.bench.clock.monotonic() - committed <= PERMIT_S
        for turn in range(1 + again):
            refused = tried(lambda: token.claim(key[3], key[1]))
            assert (refused is None) == (turn == 0 and timely)
            if refused is None:
                self.sent.append(key)

    @precondition(lambda self: self.drives)
    @rule(number=st.integers(0, 3), which=st.integers(0, 5), outcome=st.sampled_from(Outcome))
    def outcome(self, number: int, which: int, outcome: Outcome) -> None:
        process, drive = self.pick(number), self.drives[-1 - which % len(self.drives)]
        for intent in drive.intents:
            allowed = intent not in drive.outcomes and drive.driver == process.pid
            refused = tried(partial(process.journal.outcome, intent, outcome, status=None, error=None))
            assert (refused is None) == allowed
            if refused is None:
                drive.outcomes[intent] = outcome
                drive.until = self.now() + LEASE_S

    @precondition(lambda self: self.drives)
    @rule(number=st.integers(0, 3), which=st.integers(0, 5), verdict=st.sampled_from((None, *Verdict)))
    def end(self, number: int, which: int, verdict: Verdict | None) -> None:
        process, drive = self.pick(number), self.drives[-1 - which % len(self.drives)]
        allowed = not drive.ended and drive.driver == process.pid and len(drive.outcomes) == len(drive.intents)
        refused = tried(lambda: self.bench.finish(process.journal, drive.row, verdict))
        assert (refused is None) == allowed
        if refused is None:
            drive.ended, drive.verdict = True, verdict

    @rule(seconds=st.sampled_from((0.5, 3.0, 6.0, 11.0, 31.0)))
    def wait(self, seconds: float) -> None:
        self.bench.clock.advance(seconds)

    @rule(number=st.integers(0, 3))
    def renew(self, number: int) -> None:
        process = self.pick(number)
        process.journal.renew()
        for drive in self.drives:
            if drive.driver == process.pid and not drive.ended:
                drive.until = self.now() + LEASE_S

    @precondition(lambda self: len(self.processes) < 4)
    @rule()
    def another_begins(self) -> None:
        self.spawn()

    @rule(number=st.integers(0, 3), cleanly=st.booleans())
    def process_ends(self, number: int, cleanly: bool) -> None:
        process = self.pick(number)
        process.alive = False
        if cleanly:
            process.journal.close()
            for drive in self.drives:
                if drive.driver == process.pid and not drive.ended:
                    drive.until = 0.0
        else:
            process.database.close()
            self.bench.dead.add(process.pid)

    @precondition(lambda self: self.drives)
    @rule(number=st.integers(0, 3), which=st.integers(0, 5))
    def take_over(self, number: int, which: int) -> None:
        process, drive = self.pick(number), self.drives[-1 - which % len(self.drives)]
        ours = drive.driver == process.pid
        free = drive.until <= self.now() or drive.driver in self.bench.dead
        taken = process.journal.take_over(drive.row.id)
        assert (taken is not None) == (not drive.ended and (ours or free))
        if taken is not None and not ours:
            assert taken.lease_ours
            drive.driver, drive.until = process.pid, self.now() + LEASE_S

    @invariant()
    def no_key_was_sent_twice(self) -> None:
        assert len(set(self.sent)) == len(self.sent)

    @invariant()
    def the_journal_says_what_the_model_says(self) -> None:
        process = self.pick(0)
        records = process.journal.records(DEVICES)
        for device in DEVICES:
            drive, record = self.unfinished(device), records[device]
            if drive is None:
                assert record.rollout is None
            else:
                assert record.rollout is not None
                assert record.rollout.id == drive.row.id
                assert record.rollout.lease_ours == (drive.driver == process.pid)
                assert [intent.id for intent in record.intents] == list(drive.intents)
                for intent in record.intents:
                    told = None if intent.outcome is None else intent.outcome.outcome
                    assert told == drive.outcomes.get(intent.id)
            ended = [one for one in self.drives if one.row.device == device and one.ended]
            assert record.start_unresolved == self.start_unresolved(device)
            assert (record.last_end is None) == (not ended)

    @invariant()
    def verdicts_stay(self) -> None:
        if not self.drives:
            return
        with self.pick(0).database.read() as tx:
            rows = tx.execute("SELECT rollout, verdict FROM ends").fetchall()
        found = {row["rollout"]: row["verdict"] for row in rows}
        assert found == {one.row.id: one.verdict for one in self.drives if one.ended}


TestRules = Rules.TestCase
TestRules.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
