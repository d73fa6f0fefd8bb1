"""Markup in foreign text is text, in every widget: it is drawn as it is, styles and links nothing, ends nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.strip import Strip
from textual.widget import Widget

from dialog_stage import LOOK, Stage
from fleet_fixture import Stage as Fleet
from fleet_fixture import app_with, device
from hostile_texts import MARKUP
from updeck.ui.facts import fact
from updeck.ui.ink import line
from updeck.ui.screens.dialog import CANCEL, Dialog
from updeck.ui.widgets.canvas import Canvas
from updeck.ui.widgets.file_list import FileList
from updeck.ui.widgets.form import Button, Entry, Form
from updeck.ui.widgets.sheet import Sheet

DRAWING = (Canvas, Sheet, Form, FileList)


class Shown(Dialog[None]):
    """A dialog that shows a text in every place that it has."""

    def __init__(self, text: str) -> None:
        super().__init__(text, LOOK)
        self._text = text

    def make_form(self) -> Form:
        entries = [Entry("typed", self._text, value=self._text), Entry("hint", "x", hint=self._text)]
        return Form(LOOK.glyphs, entries, [CANCEL, Button("do", self._text)], at="cancel")

    def on_mount(self) -> None:
        self.show(lambda width: fact("label", self._text, width))
        self.say(self._text)


def drawn(widgets: Iterator[Widget]) -> list[Strip]:
    """Return every line of the widgets that draw."""
    return [one.render_line(y) for one in widgets if isinstance(one, DRAWING) for y in range(one.size.height)]


def assert_plain(strips: list[Strip], text: str, least: int) -> None:
    """Whether a text stands there as it is that often, and no line carries a link or an action."""
    assert sum(strip.text.count(text) for strip in strips) >= least, [strip.text for strip in strips]
    styles = [segment.style for strip in strips for segment in strip if segment.style is not None]
    assert not any(style.link or style.meta for style in styles)


@pytest.mark.parametrize("text", MARKUP)
async def test_a_dialog_draws_markup_as_text(text: str) -> None:
    app = Stage()
    async with app.run_test(size=(120, 40)) as pilot:
        await app.open(Shown(text))
        await pilot.pause()
        assert_plain(drawn(iter(app.screen.query("*"))), text, 5)
        await pilot.press("escape")


@pytest.mark.parametrize("text", MARKUP)
async def test_the_fleet_draws_markup_as_text(text: str) -> None:
    view = device("box", next_text=text, description=text, version=text[:8])
    app = app_with(Fleet([view]))
    async with app.run_test(size=(160, 40)) as pilot:
        app.say(line(text))
        for _ in range(20):
            await pilot.pause(0.05)
            strips = drawn(iter(app.screen.query("*")))
            if sum(strip.text.count(text) for strip in strips) >= 3:
                break
        assert_plain(drawn(iter(app.screen.query("*"))), text, 3)
