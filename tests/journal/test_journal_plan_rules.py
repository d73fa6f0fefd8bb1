"""The rules of planned rollouts against random histories: several processes, people and a gate, on one real file.

The model knows what `rollout.md` 3 and 7 say. Whatever the history: no key is intended twice, nothing is started that
the gate forbids, no device belongs to two unfinished rollouts, and verdicts stay.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import journal_plans
from journal_bench import URL, Bench
from journal_plans import DIGEST, PLAN, A, B, end, members, rollouts
from updeck.errors import Blocked, LeaseLost, UpdeckError
from updeck.journal.database import Database
from updeck.journal.models import Op, Outcome, RolloutRow, Verdict
from updeck.journal.plan_models import ControlKind, RolloutRecord
from updeck.journal.store import Journal

DEVICES = (A, B)
OPS = (Op.UPLOAD, Op.INIT, Op.START)
AGAIN = {Verdict.TRANSFER_FAILED, Verdict.NO_EFFECT, Verdict.NOT_STARTED, Verdict.WRONG_TARGET}
VERDICTS = (Verdict.SUCCESS, Verdict.NO_EFFECT, Verdict.FAILED_GRACEFUL, Verdict.REVIEW)
NUMBERS = st.sampled_from((0, 0, 1, 2))
NEWEST = st.sampled_from((0, 0, 0, 1, 2))
GOOD = {Verdict.SUCCESS}
LEASE_S = 30.0
MOST_DOWN = 1
T = TypeVar("T")


def tried(call: Callable[[], T]) -> T | UpdeckError:
    """Return what a call returns, or the error of ours that it raises."""
    try:
        return call()
    except UpdeckError as error:
        return error


def gate(device: str, op: Op, record: RolloutRecord) -> str | None:
    """Decide as an engine would, from the record alone."""
    if op is Op.UPLOAD:
        return None
    asked = [one for one in record.controls if one.kind in (ControlKind.PAUSE, ControlKind.RESUME)]
    if record.braked or (asked and asked[-1].kind is ControlKind.PAUSE):
        return "paused"
    counted = [
        one.resolve.verdict if one.resolve else one.end.verdict
        for member in record.members
        for one in member.attempts
        if one.end is not None
    ]
    if any(verdict not in GOOD for verdict in counted):
        return "the gate is closed"
    others = [member.attempt for member in record.members if member.device != device]
    down = [one for one in others if one.end is None and any(intent.op is not Op.UPLOAD for intent in one.intents)]
    return "others are down" if len(down) >= MOST_DOWN else None


@dataclass
class Try:
    """An attempt of the model."""

    intents: dict[int, tuple[Op, int]] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    verdict: Verdict | None = None
    counts_as: Verdict | None = None
    reset_after: bool = False

    @property
    def down(self) -> bool:
        return self.verdict is None and any(op is not Op.UPLOAD for op, _ in self.intents.values())


@dataclass
class Drive:
    """A planned rollout of the model."""

    row: RolloutRow
    tries: dict[str, list[Try]]
    driver: int | None = None
    until: float = 0.0
    paused: bool = False
    aborted: bool = False

    def holds(self, device: str) -> bool:
        return device in self.tries and self.tries[device][-1].verdict is None

    @property
    def ended(self) -> bool:
        return not any(self.holds(device) for device in self.tries)

    def forbids(self, device: str, op: Op, *, braked: bool) -> bool:
        """Whether the gate is against it."""
        if op is Op.UPLOAD:
            return False
        closed = any(
            one.verdict is not None and (one.counts_as or one.verdict) not in GOOD
            for some in self.tries.values()
            for one in some
        )
        down = sum(some[-1].down for name, some in self.tries.items() if name != device)
        return braked or self.paused or closed or down >= MOST_DOWN


@dataclass
class Process:
    """A process of the model; `pid` names it in the journal."""

    pid: int
    journal: Journal
    database: Database
    alive: bool = True


class PlanRules(RuleBasedStateMachine):
    """Random histories of up to three processes on two devices."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self.bench = Bench(Path(self._directory.name) / "state")
        self.processes: list[Process] = []
        self.drives: list[Drive] = []
        self.braked = False
        self.barred: set[str] = set()
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

    def holder(self, device: str) -> Drive | None:
        return next((one for one in self.drives if one.holds(device)), None)

    @rule(number=NUMBERS, devices=st.sets(st.sampled_from(DEVICES), min_size=1))
    def register(self, number: int, devices: set[str]) -> None:
        busy = [one for one in map(self.holder, devices) if one is not None]
        row = tried(lambda: self.pick(number).journal.register_plan(PLAN, DIGEST, members(*sorted(devices))))
        if isinstance(row, UpdeckError):
            assert isinstance(row, Blocked)
            assert any(one.row.id in str(row) for one in busy)
        else:
            assert busy == []
            self.drives.append(Drive(row, {device: [Try()] for device in devices}))

    @precondition(lambda self: self.drives)
    @rule(
        which=NEWEST,
        device=st.sampled_from(DEVICES),
        op=st.sampled_from(OPS),
        verdict=st.sampled_from(VERDICTS),
        again=st.booleans(),
    )
    def an_attempt_goes_through(self, which: int, device: str, op: Op, verdict: Verdict, again: bool) -> None:
        self.take_over(0, which)
        living = [process.pid for process in self.processes if process.alive]
        driver = self.drives[-1 - which % len(self.drives)].driver
        number = living.index(driver) if driver in living else 0
        self.intend(number, which, device, op, 1, 0)
        self.outcomes(number, which, Outcome.ACCEPTED)
        self.end(number, which, device, verdict)
        if again:
            self.retry(number, which, device)

    @rule(number=NUMBERS, device=st.sampled_from(DEVICES), reset=st.booleans())
    def someone_acts_by_hand(self, number: int, device: str, reset: bool) -> None:
        journal, busy = self.pick(number).journal, self.holder(device)
        op = Op.RESET if reset else Op.UPLOAD
        rollout = tried(lambda: journal.begin_manual(device, op, url=URL))
        if isinstance(rollout, UpdeckError):
            assert busy is not None
            assert busy.row.id in str(rollout)
            return
        assert busy is None
        permit = self.bench.intend(journal, rollout)
        journal.outcome(permit.intent_id, Outcome.ACCEPTED, status=200, error=None)
        self.bench.finish(journal, rollout, None if reset else Verdict.STAGED)
        if reset:
            self.barred.discard(device)
            for drive in self.drives:
                if device in drive.tries:
                    drive.tries[device][-1].reset_after = True

    @precondition(lambda self: self.drives)
    @rule(
        number=NUMBERS,
        which=NEWEST,
        device=st.sampled_from(DEVICES),
        op=st.sampled_from(OPS),
        try_=st.sampled_from((1, 1, 2)),
        back=st.sampled_from((0, 0, 0, 1, -1)),
    )
    def intend(self, number: int, which: int, device: str, op: Op, try_: int, back: int) -> None:
        process, drive = self.pick(number), self.drives[-1 - which % len(self.drives)]
        attempt = len(drive.tries.get(device, ())) - back
        allowed = (
            drive.driver == process.pid
            and drive.holds(device)
            and back == 0
            and (op, try_) not in drive.tries[device][-1].intents.values()
            and (try_ == 1 or op is Op.UPLOAD)
            and not drive.forbids(device, op, braked=self.braked)
            and not (op is Op.START and device in self.barred)
        )
        permit = tried(
            lambda: process.journal.intend(
                drive.row.id,
                device,
                op,
                attempt=attempt,
                try_=try_,
                baseline=self.bench.baseline(),
                allow=partial(gate, device, op),
            )
        )
        if isinstance(permit, UpdeckError):
            assert not allowed, permit
            assert drive.ended or isinstance(permit, LeaseLost) == (drive.driver != process.pid)
            return
        assert allowed
        drive.until = self.now() + LEASE_S
        drive.tries[device][-1].intents[permit.intent_id] = (op, try_)

    @precondition(lambda self: self.drives)
    @rule(number=NUMBERS, which=NEWEST, outcome=st.sampled_from(Outcome))
    def outcomes(self, number: int, which: int, outcome: Outcome) -> None:
        process, drive = self.pick(number), self.drives[-1 - which % len(self.drives)]
        for some in drive.tries.values():
            for intent in some[-1].intents:
                allowed = intent not in some[-1].outcomes and drive.driver == process.pid
                refused = tried(partial(process.journal.outcome, intent, outcome, status=None, error=None))
                assert (refused is None) == allowed
                if refused is None:
                    some[-1].outcomes[intent] = outcome
                    drive.until = self.now() + LEASE_S

    @precondition(lambda self: self.drives)
    @rule(
        number=NUMBERS,
        which=NEWEST,
        device=st.sampled_from(DEVICES),
        verdict=st.sampled_from(VERDICTS),
    )
    def end(self, number: int, which: int, device: str, verdict: Verdict) -> None:
        process, drive = self.pick(number), self.drives[-1 - which % len(self.drives)]
        some = drive.tries.get(device, [])
        allowed = (
            drive.holds(device) and drive.driver == process.pid and len(some[-1].outcomes) == len(some[-1].intents)
        )
        refused = tried(lambda: end(process.journal, drive.row.id, device, verdict, attempt=len(some)))
        assert (refused is None) == allowed
        if refused is None:
            drive.until = self.now() + LEASE_S
            some[-1].verdict = verdict
            if any(op is Op.START for op, _ in some[-1].intents.values()):
                self.barred.discard(device)
                self.barred |= {device} if verdict is Verdict.REVIEW else set()
            if drive.ended:
                drive.driver = None

    @precondition(lambda self: self.drives)
    @rule(number=NUMBERS, which=NEWEST, device=st.sampled_from(DEVICES))
    def retry(self, number: int, which: int, device: str) -> None:
        journal, drive = self.pick(number).journal, self.drives[-1 - which % len(self.drives)]
        last = drive.tries.get(device, [Try()])[-1]
        ready = last.verdict in AGAIN or (
            last.verdict is not None
            and last.verdict not in GOOD
            and (last.reset_after or (last.verdict is Verdict.REVIEW and last.counts_as is not None))
        )
        allowed = not drive.aborted and ready and self.holder(device) is None
        refused = tried(lambda: journal.control(drive.row.id, ControlKind.RETRY, device=device, reason="again"))
        assert (refused is None) == allowed, refused
        if refused is None:
            drive.tries[device].append(Try())

    @precondition(lambda self: self.drives)
    @rule(
        number=NUMBERS,
        which=NEWEST,
        kind=st.sampled_from((ControlKind.PAUSE, ControlKind.RESUME, ControlKind.RESUME, ControlKind.ABORT)),
    )
    def steer(self, number: int, which: int, kind: ControlKind) -> None:
        drive = self.drives[-1 - which % len(self.drives)]
        refused = tried(lambda: self.pick(number).journal.control(drive.row.id, kind))
        assert (refused is None) == (not drive.aborted and not drive.ended)
        if refused is None and kind is ControlKind.ABORT:
            drive.aborted = True
        elif refused is None:
            drive.paused = kind is ControlKind.PAUSE

    @rule(number=NUMBERS, on=st.booleans())
    def brake(self, number: int, on: bool) -> None:
        self.pick(number).journal.brake(on=on)
        self.braked = on

    @precondition(lambda self: self.drives)
    @rule(
        number=NUMBERS,
        which=NEWEST,
        device=st.sampled_from(DEVICES),
        verdict=st.sampled_from((Verdict.SUCCESS, Verdict.REVIEW)),
    )
    def resolve(self, number: int, which: int, device: str, verdict: Verdict) -> None:
        journal, drive = self.pick(number).journal, self.drives[-1 - which % len(self.drives)]
        ended = [one for one in drive.tries.get(device, ()) if one.verdict is not None]
        refused = tried(lambda: journal.resolve(drive.row.id, device, verdict, "seen"))
        assert (refused is None) == bool(ended)
        if refused is None:
            ended[-1].counts_as = verdict
            started = [
                one for drive in self.drives for one in drive.tries.get(device, ()) if self.last_start(one, device)
            ]
            if started and started[-1] is ended[-1]:
                self.barred.discard(device)

    def last_start(self, one: Try, device: str) -> bool:
        """Whether an attempt holds the newest start of a device."""
        starts = {
            intent: other
            for drive in self.drives
            for other in drive.tries.get(device, ())
            for intent, (op, _) in other.intents.items()
            if op is Op.START
        }
        return bool(starts) and starts[max(starts)] is one

    @rule(seconds=st.sampled_from((0.5, 11.0, 31.0)))
    def wait(self, seconds: float) -> None:
        self.bench.clock.advance(seconds)

    @precondition(lambda self: len(self.processes) < 3)
    @rule()
    def another_begins(self) -> None:
        self.spawn()

    @rule(number=NUMBERS)
    def process_is_killed(self, number: int) -> None:
        process = self.pick(number)
        process.alive = False
        process.database.close()
        self.bench.dead.add(process.pid)

    @precondition(lambda self: self.drives)
    @rule(number=NUMBERS, which=NEWEST)
    def take_over(self, number: int, which: int) -> None:
        process, drive = self.pick(number), self.drives[-1 - which % len(self.drives)]
        ours = drive.driver == process.pid
        free = drive.driver is None or drive.until <= self.now() or drive.driver in self.bench.dead
        taken = process.journal.take_over(drive.row.id)
        assert (taken is not None) == (not drive.ended and (ours or free))
        if taken is not None and not ours:
            assert taken.lease_ours
            drive.driver, drive.until = process.pid, self.now() + LEASE_S

    @invariant()
    def the_journal_says_what_the_model_says(self) -> None:
        journal = self.pick(0).journal
        listed = rollouts(journal)
        assert [one.row.id for one in listed] == sorted((one.row.id for one in self.drives), reverse=True)
        records = {one.row.id: one for one in listed if isinstance(one, RolloutRecord)}
        for drive in self.drives:
            for member in records[drive.row.id].members:
                some = drive.tries[member.device]
                assert [list(one.intents) for one in some] == [[i.id for i in one.intents] for one in member.attempts]
                assert [one.verdict for one in some] == [one.end and one.end.verdict for one in member.attempts]
                assert [one.counts_as for one in some] == [
                    one.resolve and one.resolve.verdict for one in member.attempts
                ]

    @invariant()
    def a_device_belongs_to_one_unfinished_rollout(self) -> None:
        records = self.pick(0).journal.records(DEVICES)
        for device in DEVICES:
            holding = [one for one in self.drives if one.holds(device)]
            assert len(holding) <= 1
            held = records[device].rollout
            assert (held and held.id) == (holding[0].row.id if holding else None)
            assert records[device].start_unresolved == (device in self.barred)
            present = list(holding[0].tries[device][-1].intents) if holding else []
            assert [intent.id for intent in records[device].intents] == present

    @invariant()
    def no_more_are_down_than_the_gate_lets(self) -> None:
        for drive in self.drives:
            assert sum(some[-1].down for some in drive.tries.values()) <= MOST_DOWN


TestPlanRules = PlanRules.TestCase
TestPlanRules.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_of_many_that_ask_at_once_the_gate_lets_as_many_as_its_limit(bench: Bench) -> None:
    driver = bench.journal(1)
    names = [f"box-{number}" for number in range(8)]
    rollout = journal_plans.drive(driver, *names)
    ready = threading.Barrier(len(names))
    permits: list[str] = []
    refusals: list[str] = []

    def hurry(name: str) -> None:
        ready.wait()
        try:
            driver.intend(rollout, name, Op.START, baseline=bench.baseline(), allow=partial(gate, name, Op.START))
            permits.append(name)
        except Blocked as error:
            refusals.append(error.message)

    threads = [threading.Thread(target=hurry, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(permits), set(refusals)) == (1, {"others are down"})


def test_a_pause_of_another_process_is_seen_by_the_very_next_intent(bench: Bench) -> None:
    driver, other = bench.journal(1), bench.journal(2)
    rollout = journal_plans.drive(driver)
    other.control(rollout, ControlKind.PAUSE)
    refused = tried(
        lambda: driver.intend(rollout, A, Op.START, baseline=bench.baseline(), allow=partial(gate, A, Op.START))
    )
    assert isinstance(refused, Blocked)
    assert driver.record(A).intents == ()


def test_nobody_pauses_between_the_word_of_the_gate_and_the_intent(bench: Bench) -> None:
    driver, other = bench.journal(1), bench.journal(2, busy_s=0.0)
    rollout = journal_plans.drive(driver)

    def meddle(record: RolloutRecord) -> str | None:
        refused = tried(lambda: other.control(rollout, ControlKind.PAUSE))
        assert isinstance(refused, UpdeckError)
        assert "locked" in str(refused)
        return None

    assert driver.intend(rollout, A, Op.START, baseline=bench.baseline(), allow=meddle)
    assert driver.rollout(rollout).controls == ()
