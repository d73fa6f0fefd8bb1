"""What stands against a call in a rollout: each rule alone, and all of them together on histories at random."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_records import NEW, NOW, OLD, control, done, initialized, intent, member, plan_of, record_of, sent
from updeck.journal.models import Op, Outcome, Verdict
from updeck.journal.plan_models import Attempt, Control, ControlKind, MemberRecord, Milestone, MilestoneKind
from updeck.rollout.gate import awaits_promotion, open_wave, wave_barrier, why_not
from updeck.rollout.plan import Fence, Goal, Limits, Plan, PlannedImage, Promotion, Source
from updeck.rollout.standing import GOOD_VERDICTS, armed, bad, counts, down, gate_of, started, stops_at, transferring
from updeck.rollout.window import parse_window

START = ControlKind.ARM
DISRUPTIVE = (Op.INIT, Op.START)
BAD = [verdict for verdict in Verdict if verdict not in GOOD_VERDICTS]


def reason(
    op: Op, plan: Plan, *members: MemberRecord, controls: tuple[Control, ...] = (), device: str = "d0", now: float = NOW
) -> str | None:
    return why_not(op, device, record_of(plan, *members, controls=controls), plan, now)


@pytest.mark.parametrize("op", list(Op))
def test_nothing_stands_against_the_first_step_of_a_plain_plan(op: Op) -> None:
    assert reason(op, plan_of(1, 1)) is None


def test_good_are_exactly_the_verdicts_that_the_rules_name() -> None:
    named = "SUCCESS ALREADY_INSTALLED STAGED INITIALIZED SKIPPED ABORTED_BEFORE_START"
    assert " ".join(verdict for verdict in Verdict if verdict in GOOD_VERDICTS) == named


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_verdict_that_is_not_good_closes_the_gate_to_what_takes_boxes_down(verdict: Verdict) -> None:
    plan = plan_of(1, 1)
    failed = member("d1", done(verdict))
    for op in Op:
        stands = reason(op, plan, failed)
        assert (stands is not None) == (verdict in BAD and op in DISRUPTIVE)
        assert stands is None or stands == f"stopped after 1 failure, 0 allowed (d1 {verdict.value})"


@pytest.mark.parametrize("allowed", [0, 1, 2, 5])
def test_the_gate_closes_at_the_failure_number_that_the_plan_names(allowed: int) -> None:
    plan = replace(plan_of(*[1] * 6), limits=Limits(max_failures=allowed))
    for failures in range(6):
        record = record_of(plan, *(member(f"d{index}", done(Verdict.REVIEW)) for index in range(failures)))
        assert gate_of(record, plan).closed == (failures >= allowed + 1)
    assert stops_at(allowed, 6) == f"stops at failure number {allowed + 1}"


def test_a_limit_that_no_number_of_failures_reaches_is_said_to_stop_never() -> None:
    assert stops_at(5, 6) == "stops at failure number 6"
    assert "goes on whatever fails" in stops_at(6, 6)


def test_a_failure_that_is_resolved_as_good_no_longer_counts_and_the_gate_stays_closed() -> None:
    plan = plan_of(1, 1)
    judged = member("d1", done(Verdict.REVIEW, resolved=Verdict.SUCCESS))
    gate = gate_of(record_of(plan, judged), plan)
    assert (gate.closed, gate.bad, gate.limit) == (True, 0, 0)
    assert gate.reason == "1 failure, 0 allowed, 1 resolved as good since (d1 REVIEW)"
    reopened = record_of(plan, judged, controls=(control(ControlKind.REOPEN, "0"),))
    assert not gate_of(reopened, plan).closed


def test_of_what_closed_a_gate_no_failure_is_left_out_because_some_are_resolved() -> None:
    plan = replace(plan_of(1, 1, 1), limits=Limits(max_failures=1))
    judged = member("d0", done(Verdict.REVIEW, resolved=Verdict.SUCCESS))
    two = gate_of(record_of(plan, judged, member("d1", done(Verdict.NO_EFFECT))), plan)
    assert two.reason == "2 failures, 1 allowed, 1 resolved as good since (d0 REVIEW, d1 NO_EFFECT)"
    others = [member(f"d{index}", done(Verdict.NO_EFFECT)) for index in (1, 2)]
    three = gate_of(record_of(plan, judged, *others), plan)
    assert three.reason == "2 failures, 1 allowed (d1 NO_EFFECT, d2 NO_EFFECT)"


def test_a_failure_that_is_resolved_as_another_failure_counts_on() -> None:
    assert bad(done(Verdict.REVIEW, resolved=Verdict.FAILED_GRACEFUL))
    assert not bad(done(Verdict.REVIEW, resolved=Verdict.SUCCESS))
    assert not bad(Attempt(1))


def test_a_reopened_gate_closes_again_at_its_new_limit() -> None:
    plan = plan_of(1, 1, 1)
    reopen = control(ControlKind.REOPEN, "1", at=NOW - 50)
    first = member("d0", done(Verdict.NO_EFFECT, at=NOW - 90))
    assert not gate_of(record_of(plan, first, controls=(reopen,)), plan).closed
    second = member("d1", done(Verdict.REVIEW, at=NOW - 20))
    gate = gate_of(record_of(plan, first, second, controls=(reopen,)), plan)
    assert (gate.closed, gate.reason) == (True, "2 failures, 1 allowed (d0 NO_EFFECT, d1 REVIEW)")


@pytest.mark.parametrize("value", ["0", None, "", "-1", "many", "١"])
def test_a_reopening_that_does_not_reach_leaves_the_gate_closed(value: str | None) -> None:
    plan = plan_of(1)
    record = record_of(plan, member("d0", done(Verdict.REVIEW)), controls=(control(ControlKind.REOPEN, value),))
    assert gate_of(record, plan).closed


def test_a_retry_does_not_hide_the_failure_before_it() -> None:
    plan = plan_of(1, 1)
    again = member("d1", done(Verdict.FAILED_GRACEFUL), done(Verdict.SUCCESS, Attempt(2)))
    assert gate_of(record_of(plan, again), plan).closed


def test_an_ended_attempt_takes_nothing_more() -> None:
    for op in Op:
        assert reason(op, plan_of(1), member("d0", done(Verdict.SUCCESS))) == "its attempt has ended"


@pytest.mark.parametrize(
    ("until", "forbidden"),
    [(Goal.STAGED, {Op.INIT, Op.START}), (Goal.INITIALIZED, {Op.START}), (Goal.UPDATED, set[Op]())],
)
def test_no_call_goes_past_the_goal(until: Goal, forbidden: set[Op]) -> None:
    plan = replace(plan_of(1), until=until)
    assert {op for op in Op if reason(op, plan) is not None} == forbidden


def test_a_pause_holds_transfers_and_starts_until_it_is_lifted() -> None:
    pause = control(ControlKind.PAUSE, number=1)
    held = {op for op in Op if reason(op, plan_of(1), controls=(pause,)) == "paused by mk: because"}
    assert held == {Op.UPLOAD, Op.FETCH, Op.INIT, Op.START}
    lifted = (pause, control(ControlKind.RESUME, number=2))
    assert reason(Op.START, plan_of(1), controls=lifted) is None
    again = (*lifted, control(ControlKind.PAUSE, number=3))
    assert reason(Op.START, plan_of(1), controls=again) is not None


def test_the_brake_holds_what_takes_boxes_down_and_lets_images_travel() -> None:
    plan = plan_of(1)
    record = replace(record_of(plan), braked=True)
    assert {op for op in Op if why_not(op, "d0", record, plan, NOW)} == {Op.INIT, Op.START}


def test_nothing_new_begins_in_an_aborted_rollout_even_when_resumed() -> None:
    controls = (control(ControlKind.ABORT, number=1), control(ControlKind.RESUME, number=2))
    held = {op for op in Op if reason(op, plan_of(1), controls=controls) == "aborted by mk: because"}
    assert held == {Op.UPLOAD, Op.FETCH, Op.INIT, Op.START}


def test_a_skipped_device_gets_nothing_and_the_others_go_on() -> None:
    controls = (control(ControlKind.SKIP, device="d0"),)
    assert all(reason(op, plan_of(1, 1), controls=controls) == "it is skipped" for op in Op)
    assert reason(Op.START, plan_of(1, 1), controls=controls, device="d1") is None
    retried = (*controls, control(ControlKind.RETRY, device="d0", number=2))
    assert reason(Op.START, plan_of(1, 1), controls=retried) is None


def test_what_a_person_wants_un_initialized_is_not_started_in_that_attempt() -> None:
    plan = plan_of(1, 1)
    undo = control(ControlKind.RESET, device="d0")
    assert reason(Op.START, plan, member("d0", initialized()), controls=(undo,)) == "a person asked for its un-init"
    assert reason(Op.RESET, plan, member("d0", initialized()), controls=(undo,)) is None
    assert reason(Op.START, plan, controls=(control(ControlKind.RESET, device="d1"),)) is None
    assert reason(Op.START, plan, controls=(undo, control(ControlKind.RETRY, "2", device="d0", number=2))) is None


def test_a_device_waits_at_the_fence_until_a_person_lets_it_past_for_the_planned_version() -> None:
    plan = replace(plan_of(1, 1), fence=Fence.START)
    assert reason(Op.START, plan) == "it is ready and waits for a person"
    assert reason(Op.INIT, plan) is None
    assert reason(Op.START, plan, controls=(control(START, "11.8.0", device="d0"),)) is None
    assert reason(Op.START, plan, controls=(control(START, NEW, device="d1"),)) is not None
    assert reason(Op.START, plan, controls=(control(START, OLD, device="d0"),)) is not None
    assert reason(Op.START, plan, controls=(control(START, None, device="d0"),)) is not None
    armed_then_retried = (control(START, NEW, device="d0"), control(ControlKind.RETRY, "2", device="d0", number=2))
    assert reason(Op.START, plan, controls=armed_then_retried) == "it is ready and waits for a person"


@pytest.mark.parametrize(
    ("attempt", "is_down", "is_armed", "is_started"),
    [
        (Attempt(1), False, False, False),
        (sent(Op.UPLOAD), False, False, False),
        (sent(Op.INIT), True, False, False),
        (sent(Op.INIT, outcome=None), True, False, False),
        (sent(Op.INIT, outcome=Outcome.UNKNOWN), True, False, False),
        (sent(Op.INIT, outcome=Outcome.REFUSED), False, False, False),
        (initialized(), False, True, False),
        (initialized(Op.START), True, False, True),
        (initialized(Op.RESET), False, False, False),
        (done(Verdict.SUCCESS, initialized(Op.START)), False, False, True),
    ],
)
def test_what_counts_as_down_and_as_armed(attempt: Attempt, is_down: bool, is_armed: bool, is_started: bool) -> None:
    one = member("d0", attempt)
    assert (down(one), armed(one), started(one)) == (is_down, is_armed, is_started)


STAGED = Milestone(MilestoneKind.STAGED, 1, None, NEW, None, NOW)


@pytest.mark.parametrize(
    ("attempt", "moving"),
    [
        (Attempt(1), False),
        (sent(Op.UPLOAD, outcome=None), True),
        (sent(Op.UPLOAD), False),
        (sent(Op.FETCH), True),
        (sent(Op.FETCH, outcome=Outcome.UNKNOWN), True),
        (sent(Op.FETCH, outcome=Outcome.REFUSED), False),
        (replace(sent(Op.FETCH), milestones=(STAGED,)), False),
        (sent(Op.FETCH, Op.DELETE), False),
        (done(Verdict.TRANSFER_FAILED, sent(Op.FETCH)), False),
    ],
)
def test_what_counts_as_a_transfer(attempt: Attempt, moving: bool) -> None:
    assert transferring(member("d0", attempt)) == moving


def test_no_more_boxes_are_down_than_the_plan_allows() -> None:
    plan = replace(plan_of(1, 1, 1), limits=Limits(max_parallel=2))
    one, two = member("d1", sent(Op.INIT)), member("d2", initialized(Op.START))
    assert reason(Op.INIT, plan, one) is None
    assert reason(Op.INIT, plan, one, two) == "2 boxes down, the limit is 2"
    assert reason(Op.UPLOAD, plan, one, two) is None


def test_a_box_that_goes_on_does_not_stand_in_its_own_way() -> None:
    plan = replace(plan_of(1), limits=Limits(max_parallel=1, max_per_site=1))
    assert reason(Op.START, plan, member("d0", sent(Op.INIT), soft=True)) is None


def test_no_more_images_travel_than_the_plan_allows() -> None:
    plan = replace(plan_of(1, 1), limits=Limits(max_transfers=1))
    moving = member("d1", sent(Op.UPLOAD, outcome=None))
    assert reason(Op.FETCH, plan, moving) == "1 transfer under way, the limit is 1"
    assert reason(Op.INIT, plan, moving) is None


def test_uploads_of_other_plans_that_only_bring_an_image_count_too() -> None:
    plan = replace(plan_of(1, 1), until=Goal.STAGED, limits=Limits(max_transfers=4))
    moving = member("d1", sent(Op.UPLOAD, outcome=None))
    record = record_of(plan, moving)
    assert why_not(Op.UPLOAD, "d0", replace(record, uploads_beside=2), plan, NOW) is None
    full = replace(record, uploads_beside=3)
    assert why_not(Op.UPLOAD, "d0", full, plan, NOW) == "4 transfers under way, the limit is 4"


def test_a_site_has_its_own_limit_and_no_site_has_none() -> None:
    plan = replace(plan_of(1, 1, 1, sites="aa-"), limits=Limits(max_per_site=1))
    busy = member("d1", sent(Op.INIT))
    assert reason(Op.INIT, plan, busy) == "1 box down at a, the limit is 1"
    assert reason(Op.INIT, plan, busy, device="d2") is None


def test_devices_of_one_pair_are_never_down_together() -> None:
    plan = plan_of(1, 1, 1, pairs="pp-")
    busy = member("d1", sent(Op.INIT))
    assert reason(Op.INIT, plan, busy) == "waits for its pair d1"
    assert reason(Op.INIT, plan, busy, device="d2") is None
    elsewhere = replace(member("d0"), pair_down="d7")
    assert reason(Op.START, plan, elsewhere) == "waits for its pair d7"
    lost = reason(Op.START, plan, replace(member("d0"), pair_lost="d7"))
    assert lost is not None
    assert lost.startswith("its pair d7 may not be in service")


def test_a_device_past_its_soft_limit_holds_the_starts_of_the_others_until_it_clears() -> None:
    late = member("d1", sent(Op.INIT), soft=True)
    for op in Op:
        assert (reason(op, plan_of(1, 1), late) is not None) == (op in DISRUPTIVE)
    assert reason(Op.INIT, plan_of(1, 1), member("d1", done(Verdict.SUCCESS), soft=True)) is None


WINDOW = parse_window("2026-12-01T22:00/2026-12-02T04:00", tz="UTC", last_start="03:00")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (WINDOW.opens_at - 1, "the window opens at 2026-12-01 22:00 UTC"),
        (WINDOW.opens_at, None),
        (WINDOW.last_start_at - 1, None),
        (WINDOW.last_start_at, "the last start was at 2026-12-02 03:00 UTC"),
        (WINDOW.closes_at, "the window ended at 2026-12-02 04:00 UTC: paused until confirmed anew"),
    ],
)
def test_boxes_go_down_within_the_window_only(now: float, said: str | None) -> None:
    plan = replace(plan_of(1), window=WINDOW)
    assert reason(Op.INIT, plan, now=now) == said
    assert reason(Op.START, plan, now=now) == said
    assert (reason(Op.UPLOAD, plan, now=now) is None) == (now < WINDOW.closes_at)


@pytest.mark.parametrize(("confirmed_at", "goes_on"), [(WINDOW.closes_at - 1, False), (WINDOW.closes_at, True)])
def test_after_its_window_a_rollout_goes_on_only_if_confirmed_then(confirmed_at: float, goes_on: bool) -> None:
    plan = replace(plan_of(1), window=WINDOW)
    resumed = (control(ControlKind.RESUME, at=confirmed_at),)
    assert (reason(Op.START, plan, controls=resumed, now=WINDOW.closes_at + 60) is None) == goes_on


FIRST_DONE = member("d0", done(Verdict.SUCCESS, at=NOW - 600))


def test_the_next_wave_waits_for_all_of_this_one_then_for_its_bake_then_for_a_person() -> None:
    plan = replace(plan_of(1, 2), bake_s=600)
    assert reason(Op.UPLOAD, plan, device="d1") == "wave 2 waits for 1 device of earlier waves"
    baking = reason(Op.UPLOAD, plan, FIRST_DONE, device="d1", now=NOW - 1)
    assert baking == "wave 2 waits until 1970-01-12T13:46:40Z, when the bake time of wave 1 is over"
    assert reason(Op.UPLOAD, plan, FIRST_DONE, device="d1") == "wave 2 waits for a person to promote it"
    assert awaits_promotion(record_of(plan, FIRST_DONE), plan, NOW)
    assert not awaits_promotion(record_of(plan, FIRST_DONE), plan, NOW - 1)
    promoted = (control(ControlKind.PROMOTE, "2"),)
    assert reason(Op.UPLOAD, plan, FIRST_DONE, device="d1", controls=promoted) is None
    assert reason(Op.UPLOAD, plan, device="d1", controls=promoted) is not None
    other = (control(ControlKind.PROMOTE, "3"),)
    assert reason(Op.UPLOAD, plan, FIRST_DONE, device="d1", controls=other) is not None


def test_where_the_clock_was_set_back_a_person_says_that_a_wave_has_baked() -> None:
    plan = replace(plan_of(1, 2), bake_s=600, promote=Promotion.AUTO)
    back = NOW - 5000
    left = "wave 2 waits for a person to promote it: the clock was set back since wave 1 ended"
    assert reason(Op.UPLOAD, plan, FIRST_DONE, device="d1", now=back) == left
    early = replace(control(ControlKind.PROMOTE, "2", at=NOW - 5000), turn=0)
    late = replace(early, turn=7)
    assert reason(Op.UPLOAD, plan, FIRST_DONE, device="d1", now=back, controls=(early,)) == left
    assert reason(Op.UPLOAD, plan, FIRST_DONE, device="d1", now=back, controls=(late,)) is None
    unbaked = replace(plan, bake_s=0)
    assert reason(Op.UPLOAD, unbaked, FIRST_DONE, device="d1", now=back) is None


def test_the_gate_goes_by_the_order_of_rows_and_not_by_their_times() -> None:
    plan = plan_of(1, 1, 1)
    first, second = _ended(2, at=NOW), _ended(6, at=NOW - 5000, resolved=7)
    reopened = replace(control(ControlKind.REOPEN, "1", at=NOW + 1), turn=4)
    assert gate_of(record_of(plan, member("d0", first), controls=(reopened,)), plan).closed is False
    record = record_of(plan, member("d0", first), member("d1", second), controls=(reopened,))
    gate = gate_of(record, plan)
    assert (gate.closed, gate.bad) == (True, 1)
    again = replace(control(ControlKind.REOPEN, "1", at=NOW - 9000, number=2), turn=9)
    assert not gate_of(
        record_of(plan, member("d0", first), member("d1", second), controls=(reopened, again)), plan
    ).closed


def _ended(turn: int, *, at: float, resolved: int | None = None) -> Attempt:
    attempt = done(Verdict.NO_EFFECT, at=at, resolved=None if resolved is None else Verdict.SUCCESS)
    end = attempt.end and replace(attempt.end, turn=turn)
    resolve = attempt.resolve and replace(attempt.resolve, turn=resolved or 0)
    return replace(attempt, end=end, resolve=resolve)


def test_a_plan_may_promote_its_waves_by_itself() -> None:
    plan = replace(plan_of(1, 2, 3), promote=Promotion.AUTO)
    assert reason(Op.INIT, plan, FIRST_DONE, device="d1") is None
    assert reason(Op.INIT, plan, FIRST_DONE, device="d2") == "wave 3 waits for 1 device of earlier waves"


def test_a_wave_in_which_something_was_sent_stays_open_whatever_is_retried_before_it() -> None:
    plan = replace(plan_of(1, 2, 2), promote=Promotion.AUTO)
    retried = member("d0", done(Verdict.NO_EFFECT), Attempt(2))
    assert open_wave(record_of(plan, retried), plan, NOW) == 1
    record = record_of(plan, retried, member("d1", sent(Op.UPLOAD)))
    assert open_wave(record, plan, NOW) == 2


def test_a_wave_whose_devices_have_all_ended_before_it_opened_waits_for_nobody() -> None:
    plan = plan_of(1, 2, 3)
    record = record_of(plan, FIRST_DONE, member("d1", done(Verdict.SKIPPED)))
    assert wave_barrier(2, record, plan, NOW) is None
    assert open_wave(record, plan, NOW) == 2
    assert wave_barrier(3, record, plan, NOW) == "wave 3 waits for a person to promote it"


def test_a_device_that_is_not_in_the_rollout_is_an_error() -> None:
    with pytest.raises(KeyError):
        reason(Op.INIT, plan_of(1), device="other")


def test_a_rollout_is_counted_by_the_newest_attempts() -> None:
    plan = replace(plan_of(1, 1, 1, 1), image=PlannedImage(NEW, Source.PRESENT))
    found = counts(
        record_of(
            plan,
            member("d0", done(Verdict.NO_EFFECT), done(Verdict.SUCCESS, Attempt(2))),
            member("d1", sent(Op.INIT)),
            member("d2", sent(Op.FETCH)),
            member("d3", initialized()),
        )
    )
    assert (found.total, found.ended, found.bad, found.down, found.transferring, found.armed) == (4, 1, 1, 1, 1, 1)
    assert dict(found.verdicts) == {Verdict.SUCCESS: 1}


attempts = st.one_of(
    st.builds(Attempt, st.just(1)),
    st.builds(sent, st.sampled_from(list(Op)), outcome=st.sampled_from([*Outcome, None])),
    st.builds(initialized),
    st.builds(initialized, st.just(Op.START)),
    st.builds(done, st.sampled_from(list(Verdict))),
)


@given(
    st.lists(attempts, min_size=2, max_size=8),
    st.integers(1, 3),
    st.integers(0, 3),
    st.text("pq-", max_size=8),
    st.sampled_from(DISRUPTIVE),
)
def test_whatever_is_let_through_breaks_no_limit(
    found: list[Attempt], most: int, failures: int, pairs: str, op: Op
) -> None:
    plan = replace(plan_of(*[1] * len(found), pairs=pairs), limits=Limits(max_parallel=most, max_failures=failures))
    members = [member(f"d{index}", attempt) for index, attempt in enumerate(found)]
    record = record_of(plan, *members)
    for index, one in enumerate(members):
        if why_not(op, one.device, record, plan, NOW) is not None:
            continue
        attempt = replace(one.attempt, intents=(*one.attempt.intents, intent(op, outcome=None)))
        after = record_of(plan, *members[:index], member(one.device, attempt), *members[index + 1 :])
        pair = plan.device(one.device).pair
        assert sum(map(down, after.members)) <= max(most, sum(map(down, record.members)))
        assert sum(map(bad, found)) <= failures
        mates = [other for other in after.members if down(other) and plan.device(other.device).pair == pair]
        assert pair is None or mates in ([], [after.members[index]])
