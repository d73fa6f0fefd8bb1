"""Every screen and dialog at every size: nothing that can be done is cut off, and a resize loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialog_stage import LOOK, device_view, examination, until
from dialog_stage import Stage as DialogStage
from fleet_fixture import Stage, bank, device, many
from seat import Seat, seated
from updeck.device.image_file import Checksums
from updeck.device.models import Reach
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.orders import Examination, Performed
from updeck.text import cell_width
from updeck.ui.confirmation import Deal
from updeck.ui.examined import ask_about
from updeck.ui.exports import Export
from updeck.ui.ink import Ink, Span, line, text_of
from updeck.ui.lines.footer import whole_keys
from updeck.ui.plan_draft import PAGES, first_draft
from updeck.ui.screens.confirm_dialog import ConfirmDialog
from updeck.ui.screens.copy_dialog import CopyDialog
from updeck.ui.screens.dialog import Dialog
from updeck.ui.screens.export_dialog import ExportDialog
from updeck.ui.screens.fetch_dialog import FetchDialog
from updeck.ui.screens.file_picker import FilePicker
from updeck.ui.screens.first_run import FirstRun
from updeck.ui.screens.login_dialog import LoginDialog
from updeck.ui.screens.note_dialog import NoteDialog
from updeck.ui.screens.plan_dialog import PlanDialog, Step, Then
from updeck.ui.screens.quit_dialog import QuitDialog
from updeck.ui.screens.reason_dialog import Asked, ReasonDialog
from updeck.ui.screens.upload_dialog import UploadDialog
from updeck.ui.widgets.canvas import Canvas
from updeck.ui.widgets.form import Entry, Form

SIZES = [(60, 15), (80, 24), (100, 30), (120, 40), (200, 60)]
LONG = "ar11-a-name-that-goes-on-and-on-for-ever-nyc-dc1"
HANG_S = 20.0

Make = Callable[[Path], Dialog[Any]]


async def examined(name: str) -> Examination:
    """Read at once."""
    return examination()


async def read(chosen: str | None) -> Examination:
    """Read at once."""
    return examination()


def never(*given: object) -> asyncio.Future[Any]:
    """Send nothing, and answer never."""
    return asyncio.get_running_loop().create_future()


async def knock(entry: DeviceEntry) -> None:
    """Find nothing that has a certificate."""


def no_table() -> Export:
    """Return an empty table."""
    return Export("devices", {}, (), ())


def confirm(*, typed: bool) -> ConfirmDialog[Examination, Performed]:
    """Return the dialog to start one device."""
    deal: Deal[Examination, Performed]
    deal = Deal("start", read, lambda shown: ask_about(shown, LOOK.glyphs), never, typed=typed)
    return ConfirmDialog(f"Start: {LONG}", LOOK, deal)


def iso(place: Path) -> Path:
    """Return a small file with a long name."""
    path = place / f"update-11.8.0-{'x' * 60}.iso"
    path.write_bytes(b"image")
    return path


def plan(page: int) -> PlanDialog:
    """Return a page of the plan dialog."""
    return PlanDialog(LOOK, 200, Step(Then.PAGE, first_draft(200, "11.8.0"), page))


VIEW = device_view(name=LONG)
DIALOGS: dict[str, Make] = {
    "start": lambda place: confirm(typed=True),
    "yes": lambda place: confirm(typed=False),
    "copy": lambda place: CopyDialog(LOOK, LONG, {"name": LONG, "checksum 7": "ab" * 32}),
    "export": lambda place: ExportDialog(LOOK, "devices", 1000, no_table, place),
    "fetch": lambda place: FetchDialog(LOOK, [LONG], examined, urls=["http://x/y"], allows_local=lambda name: True),
    "pick": lambda place: FilePicker(LOOK, iso(place).parent, title="Upload"),
    "first": lambda place: FirstRun(LOOK, str(place / ("deep" * 20)), knock),
    "login": lambda place: LoginDialog(LOOK, [VIEW] * 40, never),
    "note": lambda place: NoteDialog(LOOK, [VIEW] * 40),
    "quit": lambda place: QuitDialog(LOOK, [VIEW] * 40),
    "reason": lambda place: ReasonDialog(
        LOOK, Asked(f"Retry {LONG}", "retry", lambda width: [], Entry("value", "limit"))
    ),
    "upload": lambda place: UploadDialog(LOOK, iso(place), [LONG], examined, checksums=Checksums(), rates={}),
    **{f"plan{page}": lambda place, page=page: plan(page) for page in range(len(PAGES))},  # type: ignore[misc]
}


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
        dialog = DIALOGS[name](tmp_path)
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
SCREENS = {"fleet": (), "images": ("tab", "tab"), "detail": ("v",), "activity": ("J",), "rollouts": ("R",)}
SCREENS |= {"help": ("question_mark",), "palette": ("ctrl+p",)}


def footer_of(seat: Seat) -> str:
    """Return the line of keys on view, as far as it is drawn."""
    found = [canvas for canvas in seat.app.screen.query(Canvas) if canvas.id in ("keys", "footer") and canvas.display]
    if not found:
        return ""
    drawn = text_of(found[0].lines[0])
    assert cell_width(drawn) <= found[0].cells, f"cut off: {drawn}"
    return drawn


@pytest.mark.parametrize("fleet", FLEETS)
async def test_every_screen_stands_at_every_size_and_no_key_in_its_foot_is_cut(fleet: str) -> None:
    async with seated(FLEETS[fleet](), (80, 24)) as seat:
        for name, keys in SCREENS.items():
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


def test_what_does_not_fit_in_a_line_of_keys_goes_whole_and_the_way_out_stays() -> None:
    labels = ("one", "back", "three", "four", "help", "six")
    drawn = line(*(span for word in labels for span in (Span("k", Ink.KEY), Span(f" {word}  ", Ink.DIM))))
    assert text_of(whole_keys(drawn, 30)).split() == ["k", "one", "k", "back", "k", "help"]
    assert text_of(whole_keys(drawn, 5)).split() == ["k", "back", "k", "help"]
    assert whole_keys(drawn, 54) == drawn
