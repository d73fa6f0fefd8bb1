"""Confirming: nothing that was typed for something else, too early or by a paste may send anything."""

from __future__ import annotations

import asyncio

import pytest
from textual.events import Paste
from textual.message import Message

from dialog_stage import CHECKSUM, LOOK, TOKEN, Stage, burst, examination, key_from, performed, until, words
from updeck.errors import Blocked
from updeck.fleet.orders import Examination, Performed, Weight
from updeck.journal.models import Op
from updeck.ui.confirmation import Deal, token_gap
from updeck.ui.examined import ask_about
from updeck.ui.screens.confirm_dialog import ConfirmDialog


class Scene:
    """A confirm dialog with a read and a send that the test answers."""

    def __init__(self, *, typed: bool = True) -> None:
        loop = asyncio.get_running_loop()
        self.reading: asyncio.Future[Examination] = loop.create_future()
        self.answer: asyncio.Future[Performed] = loop.create_future()
        self.sent: list[str | None] = []
        self.reads: list[str | None] = []
        deal = Deal(
            "start", self.read, lambda shown: ask_about(shown, LOOK.glyphs), self.send, typed=typed, chooses=not typed
        )
        self.dialog = ConfirmDialog("Start: ar11-fra-dc1", LOOK, deal)

    async def read(self, chosen: str | None) -> Examination:
        self.reads.append(chosen)
        return await asyncio.shield(self.reading)

    def send(self, shown: Examination, chosen: str | None) -> asyncio.Future[Performed]:
        self.sent.append(chosen)
        return self.answer

    @property
    def token(self) -> str:
        return self.dialog.form.value("token")


async def test_the_start_dialog_shows_version_target_image_history_and_checks() -> None:
    app, scene = Stage(), Scene()
    scene.reading.set_result(examination())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        body = words(app)
        assert "LAB" in words(app, "title")
        for part in (
            "goes down and is not reachable",
            "11.6.0 #23947 → 11.8.0 #28924",
            CHECKSUM[:16],
            "https://10.20.1.4",
            "serial AR11-0012",
            "by someone else",
            "skipped",
        ):
            assert part in body
        assert body.index("11.6.0 #23947\n") < body.index("11.2.0 #13859")


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40)])
async def test_buttons_and_field_are_on_view_at_every_size(size: tuple[int, int]) -> None:
    app, scene = Stage(), Scene()
    scene.reading.set_result(examination())
    async with app.run_test(size=size) as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        for part in (scene.dialog.form, scene.dialog.body):
            assert app.screen.region.contains_region(part.region)
        assert scene.dialog.form.region.height == 4
        assert scene.dialog.body.region.height >= 7


async def test_cancel_has_the_focus_and_enter_sends_nothing() -> None:
    app, scene = Stage(), Scene()
    scene.reading.set_result(examination())
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        assert scene.dialog.form.at == "cancel"
        await pilot.press("enter")
        await until(pilot, lambda: app.answers == [None])
        assert scene.sent == []


async def test_the_typed_token_sends_once() -> None:
    app, scene = Stage(), Scene()
    scene.reading.set_result(examination())
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        burst(app, TOKEN, "enter", "enter")
        await until(pilot, lambda: scene.sent != [])
        scene.answer.set_result(performed())
        await until(pilot, lambda: app.answers == [scene.answer])
        assert scene.sent == [None]


async def test_an_incomplete_token_sends_nothing_and_says_what_is_missing() -> None:
    app, scene = Stage(), Scene()
    scene.reading.set_result(examination())
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        burst(app, "ar11-fra-dc1", "enter")
        await until(pilot, lambda: "still missing: 11.8.0" in words(app, "remark"))
        assert scene.sent == []


async def test_keys_from_before_the_paint_are_dropped() -> None:
    app, scene = Stage(), Scene()
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await pilot.pause()
        typed_at = Message().time
        scene.reading.set_result(examination())
        await until(pilot, lambda: "goes down" in words(app) and scene.dialog.hearing)
        for character in TOKEN:
            app.post_message(key_from(typed_at, character, character))
        app.post_message(key_from(typed_at, "enter", "\r"))
        app.post_message(key_from(typed_at, "tab", "\t"))
        app.post_message(key_from(typed_at, "y", "y"))
        burst(app, "a")
        await until(pilot, lambda: scene.token == "a")
        assert scene.sent == []
        assert app.answers == []


async def test_the_field_is_closed_while_reading_and_escape_leaves() -> None:
    app, scene = Stage(), Scene()
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        assert scene.dialog.form.buttons == ("Cancel",)
        assert "reading" in words(app, "remark")
        await pilot.press("a", "y", "tab")
        assert scene.token == ""
        await pilot.press("escape")
        await until(pilot, lambda: app.answers == [None])
        assert scene.sent == []


async def test_a_bracketed_paste_fills_nothing_and_confirms_nothing() -> None:
    app, scene = Stage(), Scene()
    scene.reading.set_result(examination())
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        app.post_message(Paste(f"{TOKEN}\r"))
        await pilot.pause()
        await pilot.press("shift+tab")
        assert scene.dialog.form.at == "token"
        app.post_message(Paste(f"{TOKEN}\r"))
        await pilot.pause()
        assert scene.token == ""
        assert "paste" in words(app, "remark")
        await pilot.press("enter")
        assert scene.sent == []
        assert "type ar11" in words(app, "remark")


async def test_a_yes_is_enough_where_the_weight_is_yes() -> None:
    app, scene = Stage(), Scene(typed=False)
    scene.reading.set_result(examination(op=Op.INIT, weight=Weight.YES))
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        await pilot.press("y")
        assert scene.sent == [None]


async def test_a_yes_from_before_the_paint_is_dropped() -> None:
    app, scene = Stage(), Scene(typed=False)
    scene.reading.set_result(examination(op=Op.INIT, weight=Weight.YES))
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: "press y" in words(app, "remark") and scene.dialog.hearing)
        app.post_message(key_from(scene.dialog.hears_from - 0.001, "y", "y"))
        await pilot.press("tab")
        assert scene.dialog.form.at == "confirm"
        assert scene.sent == []


async def test_the_button_confirms_by_tab_and_enter() -> None:
    app, scene = Stage(), Scene(typed=False)
    scene.reading.set_result(examination(op=Op.INIT, weight=Weight.YES))
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        await pilot.press("tab", "enter")
        assert scene.sent == [None]


async def test_one_of_several_versions_has_to_be_chosen_and_is_read_again() -> None:
    app, scene = Stage(), Scene(typed=False)
    versions = ("11.8.0 #28924", "11.10.0")
    scene.reading.set_result(examination(op=Op.INIT, weight=Weight.YES, choices=versions, target=None))
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        await pilot.press("y")
        assert scene.sent == []
        assert "choose" in words(app, "remark")
        await pilot.press("shift+tab", "right", "right")
        await until(pilot, lambda: scene.reads[-1] == "11.10.0" and scene.dialog.hearing)
        await until(pilot, lambda: "press y" in words(app, "remark"))
        await pilot.press("y")
        assert scene.sent == ["11.10.0"]


async def test_a_refusal_shows_its_reason_and_only_close() -> None:
    app, scene = Stage(), Scene()
    scene.reading.set_result(examination(refusal="the device is RUNNING an update"))
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: "RUNNING an update" in words(app) and scene.dialog.hearing)
        assert scene.dialog.form.buttons == ("Close",)
        burst(app, TOKEN, "y", "enter")
        await pilot.pause()
        await until(pilot, lambda: app.answers == [None])
        assert scene.sent == []


async def test_a_difference_found_before_sending_is_shown_with_nothing_sent() -> None:
    app, scene = Stage(), Scene()
    scene.reading.set_result(examination())
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        burst(app, TOKEN, "enter")
        await pilot.pause()
        scene.answer.set_exception(Blocked("target: 11.8.0 → 11.10.0", device="ar11-fra-dc1"))
        await until(pilot, lambda: "Nothing was sent." in words(app))
        assert "11.8.0 → 11.10.0" in words(app)
        await until(pilot, lambda: scene.dialog.hearing)
        await pilot.press("escape")
        await until(pilot, lambda: app.answers == [None])


async def test_escape_while_sending_leaves_the_answer_to_the_caller() -> None:
    app, scene = Stage(), Scene()
    scene.reading.set_result(examination())
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        burst(app, TOKEN, "enter", "escape")
        await pilot.pause()
        await until(pilot, lambda: app.answers == [scene.answer])
        assert not scene.answer.cancelled()


async def test_a_device_that_cannot_be_read_says_so() -> None:
    app, scene = Stage(), Scene()
    scene.reading.set_exception(Blocked("no such device in the fleet", device="ar11-fra-dc1"))
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: "no such device" in words(app))


@pytest.mark.parametrize(
    ("typed", "gap"),
    [
        ("", f"type {TOKEN} and press enter"),
        ("ar11-fra-dc1", "still missing: 11.8.0"),
        ("ar11-fra-dc1 11.8", "still missing: .0"),
        ("ar11-fra-dc2 11.8.0", f"that is not {TOKEN}"),
        (f"{TOKEN}1", f"that is not {TOKEN}"),
        (TOKEN.upper(), f"that is not {TOKEN}"),
        (TOKEN, None),
        (f"{TOKEN} ", None),
    ],
)
def test_the_token_says_what_is_missing(typed: str, gap: str | None) -> None:
    assert token_gap(typed, TOKEN) == gap


async def test_a_sending_that_cannot_begin_is_said() -> None:
    app, scene = Stage(), Scene(typed=False)
    scene.reading.set_result(examination(op=Op.INIT, weight=Weight.YES))

    def refuse(shown: Examination, chosen: str | None) -> asyncio.Future[Performed]:
        raise Blocked("the fleet is not running")

    deal = Deal("init", scene.read, lambda shown: ask_about(shown, LOOK.glyphs), refuse, typed=False)
    async with app.run_test() as pilot:
        dialog = ConfirmDialog("Init", LOOK, deal)
        await app.open(dialog)
        await until(pilot, lambda: "press y" in words(app, "remark") and dialog.hearing)
        await pilot.press("y")
        await until(pilot, lambda: "the fleet is not running" in words(app))


async def test_what_breaks_in_the_program_is_said_and_escape_still_leaves() -> None:
    app, scene = Stage(), Scene()
    scene.reading.set_exception(RuntimeError("\x1b[2J canary"))
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: "this is a fault in updeck itself (RuntimeError" in words(app, "remark"))
        assert "canary" not in words(app, "remark")
        assert words(app, "remark").isprintable()
        await pilot.press("escape")
        await until(pilot, lambda: app.answers == [None])


async def test_a_dialog_fits_a_terminal_that_changes_its_size() -> None:
    app, scene = Stage(), Scene()
    scene.reading.set_result(examination())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: scene.dialog.hearing)
        for columns, rows in ((60, 15), (80, 24), (20, 5), (200, 60)):
            wanted = min(columns, 74)
            await pilot.resize_terminal(columns, rows)
            await until(pilot, lambda wanted=wanted: scene.dialog.form.size.width == wanted)  # type: ignore[misc]
        assert all(len(one) <= 74 for one in words(app).splitlines())
        burst(app, TOKEN, "enter")
        await until(pilot, lambda: scene.sent == [None])


async def test_the_mouse_presses_where_one_was_asked_for() -> None:
    app, scene = Stage(), Scene(typed=False)
    scene.reading.set_result(examination(op=Op.INIT, weight=Weight.YES))
    async with app.run_test() as pilot:
        await app.open(scene.dialog)
        await until(pilot, lambda: "press y" in words(app, "remark") and scene.dialog.hearing)
        form = scene.dialog.form
        await pilot.click(form, offset=(form.size.width - 3, form.size.height - 1))
        await until(pilot, lambda: scene.sent == [None])
