"""What the activity shows: what was recorded, and where nothing is recorded, what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast, overload

from fleet_fixture import ACTOR, NOW, Stage, device
from seat import seated
from updeck.device.models import Reach
from updeck.journal.models import Event
from updeck.ui.activity_log import ActivityLog
from updeck.ui.ink import text_of
from updeck.ui.launch import UiOptions
from updeck.ui.screens.activity import ActivityScreen
from updeck.ui.widgets.text_pane import TextPane

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService


def a_stage(*events: Event) -> tuple[Stage, FleetService]:
    """Return a fleet of one device that this process only looks at."""
    stage = Stage([device("a", now=NOW)], events)
    stage.read_only = True
    return stage, cast("FleetService", stage)


def change(stage: Stage, state: str, at: float, reach: Reach = Reach.OK) -> None:
    """Let the device become another."""
    stage.state.put(replace(device("a", state, reach=reach), attempted_at=at, error="timed out"))


def told(log: ActivityLog) -> list[str]:
    """Return what the log tells."""
    return [event.text for event in log.events]


def test_who_records_nothing_tells_what_it_saw_among_what_others_did() -> None:
    stage, service = a_stage(Event(7, NOW + 5, "a", "intent", "sending init", ACTOR))
    log = ActivityLog()
    change(stage, "INITIALIZING", NOW + 8)
    change(stage, "INITIALIZING", NOW + 9, Reach.UNREACHABLE)
    change(stage, "INITIALIZED", NOW + 20)
    assert log.refresh(service)
    assert told(log) == ["sending init", "IDLE → INITIALIZING", "UNREACHABLE: timed out", "answers again, INITIALIZED"]
    assert not log.refresh(service)


def test_a_change_that_another_process_recorded_is_told_once() -> None:
    stage, service = a_stage()
    log = ActivityLog()
    change(stage, "RUNNING", NOW + 8)
    log.refresh(service)
    stage.told.append(Event(8, NOW + 9, "a", "state", "IDLE → RUNNING", ACTOR))
    log.refresh(service)
    assert told(log) == ["IDLE → RUNNING"]
    assert log.events[0].id == 8
    stage.told.append(Event(9, NOW + 999, "a", "state", "IDLE → RUNNING", ACTOR))
    log.refresh(service)
    assert told(log) == ["IDLE → RUNNING"] * 2, "a day later it is another"


def test_the_log_is_bounded_however_much_happens() -> None:
    stage, service = a_stage()
    log = ActivityLog()
    most = 0
    for number in range(10_000):
        stage.told.append(Event(number + 1, NOW + number, "a", "note", "x", ACTOR))
        if number % 100 == 0:
            log.refresh(service)
            most = max(most, len(log.events))
    assert most <= 2000


async def test_a_wall_display_shows_what_changes() -> None:
    stage, _ = a_stage()
    async with seated(stage, options=UiOptions(fleet_name="bank-eu", read_only=True, pace_s=0.05)) as seat:
        change(stage, "RUNNING", NOW + 8)
        await seat.until("IDLE → RUNNING")
        assert "READ-ONLY" in seat.text


async def test_what_was_laid_out_is_not_laid_out_again_for_one_event_more() -> None:
    stage, _ = a_stage(*(Event(number, NOW + number, "a", "note", f"note {number}", ACTOR) for number in range(1, 301)))
    async with seated(stage, options=UiOptions(fleet_name="bank-eu", pace_s=0.05)) as seat:
        await seat.press("J")
        await seat.until("note 300")
        screen = seat.app.screen
        assert isinstance(screen, ActivityScreen)
        width = screen.query_one("#text", TextPane).cells
        before = screen.text(width)
        stage.told.append(Event(301, NOW + 301, "a", "note", "note 301", ACTOR))
        await seat.until("note 301")
        after = screen.text(width)
        assert len(before) == 300
        assert [new for new in after if all(new is not one for one in before)] == [after[-1]]
        assert "note 301" in text_of(after[-1])
        assert len(text_of(screen.text(60)[-1])) == 60, "another width, other lines"


async def test_a_key_that_means_nothing_in_its_filter_says_so_and_the_next_one_types_on() -> None:
    stage, _ = a_stage(Event(1, NOW, "a", "note", "first", ACTOR), Event(2, NOW, "a", "note", "second", ACTOR))
    async with seated(stage, options=UiOptions(fleet_name="bank-eu", pace_s=0.05)) as seat:
        await seat.press("J", "/", "s", "f5")
        await seat.until("f5 does nothing in a filter")
        await seat.press("e")
        await seat.until("1 of 2 events")
        assert "does nothing" not in seat.text


class Events(Sequence[Event]):
    """Many events, which count how often one of them was looked at."""

    def __init__(self, count: int) -> None:
        self._events = [Event(at, NOW + at, "a", "note", f"step {at}", ACTOR) for at in range(count)]
        self.looks = 0

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Event]: ...
    def __getitem__(self, at: int | slice) -> Event | Sequence[Event]:
        found = self._events[at]
        self.looks += 1 if isinstance(found, Event) else len(found)
        return found


async def test_one_more_of_thousands_of_events_is_drawn_without_a_look_at_those_that_are_not_on_view() -> None:
    async with seated(Stage([device("a", now=NOW)])) as seat:
        board = seat.screen.board
        pane = board.activity
        for count in (2000, 2001):
            events = Events(count)
            board.show_activity(events, NOW + count)
            assert 0 < events.looks <= pane.rows
            assert f"step {count - 1}" in "\n".join(text_of(drawn) for drawn in pane.lines)
        assert [text_of(drawn).rpartition("step ")[2].partition(" ")[0] for drawn in pane.text] == [
            str(at) for at in range(2001)
        ]
        before, events.looks = pane.lines, 0
        pane.scroll_lines(-1)
        assert pane.lines != before
        assert events.looks <= pane.rows
