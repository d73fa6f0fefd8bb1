"""The form of a dialog: every key lands where it was meant, and nothing typed in secret is to be seen."""

from __future__ import annotations

import asyncio

import pytest
from textual.events import Paste

from dialog_stage import LOOK, Stage, burst, device_view, key_from, until, words
from updeck.errors import AuthError, Unreachable
from updeck.ui.ink import Ink
from updeck.ui.screens.dialog import Dialog
from updeck.ui.screens.login_dialog import LoginDialog
from updeck.ui.widgets.form import Button, Entry, Form

CANCEL, NEXT = Button("cancel", "Cancel"), Button("next", "Next")


class Sheetless(Dialog[str]):
    """A dialog with three lines, the second a secret."""

    def make_form(self) -> Form:
        entries = [Entry("one", "one"), Entry("two", "two", secret=True), Entry("three", "three", hint="such as 3")]
        return Form(self.look.glyphs, entries, [CANCEL, NEXT], at="one")

    def on_mount(self) -> None:
        self.show(lambda width: [])


async def opened(app: Stage) -> Form:
    dialog = Sheetless("A form", LOOK)
    await app.open(dialog)
    return dialog.form


def values(form: Form) -> tuple[str, str, str]:
    return form.value("one"), form.value("two"), form.value("three")


async def test_a_burst_of_keys_fills_line_after_line() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        form = await opened(app)
        await until(pilot, lambda: form.hears_from < float("inf"))
        burst(app, "admin", "enter")
        burst(app, "s3cret pass", "tab")
        burst(app, "last")
        await until(pilot, lambda: values(form) == ("admin", "s3cret pass", "last"))


async def test_a_hint_stays_while_its_line_is_empty_and_goes_with_the_first_key() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        form = await opened(app)
        await until(pilot, lambda: form.hears_from < float("inf"))
        assert form.render_line(2).text.split() == ["three", "such", "as", "3"]
        await pilot.press("tab", "tab")
        assert form.at == "three"
        assert form.render_line(2).text.split() == ["three", "such", "as", "3"]
        assert form.render_line(2).cell_length == form.size.width
        await pilot.press("x")
        assert form.render_line(2).text.split() == ["three", "x"]


async def test_a_remark_that_needs_more_room_than_there_is_shows_that_it_goes_on() -> None:
    app = Stage()
    async with app.run_test(size=(60, 15)) as pilot:
        form = await opened(app)
        form.say("a sentence of some words " * 9, Ink.MAY)
        await pilot.pause()
        first, last = (form.render_line(y).text.rstrip() for y in (3, 4))
        assert not first.endswith("…")
        assert last.endswith("…")
        form.say("a sentence of some words " * 4, Ink.MAY)
        await pilot.pause()
        assert form.render_line(4).text.rstrip().endswith("words")


async def test_a_secret_is_never_on_the_screen() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        form = await opened(app)
        await until(pilot, lambda: form.hears_from < float("inf"))
        burst(app, "", "enter")
        burst(app, "s3cret")
        await until(pilot, lambda: form.value("two") == "s3cret")
        await pilot.pause()
        assert "s3cret" not in app.export_screenshot()
        assert "●●●●●●" in app.export_screenshot()


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["a", "b", "left", "c"], "acb"),
        (["a", "b", "home", "c"], "cab"),
        (["a", "b", "backspace"], "a"),
        (["a", "b", "home", "delete"], "b"),
        (["a", "b", "ctrl+u"], ""),
        (["a", "left", "left", "b", "end", "c"], "bac"),
    ],
)
async def test_a_line_is_edited_as_everywhere(keys: list[str], value: str) -> None:
    app = Stage()
    async with app.run_test() as pilot:
        form = await opened(app)
        await until(pilot, lambda: form.hears_from < float("inf"))
        await pilot.press(*keys)
        assert form.value("one") == value


async def test_a_paste_comes_in_clean_and_as_one_line() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        form = await opened(app)
        await until(pilot, lambda: form.hears_from < float("inf"))
        app.post_message(Paste("https://x/\x1b]52;c;AAAA\x07y\u202ez\nsecond line"))
        await until(pilot, lambda: form.value("one") != "")
        assert form.value("one").isprintable()
        assert "second" not in form.value("one")


async def test_tab_goes_round_lines_and_buttons_and_arrows_round_the_buttons() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        form = await opened(app)
        await until(pilot, lambda: form.hears_from < float("inf"))
        places = []
        for key in ("tab", "tab", "tab", "right", "right", "shift+tab", "up", "down"):
            await pilot.press(key)
            places.append(form.at)
        assert places == ["two", "three", "cancel", "next", "cancel", "three", "two", "three"]


async def test_keys_from_before_the_dialog_are_dropped() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        form = await opened(app)
        await until(pilot, lambda: form.hears_from < float("inf"))
        app.post_message(key_from(form.hears_from - 1, "x", "x"))
        app.post_message(key_from(form.hears_from - 1, "escape"))
        burst(app, "y")
        await until(pilot, lambda: form.value("one") != "")
        assert form.value("one") == "y"
        assert app.answers == []


async def test_a_long_text_shows_the_part_around_the_cursor() -> None:
    app = Stage()
    async with app.run_test(size=(60, 15)) as pilot:
        form = await opened(app)
        await until(pilot, lambda: form.hears_from < float("inf"))
        burst(app, "0123456789" * 12 + "END")
        await until(pilot, lambda: form.value("one").endswith("END"))
        assert "END" in form.render_line(0).text
        assert form.render_line(0).cell_length == form.size.width
        await pilot.press("home")
        assert "END" not in form.render_line(0).text
        assert "0123456789" in form.render_line(0).text


class Doors:
    """A login that the test answers."""

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)
        self.tried: list[tuple[str, str, str]] = []

    def login(self, name: str, username: str, password: str) -> asyncio.Future[str]:
        self.tried.append((name, username, password))
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future


async def test_several_logins_stop_at_the_first_rejection() -> None:
    app = Stage()
    views = [device_view(name=f"box{number}") for number in (1, 2, 3)]
    doors = Doors("in", AuthError("Invalid user name or password", rejected=True))
    async with app.run_test() as pilot:
        dialog = LoginDialog(LOOK, views, doors.login)
        await app.open(dialog)
        await until(pilot, lambda: dialog.hearing)
        burst(app, "admin", "enter")
        burst(app, "guess", "enter")
        await until(pilot, lambda: "nothing more was tried" in words(app, "remark"))
        assert doors.tried == [("box1", "admin", "guess"), ("box2", "admin", "guess")]
        assert dialog.form.value("password") == ""
        assert app.answers == []


async def test_a_login_goes_on_behind_a_box_that_does_not_answer_and_later_tries_only_that() -> None:
    app = Stage()
    views = [device_view(name=f"box{number}") for number in (1, 2)]
    doors = Doors(Unreachable("no answer"), "in", "in")
    async with app.run_test() as pilot:
        dialog = LoginDialog(LOOK, views, doors.login)
        await app.open(dialog)
        await until(pilot, lambda: dialog.hearing)
        burst(app, "admin", "enter")
        burst(app, "right", "enter")
        await until(pilot, lambda: len(doors.tried) == 2 and "no answer" in words(app))
        assert app.answers == []
        burst(app, "right", "enter")
        await until(pilot, lambda: app.answers == ["logged in to 2 devices as admin"])
        assert [name for name, _, _ in doors.tried] == ["box1", "box2", "box1"]
