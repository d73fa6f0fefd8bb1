"""What people may ask of a planned rollout, when, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from journal_bench import URL, Bench
from journal_plans import DIGEST, PLAN, A, B, C, attempted, drive, end, may, members, reach, register, send
from updeck.errors import Blocked, LeaseLost
from updeck.journal.models import MilestoneKind, Op, Outcome, RolloutRow, Verdict
from updeck.journal.plan_models import ControlKind, Position
from updeck.journal.store import Journal


@pytest.mark.parametrize(
    ("kind", "device", "value", "reason", "line"),
    [
        (ControlKind.PAUSE, None, None, "", "rollout {} paused: nothing more is started"),
        (ControlKind.PAUSE, None, None, " lunch\x07 ", "rollout {} paused: nothing more is started: lunch␇"),
        (ControlKind.RESUME, None, None, "", "rollout {} goes on"),
        (ControlKind.ABORT, None, None, "", "rollout {} aborted: what has not started does not start"),
        (ControlKind.PROMOTE, None, "2", "", "rollout {} promoted: wave 2 may begin"),
        (ControlKind.REOPEN, None, "3", "known", "rollout {}: goes on after a stop, failures allowed 3: known"),
        (ControlKind.SKIP, A, None, "in repair", "skipped: in repair"),
        (ControlKind.ADOPT, A, None, "was me", "what someone else initialized is adopted: was me"),
        (ControlKind.ARM, A, "11.8.0", "", "let start, to 11.8.0"),
    ],
)
def test_what_is_asked_is_on_record_with_who_asked_and_in_words(
    bench: Bench, kind: ControlKind, device: str | None, value: str | None, reason: str, line: str
) -> None:
    driver, other = bench.journal(1), bench.journal(2)
    rollout = driver.register_plan(PLAN, DIGEST, [*members(A), *members(B, wave=2)]).id
    driver.take_over(rollout)
    other.control(rollout, kind, device=device, value=value, reason=reason)
    (control,) = driver.rollout(rollout).controls
    assert (control.kind, control.device, control.value) == (kind, device, value)
    assert (control.actor, control.at) == (bench.actor(2), bench.clock.wall())
    event = driver.events()[-1]
    assert (event.text, event.device, event.kind) == (line.format(rollout[:13]), device, "control")


@pytest.mark.parametrize("kind", [ControlKind.REOPEN, ControlKind.RETRY, ControlKind.SKIP, ControlKind.ADOPT])
def test_what_bends_a_rule_needs_a_reason(bench: Bench, kind: ControlKind) -> None:
    journal = bench.journal()
    rollout = register(journal).id
    device = A if kind.of_a_device else None
    with pytest.raises(Blocked, match=f"{kind} needs a reason"):
        journal.control(rollout, kind, device=device, value="1", reason="  ")


@pytest.mark.parametrize("kind", list(ControlKind))
def test_what_is_for_a_device_names_one_and_the_rest_does_not(bench: Bench, kind: ControlKind) -> None:
    journal = bench.journal()
    rollout = register(journal).id
    with pytest.raises(Blocked, match="is for"):
        journal.control(rollout, kind, device=None if kind.of_a_device else A, value="2", reason="so")


def test_only_devices_and_rollouts_that_are_there_can_be_asked_about(bench: Bench) -> None:
    journal = bench.journal()
    rollout = register(journal).id
    with pytest.raises(Blocked, match="it is no device of rollout"):
        journal.control(rollout, ControlKind.SKIP, device=C, reason="so")
    manual = journal.begin_manual(C, Op.INIT, url=URL)
    with pytest.raises(Blocked, match="no planned rollout"):
        journal.control(manual.id, ControlKind.PAUSE)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ControlKind.PROMOTE, None),
        (ControlKind.PROMOTE, "1"),
        (ControlKind.PROMOTE, "3"),
        (ControlKind.PROMOTE, "two"),
        (ControlKind.PROMOTE, "²"),
        (ControlKind.REOPEN, None),
        (ControlKind.REOPEN, "-1"),
        (ControlKind.REOPEN, "1e9"),
        (ControlKind.REOPEN, "9" * 30),
        (ControlKind.ARM, None),
        (ControlKind.ARM, "  "),
    ],
)
def test_a_value_that_means_nothing_is_refused(bench: Bench, kind: ControlKind, value: str | None) -> None:
    journal = bench.journal()
    rollout = journal.register_plan(PLAN, DIGEST, [*members(A), *members(B, wave=2)]).id
    with pytest.raises(Blocked):
        journal.control(rollout, kind, device=A if kind.of_a_device else None, value=value, reason="so")
    assert journal.rollout(rollout).controls == ()


def test_nothing_more_is_asked_of_an_aborted_rollout(bench: Bench) -> None:
    journal = bench.journal(1)
    rollout = register(journal).id
    bench.journal(2, program="cli").control(rollout, ControlKind.ABORT, reason="wrong night")
    for kind in ControlKind:
        with pytest.raises(Blocked, match=r"was aborted at 2023.* by mk@jump1 \(cli, pid 2\); make a new plan"):
            journal.control(rollout, kind, device=A if kind.of_a_device else None, value="2", reason="so")


@pytest.mark.parametrize("kind", [ControlKind.PAUSE, ControlKind.RESUME, ControlKind.ABORT, ControlKind.PROMOTE])
def test_an_ended_rollout_neither_pauses_nor_goes_on(bench: Bench, kind: ControlKind) -> None:
    journal = bench.journal()
    rollout = drive(journal, A)
    end(journal, rollout, A, Verdict.SKIPPED)
    with pytest.raises(Blocked, match="has ended"):
        journal.control(rollout, kind, value="2")


@pytest.mark.parametrize("kind", [ControlKind.SKIP, ControlKind.ADOPT, ControlKind.ARM])
def test_a_device_whose_start_was_sent_is_left_to_its_verdict(bench: Bench, kind: ControlKind) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    permit = send(bench, journal, rollout, A, Op.START)
    for told in (None, Outcome.REFUSED):
        if told is None:
            with pytest.raises(Blocked, match="its start was sent, and it is watched"):
                journal.control(rollout, kind, device=A, value="11.8.0", reason="so")
        else:
            journal.outcome(permit.intent_id, told, status=409, error=None)
            journal.control(rollout, kind, device=A, value="11.8.0", reason="so")


@pytest.mark.parametrize("kind", [ControlKind.SKIP, ControlKind.ADOPT, ControlKind.ARM])
def test_a_device_whose_attempt_has_ended_is_past_skipping(bench: Bench, kind: ControlKind) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    end(journal, rollout, A, Verdict.WRONG_TARGET)
    with pytest.raises(Blocked, match="attempt 1 has ended WRONG_TARGET"):
        journal.control(rollout, kind, device=A, value="11.8.0", reason="so")


AGAIN = {Verdict.TRANSFER_FAILED, Verdict.NO_EFFECT, Verdict.NOT_STARTED, Verdict.WRONG_TARGET}


def retry(journal: Journal, rollout: str, device: str = A) -> None:
    journal.control(rollout, ControlKind.RETRY, device=device, reason="a new cable")


@pytest.mark.parametrize("verdict", list(Verdict))
def test_another_attempt_comes_after_the_verdicts_that_allow_it(bench: Bench, verdict: Verdict) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    attempted(bench, journal, rollout, A, verdict)
    if verdict in AGAIN:
        retry(journal, rollout)
        assert [one.number for one in journal.rollout(rollout).member(A).attempts] == [1, 2]
    else:
        with pytest.raises(Blocked, match=f"{A}: it ended (in )?{verdict}"):
            retry(journal, rollout)
        assert journal.record(A).rollout is None


def test_no_attempt_is_opened_beside_one_that_is_under_way(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    with pytest.raises(Blocked, match="attempt 1 has not ended"):
        retry(journal, rollout)
    end(journal, rollout, A, Verdict.NOT_STARTED)
    retry(journal, rollout)
    with pytest.raises(Blocked, match="attempt 2 has not ended"):
        retry(journal, rollout)


def test_a_retry_sends_its_own_calls_and_keeps_those_before(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    attempted(bench, journal, rollout, A, Verdict.NO_EFFECT)
    retry(journal, rollout)
    assert journal.record(A).intents == ()
    with pytest.raises(Blocked, match="attempt 1 is not the present one"):
        send(bench, journal, rollout, A, Op.INIT)
    send(bench, journal, rollout, A, Op.START, attempt=2)
    first, second = journal.rollout(rollout).member(A).attempts
    assert first.end is not None
    assert [(one.op, one.attempt) for one in first.intents + second.intents] == [(Op.START, 1), (Op.START, 2)]
    assert second.end is None
    (intent,) = journal.record(A).intents
    assert intent.attempt == 2
    assert journal.record(A).last_start_end is None
    with pytest.raises(Blocked, match="not sent again in this attempt"):
        send(bench, journal, rollout, A, Op.START, attempt=2)
    journal.outcome(intent.id, Outcome.ACCEPTED, status=200, error=None)
    end(journal, rollout, A, Verdict.SUCCESS, attempt=2)
    ends = [attempt.end and attempt.end.verdict for attempt in journal.rollout(rollout).member(A).attempts]
    assert ends == [Verdict.NO_EFFECT, Verdict.SUCCESS]


def test_a_retry_takes_the_device_in_again_unless_another_has_it(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    end(journal, rollout, A, Verdict.TRANSFER_FAILED)
    manual = journal.begin_manual(A, Op.UPLOAD, url=URL)
    with pytest.raises(Blocked, match=manual.id):
        retry(journal, rollout)
    assert len(journal.rollout(rollout).member(A).attempts) == 1
    bench.finish(journal, manual, Verdict.STAGED)
    retry(journal, rollout)
    held = journal.record(A).rollout
    assert held is not None
    assert held.id == rollout


def test_a_rollout_that_was_over_goes_on_with_a_retry_under_a_new_lease(bench: Bench) -> None:
    old, new = bench.journal(1), bench.journal(2)
    rollout = drive(old, A)
    attempted(bench, old, rollout, A, Verdict.NO_EFFECT)
    assert old.unfinished() == []
    retry(new, rollout)
    assert [row.id for row in new.unfinished()] == [rollout]
    assert new.take_over(rollout) is not None
    assert old.take_over(rollout) is None
    send(bench, new, rollout, A, Op.START, attempt=2)


def test_a_driver_that_slept_over_the_end_and_a_retry_sends_nothing(bench: Bench) -> None:
    asleep, new = bench.journal(1), bench.journal(2)
    rollout = drive(asleep, A)
    bench.clock.advance(31.0)
    assert new.take_over(rollout) is not None
    attempted(bench, new, rollout, A, Verdict.NO_EFFECT)
    retry(new, rollout)
    with pytest.raises(LeaseLost, match="not driven by this program"):
        send(bench, asleep, rollout, A, Op.START, attempt=2)


def reset(bench: Bench, journal: Journal, outcome: Outcome = Outcome.ACCEPTED) -> RolloutRow:
    return bench.whole(journal, Op.RESET, outcome, None, device=A)


@pytest.mark.parametrize("verdict", [Verdict.FAILED_GRACEFUL, Verdict.REVIEW])
def test_a_reset_of_a_person_opens_the_way_to_another_attempt(bench: Bench, verdict: Verdict) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    reset_before = journal.rollout(rollout)
    attempted(bench, journal, rollout, A, verdict)
    reset(bench, journal, Outcome.REFUSED)
    with pytest.raises(Blocked):
        retry(journal, rollout)
    reset(bench, journal)
    retry(journal, rollout)
    assert len(journal.rollout(rollout).member(A).attempts) == len(reset_before.member(A).attempts) + 1


def test_a_reset_before_the_end_opens_no_way(bench: Bench) -> None:
    journal = bench.journal()
    reset(bench, journal)
    rollout = drive(journal)
    attempted(bench, journal, rollout, A, Verdict.FAILED_GRACEFUL)
    with pytest.raises(Blocked, match=r"un-init \(reset\) it first"):
        retry(journal, rollout)


def test_a_resolve_opens_the_way_after_a_review_and_only_for_its_own_attempt(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    attempted(bench, journal, rollout, A, Verdict.REVIEW)
    journal.resolve(rollout, A, Verdict.NO_EFFECT, "it never went down")
    retry(journal, rollout)
    assert not journal.record(A).start_unresolved
    attempted(bench, journal, rollout, A, Verdict.REVIEW, attempt=2)
    assert journal.record(A).start_unresolved
    with pytest.raises(Blocked, match="resolve that"):
        retry(journal, rollout)
    first, second = journal.rollout(rollout).member(A).attempts
    assert first.resolve is not None
    assert (first.resolve.verdict, first.resolve.reason) == (Verdict.NO_EFFECT, "it never went down")
    assert first.resolve.actor == bench.actor(1)
    assert second.resolve is None


def test_a_resolve_opens_no_way_after_a_failure_that_needs_a_reset(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    attempted(bench, journal, rollout, A, Verdict.FAILED_GRACEFUL)
    journal.resolve(rollout, A, Verdict.SKIPPED, "does not count")
    with pytest.raises(Blocked, match="reset"):
        retry(journal, rollout)


def test_the_brake_stops_every_rollout_until_it_is_let_go(bench: Bench) -> None:
    journal, other = bench.journal(1), bench.journal(2)
    first, second = register(journal, A).id, register(journal, B).id
    assert journal.braked() is None
    other.brake(on=True, reason="network down")
    brake = journal.braked()
    assert brake is not None
    assert (brake.reason, brake.actor, brake.at) == ("network down", bench.actor(2), bench.clock.wall())
    assert [journal.rollout(one).braked for one in (first, second)] == [True, True]
    assert journal.events()[-1].text == "all rollouts paused: no init and no start is sent: network down"
    journal.brake(on=False)
    assert journal.braked() is None
    assert not journal.rollout(first).braked
    assert journal.events()[-1].text == "rollouts are no longer paused all together"


def test_controls_change_the_token_that_others_look_at(bench: Bench) -> None:
    journal, other = bench.journal(1), bench.journal(2)
    rollout = register(journal).id
    changes: list[Callable[[], None]] = [
        lambda: journal.control(rollout, ControlKind.PAUSE),
        lambda: journal.brake(on=True),
    ]
    for change in changes:
        token = other.change_token()
        change()
        assert other.change_token() > token


@pytest.mark.parametrize("op", [Op.INIT, Op.START])
def test_a_mate_that_is_down_in_any_rollout_is_named(bench: Bench, op: Op) -> None:
    journal = bench.journal()
    rollout = register(journal, A, mates=(A, B, C)).id
    assert journal.rollout(rollout).member(A).pair_down is None
    manual = journal.begin_manual(B, op, url=URL)
    assert journal.rollout(rollout).member(A).pair_down is None
    permit = bench.intend(journal, manual)
    assert journal.rollout(rollout).member(A).pair_down == B
    journal.outcome(permit.intent_id, Outcome.UNKNOWN, status=None, error=None)
    assert journal.rollout(rollout).member(A).pair_down == B
    bench.finish(journal, manual, Verdict.SUCCESS)
    assert journal.rollout(rollout).member(A).pair_down is None


def test_a_mate_of_the_same_rollout_is_down_in_its_init_and_from_its_start_to_its_end(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal, A, B, mates=(A, B))
    permit = send(bench, journal, rollout, A, Op.INIT)
    journal.outcome(permit.intent_id, Outcome.ACCEPTED, status=200, error=None)
    record = journal.rollout(rollout)
    assert (record.member(B).pair_down, record.member(A).pair_down) == (A, None)
    reach(journal, rollout, A)
    assert journal.rollout(rollout).member(B).pair_down is None, "an armed box is up and may wait for long"
    permit = send(bench, journal, rollout, A, Op.START)
    journal.outcome(permit.intent_id, Outcome.ACCEPTED, status=200, error=None)
    assert journal.rollout(rollout).member(B).pair_down == A
    end(journal, rollout, A, Verdict.SUCCESS)
    assert journal.rollout(rollout).member(B).pair_down is None


def test_a_refused_init_takes_no_mate_down(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal, A, B, mates=(A, B))
    permit = send(bench, journal, rollout, A, Op.INIT)
    journal.outcome(permit.intent_id, Outcome.REFUSED, status=409, error=None)
    assert journal.rollout(rollout).member(B).pair_down is None


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_mate_whose_fate_nobody_knows_is_not_taken_for_one_that_runs(bench: Bench, verdict: Verdict) -> None:
    journal = bench.journal()
    rollout = drive(journal, A, B, mates=(A, B))
    attempted(bench, journal, rollout, A, verdict)
    lost = A if verdict in (Verdict.REVIEW, Verdict.FAILED_CRITICAL) else None
    assert journal.rollout(rollout).member(B).pair_lost == lost


def test_a_mate_is_no_longer_lost_once_a_person_or_a_reset_has_answered(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal, A, B, mates=(A, B))
    attempted(bench, journal, rollout, A, Verdict.FAILED_CRITICAL)
    journal.resolve(rollout, A, Verdict.FAILED_CRITICAL, "support swapped it")
    assert journal.rollout(rollout).member(B).pair_lost is None
    again = bench.whole(journal, Op.START, Outcome.UNKNOWN, Verdict.REVIEW, device=A)
    assert journal.rollout(rollout).member(B).pair_lost == A
    assert again.id != rollout
    reset(bench, journal)
    assert journal.rollout(rollout).member(B).pair_lost is None


def test_plans_that_only_bring_an_image_know_what_the_others_of_them_send(bench: Bench) -> None:
    first, second, third = (bench.journal(pid) for pid in (1, 2, 3))
    mine, theirs = (brought(journal, device) for journal, device in ((first, A), (second, B)))
    whole = register(third, C).id
    assert third.take_over(whole) is not None
    for journal, rollout, device in ((second, theirs, B), (third, whole, C)):
        send(bench, journal, rollout, device, Op.UPLOAD)
    assert first.rollout(mine).uploads_beside == 1, "what a whole update sends keeps to its own limit"
    assert second.rollout(theirs).uploads_beside == 0, "its own uploads are counted by device"
    assert third.rollout(whole).uploads_beside == 0
    bench.clock.advance(31)
    assert first.rollout(mine).uploads_beside == 0, "an engine that is gone sends no more"


def test_an_upload_that_arrived_gives_its_place_to_other_plans(bench: Bench) -> None:
    first, second = bench.journal(1), bench.journal(2)
    mine, theirs = brought(first, A), brought(second, B)
    permit = send(bench, second, theirs, B, Op.UPLOAD)
    assert first.rollout(mine).uploads_beside == 1
    second.outcome(permit.intent_id, Outcome.ACCEPTED, status=200, error=None)
    assert first.rollout(mine).uploads_beside == 0


def brought(journal: Journal, device: str) -> str:
    """Register a plan that only brings an image, drive it, and return its id."""
    rollout = journal.register_plan('{"until":"staged"}', DIGEST, members(device)).id
    assert journal.take_over(rollout) is not None
    return rollout


def test_an_un_init_by_hand_answers_the_attempt_that_ended_before_it_and_no_other(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal, A, B)
    attempted(bench, journal, rollout, A, Verdict.FAILED_GRACEFUL)
    attempted(bench, journal, rollout, B, Verdict.SUCCESS)
    assert journal.rollout(rollout).member(A).attempt.undone is None
    reset(bench, journal)
    undone = journal.rollout(rollout).member(A).attempt.undone
    assert undone is not None
    assert (undone.device, undone.op, undone.rollout != rollout) == (A, Op.RESET, True)
    journal.control(rollout, ControlKind.RETRY, device=A, reason="room was made")
    assert [one.undone for one in journal.rollout(rollout).member(A).attempts] == [undone, None]
    assert journal.take_over(rollout) is not None
    attempted(bench, journal, rollout, A, Verdict.NO_EFFECT, attempt=2)
    reset(bench, journal)
    first, second = (one.undone for one in journal.rollout(rollout).member(A).attempts)
    assert first == undone
    assert second is not None
    assert second != undone
    assert journal.rollout(rollout).member(B).attempt.undone is None


def test_an_image_proven_by_a_milestone_is_proven_for_the_hand(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal)
    reach_staged(journal, rollout, "3f" * 32)
    assert journal.record(A).proven_checksums == frozenset()  # nothing of ours says which bytes were meant
    journal.intend(rollout, A, Op.INIT, baseline=bench.baseline(), allow=may)
    assert journal.record(A).proven_checksums == {"3f" * 32}


def reach_staged(journal: Journal, rollout: str, checksum: str | None) -> None:
    journal.milestone(rollout, A, MilestoneKind.STAGED, checksum=checksum)


def test_an_un_init_is_asked_for_once_of_what_is_initialized_and_not_started(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal, A, B)

    def ask(kind: ControlKind = ControlKind.RESET, value: str | None = None) -> None:
        journal.control(rollout, kind, device=A, value=value, reason="so")

    with pytest.raises(Blocked, match="it is not INITIALIZED by this rollout"):
        ask()
    send(bench, journal, rollout, A, Op.INIT)
    reach(journal, rollout, A)
    ask()
    assert journal.events()[-1].text == "un-init (reset) asked for: back to IDLE, no start: so"
    with pytest.raises(Blocked, match=r"its un-init \(reset\) was asked for"):
        ask()
    with pytest.raises(Blocked, match=r"its un-init \(reset\) was asked for"):
        ask(ControlKind.ARM, "11.8.0")


def test_what_was_started_or_un_initialized_already_is_not_asked_for(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal, A, B)
    for device, op in ((A, Op.START), (B, Op.RESET)):
        reach(journal, rollout, device)
        send(bench, journal, rollout, device, op)
    with pytest.raises(Blocked, match="its start was sent"):
        journal.control(rollout, ControlKind.RESET, device=A)
    with pytest.raises(Blocked, match=r"its un-init \(reset\) was sent"):
        journal.control(rollout, ControlKind.RESET, device=B)


def test_a_hold_is_told_when_it_begins_and_when_it_ends(bench: Bench) -> None:
    journal = bench.journal()
    rollout = drive(journal, A, B)
    for phase, text in (
        ("WAITING", "x"),
        ("HELD", "foreign"),
        ("HELD", "foreign"),
        ("HELD", "login"),
        ("WAITING", "x"),
    ):
        journal.stand(rollout, [Position(A, phase, text)])
        bench.clock.advance(2.0)
    told = [event.text for event in journal.events(devices=[A]) if event.kind == "hold"]
    assert told == ["waits for a person: foreign", "waits for a person: login", "no person is needed any more"]
