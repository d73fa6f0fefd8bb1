"""What is told of a rollout's changes, when its engine may leave, and what a host does to leftovers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rollout_records import NOW, control, done, initialized, member, plan_of, record_of, sent
from updeck.clock import SystemClock
from updeck.fleet.views import Phase
from updeck.journal.models import Op, Outcome, Verdict
from updeck.journal.plan_models import Attempt, ControlKind, MemberRecord, Milestone, MilestoneKind
from updeck.rollout.engine_log import MOST_BYTES, EngineLog
from updeck.rollout.leaving import only_people_can_go_on
from updeck.rollout.leftovers import kills_leftovers
from updeck.rollout.narration import needs, news, standing
from updeck.rollout.standing import phase_of

PLAN = plan_of(1, 2)
BEGUN = record_of(PLAN, member("d0", sent(Op.UPLOAD)))


def at(one: MemberRecord, phase: Phase, text: str) -> MemberRecord:
    return replace(one, phase=phase.value, text=text)


def changed(before: MemberRecord, after: MemberRecord) -> list[str]:
    return news(record_of(PLAN, before), record_of(PLAN, after), PLAN, NOW)


def test_the_first_look_tells_where_the_rollout_stands() -> None:
    (line,) = news(None, BEGUN, PLAN, NOW)
    assert line.startswith("RUNNING: wave 1 of 2: 0 of 1 done")


def test_what_did_not_change_is_no_news() -> None:
    assert news(BEGUN, BEGUN, PLAN, NOW) == []


def test_a_call_and_its_outcome_are_told_once() -> None:
    none, open_, over = member("d0"), member("d0", sent(Op.INIT, outcome=None)), member("d0", sent(Op.INIT))
    assert changed(none, open_) == ["d0: init is sent"]
    assert changed(open_, over) == ["d0: init accepted"]
    assert changed(none, over) == ["d0: init accepted"]
    assert changed(none, member("d0", sent(Op.START, outcome=Outcome.UNKNOWN))) == ["d0: start unknown"]


def test_figures_that_only_count_down_are_no_news() -> None:
    begun = member("d0", sent(Op.INIT))
    before = at(begun, Phase.RUNNING, "down, back by ~12:20")
    assert changed(before, at(begun, Phase.RUNNING, "down, back by ~12:21")) == []
    assert changed(before, at(begun, Phase.RUNNING, "back")) == ["d0: back"]


def test_a_verdict_a_judgement_and_the_state_that_follows_are_told() -> None:
    running = member("d0", initialized(Op.START))
    lines = changed(running, member("d0", done(Verdict.REVIEW, initialized(Op.START), resolved=Verdict.SUCCESS)))
    assert lines[:2] == ["d0: REVIEW", "d0: resolved as SUCCESS by mk: seen"]
    assert lines[2].startswith("STOPPED: 1 failure, 0 allowed, 1 resolved as good since (d0 REVIEW)")


def test_the_first_box_that_is_back_tells_how_long_it_took_and_what_is_expected() -> None:
    plan = plan_of(1, 1)
    running, ended_ = member("d0", initialized(Op.START)), member("d0", done(Verdict.SUCCESS, initialized(Op.START)))
    before, after = record_of(plan, running), record_of(plan, ended_)
    assert news(before, after, plan, NOW)[-1] == (
        "a box took 1 min from its start until proven (1 box so far); last expected back 1970-01-12T13:49:00Z"
    )
    assert "a box took" not in " ".join(news(after, after, plan, NOW))


def test_what_people_ask_is_told_with_name_and_reason() -> None:
    paused = replace(BEGUN, controls=(control(ControlKind.PAUSE),))
    assert news(BEGUN, paused, PLAN, NOW)[0] == "pause by mk: because"
    assert news(BEGUN, replace(BEGUN, braked=True), PLAN, NOW)[0] == "all new starts are paused (!)"


def test_a_device_that_waits_tells_what_holds_it_now_and_not_what_its_engine_last_said() -> None:
    stale = at(member("d1"), Phase.WAITING, "an old reason")
    assert standing(stale, record_of(PLAN, stale), PLAN, NOW) == "wave 2 waits for 1 device of earlier waves"


@pytest.mark.parametrize(
    ("attempt", "phase", "next_"),
    [
        (done(Verdict.SUCCESS), Phase.ENDED, ""),
        (done(Verdict.REVIEW), Phase.ENDED, "resolve it"),
        (done(Verdict.REVIEW, resolved=Verdict.SUCCESS), Phase.ENDED, "resolved as SUCCESS"),
        (done(Verdict.NO_EFFECT), Phase.ENDED, "retry it or leave it"),
        (done(Verdict.FAILED_CRITICAL), Phase.ENDED, "call support"),
    ],
)
def test_an_ended_device_needs_what_its_verdict_asks_for(attempt: Attempt, phase: Phase, next_: str) -> None:
    one = member("d0", attempt)
    assert phase_of(one) is phase
    assert needs(one, record_of(PLAN, one), PLAN, NOW) == next_


def leaves(*members: MemberRecord, held: Sequence[str] = (), plan_waves: tuple[int, ...] = (1, 2)) -> bool:
    plan = plan_of(*plan_waves)
    return only_people_can_go_on(record_of(plan, *members), plan, NOW, held)


def test_an_engine_stays_while_something_is_under_way_or_time_changes_something() -> None:
    assert not leaves(member("d0", sent(Op.START)), held=["d0", "d1"])
    assert not leaves(member("d0", initialized()), held=["d1"])
    assert not leaves(member("d0", initialized(Op.RESET)), held=["d0", "d1"])
    assert not leaves(member("d0", sent(Op.UPLOAD, outcome=None)), held=["d1"])
    assert not leaves()


def test_an_engine_leaves_where_all_of_the_open_wave_wait_for_a_person() -> None:
    assert leaves(held=["d0"])
    assert leaves(member("d0", done(Verdict.SUCCESS)))  # wave 2 waits for its promotion
    assert not leaves(held=["d0"], plan_waves=(1, 1))
    assert leaves(held=["d0", "d1"], plan_waves=(1, 1))


def test_an_engine_leaves_where_only_a_lost_pair_is_waited_for() -> None:
    staged = Attempt(1, milestones=(Milestone(MilestoneKind.STAGED, 1, None, None, None, NOW),))
    assert leaves(replace(member("d0", staged), pair_lost="x"))
    assert not leaves(replace(member("d0"), pair_lost="x"))


@pytest.mark.parametrize(
    ("texts", "kills"),
    [
        ([], False),
        (["[Login]\n#KillUserProcesses=yes\n"], False),
        (["[Login]\nKillUserProcesses=yes\n"], True),
        (["[Login]\nKillUserProcesses = Yes\n", "[Login]\nKillUserProcesses=no\n"], False),
    ],
)
def test_the_last_word_of_logind_counts(texts: list[str], kills: bool) -> None:
    assert kills_leftovers(texts) is kills


def test_a_log_is_clean_private_and_bounded(tmp_path: Path) -> None:
    room = tmp_path / "state"
    log = EngineLog.open(room, "r1", SystemClock())
    log.line("a device said \x1b]52;c;evil\x07 and\nmore")
    assert log.path.stat().st_mode & 0o777 == 0o600
    text = log.path.read_text()
    assert text.count("\n") == 1
    assert not {"\x1b", "\x07"} & set(text)
    for _ in range(2 * MOST_BYTES // 900):
        log.line("x" * 900)
    assert sum(path.stat().st_size for path in room.iterdir()) <= 2 * MOST_BYTES
    assert [path.stat().st_mode & 0o777 for path in room.iterdir()] == [0o600, 0o600]


def test_a_crash_tells_where_and_no_value(tmp_path: Path) -> None:
    log = EngineLog.open(tmp_path / "state", "r1", SystemClock())
    try:
        raise RuntimeError("hunter2")
    except RuntimeError as error:
        log.crash(error)
    text = log.path.read_text()
    assert "crashed: this is a fault in updeck itself (RuntimeError in test_rollout_narration.py:" in text
    assert "hunter2" not in text
