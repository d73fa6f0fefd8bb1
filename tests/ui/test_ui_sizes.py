"""Every screen and dialog at every size: nothing that can be done is cut off, and a resize loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen

from dialog_stage import LOOK, until
from dialog_stage import Stage as DialogStage
from every_screen import DIALOGS, LONG, SCREENS, EveryScreen, opened
from fleet_fixture import Stage, app_with, bank, device, many
from seat import Seat, seated
from updeck.device.models import Reach
from updeck.text import cell_width
from updeck.ui.ink import Ink, Span, line, text_of
from updeck.ui.launch import UiOptions
from updeck.ui.lines.footer import whole_keys
from updeck.ui.screens.dialog import Dialog
from updeck.ui.screens.reading import ReadingScreen
from updeck.ui.widgets.canvas import Canvas
from updeck.ui.widgets.form import Form

SIZES = [(60, 15), (80, 24), (100, 30), (120, 40), (200, 60)]


def whole(dialog: Dialog[Any]) -> None:
    """Assert that every line, the remark and every button are on view in full, and some of the text."""
    form = dialog.query_one(Form)
    assert form.region.height == form.styles.height.value, "a part of the form is cut off"  # type: ignore[union-attr]
    assert dialog.region.contains_region(form.region), (dialog.region, form.region)
    buttons = form.render_line(form.size.height - 1).text
    for label in form.buttons:
        assert f"[ {label} ]" in buttons, buttons
    assert cell_width(buttons) == form.size.width
    assert dialog.body.size.height >= 1
    assert dialog.region.contains_region(dialog.body.region)


@pytest.mark.parametrize("name", DIALOGS)
async def test_a_dialog_shows_all_that_can_be_done_at_every_size_and_keeps_what_was_typed(
    name: str, tmp_path: Path
) -> None:
    app = DialogStage()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = DIALOGS[name](tmp_path, LOOK)
        await app.open(dialog)
        await until(pilot, lambda: dialog.hearing)
        await pilot.press("a", "b")
        form = dialog.form
        at = form.at
        typed = form.value(at) if form.typing else ""
        for width, height in [*SIZES, (40, 10), (20, 5), *reversed(SIZES)]:
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            assert app.focused is form
            assert form.at == at
            assert not form.typing or form.value(at) == typed
            if (width, height) in SIZES:
                whole(dialog)
        await pilot.press("escape")
        await until(pilot, lambda: app.answers == [None])


FLEETS: dict[str, Callable[[], Stage]] = {
    "bank": lambda: Stage(bank()),
    "thousand": lambda: Stage(many(1000)),
    "none": Stage,
    "away": lambda: Stage([replace(view, reach=Reach.UNREACHABLE, error="no answer") for view in bank()]),
    "long": lambda: Stage([device(f"{LONG}-{number}", version="11.8.0-" + "9" * 60) for number in range(5)]),
}
PLACES = {"fleet": (), "images": ("tab", "tab"), "detail": ("v",), "activity": ("J",), "rollouts": ("R",)}
PLACES |= {"help": ("question_mark",), "palette": ("ctrl+p",)}


def footer_of(seat: Seat) -> str:
    """Return the line of keys on view, as far as it is drawn."""
    found = [canvas for canvas in seat.app.screen.query(Canvas) if canvas.id in ("keys", "footer") and canvas.display]
    if not found:
        return ""
    drawn = text_of(found[0].lines[0])
    assert cell_width(drawn) <= found[0].cells, f"cut off: {drawn}"
    return drawn


@pytest.mark.parametrize(
    "fleet",
    [pytest.param(one, marks=[pytest.mark.long] if one in ("bank", "thousand", "away") else []) for one in FLEETS],
)
async def test_every_screen_stands_at_every_size_and_no_key_in_its_foot_is_cut(fleet: str) -> None:
    async with seated(FLEETS[fleet](), (80, 24)) as seat:
        for name, keys in PLACES.items():
            if fleet == "none" and name == "detail":
                continue
            await seat.press(*keys)
            await seat.pilot.pause(0.1)
            screen = seat.app.screen
            for width, height in [*SIZES, (40, 10), (20, 5), (80, 24)]:
                await seat.pilot.resize_terminal(width, height)
                await seat.pilot.pause()
                assert seat.app.screen is screen
                if (width, height) in SIZES:
                    assert name == "palette" or footer_of(seat).strip(), (name, width, height)
            await seat.press("escape")
            await seat.pilot.pause(0.1)
            assert seat.app.screen is seat.screen


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([(60, 15)], id="floor"),
        pytest.param([*SIZES, (40, 10), *reversed(SIZES)], id="all", marks=pytest.mark.long),
    ],
)
async def test_no_screen_loses_its_title_its_keys_or_its_place_through_all_sizes(
    sizes: list[tuple[int, int]], tmp_path: Path
) -> None:
    app = app_with(EveryScreen(tmp_path / "state"), UiOptions(fleet_name="bank-eu", label="PRODUCTION", pace_s=0.05))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bool(app.home.lineup.shown and app.rollouts.found))
        for name in SCREENS:
            async with opened(app, pilot, name, tmp_path) as screen:
                drawn_whole(screen, f"{name} at 80x24")
                for width, height in sizes:
                    await pilot.resize_terminal(width, height)
                    await pilot.pause()
                    assert app.screen is screen
                    if (width, height) in SIZES:
                        drawn_whole(screen, f"{name} at {width}x{height}")
                await pilot.resize_terminal(20, 5)
                await pilot.press("down", "up")
                assert app.screen is screen
                if SCREENS[name].make is not None:
                    await pilot.press("escape")
                    await until(pilot, lambda: app.screen is app.home)
                await pilot.resize_terminal(80, 24)
    app.close_service()


def drawn_whole(screen: Screen[Any], where: str) -> None:
    """Assert that neither title nor keys are cut, and that every part lies within the screen."""
    for canvas in screen.query(Canvas):
        if not canvas.display:
            continue
        assert screen.region.contains_region(canvas.region), (where, canvas.id)
        if canvas.id in ("title", "header", "footer", "keys"):
            (drawn,) = [text_of(one) for one in canvas.lines] or [""]
            assert drawn.strip(), (where, canvas.id)
            assert cell_width(drawn) <= canvas.cells, (where, drawn)
            assert "…" not in drawn, (where, drawn)
        if canvas.id == "keys" and isinstance(screen, ReadingScreen) and screen.help_page() is not None:
            assert "? help" in text_of(canvas.lines[0]), where


async def test_below_the_floor_a_line_stays_and_the_keys_work_on() -> None:
    async with seated(Stage(bank()), (40, 10)) as seat:
        assert "60x15 shows more" in seat.text
        first = seat.screen.lineup.cursor
        await seat.press("down")
        assert seat.screen.lineup.cursor != first
        await seat.press("D")
        await seat.until("go to the images first")
        await seat.press("question_mark")
        await seat.until("Keys of")
        await seat.press("escape")
        await seat.pilot.pause(0.1)
        await seat.press("q")
        await seat.pilot.pause()
        assert seat.app.return_code is None or seat.app.return_code == 0


@pytest.mark.parametrize("keys", [("v",), ("J",), ("R",), ("question_mark",)])
async def test_a_key_that_nobody_knows_is_not_silent_on_any_screen(keys: tuple[str, ...]) -> None:
    async with seated(Stage(bank()), (80, 24)) as seat:
        await seat.press(*keys)
        await seat.pilot.pause(0.1)
        await seat.press("W")
        await seat.until("W does nothing here; ? shows the keys, esc goes back")
        await seat.press("at")
        await seat.until("@ does nothing here")


async def test_a_key_that_nobody_knows_is_called_by_what_is_printed_on_it() -> None:
    async with seated(Stage(bank()), (80, 24)) as seat:
        await seat.press("at")
        await seat.until("@ does nothing here; ? shows the keys, q quits")


def test_what_does_not_fit_in_a_line_of_keys_goes_whole_and_the_way_out_stays() -> None:
    labels = ("one", "back", "three", "four", "help", "six")
    drawn = line(*(span for word in labels for span in (Span("k", Ink.KEY), Span(f" {word}  ", Ink.DIM))))
    assert text_of(whole_keys(drawn, 30)).split() == ["k", "one", "k", "back", "k", "help"]
    assert text_of(whole_keys(drawn, 5)).split() == ["k", "back", "k", "help"]
    assert whole_keys(drawn, 54) == drawn
