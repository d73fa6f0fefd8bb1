"""Rollouts as lines: the chart of the waves, the line of the fleet screen, and the log of a device."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rollout_records import NEW, NOW, control, done, initialized, intent, member, plan_of, record_of
from updeck.journal.models import Op, Verdict
from updeck.journal.plan_models import Attempt, ControlKind, MemberRecord, Milestone, MilestoneKind
from updeck.rollout.chain import Kind, Link
from updeck.rollout.forecast import Forecast, forecast
from updeck.rollout.plan import Plan
from updeck.rollout.window import parse_window
from updeck.text import cell_width
from updeck.ui.glyphs import ASCII, UNICODE
from updeck.ui.ink import Ink, Line, text_of
from updeck.ui.lines.device_log import link_lines, matches
from updeck.ui.lines.rollouts import facts_lines, fleet_line, member_rows
from updeck.ui.lines.wave_chart import wave_chart
from updeck.ui.rollout_sight import Sight, left_behind

WIDTHS = (120, 80, 60)


def went(device: str, since: float, until: float, verdict: Verdict = Verdict.SUCCESS) -> MemberRecord:
    """Return a device whose init and start took the time between."""
    init, start = intent(Op.INIT, at=since), intent(Op.START, at=since + 60)
    reached = Milestone(MilestoneKind.INITIALIZED, 1, 100, NEW, None, since + 50)
    return member(device, done(verdict, Attempt(1, (init, start), (reached,)), at=until))


def going(device: str, since: float) -> MemberRecord:
    made = went(device, since, NOW)
    return member(device, replace(made.attempt, end=None))


def chart(plan: Plan, *members: MemberRecord, width: int = 80, now: float = NOW) -> list[Line]:
    sight = Sight(record_of(plan, *members), plan, now)
    return wave_chart(sight, forecast(sight.record, plan, now), width, ASCII)


def test_before_anything_was_sent_there_is_no_chart() -> None:
    assert chart(plan_of(1, 2)) == []


def test_a_wave_that_ended_is_full_one_under_way_half_and_what_is_expected_dotted() -> None:
    plan = plan_of(1, 2, 2, 3)
    one, two, three, axis = (
        text_of(drawn) for drawn in chart(plan, went("d0", NOW - 1800, NOW - 1200), going("d1", NOW - 600))
    )
    assert one.startswith("wave 1  1/1  ")
    assert two.startswith("wave 2  0/2  ")
    lead = len("wave 1  1/1  ")
    assert set(one[lead:].strip()) == {"#"}
    assert two[lead:].strip().strip(".") == "=" * two.count("=")
    assert set(three[lead:].strip()) == {"."}
    assert one.rstrip().rindex("#") < two.index("=") <= two.rindex("=") < two.rindex(".") < three.rindex(".")
    assert three.index(".") >= two.rindex("=")
    assert axis[:lead].strip() == ""
    assert [label[-3] for label in axis.split()] == [":"] * len(axis.split())


def test_a_failure_stands_out_at_its_time() -> None:
    plan = plan_of(1, 1)
    bad = went("d0", NOW - 1800, NOW - 900, Verdict.NO_EFFECT)
    drawn = chart(plan, bad, going("d1", NOW - 1800))[0]
    at = text_of(drawn).index("x")
    assert "=" in text_of(drawn)[:at]
    assert "=" in text_of(drawn)[at + 1 :]
    assert [span.ink for span in drawn if "x" in span.text] == [Ink.NEEDS]
    assert "x" not in text_of(chart(plan, went("d0", NOW - 1800, NOW - 900))[0])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("age_s", [5, 100, 4000, 90_000, 2_000_000])
def test_the_axis_fits_whatever_time_it_is_over(width: int, age_s: float) -> None:
    plan = plan_of(*[1] * 30, *[2] * 30)
    lines = chart(plan, going("d0", NOW - age_s), width=width)
    assert len(lines) == 3
    assert all(cell_width(text_of(drawn)) <= width for drawn in lines)
    assert "=" in text_of(lines[0])


def test_the_axis_stands_still_while_the_bar_grows() -> None:
    plan = plan_of(1)
    before, after = (chart(plan, going("d0", NOW - 600), now=now) for now in (NOW, NOW + 61))
    assert text_of(before[-1]) == text_of(after[-1])
    assert text_of(after[0]).startswith(text_of(before[0]).rstrip())


def test_of_many_waves_those_around_the_open_one_are_shown() -> None:
    plan = plan_of(*range(1, 11))
    members = [went(f"d{number}", NOW - 5000 + 100 * number, NOW - 4000 + 100 * number) for number in range(7)]
    lines = [text_of(drawn) for drawn in chart(plan, *members)]
    assert [drawn.split()[1] for drawn in lines[:-1]] == ["5", "6", "7", "8", "9", "10"]


def test_the_line_of_the_fleet_says_what_is_expected_and_when_a_person_is_needed() -> None:
    window = parse_window("2026-12-01T22:00/2026-12-02T04:00", tz="UTC", last_start="03:00")
    plan = replace(plan_of(1, 1, 2), window=window)
    now = window.opens_at + 3600
    members = [went("d0", now - 1800, now - 900), going("d1", now - 300)]
    sight = Sight(record_of(plan, *members), plan, now)
    drawn = text_of(fleet_line([sight], 120))
    assert drawn.startswith(" rollout r1  1 of 3 done · last expected back ")
    assert " · window ends 04:00 UTC · needs you about " in drawn
    narrow = text_of(fleet_line([sight], 80))
    assert narrow.startswith(" 1 of 3 done · last expected back ")
    assert "needs you about " in narrow
    first = Sight(record_of(plan, going("d0", now - 300)), plan, now)
    assert "no estimate yet" in text_of(fleet_line([first], 120))


@pytest.mark.parametrize("width", [118, 78, 58])
def test_the_facts_and_rows_of_a_rollout_fit_and_line_up(width: int) -> None:
    plan = plan_of(1, *[2] * 15, *[3] * 44)
    names = [device.name for device in plan.devices]
    members = [went(names[0], NOW - 1800, NOW - 900), *(going(name, NOW - 300) for name in names[1:5])]
    sight = Sight(record_of(plan, *members), plan, NOW)
    expected = forecast(sight.record, plan, NOW)
    drawn = [*facts_lines(sight, expected, width), *(row.line for row in member_rows(sight, expected, width, UNICODE))]
    assert all(cell_width(text_of(one)) <= width for one in drawn)
    assert text_of(drawn[2]).startswith("needs you ")
    rows = [row for row in member_rows(sight, expected, width, UNICODE) if row.key is not None]
    assert len(rows) == 60
    words = ["SUCCESS", *["WAITING"] * 59]
    assert {text_of(row.line).index(word) for row, word in zip(rows, words, strict=True)} == {12}
    counted = "0/44" if width == 58 else "0 of 44 done"
    assert any(text_of(one).endswith(f"{counted}  waits for 15 devices of earlier waves") for one in drawn)
    assert text_of(rows[-1].line).split() == ["d59", UNICODE.resting, "WAITING"]


def test_of_a_device_that_is_done_it_is_told_to_the_second_how_long_it_took() -> None:
    plan = plan_of(1, 1)
    sight = Sight(record_of(plan, went("d0", NOW - 100, NOW - 53), going("d1", NOW - 47)), plan, NOW)
    over, under_way = member_rows(sight, forecast(sight.record, plan, NOW), 118, UNICODE)[-2:]
    assert " 47s  " in text_of(over.line)
    assert " 40s  " in text_of(under_way.line)


def in_its_window() -> tuple[Sight, Forecast]:
    """Return a rollout of two waves an hour into its window, and what is expected of it."""
    window = parse_window("2026-12-01T22:00/2026-12-02T04:00", tz="UTC", last_start="03:00")
    plan = replace(plan_of(1, 1, 2), window=window)
    now = window.opens_at + 3600
    sight = Sight(record_of(plan, went("d0", now - 1800, now - 900), going("d1", now - 300)), plan, now)
    return sight, forecast(sight.record, plan, now)


def test_of_what_is_expected_nothing_is_cut_and_what_matters_most_comes_first() -> None:
    sight, expected = in_its_window()
    whole = text_of(facts_lines(sight, expected, 400)[2]).split("  ·  ")
    for width in range(60, 200):
        assert (drawn := text_of(facts_lines(sight, expected, width)[2])).split("  ·  ")[0] == whole[0]
        assert cell_width(drawn) <= width
        assert set(drawn.split("  ·  ")) <= set(whole), f"cut at {width} cells"


def test_what_finds_no_room_beside_the_forecast_stands_beside_the_engine() -> None:
    sight, expected = in_its_window()
    whole = [text_of(one).split("  ·  ") for one in facts_lines(sight, expected, 400)]
    first, second, third = (text_of(one) for one in facts_lines(sight, expected, 118))
    assert "window ends" not in third
    assert "  ·  window ends " in second, "it has room there"
    assert not set(second.split("  ·  ")) & set(third.split("  ·  "))
    assert set(second.split("  ·  ") + third.split("  ·  ")) <= set(whole[1] + whole[2])
    assert first.endswith("stops at failure number 1")
    assert "stops at" not in second, "it is said above"
    narrow, below, _ = (text_of(one) for one in facts_lines(sight, expected, 45))
    assert "stops at" not in narrow
    assert "stops at failure number 1" in below, "the line above had no room for it"


@pytest.mark.parametrize("width", [118, 78, 58])
def test_the_titles_of_the_columns_stand_right_above_what_they_name(width: int) -> None:
    plan = plan_of(1, 2)
    sight = Sight(record_of(plan, went("d0", NOW - 1800, NOW - 900), going("d1", NOW - 300)), plan, NOW)
    expected = forecast(sight.record, plan, NOW)
    drawn = member_rows(sight, expected, width, ASCII)
    lines, size = [text_of(row.line) for row in drawn], len(wave_chart(sight, expected, width, ASCII))
    assert size == 3
    head, wave, row = lines[size : size + 3]
    assert head.split()[:2] == ["name", "phase"]
    assert wave.startswith("wave 1 of 2 ")
    assert drawn[size + 2].key == "d0"
    cursor, sign = 2, 2
    assert head.index("phase") == cursor + row.index("SUCCESS") - sign


def test_how_long_a_box_took_is_told_without_its_brackets_where_these_have_no_room() -> None:
    plan = plan_of(1, 1)
    sight = Sight(record_of(plan, went("d0", NOW - 1800, NOW - 900), went("d1", NOW - 1800, NOW - 880)), plan, NOW)
    expected = forecast(sight.record, plan, NOW)
    whole = text_of(facts_lines(sight, expected, 200)[2])
    assert whole.endswith(" (2 boxes so far)")
    assert text_of(facts_lines(sight, expected, 58)[2]) == whole.partition(" (")[0]


@pytest.mark.parametrize(
    ("device", "which"),
    [("ar11-fra-dc1", " (ar11-fra-dc1 FAILED_GRACEFUL)"), ("ar11-a-very-long-name-of-a-device-dc1", "")],
)
def test_what_stopped_a_rollout_stands_whole_on_80_columns(device: str, which: str) -> None:
    plan = plan_of(1, 1)
    plan = replace(plan, devices=(replace(plan.devices[0], name=device), plan.devices[1]))
    failed = member(device, done(Verdict.FAILED_GRACEFUL, initialized(Op.START)))
    sight = Sight(record_of(plan, failed, member("d1", initialized())), plan, NOW)
    first, second, _ = (text_of(one) for one in facts_lines(sight, forecast(sight.record, plan, NOW), 80))
    assert first == f"stopped: 1 failure, 0 allowed{which}"
    assert second.startswith("1 of 2 done  ·  reopen it with a new limit and a reason")


def test_a_first_line_ends_with_a_clause_and_never_in_the_middle_of_one() -> None:
    plan = plan_of(1, 1)
    failed = member("d0", done(Verdict.FAILED_GRACEFUL, initialized(Op.START)))
    sight = Sight(record_of(plan, failed, member("d1", initialized())), plan, NOW)
    expected = forecast(sight.record, plan, NOW)
    whole = text_of(facts_lines(sight, expected, 400)[0])
    parts = ("stopped: 1 failure", ", 0 allowed", " (d0 FAILED_GRACEFUL)", "; reopen it with a new limit and a reason")
    ends = ["".join(parts[: number + 1]) for number in range(len(parts))] + [whole]
    assert whole == f"{ends[-2]}; 1 device stays INITIALIZED"
    drawn = {text_of(facts_lines(sight, expected, width)[0]) for width in range(20, 160)}
    assert drawn == set(ends)


def test_of_an_ended_rollout_a_narrow_line_tells_first_what_is_not_good() -> None:
    plan = plan_of(1, 1, 1, 1)
    verdicts = (Verdict.SUCCESS, Verdict.ALREADY_INSTALLED, Verdict.FAILED_GRACEFUL, Verdict.REVIEW)
    sight = Sight(record_of(plan, *(member(f"d{at}", done(one)) for at, one in enumerate(verdicts))), plan, NOW)
    first = text_of(facts_lines(sight, forecast(sight.record, plan, NOW), 58)[0])
    assert first == "ended: 1 FAILED_GRACEFUL, 1 REVIEW, 1 SUCCESS"


def test_an_aborted_rollout_offers_the_un_init_until_it_was_done() -> None:
    plan = plan_of(1)
    left = done(Verdict.ABORTED_BEFORE_START, initialized())
    assert left.end is not None
    abort = (control(ControlKind.ABORT),)
    held = Sight(record_of(plan, member("d0", left), controls=abort), plan, NOW)
    assert held.why_not("reset", read_only=False) is None
    undone = replace(left, undone=replace(left.end, op=Op.RESET, verdict=None, at=NOW - 60))
    free = Sight(record_of(plan, member("d0", undone), controls=abort), plan, NOW)
    assert free.why_not("reset", read_only=False) == "all that it left INITIALIZED is un-initialized"
    assert left_behind(free.record) == ()
    (_, row) = member_rows(free, forecast(free.record, plan, NOW), 120, UNICODE)[-2:]
    assert "by mk; " in text_of(row.line)
    assert "un-initialized " in text_of(row.line)
    never = done(Verdict.ABORTED_BEFORE_START)
    none = Sight(record_of(plan, member("d0", never), controls=abort), plan, NOW)
    assert none.why_not("reset", read_only=False) == "it left none INITIALIZED"


def test_a_link_hangs_its_causes_beneath_itself() -> None:
    link = Link(NOW, Kind.END, "REVIEW", "mk", ("no answer for 120 min", "start unknown: connection reset"), True)
    drawn = [text_of(one) for one in link_lines(link, 60, NOW + 5)]
    assert drawn[0].endswith("REVIEW  by mk")
    assert [one.strip() for one in drawn[1:]] == [
        "because no answer for 120 min",
        "because start unknown: connection reset",
    ]
    assert drawn[2].index("because") > drawn[1].index("because")
    assert link_lines(link, 60, NOW)[0][1].ink is Ink.NEEDS
    assert matches(link, "review RESET")
    assert not matches(link, "success")


def test_what_ended_without_a_failure_is_told_as_it_is() -> None:
    plan = plan_of(1)
    sight = Sight(record_of(plan, member("d0", done(Verdict.SUCCESS, initialized(Op.START)))), plan, NOW)
    first, second, _ = (text_of(one) for one in facts_lines(sight, forecast(sight.record, plan, NOW), 80))
    assert first == "ended: 1 SUCCESS"
    assert second.startswith("1 of 1 done  ·  engine"), "what would stop it matters no more"
