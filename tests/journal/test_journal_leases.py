"""Leases: one process drives a rollout; another takes over when it is gone, gave up or was silent too long."""

from __future__ import annotations

import pytest

from journal_bench import DEVICE, URL, Bench
from updeck.errors import LeaseLost
from updeck.journal.models import Op, Outcome, Verdict


def test_a_living_driver_keeps_its_rollout(bench: Bench) -> None:
    rollout = bench.journal(1).begin_manual(DEVICE, Op.START, url=URL)
    other = bench.journal(2)
    bench.clock.advance(29.9)
    assert other.take_over(rollout.id) is None
    seen = other.record(DEVICE).rollout
    assert seen is not None
    assert (seen.lease_ours, seen.lease_alive, seen.leased_by) == (False, True, bench.actor(1))


def test_a_lease_that_ran_out_can_be_taken(bench: Bench) -> None:
    rollout = bench.journal(1).begin_manual(DEVICE, Op.START, url=URL)
    other = bench.journal(2)
    bench.clock.advance(30.0)
    seen = other.record(DEVICE).rollout
    assert seen is not None
    assert not seen.lease_alive
    taken = other.take_over(rollout.id)
    assert taken is not None
    assert (taken.lease_ours, taken.leased_by, taken.actor) == (True, bench.actor(2), bench.actor(1))


def test_a_renewed_lease_does_not_run_out(bench: Bench) -> None:
    journal, other = bench.journal(1), bench.journal(2)
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    for _ in range(6):
        bench.clock.advance(10.0)
        assert journal.renew() == ()
    assert other.take_over(rollout.id) is None


def test_the_lease_of_an_ended_rollout_is_not_missed(bench: Bench) -> None:
    journal = bench.journal(1)
    bench.whole(journal, Op.START, Outcome.ACCEPTED, Verdict.SUCCESS)
    assert journal.renew() == ()


def test_the_lease_of_a_process_that_is_gone_can_be_taken_at_once(bench: Bench) -> None:
    rollout = bench.journal(1).begin_manual(DEVICE, Op.START, url=URL)
    bench.dead.add(1)
    assert bench.journal(2).take_over(rollout.id) is not None


def test_a_lease_given_up_can_be_taken_at_once(bench: Bench) -> None:
    leaving = bench.journal(1)
    rollout = leaving.begin_manual(DEVICE, Op.START, url=URL)
    leaving.close()
    assert bench.journal(2).take_over(rollout.id) is not None


def test_giving_up_does_not_touch_what_another_took(bench: Bench) -> None:
    slow, quick = bench.journal(1), bench.journal(2)
    rollout = slow.begin_manual(DEVICE, Op.START, url=URL)
    bench.clock.advance(31.0)
    quick.take_over(rollout.id)
    slow.close()
    assert bench.journal(3).take_over(rollout.id) is None


def test_a_driver_that_was_stopped_and_wakes_up_writes_nothing(bench: Bench) -> None:
    stopped, other = bench.journal(1), bench.journal(2)
    rollout = stopped.begin_manual(DEVICE, Op.START, url=URL)
    bench.clock.advance(31.0)
    other.take_over(rollout.id)
    with pytest.raises(LeaseLost, match="pid 2"):
        bench.intend(stopped, rollout)
    with pytest.raises(LeaseLost, match="pid 2"):
        bench.finish(stopped, rollout, Verdict.SUCCESS)
    assert stopped.renew() == (rollout.id,)
    assert other.record(DEVICE).intents == ()


def test_a_lease_taken_and_taken_back_does_not_revive_the_old_one(bench: Bench) -> None:
    first, second = bench.journal(1), bench.journal(2)
    twin = bench.journal(1)  # the same process, as a journal of its own
    rollout = first.begin_manual(DEVICE, Op.START, url=URL)
    bench.clock.advance(31.0)
    second.take_over(rollout.id)
    bench.clock.advance(31.0)
    assert twin.take_over(rollout.id) is not None
    with pytest.raises(LeaseLost):
        bench.intend(first, rollout)
    assert bench.intend(twin, rollout)


def test_a_driver_that_nobody_relieved_goes_on(bench: Bench) -> None:
    journal = bench.journal(1)
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    bench.clock.advance(300.0)
    assert bench.intend(journal, rollout)
    assert bench.journal(2).take_over(rollout.id) is None


def test_taking_over_what_is_ours_changes_nothing(bench: Bench) -> None:
    journal = bench.journal(1)
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    assert journal.take_over(rollout.id) == rollout
    assert bench.intend(journal, rollout)


def test_an_ended_or_unknown_rollout_cannot_be_taken(bench: Bench) -> None:
    journal = bench.journal(1)
    rollout = bench.whole(journal, Op.START, Outcome.ACCEPTED, Verdict.SUCCESS)
    bench.clock.advance(100.0)
    assert bench.journal(2).take_over(rollout.id) is None
    assert bench.journal(2).take_over("0" * 36) is None


def test_who_took_over_records_what_nobody_knows_and_brings_it_to_its_end(bench: Bench) -> None:
    rollout = (dead := bench.journal(1)).begin_manual(DEVICE, Op.START, url=URL)
    permit = bench.intend(dead, rollout)
    bench.dead.add(1)
    heir = bench.journal(2)
    heir.take_over(rollout.id)
    heir.outcome(permit.intent_id, Outcome.UNKNOWN, status=None, error="the program ended before the answer came")
    bench.finish(heir, rollout, Verdict.SUCCESS)
    record = heir.record(DEVICE)
    assert record.last_start is not None
    assert record.last_start.outcome is not None
    assert record.last_start.outcome.outcome is Outcome.UNKNOWN
    assert record.last_end is not None
    assert record.last_end.actor == bench.actor(2)


def test_a_take_over_is_told_in_the_activity(bench: Bench) -> None:
    rollout = bench.journal(1).begin_manual(DEVICE, Op.START, url=URL)
    bench.dead.add(1)
    heir = bench.journal(2)
    heir.take_over(rollout.id)
    (event,) = heir.events()
    assert (event.kind, event.device, event.actor) == ("lease", DEVICE, bench.actor(2))
    assert event.text == "watching on for mk@jump1 (ui, pid 1)"
