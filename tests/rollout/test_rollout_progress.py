"""The state of a rollout, and what comes next in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rollout_records import ACTOR, NOW, control, done, initialized, member, plan_of, record_of, sent
from updeck.journal.models import Op, Verdict
from updeck.journal.plan_models import Control, ControlKind, MemberRecord
from updeck.rollout.forecast import forecast
from updeck.rollout.leaving import orphaned
from updeck.rollout.plan import Fence, Limits, Plan, Promotion
from updeck.rollout.progress import RolloutState, next_in_words, state_of, verdicts_in_words
from updeck.rollout.window import parse_window

WINDOW = parse_window("2026-12-01T22:00/2026-12-02T04:00", tz="UTC", last_start="03:00")
PAUSE = (control(ControlKind.PAUSE),)
ABORT = (control(ControlKind.ABORT),)
GOOD = done(Verdict.SUCCESS, at=NOW - 600)
WAVES = plan_of(1, 2, 2)


@pytest.mark.parametrize(
    ("plan", "members", "controls", "state", "said"),
    [
        (plan_of(1), [], (), RolloutState.RUNNING, "wave 1 of 1: 0 of 1 done, stops at failure number 1"),
        (plan_of(1), [member("d0", GOOD)], (), RolloutState.ENDED, "ended: 1 SUCCESS"),
        (plan_of(1), [member("d0", GOOD)], PAUSE, RolloutState.ENDED, "ended: 1 SUCCESS"),
        (
            plan_of(1, 1),
            [member("d0", done(Verdict.REVIEW)), member("d1", GOOD)],
            (),
            RolloutState.ENDED,
            "ended: 1 REVIEW, 1 SUCCESS",
        ),
        (
            plan_of(1, 1, 1),
            [member("d0", done(Verdict.REVIEW)), member("d1", initialized())],
            (),
            RolloutState.STOPPED_BY_GATE,
            "stopped: 1 failure, 0 allowed (d0 REVIEW); reopen it with a new limit and a reason;"
            " 1 device stays INITIALIZED",
        ),
        (
            plan_of(1, 1),
            [member("d0", done(Verdict.REVIEW)), member("d1", initialized(Op.START))],
            (),
            RolloutState.RUNNING,
            "wave 1 of 1: 1 of 2 done, 1 box down, stops at failure number 1",
        ),
        (plan_of(1), [], PAUSE, RolloutState.PAUSED, "paused by mk: because"),
        (
            plan_of(1),
            [member("d0", initialized(Op.START))],
            PAUSE,
            RolloutState.RUNNING,
            "wave 1 of 1: 0 of 1 done, 1 box down, stops at failure number 1",
        ),
        (
            plan_of(1, 1),
            [member("d0", initialized(Op.START))],
            ABORT,
            RolloutState.RUNNING,
            "aborted by mk: because; 2 devices have not ended yet",
        ),
        (
            plan_of(1, 1),
            [member("d0", done(Verdict.REVIEW))],
            ABORT,
            RolloutState.RUNNING,
            "aborted by mk: because; 1 device has not ended yet",
        ),
        (
            plan_of(1),
            [member("d0", done(Verdict.ABORTED_BEFORE_START))],
            ABORT,
            RolloutState.ABORTED,
            "aborted by mk: because; 1 ABORTED_BEFORE_START",
        ),
        (
            WAVES,
            [member("d0", GOOD)],
            (),
            RolloutState.WAITING_FOR_PROMOTION,
            "wave 2 of 2 (2 devices) waits for a person to promote it",
        ),
        (
            WAVES,
            [member("d0", GOOD)],
            (control(ControlKind.PROMOTE, "2"),),
            RolloutState.RUNNING,
            "wave 2 of 2: 0 of 2 done, stops at failure number 1",
        ),
        (
            replace(WAVES, bake_s=601),
            [member("d0", GOOD)],
            (),
            RolloutState.RUNNING,
            "wave 2 waits until 1970-01-12T13:46:41Z, when the bake time of wave 1 is over",
        ),
        (
            replace(plan_of(1, 1, 1), fence=Fence.START),
            [member("d0", initialized()), member("d1", sent(Op.FETCH)), member("d2", sent(Op.INIT))],
            (),
            RolloutState.RUNNING,
            "wave 1 of 1: 0 of 3 done, 1 transfer, 1 box down, 1 ready for a person, stops at failure number 1",
        ),
        (
            replace(plan_of(1), window=WINDOW),
            [],
            (),
            RolloutState.RUNNING,
            "wave 1 of 1: 0 of 1 done, the window opens at 2026-12-01 22:00 UTC",
        ),
    ],
)
def test_a_rollout_says_how_it_stands_and_what_comes_next(
    plan: Plan, members: list[MemberRecord], controls: tuple[Control, ...], state: RolloutState, said: str
) -> None:
    record = record_of(plan, *members, controls=controls)
    assert (state_of(record, plan, NOW), next_in_words(record, plan, NOW)) == (state, said)


def test_a_rollout_without_an_engine_that_sent_nothing_is_planned() -> None:
    plan = plan_of(1, 1)
    record = record_of(plan)
    idle = replace(record, row=replace(record.row, lease_alive=False))
    assert state_of(idle, plan, NOW) is RolloutState.PLANNED
    assert "resume it" in next_in_words(idle, plan, NOW)
    begun = replace(record_of(plan, member("d0", sent(Op.UPLOAD))), row=idle.row)
    assert state_of(begun, plan, NOW) is RolloutState.RUNNING


def test_a_rollout_that_was_registered_just_now_does_not_ask_to_be_resumed() -> None:
    plan = plan_of(1, 1)
    record = record_of(plan)
    fresh = replace(record, row=replace(record.row, lease_alive=False, leased_by=None, created_at=NOW - 14))
    assert next_in_words(fresh, plan, NOW) == "registered, its engine starts"
    assert not orphaned(fresh, plan, NOW)
    assert forecast(fresh, plan, NOW).need is None
    assert "resume it" in next_in_words(fresh, plan, NOW + 1)
    assert orphaned(fresh, plan, NOW + 1)
    assert forecast(fresh, plan, NOW + 1).need is not None
    left = replace(fresh, row=replace(fresh.row, leased_by=ACTOR))
    assert orphaned(left, plan, NOW), "an engine that drove it and is gone is missed at once"
    assert orphaned(fresh, plan, NOW - 3600), "a clock that was set back hides nothing"


def test_the_end_of_its_window_pauses_a_rollout() -> None:
    plan = replace(plan_of(1), window=WINDOW)
    record = record_of(plan)
    assert state_of(record, plan, WINDOW.closes_at - 1) is RolloutState.RUNNING
    assert state_of(record, plan, WINDOW.closes_at) is RolloutState.PAUSED
    assert next_in_words(record, plan, WINDOW.closes_at).endswith("paused until confirmed anew")


def test_the_brake_pauses_every_rollout() -> None:
    plan = plan_of(1)
    record = replace(record_of(plan), braked=True)
    assert (state_of(record, plan, NOW), next_in_words(record, plan, NOW)) == (
        RolloutState.PAUSED,
        "all new starts are paused (!)",
    )


def test_a_gate_that_is_reopened_lets_the_rollout_go_on() -> None:
    plan = replace(plan_of(1, 1), promote=Promotion.AUTO, limits=Limits(max_parallel=1))
    record = record_of(plan, member("d0", done(Verdict.NO_EFFECT)), controls=(control(ControlKind.REOPEN, "1"),))
    assert state_of(record, plan, NOW) is RolloutState.RUNNING
    assert "stops at" in next_in_words(record, plan, NOW)


def test_verdicts_are_counted_in_the_order_of_the_contracts() -> None:
    plan = plan_of(1, 1, 1, 1)
    verdicts = [Verdict.REVIEW, Verdict.SUCCESS, Verdict.STAGED, Verdict.SUCCESS]
    record = record_of(plan, *(member(f"d{index}", done(verdict)) for index, verdict in enumerate(verdicts)))
    assert verdicts_in_words(record) == "1 REVIEW, 2 SUCCESS, 1 STAGED"
    assert verdicts_in_words(record_of(plan)) == "no verdict"
