"""Every key of the registry does something or says why not; no key is needed that does not arrive everywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen

from dialog_stage import LOOK, until
from dialog_stage import Stage as DialogStage
from every_screen import DIALOGS, SCREENS, EveryScreen, concrete_screens, opened
from fleet_fixture import app_with
from flow_desk import Open
from updeck.device.models import Reach
from updeck.ui.actions import ACTIONS, Action
from updeck.ui.app import UpdeckApp
from updeck.ui.ink import EMPTY, text_of
from updeck.ui.keymap import Keymap
from updeck.ui.launch import UiOptions
from updeck.ui.screens.dialog import Dialog
from updeck.ui.screens.fleet import FleetScreen
from updeck.ui.screens.reading import ReadingScreen
from updeck.ui.widgets.canvas import Canvas

TAKEN = re.compile(r"^(alt\+.*|f\d+|ctrl\+[abqsz])$")
"""What a terminal or a multiplexer keeps to itself, or what is not on every keyboard."""

STILL = {"down", "up", "page_down", "page_up", "first", "last", "pane", "pane_back", "back", "clear"}
"""Moving where nothing can move, and clearing what is clear, are seen by everybody: they may be silent."""

AT_HAND = ("devices", "yes")
"""Places that are gone through by default; the others where UPDECK_LONG asks for it."""

PLACES = [
    pytest.param(name, marks=() if name in AT_HAND else pytest.mark.long)
    for name in (*SCREENS, *DIALOGS)
    if name != "notice"  # what is typed after a refused D may be the rest of a name
]
ANSWERED = {"next", "mark"}
"""Enter and space in a dialog, which may leave standing what is said to be missing."""


def drawn(app: UpdeckApp) -> tuple[object, ...]:
    """Return all that stands on the screen that is open, which one it is, and whether it was answered."""
    screen = app.screen
    seen: list[object] = [type(screen)]
    for widget in screen.query("Canvas, Form, Sheet, FileList"):
        if isinstance(widget, Canvas) and widget.display:
            seen += map(text_of, widget.lines)
        elif widget.display:
            seen += [widget.render_line(y).text for y in range(widget.size.height)]
    if isinstance(screen, Dialog):
        form = screen.form
        seen += [form.at, form.value(form.at) if form.typing else "", screen.answered.done()]
    return tuple(seen)


def pressed(action: Action) -> str:
    """Return the key of an action as a pilot presses it."""
    named = {"/": "slash", "*": "asterisk", "-": "minus", "]": "right_square_bracket", "[": "left_square_bracket"}
    named |= {"!": "exclamation_mark", "?": "question_mark"}
    return named.get(action.key, action.key)


async def silent(action: Action, app: UpdeckApp, pilot: Any) -> bool:
    """Press the key of an action; return whether nothing came of it, and nothing was said."""
    app.say(EMPTY)
    await pilot.pause()
    before = drawn(app)
    await pilot.press(pressed(action))
    await pilot.pause(0.02)
    if drawn(app) != before or app.busy is not None or action.id in STILL:
        return False
    return not (isinstance(app.screen, Dialog) and action.id in ANSWERED and app.screen.form.remark)


@pytest.mark.parametrize("name", PLACES)
async def test_every_key_does_something_or_says_why_not(name: str, tmp_path: Path) -> None:
    stage = EveryScreen(tmp_path / "state")
    app = app_with(stage, UiOptions(fleet_name="bank-eu", label="LAB", pace_s=0.05, read_only=True))
    at_home = name in SCREENS and SCREENS[name].make is None
    left = [action for action in ACTIONS if not (at_home and action.id == "quit")]
    found: list[str] = []
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: bool(app.home.lineup.shown and app.rollouts.found))
        while left:
            async with opened(app, pilot, name, tmp_path) as screen:
                while left:
                    action = left.pop(0)
                    if await silent(action, app, pilot):
                        found.append(action.id)
                    if action.id == "filter" and isinstance(app.screen, FleetScreen | ReadingScreen):
                        await pilot.press("escape")  # else all that follows would be its text
                    await back_to(app, screen, pilot)
                    over = isinstance(screen, Dialog) and screen.answered.done()
                    if at_home or app.screen is not screen or over:
                        break
    app.close_service()
    assert found == []
    assert app.crash is None


@pytest.mark.long
@pytest.mark.parametrize("name", ["devices", "status pane", "image pane", "activity pane", "detail", "activity"])
async def test_every_key_opens_its_dialog_or_says_why_not_and_sends_nothing_by_itself(
    name: str, desk: Open, tmp_path: Path
) -> None:
    async with desk(devices=3) as bench:
        app, pilot = bench.app, bench.pilot
        await bench.wait(lambda: all(view.reach is Reach.OK for view in app.service.state.views()))
        found: list[str] = []
        for action in ACTIONS:
            if action.id == "quit":
                continue
            async with opened(app, pilot, name, tmp_path) as screen:
                if await silent(action, app, pilot):
                    found.append(action.id)
                await bench.wait(lambda: app.busy is None or isinstance(app.screen, Dialog))
                if action.id == "filter":
                    await pilot.press("escape")
                await back_to(app, screen, pilot)
        assert found == []
        assert app.crash is None
        assert list((tmp_path / "state").glob("crash*")) == []
        for device in bench.simulator.names:
            truth = bench.simulator.truth(device)
            assert [truth[what] for what in ("inits", "starts", "resets")] == [0, 0, 0]


async def back_to(app: UpdeckApp, screen: Screen[Any], pilot: Any) -> None:
    """Leave whatever a key opened before the screen, and take the frost off."""
    await pilot.pause()
    for _ in range(5):
        if app.screen in (screen, app.home) and app.busy is None and app.home.lineup.frozen is False:
            break
        await pilot.press("z" if app.screen is app.home and app.home.lineup.frozen else "escape")
        await pilot.pause(0.05)


REMAPPED = {"back": "ctrl+g", "page_down": "ctrl+d", "down": "ctrl+n", "pane": "ctrl+o"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == "start" else pytest.mark.long) for name in (*DIALOGS, "palette")],
)
async def test_a_key_that_was_given_to_an_action_does_the_same_in_dialogs(name: str, tmp_path: Path) -> None:
    stage = EveryScreen(tmp_path / "state")
    app = app_with(stage, UiOptions(fleet_name="bank-eu", label="LAB", pace_s=3600, keys=REMAPPED))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.service_or_none is not None)
        app.home.look()
        traces = []
        for keys in (("ctrl+n", "ctrl+d", "ctrl+o", "ctrl+o", "ctrl+n"), ("down", "pagedown", "tab", "tab", "down")):
            async with opened(app, pilot, name, tmp_path):
                traces.append([await after(app, pilot, key) for key in keys])
        assert traces[0] == traces[1]
        async with opened(app, pilot, name, tmp_path) as screen:
            await pilot.press("ctrl+g")
            if isinstance(screen, Dialog):
                assert screen.answered.done()
            else:
                await until(pilot, lambda: app.screen is app.home)
    app.close_service()


async def after(app: UpdeckApp, pilot: Any, key: str) -> tuple[object, ...]:
    """Press a key, and return what stands there then."""
    await pilot.press(key)
    await pilot.pause(0.02)
    return drawn(app)


async def test_a_key_that_was_given_to_going_back_leaves_the_filter_and_types_nothing(tmp_path: Path) -> None:
    app = app_with(EveryScreen(tmp_path / "state"), UiOptions(fleet_name="b", pace_s=3600, keys={"back": "ctrl+g"}))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.service_or_none is not None)
        app.home.look()
        await pilot.press("slash", "z", "z")
        assert app.home.filter_text == "zz"
        await pilot.press("ctrl+g")
        assert app.home.filter_text == ""
    app.close_service()


def test_no_key_that_types_or_edits_means_another_one_in_a_dialog() -> None:
    given = {"back": "left", "down": "J", "up": "ctrl+w", "page_down": "ctrl+d", "activity": "ctrl+g", "pane": "end"}
    assert Keymap({**given, "last": "ctrl+l"}).in_dialogs() == {"ctrl+d": "pagedown"}


def test_no_binding_anywhere_needs_a_key_that_does_not_arrive_everywhere() -> None:
    bound: set[str] = set()
    for screen in concrete_screens():
        bound |= {key for base in screen.__mro__ for key in keys_of(base) if base.__module__.startswith("updeck.")}
    assert {"escape", "pagedown"} <= bound
    assert [key for key in bound if TAKEN.match(key)] == []
    assert [one.key for one in ACTIONS if TAKEN.match(one.key)] == []


def keys_of(base: type) -> set[str]:
    """Return the keys that a class binds itself."""
    return {key.strip() for one in base.__dict__.get("BINDINGS", ()) for key in getattr(one, "key", "").split(",")}


@pytest.mark.parametrize("key", ["ctrl+q", "ctrl+c", "ctrl+p", "f1", "shift+tab"])
async def test_no_key_of_textual_itself_does_anything_of_its_own(key: str, tmp_path: Path) -> None:
    app = app_with(EveryScreen(tmp_path / "state"), UiOptions(fleet_name="bank-eu", pace_s=0.05))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bool(app.home.lineup.shown))
        for name in ("devices", "detail", "note", "palette"):
            async with opened(app, pilot, name, tmp_path) as screen:
                if not (name == "palette" and key == "ctrl+p"):
                    await pilot.press(key)
                    await pilot.pause()
                assert app.is_running
                assert app.return_code is None
                assert app.screen is screen or type(app.screen).__module__.startswith("updeck.ui.")
                assert not app.query("HelpPanel, CommandPalette, KeyPanel, Toast")
                if app.screen is not screen:
                    await back_to(app, screen, pilot)
    app.close_service()


WALKED = [
    pytest.param(name, marks=() if name in ("start", "pick", "login", "plan 0") else pytest.mark.long)
    for name in DIALOGS
]


@pytest.mark.parametrize("name", WALKED)
async def test_every_dialog_is_gone_through_by_tab_arrows_enter_and_escape_alone(name: str, tmp_path: Path) -> None:
    app = DialogStage()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog: Dialog[Any] = DIALOGS[name](tmp_path, LOOK)
        await app.open(dialog)
        await until(pilot, lambda: dialog.hearing)
        form, been = dialog.form, []
        for _ in range(12):
            been.append(form.at)
            await pilot.press("tab" if name != "pick" else "down")
        assert app.focused is form
        assert set(form.stops) <= set(been) or name == "pick"
        await pilot.press("pagedown", "pageup", "escape")
        await until(pilot, lambda: app.answers == [None])
