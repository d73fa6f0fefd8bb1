"""What the panes say, read as text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from wcwidth import wcswidth

from fleet_fixture import ACTOR, NOW, bank, device, image, initialized, intent, some_events
from hostile_texts import WIDTHS
from updeck.device.models import Image, Reach
from updeck.device.trust import Tls
from updeck.fleet.views import DeviceView, Next, Phase, Tone, Transfer, Watch, attention_key
from updeck.journal.models import DeviceRecord, Event, Op, RolloutRow
from updeck.text import cell_width, clean, fit
from updeck.ui.actions import Pane
from updeck.ui.glyphs import ASCII, UNICODE, wants_ascii
from updeck.ui.ink import Ink, Line, line, spread, text_of
from updeck.ui.layout import FLOOR, Part, Shape, lay_out
from updeck.ui.lines.activity import event_line, event_lines, matching
from updeck.ui.lines.header import checked, header, standing
from updeck.ui.lines.images import image_blocks
from updeck.ui.lines.row import Columns, head, row
from updeck.ui.lines.status import status_lines, step_line
from updeck.ui.lineup import Sort
from updeck.ui.times import age, date_and_time, lasted, size, time_of_day

COLUMNS = Columns.for_width(79, ["ar11-fra-dc1"])


def whole_row(view: DeviceView, columns: Columns = COLUMNS) -> str:
    """Return a device's row as text."""
    left, right = row(view, columns, UNICODE, NOW)
    return text_of(left) + text_of(right)


def inks(drawn: Line) -> dict[str, Ink]:
    """Return the ink of every word."""
    return {word: span.ink for span in drawn for word in span.text.split()}


def status(view: DeviceView, width: int = 44) -> str:
    """Return a device's status as text."""
    return "\n".join(text_of(one) for one in status_lines(view, width, UNICODE, NOW))


def test_every_row_is_as_wide_as_its_head_whatever_it_says() -> None:
    for width in (60, 79, 80, 100, 130, 200):
        columns = Columns.for_width(width, [view.name for view in bank(NOW)])
        wide = {cell_width(whole_row(view, columns)) for view in bank(NOW)}
        wide.add(cell_width(text_of(head(columns, Sort.SEEN, reverse=False, glyphs=UNICODE))))
        assert len(wide) == 1
        assert wide.pop() <= width


def test_a_hostile_name_or_text_moves_no_column() -> None:
    view = device("名" * 30, next_text="漢字" * 40, version="v" * 300, now=NOW)
    assert cell_width(whole_row(view)) == cell_width(whole_row(device("a", now=NOW)))


@pytest.mark.parametrize("text", WIDTHS, ids=ascii)
def test_no_foreign_text_moves_what_stands_behind_it(text: str) -> None:
    """By the widths of `wcwidth`, which is not what rows are laid out with."""
    foreign = clean(text)
    long = device("a", state=foreign * 9, version=foreign * 9, next_text=foreign * 40, seen_s_ago=900, now=NOW)
    short = device("a", state="", version="", next_text="", seen_s_ago=900, now=NOW)
    for drawn, plain in zip(row(long, COLUMNS, UNICODE, NOW), row(short, COLUMNS, UNICODE, NOW), strict=True):
        assert wcswidth(text_of(drawn)) == wcswidth(text_of(plain))
    shown = [image(7, state=state, version="11.8.0") for state in (fit(foreign, 12), "VALID")]
    (first, *_), (second, *_) = image_blocks(device("a", images=tuple(shown), now=NOW), 44, UNICODE)
    assert wcswidth(text_of(first)) == wcswidth(text_of(second))


def test_a_row_says_name_state_version_and_next() -> None:
    assert whole_row(initialized("ar11-fra-dc1", NOW)).split() == [
        "ar11-fra-dc1",
        "●",
        "INITIALIZED",
        "11.6.0",
        "start?",
    ]


def test_what_is_next_goes_on_where_no_age_stands() -> None:
    narrow = Columns.for_width(60, ["ar11-fra-dc1"])
    proven = "proven 11.8.0 #28924"
    assert narrow.next < len(proven)
    assert whole_row(device("ar11-fra-dc1", next_text=proven, now=NOW), narrow).rstrip().endswith(proven)
    stale = whole_row(device("ar11-fra-dc1", next_text=proven, now=NOW, seen_s_ago=260), narrow)
    assert stale.endswith("…   4m")


def test_a_list_too_narrow_for_what_is_next_says_it_briefly_and_the_status_says_it_whole() -> None:
    name, text = "ar11-a-device-with-a-long-name", "needs you: FAILED_GRACEFUL"
    view = device(name, "FAILED_GRACEFUL", now=NOW, seen_s_ago=260)
    view = replace(view, next=Next(text, Tone.NEEDS, "reset", "needs you"))
    narrow = whole_row(view, Columns.for_width(60, [name]))
    assert re.search(r"ar11-a…ng-name +. FAILED_GRACEFUL +needs you +4m$", narrow), narrow
    assert text in whole_row(view, Columns.for_width(100, [name]))
    assert text in status(view, 58)


def test_only_what_is_stale_shows_an_age_and_is_dim() -> None:
    old = device("ar11-a", now=NOW, seen_s_ago=260)
    assert whole_row(old).endswith(" 4m")
    assert not whole_row(device("ar11-a", now=NOW)).strip().endswith("s")
    left, _ = row(old, COLUMNS, UNICODE, NOW)
    assert inks(left)["ar11-a"] is Ink.DIM


def test_red_is_for_what_needs_a_person_and_yellow_for_what_may() -> None:
    for view in bank(NOW):
        left, right = row(view, COLUMNS, UNICODE, NOW)
        used = {span.ink for span in (*left, *right)}
        assert (Ink.NEEDS in used) == (view.next.tone is Tone.NEEDS)
        assert (Ink.MAY in used) == (view.next.tone is Tone.MAY)


@pytest.mark.parametrize(
    ("reach", "word"),
    [
        (Reach.UNREACHABLE, "⊘ unreachable"),
        (Reach.AUTH, "⊘ no login"),
        (Reach.TRUST, "≠ certificate"),
        (Reach.IDENTITY, "≠ another box"),
        (Reach.UNSUPPORTED, "⊘ unsupported"),
        (Reach.GARBLED, "⊘ not understood"),
    ],
)
def test_what_cannot_be_read_says_why_where_the_state_would_stand(reach: Reach, word: str) -> None:
    shown = device("a", reach=reach, now=NOW)
    assert word in whole_row(shown)
    counted = text_of(header(standing("bank", "", [shown], NOW), 100))
    assert f"1 {word[2:].removeprefix('no ').replace('another', 'other')}" in counted


def test_a_box_that_reboots_by_our_start_keeps_its_last_state() -> None:
    away = device("a", "RUNNING", reach=Reach.UNREACHABLE, watch=Watch(Phase.REBOOTING, "down, rebooting"), now=NOW)
    assert "↻ RUNNING" in whole_row(away)
    overdue = replace(away, watch=Watch(Phase.REBOOTING, "overdue", soft=True))
    assert "⊘ unreachable" in whole_row(overdue)


def test_a_box_that_another_process_of_ours_took_down_keeps_its_last_state_while_that_one_lives() -> None:
    rollout = RolloutRow("r1", "manual", NOW - 30, ACTOR, "a", ACTOR, lease_alive=True, lease_ours=False)
    record = DeviceRecord("a", rollout=rollout, intents=(intent("a", Op.START, NOW - 30),))
    away = device("a", "RUNNING", reach=Reach.UNREACHABLE, record=record, now=NOW)
    assert "↻ RUNNING" in whole_row(away)
    assert "1 running" in text_of(header(standing("bank", "", [away], NOW), 100))
    alone = replace(away, record=replace(record, rollout=replace(rollout, lease_alive=False)))
    assert "⊘ unreachable" in whole_row(alone)


def test_an_unknown_state_is_shown_as_it_came() -> None:
    dreaming = device("a", "DREAMING", reach=Reach.GARBLED, now=NOW)
    assert "? DREAMING" in whole_row(dreaming)
    assert "1 unknown" in text_of(header(standing("bank", "", [dreaming], NOW), 100))


def test_the_build_of_a_version_is_shown_where_there_is_room() -> None:
    assert "#23947" not in whole_row(device("a", now=NOW))
    assert "#23947" in whole_row(device("a", now=NOW), Columns.for_width(110, ["a"]))


def test_the_header_counts_the_gravest_first_and_leaves_out_the_least_grave() -> None:
    seen = standing("bank-eu", "PRODUCTION", bank(NOW), NOW)
    assert " ".join(text_of(header(seen, 200)).split()) == (
        "bank-eu PRODUCTION 12 devices 3 need you 1 failed 1 certificate 1 unreachable 1 ready 1 running 1 initializing"
        " 5 idle 1 asking 2 stale"
    )
    narrow = text_of(header(seen, 60))
    assert "1 failed" in narrow
    assert "idle" not in narrow
    assert cell_width(narrow) <= 60


def test_the_header_says_what_the_view_does_just_now() -> None:
    seen = standing("f", "", bank(NOW), NOW)._replace(marked=12, hidden_marks=9, shown=3, read_only=True, frozen=True)
    text = text_of(header(seen, 200))
    for words in ("3 of 12 devices", "12 marked, 9 hidden", "READ-ONLY", "FROZEN"):
        assert words in text


def test_the_header_counts_who_needs_a_person_first_and_what_was_acknowledged_apart() -> None:
    failed = next(view for view in bank(NOW) if view.state == "FAILED_GRACEFUL")
    seen = standing("f", "", [failed, replace(failed, record=acknowledged(failed))], NOW)
    assert (seen.needing, seen.acknowledged) == (1, 1)
    drawn = header(seen, 100)
    assert " ".join(text_of(drawn).split()) == "f 2 devices 1 needs you 2 failed 1 acknowledged"
    assert "acknowledged" not in text_of(header(standing("f", "", [failed], NOW), 100))


@pytest.mark.parametrize(
    ("width", "words"),
    [(116, "needs you: FAILED_GRACEFUL, acknowledged"), (80, "needs you, acknowledged"), (60, "acknowledged")],
)
def test_a_row_says_in_words_that_somebody_took_note_of_it(width: int, words: str) -> None:
    failed = device("ar11-ams-br1", "FAILED_GRACEFUL", now=NOW, seen_s_ago=260)
    failed = replace(failed, next=Next("needs you: FAILED_GRACEFUL", Tone.NEEDS, "reset", "needs you"))
    known = replace(failed, record=acknowledged(failed))
    columns = Columns.for_width(width, [failed.name])
    assert re.search(rf"  {words} +4m$", whole_row(known, columns)), whole_row(known, columns)
    assert "acknowledged" not in whole_row(failed, columns)


def acknowledged(view: DeviceView) -> DeviceRecord:
    return replace(view.record, acknowledged_state=attention_key(view), acknowledged_note="case 4711")


def test_production_lab_and_demo_never_look_alike() -> None:
    used = {label: inks(header(standing("f", label, (), NOW), 80))[label] for label in ("PRODUCTION", "LAB", "DEMO")}
    assert len(set(used.values())) == 3


def test_the_status_of_a_ready_device_answers_what_a_person_asks() -> None:
    text = status(initialized("ar11-fra-dc1", NOW))
    for words in (
        "11.6.0 #23947 → 11.8.0 #28924",
        "idle ─ init ─ ● INITIALIZED ─ run",
        "“Ready to update”",
        "init by mk",
        "next  start?  enter",
        "serial VK2X900012",
    ):
        assert words in text


def test_an_init_that_is_not_ours_is_said_to_be_someone_elses() -> None:
    assert "init by someone else" in status(device("a", "INITIALIZED", target="11.8.0", now=NOW))


def test_a_failed_device_shows_its_own_words_and_no_steps() -> None:
    text = status(bank(NOW)[0])
    assert "✗ FAILED_GRACEFUL" in text
    assert "Not enough space on /data" in text
    assert "─ init ─" not in text


def test_history_stands_newest_first_by_time_and_not_by_place() -> None:
    view = device("a", now=NOW)
    assert view.reading is not None
    first = view.reading.update.history[0]
    later = replace(first, time=1_700_000_000, version="11.7.0")
    mixed = replace(view.reading.update, history=(first, later, replace(first, time=None, version="?")))
    text = status(replace(view, reading=replace(view.reading, update=mixed)))
    assert text.index("11.7.0") < text.index(date_and_time(1_539_786_920)) < text.index("no time")


def test_a_version_of_the_history_is_told_whole_however_long_it_is() -> None:
    long = "11.8.0-" + "9" * 60 + " #28924"
    told = status(device("a", version=long, now=NOW), 38)
    history = told.partition("History")[2].partition("Device")[0]
    assert long.replace(" ", "") in "".join(history.split())
    assert all(cell_width(one) <= 38 for one in told.splitlines())


def test_insecure_is_red_wherever_the_address_stands() -> None:
    view = device("a", now=NOW)
    view = replace(view, entry=replace(view.entry, tls=Tls(mode="insecure")))
    drawn = status_lines(view, 60, UNICODE, NOW)
    assert inks(drawn[0])[view.url] is Ink.NEEDS
    assert "insecure: nothing proves who answers" in status(view)


@pytest.mark.parametrize("how", [{"tls": Tls(mode="insecure")}, {"url": "http://10.20.1.4"}])
def test_insecure_and_plain_http_are_red_in_the_list_and_counted_in_the_header(how: dict[str, Any]) -> None:
    good = device("a", now=NOW)
    bad = replace(good, entry=replace(good.entry, **how))
    left, _ = row(bad, COLUMNS, UNICODE, NOW)
    assert text_of(left)[3 + COLUMNS.name] == "!"
    assert next(span.ink for span in left if span.text == "!") is Ink.NEEDS
    assert "!" not in text_of(row(good, COLUMNS, UNICODE, NOW)[0])
    assert cell_width(whole_row(bad)) == cell_width(whole_row(good))
    fleet = [*bank(NOW), bad]
    drawn = header(standing("bank-eu", "PRODUCTION", fleet, NOW), 200)
    assert "1 failed 1 certificate 1 insecure 1 unreachable" in " ".join(text_of(drawn).split())
    assert inks(drawn)["insecure"] is Ink.NEEDS
    assert "insecure" not in text_of(header(standing("bank-eu", "PRODUCTION", bank(NOW), NOW), 200))


def test_a_wrong_clock_is_mentioned() -> None:
    view = device("a", now=NOW)
    assert view.reading is not None
    text = status(replace(view, reading=replace(view.reading, clock_offset_s=-7200)))
    assert "its clock is 2 h behind" in text


def test_no_line_of_a_status_is_wider_than_its_pane() -> None:
    for view in (*bank(NOW), device("x" * 63, next_text="y" * 400, description="z" * 300, now=NOW)):
        for width in (38, 44, 78):
            for one in status_lines(view, width, UNICODE, NOW):
                assert cell_width(text_of(one)) <= width, text_of(one)


def test_steps_name_the_present_one_as_the_device_does() -> None:
    assert text_of(step_line(device("a", "RUNNING", now=NOW), UNICODE)) == "idle ─ init ─ ready ─ ↻ RUNNING"
    assert text_of(step_line(device("a", "RUNNING", now=NOW), ASCII)) == "idle - init - ready - ~ RUNNING"


def test_an_image_says_whether_its_checksum_is_that_of_our_file() -> None:
    ours = initialized("a", NOW)
    (block,) = image_blocks(ours, 44, UNICODE)
    assert [text_of(one).split() for one in block] == [
        ["7", "✓", "VALID", "11.8.0", "#28924"],
        ["3fa9c1d23fa9…", "=", "our", "file"],
    ]
    (foreign,) = image_blocks(device("a", images=(image(7),), now=NOW), 44, UNICODE)
    assert "not proven by us" in text_of(foreign[1])


def test_an_upload_of_ours_shows_a_bar_with_rate_and_time_left() -> None:
    transfer = Transfer("f.iso", 500_000_000, 1_000_000_000, 50e6, NOW)
    view = device("a", images=(image(8, "UPLOADING", None, None),), transfer=transfer, now=NOW)
    (block,) = image_blocks(view, 60, UNICODE)
    assert text_of(block[1]).strip() == "█████░░░░░  50 % 50.0 MB/s 0:10"


def test_a_broken_image_says_why_in_the_devices_words() -> None:
    broken = Image(None, "INVALID", "Signature check failed", None, None, None)
    (block,) = image_blocks(device("a", images=(broken,), now=NOW), 44, UNICODE)
    assert "Signature check failed" in text_of(block[-1])
    assert "?" in text_of(block[0])


def test_activity_is_one_line_an_event_and_is_narrowed_by_words() -> None:
    events = some_events(NOW)
    drawn = text_of(event_line(events[1], 100, 12, NOW))
    assert "ar11-fra-dc1  init accepted, target 11.8.0 #28924" in drawn
    assert drawn.endswith("by mk")
    assert [event.id for event in matching(events, "FRA start")] == [3]
    assert not matching(events, "nothing like it")
    seen = Event(9, NOW, "a", "state", "IDLE → RUNNING", ACTOR)
    assert "by mk" not in text_of(event_line(seen, 100, 4, NOW))


def test_an_event_that_is_too_long_for_its_line_ends_in_a_mark_and_is_told_whole_where_there_is_room() -> None:
    event = replace(
        some_events(NOW)[1], text="init ended NOT_STARTED: init was refused: Not enough space on /data (409)"
    )
    assert text_of(event_line(event, 60, 12, NOW)).endswith("…")
    drawn = [text_of(one) for one in event_lines(event, 60, 12, NOW)]
    assert len(drawn) > 1
    assert all(cell_width(one) <= 60 for one in drawn)
    assert " ".join(" ".join(drawn).split()).endswith(f"{event.text} by mk")
    assert {len(one) - len(one.lstrip()) for one in drawn[1:]} == {len("12:34:56  ") + 12 + 2}


def test_who_acts_is_told_with_the_time_at_which_it_was_sent() -> None:
    fetching = intent("a", Op.FETCH, NOW - 30)
    rollout = RolloutRow("r1", "manual", NOW - 30, ACTOR, "a", ACTOR, lease_alive=True, lease_ours=True)
    view = device("a", record=DeviceRecord("a", rollout=rollout, intents=(fetching,)), now=NOW)
    assert f"fetch by mk {time_of_day(NOW - 30, NOW)}" in " ".join(status(view).split())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4, "0s"), (59, "50s"), (61, "1m"), (599, "9m"), (601, "10m"), (1199, "10m"), (3600, "1h"), (1e6, "11d")],
)
def test_ages_take_four_cells_and_change_seldom(seconds: float, words: str) -> None:
    assert age(seconds) == words
    assert len(age(seconds)) <= 4


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.9, "0s"), (9.9, "9s"), (42, "42s"), (95, "1m"), (38 * 60, "38m"), (3600, "1h"), (3 * 86_400, "3d")],
)
def test_how_long_something_took_is_told_to_the_second_or_minute(seconds: float, words: str) -> None:
    assert lasted(seconds) == words


def test_amounts_and_impossible_times_are_still_words() -> None:
    assert (size(0), size(999), size(81e6), size(3e9)) == ("0 B", "999 B", "81.0 MB", "3.00 GB")
    assert date_and_time(1e20) == "100000000000000000000 s"
    assert checked(None) == ()


@pytest.mark.parametrize(
    ("environment", "plain"),
    [
        ({}, True),
        ({"LANG": "C"}, True),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, True),
        ({"LC_CTYPE": "de_DE.utf8", "LANG": "C"}, False),
        ({"LC_ALL": "", "LANG": "de_DE.ISO-8859-1"}, True),
        ({"TERM": "linux", "LANG": "de_DE.UTF-8"}, True),
        ({"TERM": "vt100", "LC_ALL": "C.UTF-8"}, True),
        ({"TERM": "screen", "LC_ALL": "C.UTF-8"}, False),
        ({"TERM": "tmux-256color", "LC_ALL": "C.UTF-8"}, False),
    ],
)
def test_the_environment_settles_which_glyphs_are_used(environment: dict[str, str], plain: bool) -> None:
    assert wants_ascii(environment) is plain


def test_ascii_glyphs_take_one_cell_each_and_foreign_text_keeps_its_width() -> None:
    for name in ASCII._fields:
        for glyphs in (ASCII, UNICODE):
            sign = getattr(glyphs, name)
            assert isinstance(sign, bool) or cell_width(sign) == 1
    for text in ("ar11–fra → “x” …", "Zürich", "漢字", "é", "▌●○✓"):
        shown = ASCII.show(text)
        assert shown.isascii()
        assert len(shown) == cell_width(text)


def test_what_stands_right_is_never_cut() -> None:
    assert text_of(spread(line("left" * 9), line("right"), 12)) == "leftl… right"
    assert text_of(spread(line("a"), line("right"), 5)) == "right"


@pytest.mark.parametrize("size", [(60, 15), (66, 20), (80, 24), (100, 30), (119, 40), (120, 40), (160, 48), (200, 60)])
def test_parts_never_overlap_and_never_leave_the_screen(size: tuple[int, int]) -> None:
    width, height = size
    for pane in Pane:
        lower = Pane.STATUS if pane is Pane.DEVICES else pane
        _, places = lay_out(width, height, pane=pane, lower=lower)
        taken: set[tuple[int, int]] = set()
        for place in places.values():
            columns, lines = range(place.x, place.x + place.width), range(place.y, place.y + place.height)
            cells = {(x, y) for x in columns for y in lines}
            assert not cells & taken
            taken |= cells
        assert all(0 <= x < width and 0 <= y < height for x, y in taken)


def test_there_are_three_layouts_and_a_line_below_the_floor() -> None:
    def shape(width: int, height: int) -> Shape:
        return lay_out(width, height, pane=Pane.DEVICES, lower=Pane.STATUS)[0]

    assert [shape(width, 24) for width in (120, 119, 80, 79, 60, 59)] == [
        Shape.WIDE,
        Shape.STACKED,
        Shape.STACKED,
        Shape.SINGLE,
        Shape.SINGLE,
        Shape.LINE,
    ]
    assert shape(200, FLOOR[1] - 1) is Shape.LINE
    _, places = lay_out(40, 10, pane=Pane.DEVICES, lower=Pane.STATUS)
    assert set(places) == {Part.HEADER, Part.NOTICE}
    assert set(lay_out(40, 1, pane=Pane.DEVICES, lower=Pane.STATUS)[1]) == {Part.HEADER}
