"""The fleet screen under keys: what a person sees and what is asked of the fleet."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

import pytest

from fleet_fixture import Stage, bank, device, image, initialized, many, some_events
from seat import seated
from updeck.device.models import Reach
from updeck.errors import ConfigError, UnknownOutcome
from updeck.fleet.views import Next, Tone
from updeck.text import cell_width
from updeck.ui.actions import ACTIONS, BY_ID, Group, Pane
from updeck.ui.app import UpdeckApp
from updeck.ui.ink import EMPTY, text_of
from updeck.ui.launch import UiOptions
from updeck.ui.layout import Part
from updeck.ui.screens.detail import DetailScreen
from updeck.ui.screens.fleet import FleetScreen
from updeck.ui.screens.reading import ReadingScreen
from updeck.ui.widgets.canvas import Canvas

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService

SIZES = [(120, 40), (80, 24), (66, 20)]


@pytest.mark.parametrize("size", SIZES)
async def test_the_fleet_is_there_in_every_layout(size: tuple[int, int]) -> None:
    async with seated(Stage(bank()), size) as seat:
        assert "bank-eu" in seat.text
        assert "PRODUCTION" in seat.text
        for view in bank():
            assert view.name in seat.text


async def test_below_the_floor_one_line_of_status_stays_and_the_device_that_the_keys_mean() -> None:
    async with seated(Stage(bank()), (59, 14)) as seat:
        assert "12 devices" in seat.text
        for name in seat.screen.lineup.shown[:3]:
            view = seat.screen.lineup.view(name)
            assert f"{name}  " in seat.notice
            assert view.next.text in " ".join(seat.text.split())
            assert seat.text.count("ar11-") == 1, "the list itself has no room"
            await seat.press("down")
        await seat.pilot.resize_terminal(80, 24)
        await seat.until("ar11-fra-dc1")


async def test_the_detail_follows_the_cursor_once_it_rests() -> None:
    async with seated(Stage(bank())) as seat:
        await seat.press("j", "j", "j")
        assert seat.screen.lineup.cursor == "ar11-fra-dc1"
        await seat.until("“Ready to update”")
        await seat.until("= our file")


@pytest.mark.parametrize("size", SIZES)
async def test_tab_goes_through_the_panes_and_escape_comes_back(size: tuple[int, int]) -> None:
    async with seated(Stage([initialized("ar11-fra-dc1")], some_events(time.time())), size) as seat:
        await seat.press("tab")
        assert seat.screen.context().pane is Pane.STATUS
        await seat.until("“Ready to update”")
        await seat.press("tab")
        await seat.until("= our file")
        await seat.press("tab")
        await seat.until("init accepted, target")
        await seat.press("escape")
        assert seat.screen.context().pane is Pane.DEVICES
        await seat.until("start?")


async def test_letters_after_the_slash_are_text_and_never_keys() -> None:
    stage = Stage(bank())
    async with seated(stage) as seat:
        await seat.press(*"/XSab")
        assert seat.notice.startswith("/XSab")
        assert seat.app.busy is None
        assert len(seat.app.screen_stack) == 1
        await seat.press("escape")
        await seat.until("ar11-fra-dc1")


async def test_tab_completes_the_filter_and_up_brings_an_earlier_one() -> None:
    async with seated(Stage(bank())) as seat:
        await seat.press("slash", *"st", "tab", *"run", "tab", "enter")
        assert seat.notice.startswith("filter state:RUNNING")
        assert seat.screen.lineup.shown == tuple(v.name for v in bank() if v.state == "RUNNING")
        await seat.press("slash", *" idle", "enter", "slash", "up")
        assert seat.notice.startswith("/state:RUNNING▏"), "not the one that is in force"
        await seat.press("escape")
        await seat.press("escape", "slash", *"state:IN", "tab")
        assert "INITIALIZING  INITIALIZED" in seat.notice
        await seat.press("up")
        assert "state:RUNNING" in seat.notice
        await seat.press("down")
        assert "state:INITIALIZ" in seat.notice
        assert seat.app.filters() == ("state:RUNNING idle", "state:RUNNING")


async def test_the_filter_names_the_place_of_what_is_wrong() -> None:
    async with seated(Stage(bank())) as seat:
        await seat.press("slash", *"needs:me statte:IDLE")
        assert "column 10: unknown keyword statte:; did you mean state:?" in seat.notice


async def test_a_change_is_marked_until_somebody_looks_at_the_device() -> None:
    stage = Stage(bank())
    async with seated(stage) as seat:
        await seat.press("home")
        name = seat.screen.lineup.shown[2]
        view = stage.state.view(name)
        assert view is not None
        stage.state.put(replace(view, reach=Reach.AUTH, attempted_at=time.time()))
        await seat.until(f"•{name}")
        await seat.press(*"jj")
        async with asyncio.timeout(10):
            while f"•{name}" in seat.text:
                await seat.pilot.pause(0.02)
        assert name in seat.text


async def test_the_filter_speaks_the_selector_language_and_says_what_is_wrong() -> None:
    async with seated(Stage(bank())) as seat:
        await seat.press(*"/state:INITIALIZED")
        assert seat.screen.lineup.shown == ("ar11-fra-dc1",)
        await seat.press("enter")
        assert seat.notice.startswith("filter state:INITIALIZED")
        assert "1 of 12 devices" in seat.text
        await seat.press("/", *"!tag:nowhere", "enter")  # what is typed next narrows further, and joins no word
        assert seat.notice.startswith("filter state:INITIALIZED !tag:nowhere")
        assert seat.screen.lineup.shown == ("ar11-fra-dc1",)
        await seat.press("/", *" stat:x")
        assert "stat" in seat.notice
        await seat.press("escape", "escape")
        assert len(seat.screen.lineup.shown) == 12


async def test_a_key_that_does_not_apply_says_why() -> None:
    async with seated(Stage([device("ar11-zrh-br1")])) as seat:
        await seat.press("S")
        assert seat.notice == "start ar11-zrh-br1: the device is IDLE: init comes first"
        await seat.press("%")
        assert "? shows the keys" in seat.notice


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
async def test_a_reason_longer_than_its_line_is_told_whole_and_gives_its_room_back(size: tuple[int, int]) -> None:
    view = device("ar11-zrh-br1", "FAILED_CRITICAL", reach=Reach.AUTH, error="why it is so " * 9 + "and no more")
    async with seated(Stage([view]), size=size) as seat:
        await seat.press("S")
        notice = seat.screen.board.notice
        told = [text_of(one) for one in notice.lines]
        assert " ".join(" ".join(told).split()).endswith("and no more")
        assert notice.region.bottom == size[1] - 1
        assert notice.region.height == len(told) > 1
        assert all(cell_width(one) <= size[0] for one in told)
        await seat.press("j")
        await seat.pilot.pause()
        assert notice.region.height == 1


async def test_read_only_leaves_danger_out_of_the_footer_and_says_why() -> None:
    options = UiOptions(read_only=True, pace_s=0.05)
    async with seated(Stage([initialized("ar11-fra-dc1")]), options=options) as seat:
        keys = text_of(seat.screen.board.part(Part.FOOTER).lines[0])
        assert "start" not in keys
        assert "READ-ONLY" in seat.text
        await seat.press("S")
        assert seat.notice == "read-only: start is not possible here"
        await seat.press("u")
        assert seat.notice == "read-only: upload is not possible here"


async def test_marks_belong_to_devices_and_hidden_ones_are_counted() -> None:
    async with seated(Stage(bank())) as seat:
        await seat.press("*")
        assert "12 marked" in seat.text
        await seat.press(*"/fra", "enter")
        assert "12 marked, 10 hidden" in seat.text
        assert seat.screen.context().names == ("ar11-fra-dc1", "ar11-fra-dc2")
        await seat.press("-")
        assert "marked" not in seat.text


async def test_polling_asks_for_the_marked_devices_or_the_one_under_the_cursor() -> None:
    stage = Stage([device("a"), device("b")])
    async with seated(stage) as seat:
        await seat.press("r")
        assert stage.polled == ["a"]
        await seat.press("*", "r")
        assert stage.polled == ["a", "a", "b"]
        assert seat.notice == "asking 2 devices now"


async def test_a_change_is_drawn_and_a_frozen_view_stands_still() -> None:
    stage = Stage([device("a"), device("b")])
    async with seated(stage) as seat:
        stage.state.put(device("b", "RUNNING", next_text="down, rebooting"))
        await seat.until("down, rebooting")
        await seat.press("z")
        assert "FROZEN" in seat.text
        stage.state.put(device("b", "IDLE", next_text="proven 11.8.0"))
        stage.told += some_events(time.time())
        await seat.until("init accepted")
        assert "proven" not in seat.text
        await seat.press("z")
        await seat.until("proven 11.8.0")


async def test_sorting_goes_through_the_orders_and_says_which() -> None:
    async with seated(Stage(bank())) as seat:
        await seat.press("o")
        assert seat.notice == "sorted by name"
        assert "name ▴" in seat.text
        await seat.press("O")
        assert "name ▾" in seat.text
        assert seat.screen.lineup.shown[0] == "ar11-zrh-br2"


async def test_brackets_walk_through_what_needs_a_person() -> None:
    async with seated(Stage(bank())) as seat:
        await seat.press("]")
        assert seat.screen.lineup.cursor == "ar11-mil-br1"
        await seat.press("[", "[")
        assert seat.screen.lineup.cursor == "ar11-lon-br3"


async def test_something_that_newly_needs_a_person_rings_once_and_what_always_did_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(UpdeckApp, "bell", lambda app: rung.append("bell"))
    stage = Stage([device("a"), device("b", next_text="needs you", tone=Tone.NEEDS)])
    async with seated(stage) as seat:
        assert rung == []
        stage.state.put(replace(device("a"), next=Next("needs you: FAILED_GRACEFUL", Tone.NEEDS)))
        await seat.until("needs you: FAILED_GRACEFUL")
        stage.state.put(replace(device("a"), next=Next("needs you: FAILED_CRITICAL", Tone.NEEDS)))
        await seat.until("needs you: FAILED_CRITICAL")
        assert rung == ["bell"]


async def test_v_shows_one_device_in_full_and_its_keys_act_on_it() -> None:
    stage = Stage([initialized("ar11-fra-dc1")], some_events(time.time()))
    async with seated(stage, (80, 24)) as seat:
        await seat.press("v")
        await seat.until("= our file")
        assert isinstance(seat.app.screen, DetailScreen)
        await seat.press("end")
        await seat.until("init accepted, target")
        await seat.press("home")
        await seat.press("I")
        await seat.until("init ar11-fra-dc1: the device is INITIALIZED")
        stage.state.put(device("ar11-fra-dc1", "RUNNING", description="Installing packages (3 of 7)"))
        await seat.until("Installing packages")
        await seat.press("escape")
        await seat.until("1 running")
        assert isinstance(seat.app.screen, FleetScreen)


async def test_images_that_were_never_read_are_not_said_to_be_none() -> None:
    unread = replace(device("ar11-a"), reach=Reach.AUTH, reading=None)
    for view, words in ((unread, "not known: it has not answered yet"), (device("ar11-b"), "none")):
        async with seated(Stage([view]), (80, 24)) as seat:
            await seat.press("v")
            await seat.until("Images ")
            lines = seat.text.splitlines()
            assert lines[next(at for at, one in enumerate(lines) if " Images " in one) + 1].strip() == words


async def test_the_whole_activity_follows_its_end_and_is_narrowed_by_words() -> None:
    stage = Stage(bank(), some_events(time.time()))
    async with seated(stage) as seat:
        await seat.press("J")
        await seat.until("5 events")
        await seat.press("/", *"ready", "enter")
        await seat.until("0 of 5 events")
        await seat.press("escape", "J")
        await seat.until("12 devices")


async def test_the_help_opens_and_closes_by_its_own_key() -> None:
    async with seated(Stage(bank()), (80, 24)) as seat:
        await seat.press("?")
        await seat.until("un-init (reset)")
        assert isinstance(seat.app.screen, ReadingScreen)
        labels = [action.label for action in ACTIONS if action.group is not Group.ROLLOUT]
        assert all(label in seat.text for label in labels), "all keys are on view without a scroll"
        await seat.press("?")
        await seat.until("12 devices")


async def test_the_palette_tells_whole_what_a_narrow_row_cuts_and_hears_the_key_of_the_help() -> None:
    async with seated(Stage(bank()), (60, 15)) as seat:
        await seat.press("ctrl+p", *"start")
        reason = BY_ID["start"].applicable(seat.screen.context())
        assert reason
        assert len(reason) > 58
        await seat.until("start: box goes down")
        assert reason in " ".join(seat.text.split())
        await seat.press("escape", "ctrl+p", "?")
        await seat.until("Keys of the list")
        await seat.press("escape")
        await seat.until("action:")
        await seat.press("end", *[" "], "?")
        await seat.until("no action is called that")


async def test_the_palette_finds_an_action_by_its_name_and_does_it() -> None:
    async with seated(Stage(bank())) as seat:
        await seat.press("ctrl+p", *"fre")
        await seat.until("freeze the view")
        assert "upload a file" not in seat.text
        await seat.press("enter")
        await seat.until("FROZEN")
        await seat.press("ctrl+p", *"nothing so")
        await seat.until("no action is called that")
        await seat.press("enter")
        await seat.until("12 devices")


async def test_the_cursor_of_the_image_pane_belongs_to_an_image() -> None:
    stage = Stage([device("a", images=(image(3), image(7, version="11.9.0")))])
    async with seated(stage) as seat:
        await seat.press("tab", "tab", "down")
        chosen = seat.screen.context().image
        assert chosen is not None
        assert chosen.id == 7
        stage.state.put(device("a", next_text="init?", images=(image(7, version="11.9.0"),)))
        await seat.until("init?")
        chosen = seat.screen.context().image
        assert chosen is not None
        assert chosen.id == 7


async def test_what_goes_wrong_in_a_flow_or_a_worker_becomes_one_sentence_without_a_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPDECK_STATE", str(tmp_path))

    async def lost() -> str | None:
        raise UnknownOutcome("the answer was lost", device="a")

    async def broken() -> str | None:
        raise ZeroDivisionError("a [bold]\x1b[31m canary")

    async with seated(Stage(bank())) as seat:
        seat.app.run_flow("the start dialog of a", lost)
        await seat.until("a: the answer was lost")
        assert seat.app.busy is None
        seat.app.run_flow("the start dialog of a", broken)
        await seat.until("this is a fault in updeck itself (ZeroDivisionError in test_ui_fleet.py:")
        assert "\x1b" not in seat.text
        seat.app.say(EMPTY)
        seat.app.run_worker(broken(), exit_on_error=False)
        await seat.until("this is a fault in updeck itself (ZeroDivisionError in test_ui_fleet.py:")
        assert "canary" not in seat.text
    assert len(await asyncio.to_thread(lambda: list(tmp_path.glob("crash-*.txt")))) == 2


async def test_a_flow_that_runs_keeps_a_second_one_from_opening() -> None:
    gate = asyncio.Event()

    async def waits() -> str | None:
        await gate.wait()
        return "done"

    async with seated(Stage([initialized("a")])) as seat:
        seat.app.run_flow("the start dialog of a", waits)
        await seat.press("S")
        assert seat.notice == "the start dialog of a is still open"
        gate.set()
        await seat.until("done")


async def test_a_service_that_does_not_open_ends_the_app_with_its_own_exit_code() -> None:
    def refuses() -> NoReturn:
        raise ConfigError("the state directory is not ours")

    app = UpdeckApp(refuses, UiOptions())
    async with app.run_test() as pilot:
        async with asyncio.timeout(10):
            while app.failure is None:
                await pilot.pause(0.02)
    assert app.return_code == 2


async def test_a_service_that_breaks_while_it_opens_ends_the_app_as_a_crash() -> None:
    def breaks() -> NoReturn:
        raise ZeroDivisionError

    app = UpdeckApp(breaks, UiOptions())
    async with app.run_test() as pilot:
        async with asyncio.timeout(10):
            while app.crash is None:
                await pilot.pause(0.02)
    assert isinstance(app.crash, ZeroDivisionError)
    assert app.return_code == 1


async def test_who_quits_while_the_service_opens_has_it_stopped() -> None:
    gate, stopped = threading.Event(), threading.Event()

    class Slow(Stage):
        def stop(self) -> None:
            stopped.set()

    def opens() -> FleetService:
        gate.wait(10)
        return cast("FleetService", Slow())

    app = UpdeckApp(opens, UiOptions())
    async with app.run_test() as pilot:
        await pilot.pause(0.05)
        app.exit()
        gate.set()
        async with asyncio.timeout(10):
            while app.service_or_none is None:
                await asyncio.to_thread(gate.wait, 0.02)
    app.close_service()
    assert stopped.is_set()


async def test_trouble_of_our_own_is_shown_until_it_is_over() -> None:
    stage = Stage(bank())
    async with seated(stage) as seat:
        stage.state.report("journal", "the journal is full")
        await seat.until("the journal is full")
        stage.state.report("journal", None)
        async with asyncio.timeout(10):
            while "journal" in seat.text:
                await seat.pilot.pause(0.02)


async def test_a_thousand_rows_are_walked_to_the_end_and_only_those_on_view_are_drawn() -> None:
    async with seated(Stage(many(1000))) as seat:
        await seat.press("end")
        await seat.until("ar11-s49-0999")
        assert len(seat.screen.board.devices.lines) <= 40
        await seat.press("home", "pagedown")
        assert seat.screen.lineup.row == seat.screen.board.devices.rows - 1


async def test_the_mouse_points_at_a_device_where_one_was_asked_for() -> None:
    async with seated(Stage(many(100))) as seat:
        await seat.pilot.click("#devices", offset=(5, 7))
        assert seat.screen.lineup.row == 7
        await seat.press("end")
        await seat.pilot.click("#next", offset=(2, 0))
        assert seat.screen.lineup.row == 100 - seat.screen.board.devices.rows


async def test_a_modifier_pressed_alone_says_nothing() -> None:
    async with seated(Stage(bank())) as seat:
        await seat.press("left_shift")
        assert seat.notice == ""


async def test_quitting_without_transfers_asks_nothing() -> None:
    async with seated(Stage(bank())) as seat:
        await seat.press("q")
        async with asyncio.timeout(10):
            while seat.app.is_running:
                await asyncio.wait_for(seat.pilot.pause(0.02), 5)


async def test_every_theme_draws_and_ascii_draws_ascii_only() -> None:
    for theme in ("dark", "light", "ansi"):
        options = UiOptions(fleet_name="bank-eu", label="DEMO", theme=theme, ascii=True, pace_s=0.05)
        async with seated(Stage(bank(), some_events(time.time())), options=options) as seat:
            for canvas in seat.app.screen.query(Canvas):
                for y in range(canvas.rows):
                    assert canvas.render_line(y).text.isascii()
