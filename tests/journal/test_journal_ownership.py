"""Whose an INITIALIZED is, and what was started last, when planned rollouts and hands take turns."""

from __future__ import annotations

import pytest

from journal_bench import Bench
from journal_plans import A, attempted, drive, end, reach, send
from updeck.journal.models import Op, Outcome, Verdict
from updeck.journal.plan_models import ControlKind


def test_the_init_of_a_plan_is_the_last_init_and_what_it_reached_is_kept(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    permit = send(bench, journal, rollout, A, Op.INIT)
    record = journal.record(A)
    assert record.last_init is not None
    assert (record.last_init.id, record.last_init_end, record.initialized) == (permit.intent_id, None, None)
    journal.outcome(permit.intent_id, Outcome.ACCEPTED, status=200, error=None)
    reached = reach(journal, rollout, A)
    end(journal, rollout, A, Verdict.ABORTED_BEFORE_START)
    record = journal.record(A)
    assert record.last_init is not None
    assert record.last_init_end is not None
    assert record.last_init_end.verdict is Verdict.ABORTED_BEFORE_START
    assert record.initialized == reached


def test_an_adopted_init_is_owned_and_no_init_of_ours(bench: Bench) -> None:
    journal = bench.journal()
    bench.whole(journal, Op.INIT, Outcome.ACCEPTED, Verdict.INITIALIZED, device=A)
    rollout = drive(journal)
    journal.control(rollout, ControlKind.ADOPT, device=A, reason="a colleague's, by curl")
    reached = reach(journal, rollout, A)
    record = journal.record(A)
    assert record.initialized == reached
    assert (record.last_init, record.last_init_end) == (None, None)


@pytest.mark.parametrize("op", [Op.INIT, Op.RESET])
def test_what_was_reached_is_gone_with_the_next_init_or_reset(bench: Bench, op: Op) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    attempted(bench, journal, rollout, A, Verdict.NOT_STARTED, op=Op.UPLOAD)
    journal.control(rollout, ControlKind.RETRY, device=A, reason="again")
    reached = reach(journal, rollout, A, attempt=2)
    end(journal, rollout, A, Verdict.REVIEW, attempt=2)
    bench.whole(journal, op, Outcome.REFUSED, None, device=A)
    assert journal.record(A).initialized == reached
    bench.whole(journal, op, Outcome.UNKNOWN, Verdict.REVIEW, device=A)
    assert journal.record(A).initialized is None


def test_a_start_after_it_does_not_undo_what_was_reached(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    reached = reach(journal, rollout, A)
    attempted(bench, journal, rollout, A, Verdict.NOT_STARTED, outcome=Outcome.REFUSED)
    record = journal.record(A)
    assert record.initialized == reached
    assert record.last_start is not None
    assert record.last_start_end is not None
    assert record.last_start_end.verdict is Verdict.NOT_STARTED


@pytest.mark.parametrize("op", [None, Op.START])
def test_a_start_of_a_plan_in_review_bars_the_hand_whatever_the_end_names(bench: Bench, op: Op | None) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    permit = send(bench, journal, rollout, A, Op.START)
    journal.outcome(permit.intent_id, Outcome.UNKNOWN, status=None, error=None)
    end(journal, rollout, A, Verdict.REVIEW, op=op)
    assert journal.record(A).start_unresolved
    journal.resolve(rollout, A, Verdict.SUCCESS, "seen at the desk")
    assert not journal.record(A).start_unresolved


def test_only_the_attempt_under_way_has_open_intents(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    attempted(bench, journal, rollout, A, Verdict.WRONG_TARGET, op=Op.INIT)
    journal.control(rollout, ControlKind.RETRY, device=A, reason="right image now")
    assert journal.record(A).intents == ()
    send(bench, journal, rollout, A, Op.INIT, attempt=2)
    assert [intent.attempt for intent in journal.record(A).intents] == [2]
