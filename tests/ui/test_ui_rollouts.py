"""Rollouts on the screen: what a person sees of the journal's, and what their keys record there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from dialog_stage import asks, words
from fleet_fixture import ACTOR, app_with, device, image
from journal_plans import rollouts
from rollout_stage import NEW, SHORT, World, plan
from updeck.clock import SystemClock
from updeck.fleet.inventory import Fleet
from updeck.fleet.views import Next, Tone
from updeck.journal.models import Op, Verdict
from updeck.journal.plan_models import ControlKind, Position, RolloutRecord
from updeck.journal.store import Journal
from updeck.rollout.plan import Fence, Plan
from updeck.ui.actions import BY_ID
from updeck.ui.app import UpdeckApp
from updeck.ui.glyphs import UNICODE
from updeck.ui.ink import text_of
from updeck.ui.launch import UiOptions
from updeck.ui.rollout_log import RolloutLog
from updeck.ui.screens.device_log import DeviceLogScreen
from updeck.ui.screens.dialog import Dialog
from updeck.ui.screens.rollout import RolloutScreen
from updeck.ui.screens.rollouts import RolloutsScreen
from updeck.ui.terminal import Title
from updeck.ui.widgets.canvas import Canvas

SIZES = [(120, 40), (80, 24), (60, 15)]
OPTIONS = UiOptions(fleet_name="bank-eu", label="LAB", pace_s=0.05)


def typed(text: str) -> list[str]:
    """Return the keys that type a text."""
    return ["space" if one == " " else one for one in text]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[[Plan], World]]:
    """Open one journal for the UI and one for the engine."""
    with (
        closing(Journal.open(tmp_path, actor=ACTOR, clock=SystemClock())) as journal,
        closing(Journal.open(tmp_path, actor=replace(ACTOR, program="engine"), clock=SystemClock())) as engine,
    ):
        yield lambda wanted: World(journal, engine, wanted)


class Seat:
    """A person in front of the screen."""

    def __init__(self, app: UpdeckApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        """All that stands on the screen that is open."""
        screen = self.app.screen
        if isinstance(screen, Dialog):
            return " ".join(" ".join(words(self.app, part) for part in ("title", "body", "remark")).split())
        canvases = [canvas for canvas in screen.query(Canvas) if canvas.display]
        return "\n".join(text_of(one) for canvas in canvases for one in canvas.lines)

    @property
    def notice(self) -> str:
        """The sentence above the keys, which does not go on with what goes on."""
        notices = self.app.screen.query("#notice").results(Canvas)
        return " ".join(text_of(one).strip() for notice in notices for one in notice.lines)

    async def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        await self.pilot.press(*keys)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the app work until something holds; a hang ends in a failure."""
        async with asyncio.timeout(15):
            while not condition():
                await self.pilot.pause(0.02)

    async def reads(self, *sought: str) -> None:
        """Wait until words stand on the screen."""
        await self.until(lambda: all(one in self.text for one in sought))

    async def is_asked(self, what: str) -> None:
        """Wait until a dialog shows these words and takes input."""
        await self.until(lambda: asks(self.app, what))

    async def open(self) -> None:
        """Open the newest rollout by keys."""
        await self.press("R")
        await self.reads("Rollouts", SHORT)
        await self.press("enter")
        await self.until(lambda: isinstance(self.app.screen, RolloutScreen))
        await self.reads("wave 1 of 3")


@asynccontextmanager
async def seated(stage: World, size: tuple[int, int] = (120, 40), options: UiOptions = OPTIONS) -> AsyncIterator[Seat]:
    """Sit down in front of the fleet of a rollout."""
    app = app_with(stage, options)
    async with app.run_test(size=size) as pilot:
        seat = Seat(app, pilot)
        await seat.reads("ar11-ams")
        yield seat
    assert app.crash is None


@pytest.mark.parametrize("size", SIZES)
async def test_a_rollout_is_told_on_the_fleet_screen_listed_and_shown_wave_by_wave(
    world: Callable[[Plan], World], size: tuple[int, int]
) -> None:
    stage = world(plan())
    stage.canary_done()
    async with seated(stage, size) as seat:
        await seat.reads("2 of 8 done")
        await seat.open()
        await seat.reads("WAITING_FOR_PROMOTION", "waits for a person to promote it", "2 of 8 done", "SUCCESS")
        await seat.press("escape", "escape")
        await seat.reads("ar11-ams")


async def test_enter_before_the_journal_was_read_says_so(
    world: Callable[[Plan], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = world(plan())
    async with seated(stage) as seat:
        monkeypatch.setattr(RolloutLog, "listed", None)
        screen = RolloutsScreen(seat.app)
        assert screen.at is None
        seat.app.open(screen)
        await seat.until(lambda: seat.app.screen is screen and seat.app.hears(screen))
        screen.at = None
        screen.act(BY_ID["next"])
        assert seat.notice == "the journal is being read"
        monkeypatch.setattr(RolloutLog, "listed", ())
        screen.act(BY_ID["next"])
        assert seat.notice == "no rollout was planned yet"


async def test_the_titles_stay_above_the_devices_wherever_the_cursor_goes(world: Callable[[Plan], World]) -> None:
    stage = world(plan())
    async with seated(stage, (60, 15)) as seat:
        await seat.open()
        pane = seat.app.screen.query_one("#text", Canvas)
        for key in ("end", *["up"] * 7, *["down"] * 7):
            await seat.press(key)
            shown = [text_of(one) for one in pane.lines]
            (titles,) = (at for at, one in enumerate(shown) if one.split()[:2] == ["name", "phase"])
            (cursor,) = (at for at, one in enumerate(shown) if one.startswith(UNICODE.cursor))
            assert titles < cursor
        assert titles == 0


async def test_the_screen_follows_what_the_engine_writes(world: Callable[[Plan], World]) -> None:
    stage = world(plan())
    async with seated(stage) as seat:
        await seat.open()
        stage.engine.stand(stage.rollout, [Position("ar11-ams", "VALIDATING", "validating, 12 s so far")])
        await seat.reads("VALIDATING", "validating, 12 s so far")
        stage.end("ar11-ams", Verdict.REVIEW, "the answer was lost")
        await seat.reads("REVIEW", "the answer was lost (resolve it)", "stopped: 1 failure")


async def test_the_log_of_a_device_tells_all_that_happened_and_follows(world: Callable[[Plan], World]) -> None:
    stage = world(plan())
    stage.send("ar11-ams", Op.INIT)
    async with seated(stage) as seat:
        await seat.open()
        await seat.press("v")
        await seat.until(lambda: isinstance(seat.app.screen, DeviceLogScreen))
        await seat.reads("ar11-ams  in rollout", "sending init", "init accepted, target", "now ")
        stage.engine.stand(stage.rollout, [Position("ar11-ams", "HELD", "its certificate waits for trust")])
        await seat.reads(
            "waits for a person: its certificate waits for trust", "because its certificate waits for trust"
        )
        stage.engine.stand(stage.rollout, [Position("ar11-ams", "INITIALIZING", "initializing")])
        await seat.reads("no person is needed any more")
        stage.end("ar11-ams", Verdict.REVIEW, "INITIALIZING does not end")
        await seat.reads("because INITIALIZING does not end", "because init was sent by mk and accepted", "resolve it")
        await seat.press("/", *"held", "enter")
        await seat.until(lambda: "sending init" not in seat.text)
        await seat.press("escape", "v")
        await seat.until(lambda: isinstance(seat.app.screen, RolloutScreen))
        await seat.press("enter")
        await seat.until(lambda: isinstance(seat.app.screen, DeviceLogScreen))


async def test_pausing_takes_one_key_and_read_only_too_and_resuming_takes_a_yes(
    world: Callable[[Plan], World],
) -> None:
    stage = world(plan())
    async with seated(stage, options=OPTIONS._replace(read_only=True)) as seat:
        await seat.open()
        await seat.press("p")
        await seat.reads("PAUSED", "paused by mk")
        await seat.press("p")
        await seat.reads("read-only")
        assert stage.asked.kind is ControlKind.PAUSE
    async with seated(stage) as seat:
        await seat.open()
        await seat.press("p")
        await seat.is_asked("nothing is sent a second time")
        await seat.press("y")
        await seat.until(lambda: stage.asked.kind is ControlKind.RESUME)


async def test_a_wave_is_promoted_by_its_size_and_target(world: Callable[[Plan], World]) -> None:
    stage = world(plan())
    async with seated(stage) as seat:
        await seat.open()
        await seat.press("P")
        await seat.reads("wave 2 waits for 2 devices of earlier waves")
        stage.canary_done()
        await seat.reads("waits for a person to promote it")
        await seat.press("P")
        await seat.is_asked("Wave 2 of 3 may begin: 3 devices")
        await seat.press(*typed(f"3 {SHORT}"))
        await seat.press("enter")
        await seat.until(lambda: bool(stage.record.controls))
        assert (stage.asked.kind, stage.asked.value) == (ControlKind.PROMOTE, "2")
        await seat.until(lambda: seat.notice == "wave 2 of 3 is promoted")


async def test_a_device_at_the_fence_is_let_go_by_its_name_and_target(world: Callable[[Plan], World]) -> None:
    stage = world(plan(fence=Fence.START))
    stage.arm("ar11-ams")
    async with seated(stage) as seat:
        await seat.open()
        await seat.press("j", "S")
        await seat.reads("ar11-fra: it is not ready to start: INITIALIZED comes first")
        await seat.press("k", "S")
        await seat.is_asked("Its engine starts it")
        await seat.press(*typed(f"ar11-ams {SHORT}"), "enter")
        await seat.until(lambda: bool(stage.record.controls))
        assert (stage.asked.kind, stage.asked.device, stage.asked.value) == (ControlKind.ARM, "ar11-ams", NEW)


async def test_the_gate_is_reopened_with_a_limit_and_a_reason(world: Callable[[Plan], World]) -> None:
    stage = world(plan())
    async with seated(stage) as seat:
        await seat.open()
        await seat.press("g")
        await seat.reads("no failure has stopped it")
        stage.end("ar11-ams", Verdict.NO_EFFECT, "history unchanged")
        await seat.reads("stopped: 1 failure")
        await seat.press("g")
        await seat.is_asked("It stopped after 1 failure, 0 allowed")
        await seat.press(*"2", "enter", "enter")
        await seat.reads("it needs a reason")
        await seat.press(*"disk", "enter")
        await seat.until(lambda: bool(stage.record.controls))
        assert (stage.asked.kind, stage.asked.value, stage.asked.reason) == (ControlKind.REOPEN, "2", "disk")
        await seat.until(lambda: seat.notice == "with 2 allowed it stops at failure number 3")


async def test_what_stands_initialized_behind_a_closed_gate_is_un_initialized_by_its_engine(
    world: Callable[[Plan], World],
) -> None:
    stage = world(plan())
    stage.arm("ar11-fra")
    async with seated(stage) as seat:
        await seat.open()
        await seat.press("X")
        await seat.reads("un-init is offered once a failure stopped it")
        stage.end("ar11-ams", Verdict.NO_EFFECT, "history unchanged")
        await seat.reads("stopped: 1 failure", "X un-init all")
        await seat.press("X")
        await seat.is_asked("type reset 1 and press enter")
        assert "ar11-fra" in seat.text
        assert "ar11-lon" not in seat.text
        await seat.press(*typed("reset 1"), "enter")
        await seat.until(lambda: bool(stage.record.controls))
        assert (stage.asked.kind, stage.asked.device) == (ControlKind.RESET, "ar11-fra")
        await seat.reads("1 device is un-initialized by the engine")
        await seat.press("X")
        await seat.reads("no device of it stands INITIALIZED")


async def test_an_engine_that_left_because_only_people_can_go_on_is_not_missed(
    world: Callable[[Plan], World],
) -> None:
    stage = world(plan())
    stage.end("ar11-ams", Verdict.SUCCESS, f"{NEW} is proven")
    stage.engine.stand(stage.rollout, [Position("ar11-fra", "HELD", "its login is refused")])
    stage.engine.release()
    async with seated(stage) as seat:
        await seat.open()
        await seat.reads(
            "only a person can go on, then p", "no engine needed now", "needs you now: 1 device waits for a person"
        )
        await seat.press("p")
        await seat.is_asked("nothing is sent a second time")


async def test_a_device_is_skipped_retried_and_resolved_with_a_reason(world: Callable[[Plan], World]) -> None:
    stage = world(plan(max_failures=8))
    stage.end("ar11-fra", Verdict.TRANSFER_FAILED, "the disk is full")
    stage.end("ar11-lon", Verdict.REVIEW, "no answer for an hour")
    async with seated(stage) as seat:
        await seat.open()
        await seat.press("t")
        await seat.reads("ar11-ams: its attempt has not ended")
        await seat.press("s")
        await seat.is_asked("It is left out")
        await seat.press(*"bad", "enter")
        await seat.until(lambda: len(stage.record.controls) == 1)
        assert (stage.asked.kind, stage.asked.device) == (ControlKind.SKIP, "ar11-ams")
        await seat.until(lambda: isinstance(seat.app.screen, RolloutScreen) and seat.app.busy is None)
        await seat.press("j", "t")
        await seat.is_asked("Another attempt is opened")
        await seat.press(*"again", "enter")
        await seat.until(lambda: stage.asked.kind is ControlKind.RETRY)
        await seat.until(lambda: isinstance(seat.app.screen, RolloutScreen) and seat.app.busy is None)
        await seat.press("j", "y")
        await seat.is_asked("Look at the device first")
        await seat.press("right", "enter", *"seen", "enter")
        await seat.until(lambda: stage.record.member("ar11-lon").attempt.resolve is not None)


async def test_an_abort_takes_the_number_of_those_it_ends(world: Callable[[Plan], World]) -> None:
    stage = world(plan())
    async with seated(stage) as seat:
        await seat.open()
        await seat.press("A")
        await seat.is_asked("type abort 8 and press enter")
        await seat.press(*"abort", "space", "8", "enter")
        await seat.until(lambda: bool(stage.record.controls))
        assert stage.asked.kind is ControlKind.ABORT


async def test_one_key_pauses_everything_read_only_too_and_letting_go_takes_a_yes(
    world: Callable[[Plan], World],
) -> None:
    stage = world(plan())
    async with seated(stage, options=OPTIONS._replace(read_only=True)) as seat:
        await seat.press("!")
        await seat.reads("ALL STARTS PAUSED")
        assert stage.record.braked
        await seat.press("!")
        await seat.reads("read-only")
    async with seated(stage) as seat:
        await seat.reads("ALL STARTS PAUSED")
        await seat.press("!")
        await seat.is_asked("All rollouts may init and start again")
        await seat.press("y")
        await seat.until(lambda: not stage.record.braked)
        await seat.until(lambda: "ALL STARTS PAUSED" not in seat.text)


async def test_what_a_rollout_newly_needs_a_person_for_rings_once_and_stands_in_the_title(
    world: Callable[[Plan], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    titles: list[str] = []
    monkeypatch.setattr(UpdeckApp, "bell", lambda app: rung.append("bell"))
    monkeypatch.setattr(Title, "tell", lambda title, text: titles.append(text))
    stage = world(plan(fence=Fence.START))
    stage.arm("ar11-ams")
    async with seated(stage) as seat:
        await seat.reads("needs you now: 1 ready for a person")
        assert rung == []
        assert titles[-1] == "updeck: 1 rollout waits for you"
        stage.arm("ar11-fra")
        await seat.reads("needs you now: 2 ready for a person")
        assert len(rung) == 1
        stage.end("ar11-fra", Verdict.NO_EFFECT, "history unchanged")
        await seat.reads("stopped: 1 failure")
        assert len(rung) == 2
        stage.engine.stand(stage.rollout, [Position("ar11-ams", "ARMED", "the gate is closed")])
        stage.end("ar11-lon", Verdict.NO_EFFECT, "history unchanged")
        await seat.reads("2 failures, 0 allowed")
        assert len(rung) == 2
        stage.engine.release()
        await seat.reads("no engine drives it")
        assert len(rung) == 3


async def test_a_rollout_whose_engine_is_dead_asks_to_be_resumed(world: Callable[[Plan], World]) -> None:
    stage = world(plan())
    stage.send("ar11-ams", Op.INIT)
    stage.engine.stand(stage.rollout, [Position("ar11-ams", "INITIALIZING", "initializing")])
    stage.engine.release()
    async with seated(stage) as seat:
        await seat.reads("0 of 8 done, and no engine drives it: R opens it, p there resumes it")
        await seat.open()
        await seat.reads("no engine drives it: p resumes it")
        await seat.press("p")
        await seat.is_asked("nothing is sent a second time")


async def test_enter_opens_the_rollout_at_the_device_that_is_in_it(world: Callable[[Plan], World]) -> None:
    stage = world(plan())
    for view in stage.state.views():
        stage.state.put(replace(view, next=Next("waits for wave 1", Tone.REST, "rollouts")))
    async with seated(stage) as seat:
        await seat.reads("waits for wave 1")
        await seat.press("j", "j", "enter")
        await seat.until(lambda: isinstance(seat.app.screen, RolloutScreen))
        await seat.reads(f"{seat.app.glyphs.cursor} ar11-lon")


async def test_marked_devices_are_planned_for_looked_at_and_registered_by_count_and_target(
    world: Callable[[Plan], World],
) -> None:
    stage = world(plan())
    for view in (device("new-1", images=(image(7),)), device("new-22", images=(image(7),)), device("new-333")):
        stage.state.put(view)
    stage.fleet = Fleet(Path("/nowhere/fleet.toml"), devices=tuple(view.entry for view in stage.state.views()))
    async with seated(stage) as seat:
        await seat.press("/", *"new", "enter", "*", "n")
        await seat.is_asked("Plan a rollout to 3 devices")
        await seat.press(*["tab"] * 5, *["backspace"] * 4, *typed("1"), "enter")
        await seat.reads("the waves leave out 2 of 3 devices")
        await seat.press(*typed(",100%"))
        await seat.reads("2 waves, 1 + 2; stops at failure number 1")
        await seat.press("enter")
        await seat.is_asked(f"type 3 {SHORT} and press enter")
        body = seat.text
        assert "2 of 3 devices are brought to 11.8.0 #28924" in body
        assert "1 new-1 → init, a person, start" in body
        assert "2 new-333 ≠ skipped: " in body
        await seat.press(*typed(f"3 {SHORT}"), "enter")
        await seat.reads("it is recorded, but no engine was started")
        made = rollouts(stage.engine)[0]
        assert isinstance(made, RolloutRecord)
        assert [(one.device, one.wave) for one in made.members] == [("new-1", 1), ("new-22", 2), ("new-333", 2)]


async def test_who_quits_is_told_what_goes_on(world: Callable[[Plan], World]) -> None:
    stage = world(plan())
    async with seated(stage) as seat:
        await seat.reads("0 of 8 done")
        assert (seat.app.farewell() or "").startswith(f"rollout {stage.rollout[:13]} goes on without this terminal")
        stage.engine.release()
        await seat.press("R")
        await seat.reads("NO ENGINE")
        assert seat.app.farewell() is None


async def test_keys_of_a_rollout_say_elsewhere_what_they_are_for(world: Callable[[Plan], World]) -> None:
    async with seated(world(plan())) as seat:
        await seat.press("P")
        await seat.reads("promote is for a rollout: R shows them")
