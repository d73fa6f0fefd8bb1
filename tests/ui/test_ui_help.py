"""The help key on every screen and dialog: the keys there, as they are in force, and what the words mean."""

from __future__ import annotations

import re

import pytest

from dialog_stage import LOOK, device_view, until, words
from dialog_stage import Stage as DialogStage
from fleet_fixture import Stage, bank
from seat import seated
from updeck.device.models import Reach, UpdateState
from updeck.fleet.views import Phase
from updeck.journal.models import Verdict
from updeck.text import cell_width
from updeck.ui.glyphs import ASCII, UNICODE
from updeck.ui.ink import text_of
from updeck.ui.keymap import Keymap
from updeck.ui.launch import UiOptions
from updeck.ui.lines.words import (
    MEANING_OF_PHASE,
    MEANING_OF_REACH,
    MEANING_OF_STATE,
    MEANING_OF_VERDICT,
    Topic,
    word_lines,
)
from updeck.ui.screens.help import HelpScreen
from updeck.ui.screens.note_dialog import NoteDialog

_JARGON = re.compile(r"\b(gates?|foreign|orphan\w*|fence|lease|intent|idempot\w*|verb)\b", re.IGNORECASE)


def told(width: int = 78, keymap: Keymap | None = None) -> str:
    """Return every explanation as text."""
    return "\n".join(text_of(one) for one in word_lines(list(Topic), width, UNICODE, keymap or Keymap()))


def test_every_word_that_a_device_or_a_rollout_can_show_is_explained() -> None:
    assert set(MEANING_OF_STATE) == set(UpdateState)
    assert set(MEANING_OF_REACH) == set(Reach) - {Reach.OK}
    assert set(MEANING_OF_PHASE) == set(Phase)
    assert set(MEANING_OF_VERDICT) == set(Verdict)
    for word in (*UpdateState, *MEANING_OF_REACH, *Phase, *Verdict):
        assert re.search(rf"^{word} +\S", told(), re.MULTILINE), word


def test_the_explanations_use_no_word_of_our_own() -> None:
    assert _JARGON.findall(told()) == []


def test_the_keys_in_the_explanations_are_those_in_force() -> None:
    assert "acknowledge it (a)" in told()
    assert "acknowledge it (K)" in told(keymap=Keymap({"acknowledge": "K"}))


@pytest.mark.parametrize("width", [58, 78, 118])
def test_no_explanation_is_wider_than_the_screen(width: int) -> None:
    assert max(cell_width(one) for one in told(width).splitlines()) <= width


def test_signs_are_those_of_the_terminal() -> None:
    drawn = "\n".join(text_of(one) for one in word_lines([Topic.SIGNS], 78, ASCII, Keymap()))
    assert drawn.replace("─", "").isascii()


@pytest.mark.parametrize(
    ("keys", "name", "sought"),
    [
        ((), "the list of devices", "find an action by name"),
        (("v",), "one device", "copy a text"),
        (("J",), "the activity", "export the table"),
        (("R",), "the rollouts", "pause all new starts"),
    ],
)
async def test_the_help_key_shows_the_keys_of_the_screen_it_is_pressed_on(
    keys: tuple[str, ...], name: str, sought: str
) -> None:
    options = UiOptions(fleet_name="bank-eu", pace_s=0.05, keys={"export": "E"})
    async with seated(Stage(bank()), (80, 40), options) as seat:
        await seat.press(*keys)
        await seat.pilot.pause(0.1)
        await seat.press("question_mark")
        await seat.until(f"Keys of {name}")
        assert sought in seat.text
        assert re.search(r"^ *(.* )?E +export the table", seat.text, re.MULTILINE), "as it was remapped"
        assert isinstance(seat.app.screen, HelpScreen)
        await seat.press("question_mark")
        while isinstance(seat.app.screen, HelpScreen):
            await seat.pilot.pause(0.02)


async def test_in_a_dialog_the_help_key_is_text_in_a_line_and_help_on_a_button() -> None:
    app = DialogStage()
    async with app.run_test() as pilot:
        dialog = NoteDialog(LOOK, [device_view()])
        await app.open(dialog)
        await until(pilot, lambda: dialog.hearing)
        await pilot.press(*"why", "question_mark")
        assert dialog.form.value("note") == "why?"
        await pilot.press("tab", "question_mark")
        await until(pilot, lambda: "esc closes" in words(app, "remark"))
        assert app.answers == []
        assert dialog.form.value("note") == "why?"
