"""Intents and permits: what may be sent, once, soon, and by whom."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from journal_bench import BASELINE, DEVICE, URL, Bench
from updeck.errors import Blocked, JournalError, LeaseLost
from updeck.journal.models import Op, Outcome, Verdict
from updeck.journal.permit import Permit

MANY = (Op.UPLOAD, Op.FETCH, Op.DELETE)


def test_a_manual_rollout_is_registered_for_its_device(bench: Bench) -> None:
    journal = bench.journal(7)
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    assert (rollout.kind, rollout.device, rollout.op, rollout.url) == ("manual", DEVICE, Op.START, URL)
    assert rollout.actor == rollout.leased_by == bench.actor(7)
    assert (rollout.lease_ours, rollout.lease_alive) == (True, True)
    assert journal.record(DEVICE).rollout == rollout


def test_a_device_with_an_unfinished_rollout_takes_no_second_one(bench: Bench) -> None:
    first = bench.journal(7, program="cli").begin_manual(DEVICE, Op.INIT, url=URL)
    with pytest.raises(Blocked) as caught:
        bench.journal(8).begin_manual(DEVICE, Op.START, url=URL)
    for part in (DEVICE, first.id, "init", "mk@jump1", "pid 7", "2023-11-14T22:13:20Z"):
        assert part in str(caught.value)


def test_another_device_is_not_in_the_way(bench: Bench) -> None:
    journal = bench.journal()
    journal.begin_manual(DEVICE, Op.START, url=URL)
    assert journal.begin_manual("ar11-fra-dc2", Op.START, url=URL).lease_ours


def test_rollout_ids_sort_by_the_time_of_their_making(bench: Bench) -> None:
    journal = bench.journal()
    ids = []
    for number in range(5):
        ids.append(journal.begin_manual(f"box-{number}", Op.START, url=URL).id)
        bench.clock.advance(0.002)
    assert ids == sorted(ids)
    assert [row.id for row in journal.unfinished()] == ids


def test_an_intent_keeps_all_that_was_seen_before_it(bench: Bench) -> None:
    journal = bench.journal(7)
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    permit = journal.intend(rollout.id, DEVICE, Op.START, baseline=BASELINE, detail={"target": "11.8.0\x1b"})
    (intent,) = journal.record(DEVICE).intents
    assert intent.baseline == BASELINE
    assert (intent.id, intent.op, intent.attempt, intent.try_) == (permit.intent_id, Op.START, 1, 1)
    assert (intent.actor, intent.at, intent.outcome) == (bench.actor(7), bench.clock.wall(), None)
    assert dict(intent.detail) == {"target": "11.8.0␛"}


def test_the_baseline_is_kept_as_an_observation_before_the_intent(bench: Bench) -> None:
    journal, database = bench.process(1)
    bench.intend(journal, journal.begin_manual(DEVICE, Op.START, url=URL))
    with database.read() as tx:
        row = tx.execute("SELECT o.kind, o.at FROM intents i JOIN observations o ON o.id = i.observation").fetchone()
    assert tuple(row) == ("baseline", bench.clock.wall())


@pytest.mark.parametrize("op", list(Op))
def test_a_key_is_permitted_once(bench: Bench, op: Op) -> None:
    journal = bench.journal()
    rollout = journal.begin_manual(DEVICE, op, url=URL)
    first = bench.intend(journal, rollout)
    with pytest.raises(Blocked, match=r"was sent at 2023-11-14T22:13:20Z by mk@jump1 .* not sent again"):
        bench.intend(journal, rollout)
    assert [intent.id for intent in journal.record(DEVICE).intents] == [first.intent_id]


@pytest.mark.parametrize("op", list(Op))
def test_tries_are_limited(bench: Bench, op: Op) -> None:
    journal = bench.journal()
    rollout = journal.begin_manual(DEVICE, op, url=URL)
    most = 3 if op in MANY else 1
    for try_ in range(1, most + 1):
        bench.intend(journal, rollout, try_=try_)
    for try_ in (0, most + 1):
        with pytest.raises(Blocked, match=f"{most} times"):
            bench.intend(journal, rollout, try_=try_)
    assert len(journal.record(DEVICE).intents) == most


@pytest.mark.parametrize(("age_s", "allowed"), [(0.0, True), (10.0, True), (10.5, False), (-0.5, True), (-2.0, False)])
def test_a_baseline_is_at_most_ten_seconds_old(bench: Bench, age_s: float, allowed: bool) -> None:
    journal = bench.journal()
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    baseline = replace(BASELINE, observed_at=bench.clock.wall() - age_s)
    if allowed:
        journal.intend(rollout.id, DEVICE, Op.START, baseline=baseline)
    else:
        with pytest.raises(Blocked, match="10 s are allowed"):
            journal.intend(rollout.id, DEVICE, Op.START, baseline=baseline)
    assert len(journal.record(DEVICE).intents) == allowed


def test_a_rollout_sends_to_its_own_device_only(bench: Bench) -> None:
    journal = bench.journal()
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    with pytest.raises(Blocked, match="does not belong"):
        journal.intend(rollout.id, "ar11-fra-dc2", Op.START, baseline=bench.baseline())


def test_an_ended_rollout_sends_nothing(bench: Bench) -> None:
    journal = bench.journal()
    rollout = bench.whole(journal, Op.INIT, Outcome.ACCEPTED, Verdict.INITIALIZED)
    with pytest.raises(JournalError, match="has ended"):
        bench.intend(journal, rollout, Op.START)


def test_a_start_in_review_bars_another_start_but_not_a_reset(bench: Bench) -> None:
    journal = bench.journal()
    bench.whole(journal, Op.START, Outcome.UNKNOWN, Verdict.REVIEW)
    again = journal.begin_manual(DEVICE, Op.START, url=URL)
    with pytest.raises(Blocked, match="REVIEW"):
        bench.intend(journal, again)
    bench.finish(journal, again, Verdict.ABORTED_BEFORE_START)
    bench.whole(journal, Op.RESET, Outcome.ACCEPTED, None)
    assert bench.intend(journal, journal.begin_manual(DEVICE, Op.START, url=URL))


def test_two_threads_that_intend_one_key_get_one_permit(bench: Bench) -> None:
    journal = bench.journal()
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    ready = threading.Barrier(8)
    permits: list[Permit] = []
    refusals: list[Blocked] = []

    def hurry() -> None:
        ready.wait()
        try:
            permits.append(bench.intend(journal, rollout))
        except Blocked as error:
            refusals.append(error)

    threads = [threading.Thread(target=hurry) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(permits), len(refusals)) == (1, 7)


def test_a_permit_is_good_once(bench: Bench) -> None:
    journal = bench.journal()
    permit = bench.intend(journal, journal.begin_manual(DEVICE, Op.START, url=URL))
    permit.claim("start", DEVICE)
    with pytest.raises(Blocked, match="used already"):
        permit.claim("start", DEVICE)


@pytest.mark.parametrize(("op", "device"), [("init", DEVICE), ("start", "ar11-fra-dc2")])
def test_a_permit_for_something_else_is_refused_and_gone(bench: Bench, op: str, device: str) -> None:
    journal = bench.journal()
    permit = bench.intend(journal, journal.begin_manual(DEVICE, Op.START, url=URL))
    with pytest.raises(Blocked, match="is for start on"):
        permit.claim(op, device)
    with pytest.raises(Blocked):
        permit.claim("start", DEVICE)


@pytest.mark.parametrize(
    ("pass_time", "good"),
    [
        (lambda bench: bench.clock.advance(5.0), True),
        (lambda bench: bench.clock.advance(5.1), False),
        (lambda bench: bench.clock.step_wall(3600.0), False),  # a laptop slept
    ],
)
def test_a_permit_dies_after_five_seconds(bench: Bench, pass_time: Callable[[Bench], None], good: bool) -> None:
    journal = bench.journal()
    permit = bench.intend(journal, journal.begin_manual(DEVICE, Op.START, url=URL))
    pass_time(bench)
    if good:
        permit.claim("start", DEVICE)
    else:
        with pytest.raises(Blocked, match="s old"):
            permit.claim("start", DEVICE)


def test_the_wall_clock_set_back_does_not_lengthen_a_permit(bench: Bench) -> None:
    journal = bench.journal()
    permit = bench.intend(journal, journal.begin_manual(DEVICE, Op.START, url=URL))
    bench.clock.step_wall(-3600.0)
    bench.clock.advance(6.0)
    with pytest.raises(Blocked, match="6 s old"):
        permit.claim("start", DEVICE)


def test_an_outcome_is_recorded_once(bench: Bench) -> None:
    journal = bench.journal()
    permit = bench.intend(journal, journal.begin_manual(DEVICE, Op.START, url=URL))
    journal.outcome(permit.intent_id, Outcome.REFUSED, status=409, error="wrong state\x07")
    with pytest.raises(JournalError, match="refused already"):
        journal.outcome(permit.intent_id, Outcome.ACCEPTED, status=200, error=None)
    (intent,) = journal.record(DEVICE).intents
    assert intent.outcome is not None
    assert (intent.outcome.outcome, intent.outcome.status) == (Outcome.REFUSED, 409)
    assert intent.outcome.error == "wrong state␇"


def test_an_outcome_of_an_unknown_intent_is_refused(bench: Bench) -> None:
    with pytest.raises(JournalError, match="no intent 99"):
        bench.journal().outcome(99, Outcome.ACCEPTED, status=200, error=None)


def test_an_end_lets_the_device_go(bench: Bench) -> None:
    journal = bench.journal()
    bench.whole(journal, Op.START, Outcome.ACCEPTED, Verdict.SUCCESS)
    record = journal.record(DEVICE)
    assert (record.rollout, record.intents) == (None, ())
    assert journal.unfinished() == []
    assert journal.begin_manual(DEVICE, Op.INIT, url=URL).lease_ours


def test_a_verdict_never_flips(bench: Bench) -> None:
    journal = bench.journal()
    rollout = bench.whole(journal, Op.START, Outcome.ACCEPTED, Verdict.SUCCESS)
    with pytest.raises(JournalError, match="has ended"):
        bench.finish(journal, rollout, Verdict.NO_EFFECT)
    end = journal.record(DEVICE).last_end
    assert end is not None
    assert end.verdict is Verdict.SUCCESS


def test_nothing_ends_while_a_call_has_no_outcome(bench: Bench) -> None:
    journal = bench.journal()
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    bench.intend(journal, rollout)
    with pytest.raises(JournalError, match="start has no outcome yet"):
        bench.finish(journal, rollout, Verdict.SUCCESS)
    assert journal.record(DEVICE).last_end is None


def test_a_rollout_that_sent_nothing_can_end(bench: Bench) -> None:
    journal = bench.journal()
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    journal.end(
        rollout.id,
        DEVICE,
        op=None,
        verdict=Verdict.ABORTED_BEFORE_START,
        reason="nothing was sent",
        last_state_time=None,
        target_version=None,
    )
    assert journal.record(DEVICE).rollout is None


@pytest.mark.parametrize("mad", [2**63, -(2**80)])
def test_a_mad_device_clock_does_not_hinder_a_verdict(bench: Bench, mad: int) -> None:
    journal = bench.journal()
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    journal.intend(rollout.id, DEVICE, Op.START, baseline=replace(BASELINE, last_state_time=mad))
    (intent,) = journal.record(DEVICE).intents
    journal.outcome(intent.id, Outcome.ACCEPTED, status=200, error=None)
    journal.end(
        rollout.id,
        DEVICE,
        op=Op.START,
        verdict=Verdict.REVIEW,
        reason="",
        last_state_time=mad,
        target_version=None,
    )
    end = journal.record(DEVICE).last_end
    assert intent.baseline.last_state_time == mad
    assert end is not None
    assert end.last_state_time is None


def test_nobody_but_its_driver_writes_for_a_rollout(bench: Bench) -> None:
    driver, other = bench.journal(1), bench.journal(2)
    rollout = driver.begin_manual(DEVICE, Op.START, url=URL)
    permit = bench.intend(driver, rollout)
    with pytest.raises(LeaseLost, match="pid 1"):
        bench.intend(other, rollout)
    with pytest.raises(LeaseLost):
        other.outcome(permit.intent_id, Outcome.UNKNOWN, status=None, error=None)
    with pytest.raises(LeaseLost):
        bench.finish(other, rollout, Verdict.SUCCESS)
    with pytest.raises(LeaseLost):
        other.progress(rollout.id, 1, 2)
