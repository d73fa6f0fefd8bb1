"""Real processes on one journal: races, kills and stops, each waited for on a pipe."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from journal_bench import BASELINE, DEVICE, Child
from updeck.clock import SystemClock
from updeck.errors import Blocked
from updeck.journal.actor import this_actor
from updeck.journal.machine import Machine, silent
from updeck.journal.models import Baseline, Op, Outcome, Verdict
from updeck.journal.store import Journal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs signals and /proc")

LONG_AFTER_S = 60.0
"""To a process whose clock is so far ahead, the leases of the others have run out."""


def heir(directory: Path) -> Journal:
    return Journal.open(directory, actor=this_actor("heir"), clock=SystemClock(), machine=Machine(witness=silent))


@pytest.mark.parametrize("turn", range(8))
def test_two_processes_that_snatch_one_key_get_one_permit(tmp_path: Path, turn: int) -> None:
    with Child(tmp_path / "state") as one, Child(tmp_path / "state", ahead_s=LONG_AFTER_S) as other:
        rollout = one.ask(f"begin {DEVICE}")
        first, second = (one, other) if turn % 2 else (other, one)
        first.tell(f"snatch {rollout} {DEVICE}")
        second.tell(f"snatch {rollout} {DEVICE}")
        answers = sorted(child.answer().split()[0] for child in (one, other))
        assert answers in (["Blocked:", "sent"], ["LeaseLost:", "sent"])
        assert len(heir_intents(tmp_path / "state")) == 1


def heir_intents(directory: Path) -> tuple[int, ...]:
    with heir(directory) as journal:
        return tuple(intent.id for intent in journal.record(DEVICE).intents)


def test_of_many_processes_that_begin_on_one_device_one_does(tmp_path: Path) -> None:
    with ExitStack() as stack:
        children = [stack.enter_context(Child(tmp_path / "state")) for _ in range(4)]
        for child in children:
            child.tell(f"begin {DEVICE}")
        answers = [child.answer() for child in children]
    assert sum(answer.startswith(f"Blocked: {DEVICE}: start by ") for answer in answers) == 3


def test_a_start_whose_process_was_killed_before_the_answer_is_never_sent_again(tmp_path: Path) -> None:
    with Child(tmp_path / "state") as child:
        rollout = child.ask(f"begin {DEVICE}")
        assert child.ask(f"intend {rollout} {DEVICE}") == "sent 1"
        child.kill()
    with heir(tmp_path / "state") as journal:
        seen = journal.record(DEVICE)
        assert seen.rollout is not None
        assert not seen.rollout.lease_alive
        assert [(intent.id, intent.outcome) for intent in seen.intents] == [(1, None)]
        assert journal.take_over(rollout) is not None  # at once: the process is gone
        journal.outcome(1, Outcome.UNKNOWN, status=None, error="the program ended before the answer came")
        with pytest.raises(Blocked, match=r"was sent at .* not sent again"):
            journal.intend(rollout, DEVICE, Op.START, baseline=fresh())


def fresh() -> Baseline:
    return replace(BASELINE, observed_at=SystemClock().wall())


def test_a_process_that_was_stopped_and_wakes_up_cannot_write(tmp_path: Path) -> None:
    with Child(tmp_path / "state") as stopped, Child(tmp_path / "state", ahead_s=LONG_AFTER_S) as other:
        rollout = stopped.ask(f"begin {DEVICE}")
        os.kill(stopped.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, stopped.pid, os.WSTOPPED | os.WNOWAIT)
        stopped.tell(f"intend {rollout} {DEVICE}")
        assert other.ask(f"take {rollout}") == "taken"
        os.kill(stopped.pid, signal.SIGCONT)
        assert stopped.answer().startswith("LeaseLost: ")
        assert other.ask(f"intend {rollout} {DEVICE}") == "sent 1"


def test_a_process_that_is_only_stopped_is_not_relieved_at_once(tmp_path: Path) -> None:
    with Child(tmp_path / "state") as stopped, heir(tmp_path / "state") as journal:
        rollout = stopped.ask(f"begin {DEVICE}")
        os.kill(stopped.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, stopped.pid, os.WSTOPPED | os.WNOWAIT)
        assert journal.take_over(rollout) is None
        stopped.kill()
        assert journal.take_over(rollout) is not None


@pytest.mark.parametrize("sends", [1, 2, 7, 30])
def test_whatever_is_killed_when_all_that_was_sent_is_in_the_journal_once(tmp_path: Path, sends: int) -> None:
    with Child(tmp_path / "state") as child:
        child.tell("many box")
        said = [child.answer() for _ in range(sends)]
        child.kill()
        assert child.process.stdout is not None
        said += child.process.stdout.read().splitlines()
    with heir(tmp_path / "state") as journal:
        devices = [line.split()[1] for line in said]
        assert len(set(devices)) == len(devices)
        records = journal.records([*devices, f"box-{len(devices) + 1}"])
        for line in said:
            rollout, device, _, intent = line.split()
            start = records[device].last_start
            assert start is not None
            assert (start.rollout, str(start.id)) == (rollout, intent)
        for row in journal.unfinished():
            assert journal.take_over(row.id) is not None
            for intent_row in records[row.device or ""].intents:
                if intent_row.outcome is None:
                    journal.outcome(intent_row.id, Outcome.UNKNOWN, status=None, error=None)
            journal.end(
                row.id,
                row.device or "",
                op=row.op,
                verdict=Verdict.REVIEW,
                reason="killed",
                last_state_time=None,
                target_version=None,
            )
        assert journal.unfinished() == []


def test_a_token_tells_of_the_writes_of_another_process(tmp_path: Path) -> None:
    with heir(tmp_path / "state") as journal, Child(tmp_path / "state") as child:
        before = journal.change_token()
        assert journal.change_token() == before
        child.ask(f"begin {DEVICE}")
        assert journal.change_token() > before
