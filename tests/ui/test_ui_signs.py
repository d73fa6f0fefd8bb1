"""Every state, phase, verdict and result that can be shown is a word and a sign, in every set of signs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

import pytest

from dialog_stage import device_view, examination
from fleet_fixture import device, image
from rollout_records import NOW, done, member, plan_of, record_of, sent
from updeck.device.models import ImageState, Reach, UpdateState
from updeck.fleet.orders import Check, Result
from updeck.fleet.state import Step
from updeck.fleet.views import Phase
from updeck.journal.models import Op, Verdict
from updeck.rollout.forecast import forecast
from updeck.rollout.outlook import Fate, Outlook
from updeck.rollout.progress import RolloutState
from updeck.rollout.summary import summary_of
from updeck.text import cell_width
from updeck.ui.examined import ask_about
from updeck.ui.glyphs import ASCII, UNICODE, Glyphs
from updeck.ui.ink import text_of
from updeck.ui.lines.dossier import Dossier, dossier_lines
from updeck.ui.lines.images import image_blocks
from updeck.ui.lines.plan import Planned, plan_lines
from updeck.ui.lines.rollouts import list_head, list_rows, member_rows
from updeck.ui.lines.row import Columns, row, sign_of_reach, sign_of_state
from updeck.ui.lines.signs import sign_of_fate, sign_of_phase, sign_of_result, sign_of_rollout, sign_of_verdict
from updeck.ui.lines.status import step_line
from updeck.ui.rollout_sight import Sight

SETS = [pytest.param(UNICODE, id="unicode"), pytest.param(ASCII, id="ascii")]
TABLES: list[tuple[type[StrEnum], Callable[..., str]]] = [
    (UpdateState, sign_of_state),
    (Reach, sign_of_reach),
    (Phase, sign_of_phase),
    (Verdict, sign_of_verdict),
    (RolloutState, sign_of_rollout),
    (Result, sign_of_result),
    (Fate, sign_of_fate),
]


def signs(glyphs: Glyphs) -> set[str]:
    """Return the signs of a set."""
    return {sign for name in Glyphs._fields if isinstance(sign := getattr(glyphs, name), str)}


@pytest.mark.parametrize("glyphs", SETS)
def test_every_sign_takes_one_cell_and_those_of_the_ascii_set_one_byte(glyphs: Glyphs) -> None:
    for sign in signs(glyphs):
        assert cell_width(sign) == 1
        assert not glyphs.ascii or sign.isascii()


@pytest.mark.parametrize("glyphs", SETS)
@pytest.mark.parametrize(("words", "sign_of"), TABLES)
def test_every_word_has_a_sign(words: type[StrEnum], sign_of: Callable[..., str], glyphs: Glyphs) -> None:
    for word in words:
        assert sign_of(word, glyphs) in signs(glyphs)


@pytest.mark.parametrize("glyphs", SETS)
def test_what_went_well_never_has_the_sign_of_what_needs_a_person(glyphs: Glyphs) -> None:
    grave = {glyphs.failed, glyphs.away, glyphs.barred, glyphs.unknown}
    well = (
        sign_of_state(UpdateState.IDLE, glyphs),
        sign_of_state(UpdateState.INITIALIZED, glyphs),
        sign_of_verdict(Verdict.SUCCESS, glyphs),
        sign_of_result(Result.OK, glyphs),
        sign_of_rollout(RolloutState.ENDED, glyphs),
        sign_of_fate(Fate.ACTS, glyphs),
    )
    ill = (
        *(sign_of_reach(reach, glyphs) for reach in Reach if reach is not Reach.OK),
        sign_of_state(UpdateState.FAILED_GRACEFUL, glyphs),
        sign_of_state("NEVER HEARD OF", glyphs),
        sign_of_phase(Phase.HELD, glyphs),
        sign_of_verdict(Verdict.FAILED_CRITICAL, glyphs),
        sign_of_verdict(Verdict.REVIEW, glyphs),
        sign_of_result(Result.FAIL, glyphs),
        sign_of_result(Result.ERROR, glyphs),
        sign_of_rollout(RolloutState.STOPPED_BY_GATE, glyphs),
        sign_of_fate(Fate.SKIPPED, glyphs),
    )
    assert grave.isdisjoint(well)
    assert grave.issuperset(ill)


def shown(words: str, sign: str, drawn: str) -> None:
    """Assert that a sign stands right before a word."""
    assert f"{sign} {words}" in drawn, drawn


@pytest.mark.parametrize("glyphs", SETS)
def test_the_list_and_the_steps_show_both_for_every_state_and_every_reason(glyphs: Glyphs) -> None:
    columns = Columns.for_width(120, ["box"])
    for state in (*UpdateState, "NEVER_HEARD_OF"):
        view = device("box", state)
        left, _ = row(view, columns, glyphs, time.time())
        shown(state, sign_of_state(state, glyphs), text_of(left))
        shown(state, sign_of_state(state, glyphs), text_of(step_line(view, glyphs)))
    for reach in Reach:
        if reach is Reach.OK:
            continue
        left, _ = row(device("box", reach=reach), columns, glyphs, time.time())
        state_cell = text_of(left)[6 + columns.name - 1 :].split()
        assert state_cell[0] == sign_of_reach(reach, glyphs)
        assert state_cell[1].isalpha(), reach


@pytest.mark.parametrize("glyphs", SETS)
def test_images_show_both_for_every_state(glyphs: Glyphs) -> None:
    for state in (*ImageState, "NEVER_HEARD_OF"):
        (block,) = image_blocks(device("box", images=(image(7, state),)), 60, glyphs)
        sign, word = text_of(block[0]).split()[1:3]
        assert (sign in signs(glyphs), word) == (True, state)


@pytest.mark.parametrize("glyphs", SETS)
def test_checks_show_both_for_every_result(glyphs: Glyphs) -> None:
    checks = tuple(Check(f"check {result.value}", result, "because") for result in Result)
    drawn = "\n".join(map(text_of, ask_about(examination(checks=checks), glyphs).lines(76)))
    for result in Result:
        shown(f"check {result.value}", sign_of_result(result, glyphs), drawn)


@pytest.mark.parametrize("glyphs", SETS)
def test_a_rollout_shows_both_for_every_verdict_and_every_phase(glyphs: Glyphs) -> None:
    for verdict in Verdict:
        plan = plan_of(1)
        record = record_of(plan, member("d0", done(verdict, sent(Op.INIT, Op.START))))
        shown(verdict.value, sign_of_verdict(verdict, glyphs), member_text(Sight(record, plan, NOW), glyphs))
    for phase in set(Phase) - {Phase.ENDED}:
        plan = plan_of(1)
        record = record_of(plan, replace(member("d0"), phase=phase.value))
        assert f"{sign_of_phase(phase, glyphs)} {phase.value}" in member_text(Sight(record, plan, NOW), glyphs)


def member_text(sight: Sight, glyphs: Glyphs) -> str:
    """Return the last row of a rollout."""
    return text_of(member_rows(sight, forecast(sight.record, sight.plan, sight.now), 118, glyphs)[-1].line)


@pytest.mark.parametrize("glyphs", SETS)
def test_the_list_of_rollouts_shows_both(glyphs: Glyphs) -> None:
    plan = plan_of(1)
    for record in (record_of(plan), record_of(plan, member("d0", done(Verdict.SUCCESS, sent(Op.INIT))))):
        one = summary_of(record, plan, NOW)
        shown(one.state.word, sign_of_rollout(one.state, glyphs), text_of(list_rows([one], 118, glyphs)[0].line))
    lost = record_of(plan, member("d0", sent(Op.INIT)))
    lost = replace(lost, row=replace(lost.row, lease_alive=False))
    assert f"{glyphs.failed} NO ENGINE" in text_of(list_rows([summary_of(lost, plan, NOW)], 118, glyphs)[0].line)


@pytest.mark.parametrize("state", RolloutState)
def test_the_narrowest_list_of_rollouts_cuts_neither_state_nor_what_it_brings(state: RolloutState) -> None:
    plan = plan_of(1)
    one = replace(summary_of(record_of(plan), plan, NOW), state=state, orphaned=False, what="11.8.0 #28924 updated")
    drawn = text_of(list_rows([replace(one, verdicts="57 SUCCESS")], 58, UNICODE)[0].line)
    assert drawn.endswith("  0/1  11.8.0 updated"), drawn
    assert "…" not in drawn
    assert text_of(list_head(58)).index("done") + len("done") == drawn.index("0/1") + len("0/1") + 2


@pytest.mark.parametrize("glyphs", SETS)
def test_a_plan_shows_both_for_what_becomes_of_each_device(glyphs: Glyphs) -> None:
    outlooks = tuple(Outlook(f"d{fate.value}", 1, fate, f"fate {fate.value}", None, ()) for fate in Fate)
    drawn = "\n".join(map(text_of, plan_lines(Planned(plan_of(1), outlooks, {}), glyphs, 76)))
    for fate in Fate:
        shown(f"fate {fate.value}", sign_of_fate(fate, glyphs), drawn)


@pytest.mark.parametrize("glyphs", SETS)
def test_what_was_seen_of_a_device_shows_both(glyphs: Glyphs) -> None:
    at = time.time()
    steps = [Step(at - 60, Reach.OK, state, "11.6.0", None) for state in UpdateState]
    steps += [Step(at - 30, reach, None, None, "why") for reach in Reach if reach is not Reach.OK]
    drawn = "\n".join(map(text_of, dossier_lines(device_view(), Dossier(steps=tuple(steps)), 78, glyphs, at)))
    for state in UpdateState:
        shown(state, sign_of_state(state, glyphs), drawn)
    for reach in set(Reach) - {Reach.OK}:
        shown(reach, sign_of_reach(reach, glyphs), drawn)
