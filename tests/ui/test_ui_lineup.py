"""The order of the rows, the cursor and the marks, and how calm they stay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet_fixture import bank, device
from updeck.fleet.selectors import Selector
from updeck.fleet.views import DeviceView, Next, Tone, attention_key
from updeck.ui.lineup import CALM_S, SETTLE_S, THAW_S, Lineup, Sort


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def lineup(*views: DeviceView) -> tuple[Lineup, Hand]:
    """Return the rows of some devices, settled, after a first key."""
    hand = Hand()
    rows = Lineup(hand)
    rows.take(views)
    rows.arrange_roster([view.name for view in views])
    rows.touch()
    hand.now += CALM_S
    return rows, hand


def order(rows: Lineup) -> str:
    """Return the names on view from the top."""
    return " ".join(rows.shown)


def calls(name: str) -> DeviceView:
    """Return a device that needs a person."""
    return device(name, next_text="needs you", tone=Tone.NEEDS)


def test_what_needs_a_person_stands_first_and_the_rest_in_the_order_of_the_inventory() -> None:
    rows, _ = lineup(*bank())
    tones = [rows.view(name).next.tone for name in rows.shown]
    assert tones[:5] == [Tone.NEEDS, Tone.NEEDS, Tone.MAY, Tone.READY, Tone.READY]
    assert rows.shown[-2:] == ("ar11-zrh-br2", "ar11-osl-br1")


def test_what_was_acknowledged_leaves_the_top_until_it_changes() -> None:
    failed = calls("b")
    seen = replace(failed, record=replace(failed.record, acknowledged_state=attention_key(failed)))
    rows, hand = lineup(device("a"), seen)
    assert rows.shown == ("a", "b")
    rows.take([replace(seen, next=Next("needs you: FAILED_CRITICAL", Tone.NEEDS))])
    hand.now += SETTLE_S
    assert rows.settle()
    assert rows.shown == ("b", "a")


def test_an_acknowledged_silence_stays_acknowledged_when_its_beginning_is_told_with_the_date() -> None:
    silent = device("a", next_text="no answer since 11:59", tone=Tone.MAY)
    seen = replace(silent, record=replace(silent.record, acknowledged_state=attention_key(silent)))
    later = replace(seen, next=Next("no answer since 2026-11-27 11:59", Tone.MAY))
    assert later.acknowledged
    assert not replace(seen, next=Next("needs you: FAILED_CRITICAL", Tone.NEEDS)).acknowledged


def test_no_row_moves_within_three_seconds_of_a_key() -> None:
    rows, hand = lineup(device("a"), device("b"))
    rows.touch()
    rows.take([calls("b")])
    hand.now += CALM_S - 0.1
    assert not rows.settle()
    assert order(rows) == "a b"
    hand.now += 0.1
    assert rows.settle()
    assert order(rows) == "b a"


def test_rows_move_by_themselves_at_most_every_three_seconds() -> None:
    rows, hand = lineup(device("a"), device("b"), device("c"))
    rows.take([calls("c")])
    assert rows.settle()
    rows.take([calls("b")])
    hand.now += SETTLE_S - 0.1
    assert not rows.settle()
    hand.now += 0.1
    assert rows.settle()


def test_cursor_and_marks_stay_with_their_devices_when_rows_move() -> None:
    rows, _ = lineup(device("a"), device("b"), device("c"))
    rows.go(2)
    rows.toggle_mark()
    rows.take([calls("c")])
    assert rows.settle()
    assert rows.row == 0
    assert rows.cursor == "c"
    assert rows.marks == {"c"}


def test_until_the_first_key_the_cursor_waits_at_the_top() -> None:
    rows = Lineup(Hand())
    rows.take([device("a"), device("b")])
    rows.arrange_roster(["a", "b"])
    assert rows.cursor == "a"
    rows.take([calls("b")])
    assert rows.settle()
    assert rows.cursor == "b"


def test_the_device_under_the_cursor_stays_on_view_though_it_fits_the_filter_no_more() -> None:
    rows, hand = lineup(device("a"), device("b"))
    selector = Selector.parse(["state:IDLE"])
    rows.choose_filter(lambda views: filter(selector.matches, views))
    rows.go(1)
    rows.take([device("b", "RUNNING")])
    assert not rows.settle()
    assert order(rows) == "a b"
    rows.go(0)
    rows.take([device("a")])
    hand.now += SETTLE_S
    assert rows.settle()
    assert order(rows) == "a"


def test_hidden_marks_are_counted_and_never_handed_out() -> None:
    rows, _ = lineup(device("ar11-nyc"), device("ar11-fra"))
    rows.mark_shown()
    rows.choose_filter(lambda views: [view for view in views if "nyc" in view.name])
    assert [view.name for view in rows.marked] == ["ar11-nyc"]
    assert rows.hidden_marks == 1
    rows.clear_marks()
    assert rows.hidden_marks == 0


def test_a_frozen_view_stands_still_and_thaws_after_five_minutes() -> None:
    rows, hand = lineup(device("a"), device("b"))
    rows.freeze()
    rows.take([calls("b")])
    hand.now += THAW_S - 1
    assert not rows.settle()
    hand.now += 1
    assert not rows.frozen
    assert rows.settle()


def test_seeking_goes_round_the_end_to_the_next_that_needs_a_person() -> None:
    rows, _ = lineup(calls("a"), device("b"), calls("c"))
    rows.choose_sort(Sort.NAME)
    rows.go(2)
    assert rows.seek(1)
    assert rows.cursor == "a"
    assert rows.seek(-1)
    assert rows.cursor == "c"
    calm, _ = lineup(device("a"))
    assert not calm.seek(1)


def test_a_device_that_leaves_the_fleet_takes_its_mark_along() -> None:
    rows, _ = lineup(device("a"), device("b"))
    rows.go(1)
    rows.mark_shown()
    rows.arrange_roster(["a"])
    assert rows.shown == ("a",)
    assert rows.cursor == "a"
    assert rows.marks == {"a"}


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        (Sort.NAME, "br2-a"),
        (Sort.VERSION, "br10-a"),
        (Sort.STATE, "br10-a"),
        (Sort.SITE, "br2-a"),
        (Sort.SEEN, "br10-a"),
    ],
)
def test_each_order_sorts_by_what_it_is_called(sort: Sort, first: str) -> None:
    newer = device("br2-a", "RUNNING", version="11.10.0", seen_s_ago=1)
    older = device("br10-a", "IDLE", version="11.9.0", seen_s_ago=9)
    rows, _ = lineup(older, newer)
    rows.choose_sort(sort)
    assert rows.shown[0] == first
    rows.reverse()
    assert rows.shown[-1] == first
