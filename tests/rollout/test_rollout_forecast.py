"""What is to be expected of a rollout: nothing without a measurement, and no later than what is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rollout_records import NEW, NOW, control, done, initialized, member, plan_of, record_of
from updeck.fleet.ruling import Ruling
from updeck.fleet.views import Phase
from updeck.journal.models import Intent, Op, Outcome, OutcomeRow, Verdict
from updeck.journal.plan_models import Attempt, Control, ControlKind, MemberRecord, Milestone, MilestoneKind
from updeck.rollout.forecast import (
    NOT_YET,
    Need,
    Took,
    back_by,
    forecast,
    forecast_in_words,
    measured,
    need_in_words,
    took_in_words,
    with_back,
)
from updeck.rollout.plan import Fence, Goal, Limits, Plan, PlannedImage, Promotion, Source
from updeck.rollout.schedule import Job, Step, run
from updeck.rollout.window import Window, parse_window

START = parse_window("2026-12-01T22:00/2026-12-02T04:00", tz="UTC", last_start="03:00")
OPENS, LAST, CLOSES = START.opens_at, START.last_start_at, START.closes_at
TRANSFER_S, INIT_S, START_S = 100.0, 60.0, 600.0
PROMOTED = (control(ControlKind.PROMOTE, "2"),)


def sent(op: Op, at: float, outcome: Outcome | None = Outcome.ACCEPTED) -> Intent:
    known = initialized().intents[0]
    row = None if outcome is None else OutcomeRow(outcome, at + 1, 204, None)
    return replace(known, op=op, at=at, outcome=row)


def reached(kind: MilestoneKind, at: float) -> Milestone:
    return Milestone(kind, 1, 100, NEW, None, at)


def canary(name: str, ended_at: float, *, start_s: float = START_S, verdict: Verdict = Verdict.SUCCESS) -> MemberRecord:
    """Return a device that went all the way, and whose start took so long."""
    started = ended_at - start_s
    inited = started - INIT_S - 1
    began = inited - TRANSFER_S - 1
    attempt = Attempt(
        1,
        (sent(Op.UPLOAD, began), sent(Op.INIT, inited), sent(Op.START, started)),
        (reached(MilestoneKind.STAGED, began + TRANSFER_S), reached(MilestoneKind.INITIALIZED, inited + INIT_S)),
    )
    return member(name, done(verdict, attempt, at=ended_at))


def down(name: str, since: float, *, init_s: float = INIT_S) -> MemberRecord:
    """Return a device that was started."""
    made = Attempt(
        1,
        (sent(Op.INIT, since - init_s), sent(Op.START, since)),
        (reached(MilestoneKind.INITIALIZED, since - 1),),
    )
    return member(name, made)


def at_the_fence(name: str) -> MemberRecord:
    return member(name, Attempt(1, (sent(Op.INIT, NOW - 60),), (reached(MilestoneKind.INITIALIZED, NOW - 10),)))


def staged(name: str) -> MemberRecord:
    return member(name, Attempt(1, (sent(Op.UPLOAD, NOW - 200),), (reached(MilestoneKind.STAGED, NOW - 100),)))


def test_before_the_first_box_is_back_there_is_no_number() -> None:
    plan = plan_of(1, 1)
    made = forecast(record_of(plan, down("d0", NOW - 60)), plan, NOW)
    assert (made.last_back, made.back, made.unknown, made.need) == (None, {}, NOT_YET, None)
    assert forecast_in_words(made, str) == "last expected back: not known before the first box is back"
    assert need_in_words(made, NOW, str) == ""


def test_what_failed_measures_nothing_and_what_succeeded_does() -> None:
    plan = plan_of(1, 1, 1)
    failed = canary("d0", NOW - 10, verdict=Verdict.NO_EFFECT)
    assert measured(record_of(plan, failed)) == Took(TRANSFER_S, INIT_S, None, 0)
    good = canary("d1", NOW - 10)
    assert measured(record_of(plan, failed, good)) == Took(TRANSFER_S, INIT_S, START_S, 1)
    assert measured(record_of(plan)) == Took()


@pytest.mark.parametrize(("boxes", "slowest_of"), [(1, 0), (5, 4), (10, 8), (11, 9), (20, 17)])
def test_a_step_takes_as_long_as_nine_of_ten_stay_within(boxes: int, slowest_of: int) -> None:
    plan = plan_of(*[1] * boxes)
    ended = [canary(f"d{number}", NOW - 10, start_s=100.0 + number) for number in range(boxes)]
    assert measured(record_of(plan, *ended)).start == 100.0 + slowest_of
    assert measured(record_of(plan, *ended)).boxes == boxes


def test_a_box_that_is_down_is_expected_back_after_what_others_took() -> None:
    took = Took(start=START_S, boxes=1)
    assert back_by(down("d1", NOW - 60), took) == NOW - 60 + START_S
    assert back_by(down("d1", NOW - 60), Took()) is None
    assert back_by(canary("d1", NOW), took) is None
    assert back_by(member("d1"), took) is None
    plan = plan_of(1, 1, 1)
    record = record_of(plan, canary("d0", NOW - 10), down("d1", NOW - 60), down("d2", NOW - START_S - 1))
    made = forecast(record, plan, NOW)
    assert (made.back, made.late) == ({"d1": NOW - 60 + START_S}, ("d2",))
    assert made.last_back == NOW - 60 + START_S
    assert forecast_in_words(made, lambda at: f"{at - NOW:+.0f}") == (
        "last expected back +540, but for 1 later than the others"
    )


@pytest.mark.parametrize(
    ("most", "last"),
    [(None, TRANSFER_S + INIT_S + START_S), (1, TRANSFER_S + 3 * (INIT_S + START_S)), (3, TRANSFER_S + 660)],
)
def test_the_boxes_that_may_be_down_at_once_tell_how_long_the_rest_takes(most: int | None, last: float) -> None:
    plan = replace(plan_of(1, 1, 1, 1), limits=Limits(max_parallel=most))
    made = forecast(record_of(plan, canary("d0", NOW - 10)), plan, NOW)
    assert made.last_back == NOW + last
    assert made.need is None


def test_a_wave_to_be_promoted_needs_a_person_when_the_one_before_it_has_baked() -> None:
    plan = replace(plan_of(1, 1, 2), bake_s=300)
    record = record_of(plan, canary("d0", NOW - 10), down("d1", NOW - 100))
    made = forecast(record, plan, NOW)
    assert made.need == Need(NOW + 500 + 300, "wave 2 waits to be promoted")
    assert made.last_back == NOW + 800 + TRANSFER_S + INIT_S + START_S
    assert need_in_words(made, NOW, lambda at: f"{at - NOW:+.0f}") == (
        "needs you about +800: wave 2 waits to be promoted"
    )
    assert forecast_in_words(made, lambda at: f"{at - NOW:+.0f}").endswith(", with you there when needed")
    auto = replace(plan, promote=Promotion.AUTO)
    assert forecast(record, auto, NOW).need is None
    asked = forecast(record_of(plan, canary("d0", NOW - 10), down("d1", NOW - 100), controls=PROMOTED), plan, NOW)
    assert (asked.need, asked.last_back) == (None, made.last_back)


def test_three_waves_that_open_by_themselves_follow_one_another() -> None:
    plan = replace(plan_of(1, 2, 3), promote=Promotion.AUTO, bake_s=50, image=PlannedImage(NEW, Source.PRESENT))
    made = forecast(record_of(plan, canary("d0", NOW - 10)), plan, NOW)
    assert made.last_back == NOW + 40 + INIT_S + START_S + 50 + INIT_S + START_S


def test_the_fence_needs_a_person_when_the_first_box_gets_there() -> None:
    plan = replace(plan_of(1, 1, 1), fence=Fence.START)
    arm = (control(ControlKind.ARM, NEW, device="d0"),)
    made = forecast(record_of(plan, canary("d0", NOW - 10), staged("d1"), controls=arm), plan, NOW)
    assert made.need == Need(NOW + INIT_S, "the first is ready to start")
    made = forecast(record_of(plan, canary("d0", NOW - 10), at_the_fence("d1"), controls=arm), plan, NOW)
    assert made.need == Need(NOW, "1 ready for a person")
    assert need_in_words(made, NOW, str) == "needs you now: 1 ready for a person"
    let = (*arm, control(ControlKind.ARM, NEW, device="d1", number=2))
    made = forecast(record_of(plan, canary("d0", NOW - 10), down("d1", NOW), controls=let), plan, NOW)
    assert made.need == Need(NOW + TRANSFER_S + INIT_S, "the first is ready to start")


def test_what_is_held_or_stopped_or_paused_needs_a_person_now() -> None:
    plan = plan_of(1, 1)
    gone = record_of(plan, canary("d0", NOW - 10), down("d1", NOW - 100))
    held = replace(gone, members=(gone.members[0], replace(gone.members[1], phase="HELD")))
    assert forecast(held, plan, NOW).need == Need(NOW, "1 device waits for a person")
    more = plan_of(1, 1, 1)
    shut = record_of(more, canary("d0", NOW - 10, verdict=Verdict.REVIEW), down("d1", NOW - 100))
    assert forecast(shut, more, NOW).need == Need(NOW, "it stopped at a failure")
    pause: tuple[Control, ...] = (control(ControlKind.PAUSE),)
    paused = record_of(more, canary("d0", NOW - 10), down("d1", NOW - 100), controls=pause)
    made = forecast(paused, more, NOW)
    assert (made.need, made.last_back) == (Need(NOW, "it is paused"), NOW - 100 + START_S)
    dead = replace(gone, row=replace(gone.row, lease_alive=False))
    assert forecast(dead, plan, NOW).need == Need(NOW, "no engine drives it")
    waves = plan_of(1, 2)
    made = forecast(record_of(waves, canary("d0", NOW - 10)), waves, NOW)
    assert made.need == Need(NOW, "wave 2 waits to be promoted")


def test_a_box_past_its_soft_limit_lets_nothing_be_told_of_those_it_holds() -> None:
    plan = plan_of(1, 1, 1)
    late = replace(down("d1", NOW - 5000), soft=True)
    made = forecast(record_of(plan, canary("d0", NOW - 10), late), plan, NOW)
    assert (made.last_back, made.unknown) == (None, "it takes longer than the others took")


def test_no_time_is_told_for_the_end_where_all_that_is_left_is_late() -> None:
    plan = plan_of(1, 1, 1)
    late = down("d1", NOW - 5000)
    made = forecast(record_of(plan, canary("d0", NOW - 10), late, canary("d2", NOW - 10)), plan, NOW)
    assert (made.last_back, made.unknown, made.late) == (None, "it takes longer than the others took", ("d1",))


def test_the_window_says_how_many_it_leaves_out_and_asks_for_a_person_at_its_end() -> None:
    plan = replace(plan_of(1, 1, 1, 1), window=START, limits=Limits(max_parallel=1))
    at = LAST - INIT_S - START_S - TRANSFER_S - 1
    made = forecast(record_of(plan, canary("d0", at - 10)), plan, at)
    assert made.left_out == 2
    assert made.need == Need(CLOSES, "the window ends before 2 devices began")
    early = forecast(record_of(plan, canary("d0", OPENS + 5000)), plan, OPENS + 5000)
    assert (early.left_out, early.need) == (0, None)
    free = record_of(plan, canary("d0", at), controls=(control(ControlKind.RESUME, at=CLOSES + 1),))
    assert forecast(free, plan, CLOSES + 2).left_out is None
    waves = replace(plan_of(1, 1, 1), window=START, promote=Promotion.AUTO, limits=Limits(max_parallel=1))
    cut = forecast(record_of(waves, canary("d0", LAST - 10)), waves, LAST)
    assert cut.left_out == 2


def test_who_looks_on_reads_by_which_minute_a_box_is_expected() -> None:
    plan = plan_of(1, 1)
    gone = down("d1", NOW - 60)
    unknown, known = record_of(plan, gone), record_of(plan, canary("d0", NOW - 10), gone)
    assert with_back(Ruling(Phase.REBOOTING, "down, rebooting"), unknown, "d1", NOW) == "down, rebooting"
    told = with_back(Ruling(Phase.REBOOTING, "down, rebooting"), known, "d1", NOW)
    minute = datetime.fromtimestamp(NOW - 60 + START_S + 59, UTC).astimezone().strftime("%H:%M")
    assert told == f"down, back by ~{minute}"
    assert with_back(Ruling(Phase.RUNNING, "running"), known, "d1", NOW) == f"running, back by ~{minute}"
    assert with_back(Ruling(Phase.PROVING, "back, proving"), known, "d1", NOW) == "back, proving"


def test_a_box_that_is_not_back_in_time_is_no_longer_said_to_be_expected() -> None:
    plan = plan_of(1, 1)
    known = record_of(plan, canary("d0", NOW - 10), down("d1", NOW))
    due = NOW + START_S
    minute = datetime.fromtimestamp(due + 59, UTC).astimezone().strftime("%H:%M")
    rebooting = Ruling(Phase.REBOOTING, "down, rebooting")
    assert with_back(rebooting, known, "d1", due + 59) == f"down, back by ~{minute}"
    assert with_back(rebooting, known, "d1", due + 60) == f"down, was due by {minute}"


@pytest.mark.parametrize(
    ("seconds", "words"), [(45, "45 s"), (89, "89 s"), (95, "1 min"), (660, "11 min"), (7500, "2 h 05 min")]
)
def test_a_length_is_told_in_its_own_unit(seconds: float, words: str) -> None:
    assert (
        took_in_words(Took(start=seconds, boxes=2))
        == f"a box took {words} from its start until proven (2 boxes so far)"
    )
    assert took_in_words(Took()) == ""


def test_before_the_window_opens_nothing_goes_down() -> None:
    plan = replace(plan_of(1, 1), window=START, image=PlannedImage(NEW, Source.PRESENT))
    made = forecast(record_of(plan, canary("d0", OPENS - 900)), plan, OPENS - 800)
    assert made.last_back == OPENS + INIT_S + START_S


@pytest.mark.parametrize(
    ("goal", "unknown"),
    [(Goal.STAGED, "not known before the first transfer is done"), (Goal.INITIALIZED, "not known before the first"
     " transfer is done"), (Goal.UPDATED, NOT_YET)],
)  # fmt: skip
def test_each_goal_needs_its_own_measurement(goal: Goal, unknown: str) -> None:
    plan = replace(plan_of(1, 1), until=goal)
    assert forecast(record_of(plan), plan, NOW).unknown == unknown


def test_what_others_held_already_is_not_brought_to_the_rest() -> None:
    plan = plan_of(1, 1)
    whole = canary("d0", NOW - 10)
    attempt = replace(whole.attempt, intents=whole.attempt.intents[1:])
    made = forecast(record_of(plan, member("d0", attempt)), plan, NOW)
    assert made.last_back == NOW + INIT_S + START_S


def test_what_has_ended_expects_nothing() -> None:
    plan = plan_of(1)
    made = forecast(record_of(plan, canary("d0", NOW)), plan, NOW)
    assert (made.last_back, made.unknown, made.need) == (None, "", None)
    assert forecast_in_words(made, str) == ""


def job(name: str, *steps: Step, site: str | None = None, pair: str | None = None) -> Job:
    return Job(name, tuple((step, 10.0) for step in steps), site=site, pair=pair)


@pytest.mark.parametrize(
    ("jobs", "limits", "ends"),
    [
        ([job("a", Step.START), job("b", Step.START)], Limits(), {"a": 10, "b": 10}),
        ([job("a", Step.START), job("b", Step.START)], Limits(max_parallel=1), {"a": 10, "b": 20}),
        ([job("a", Step.START, pair="p"), job("b", Step.START, pair="p")], Limits(), {"a": 10, "b": 20}),
        ([job("a", Step.START, site="s"), job("b", Step.START, site="s")], Limits(max_per_site=1), {"a": 10, "b": 20}),
        ([job("a", Step.START, site="s"), job("b", Step.START, site="t")], Limits(max_per_site=1), {"a": 10, "b": 10}),
        ([job("a", Step.TRANSFER), job("b", Step.TRANSFER)], Limits(max_transfers=1), {"a": 10, "b": 20}),
        ([job("a", Step.TRANSFER, Step.INIT), job("b", Step.INIT)], Limits(max_parallel=1), {"a": 20, "b": 10}),
        ([job("a", Step.INIT, Step.START), job("b", Step.INIT)], Limits(max_parallel=1), {"a": 30, "b": 10}),
        ([Job("a", ((Step.START, 4.0),), under_way=True), job("b", Step.START)], Limits(max_parallel=1),
         {"a": 4, "b": 14}),
        ([Job("a", ())], Limits(), {"a": 0}),
    ],
)  # fmt: skip
def test_steps_wait_for_what_stands_against_them(jobs: list[Job], limits: Limits, ends: dict[str, float]) -> None:
    course = run(jobs, limits, None, 0.0)
    assert (dict(course.through), course.left_out) == (ends, ())


def test_what_cannot_begin_before_the_last_start_is_left_out() -> None:
    window: Window = START
    course = run([job("a", Step.INIT, Step.START)], Limits(), window, LAST - 5)
    assert (course.through, course.left_out) == ({}, ("a",))


def test_a_plan_of_many_is_foretold_as_one_of_few() -> None:
    plan: Plan = replace(plan_of(*[1] * 200), limits=Limits(max_parallel=20, max_transfers=8))
    made = forecast(record_of(plan, canary("d0", NOW - 10)), plan, NOW)
    assert made.last_back is not None
    assert made.last_back > NOW + TRANSFER_S + INIT_S + START_S
