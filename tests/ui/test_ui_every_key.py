"""Every key of the registry does something or says why not; no key is needed that does not arrive everywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen

from dialog_stage import LOOK, until
from dialog_stage import Stage as DialogStage
from every_screen import DIALOGS, EveryScreen, concrete_screens, opened
from fleet_fixture import app_with
from updeck.ui.actions import ACTIONS, Action
from updeck.ui.app import UpdeckApp
from updeck.ui.ink import EMPTY, text_of
from updeck.ui.launch import UiOptions
from updeck.ui.screens.dialog import Dialog
from updeck.ui.widgets.canvas import Canvas

TAKEN = re.compile(r"^(alt\+.*|f\d+|ctrl\+[abqsz])$")
"""What a terminal or a multiplexer keeps to itself, or what is not on every keyboard."""

STILL = {"down", "up", "page_down", "page_up", "first", "last", "pane", "pane_back", "back", "clear"}
"""Moving where nothing can move, and clearing what is clear, are seen by everybody: they may be silent."""

PLACES = ("devices",)
TURNS = {action.id for action in ACTIONS} - {"quit"}


def drawn(app: UpdeckApp) -> tuple[object, ...]:
    """Return all that stands on the screen that is open, and which one it is."""
    canvases = [canvas for canvas in app.screen.query(Canvas) if canvas.display]
    return (type(app.screen), *(text_of(one) for canvas in canvases for one in canvas.lines))


def pressed(action: Action) -> str:
    """Return the key of an action as a pilot presses it."""
    named = {"/": "slash", "*": "asterisk", "-": "minus", "]": "right_square_bracket", "[": "left_square_bracket"}
    named |= {"!": "exclamation_mark", "?": "question_mark"}
    return named.get(action.key, action.key)


@pytest.mark.parametrize("name", PLACES)
async def test_every_key_does_something_or_says_why_not(name: str, tmp_path: Path) -> None:
    stage = EveryScreen(tmp_path / "state")
    app = app_with(stage, UiOptions(fleet_name="bank-eu", label="LAB", pace_s=0.05, read_only=True))
    silent: list[str] = []
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: bool(app.home.lineup.shown and app.rollouts.found))
        for action in (one for one in ACTIONS if one.id in TURNS):
            async with opened(app, pilot, name, tmp_path) as screen:
                app.say(EMPTY)
                before = drawn(app)
                await pilot.press(pressed(action))
                await pilot.pause(0.02)
                if action.id not in STILL and drawn(app) == before and app.busy is None:
                    silent.append(action.id)
                if action.id == "filter":
                    await pilot.press("escape")  # else all that follows would be its text
                await back_to(app, screen, pilot)
    app.close_service()
    assert silent == []


async def back_to(app: UpdeckApp, screen: Screen[Any], pilot: Any) -> None:
    """Leave whatever a key opened before the screen, and take the frost off."""
    await pilot.pause()
    for _ in range(5):
        if app.screen in (screen, app.home) and app.busy is None and app.home.lineup.frozen is False:
            break
        await pilot.press("z" if app.screen is app.home and app.home.lineup.frozen else "escape")
        await pilot.pause(0.05)


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
        stops = {*(button.key for button in form._buttons), *form._open}
        assert stops <= set(been) or name == "pick"
        await pilot.press("pagedown", "pageup", "escape")
        await until(pilot, lambda: app.answers == [None])
