"""A bare app to open dialogs on, and values to open them with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from textual.app import App
from textual.events import Key
from textual.pilot import Pilot

from updeck.device.models import HistoryEntry, Image, Info, Reach, Update
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.orders import Check, Examination, Performed, Result, Weight
from updeck.fleet.views import DeviceView, Next, Reading, Tone
from updeck.journal.models import DeviceRecord, Op, Outcome
from updeck.ui.flows.asking import close_dialog, open_dialog
from updeck.ui.screens.dialog import Dialog, Look
from updeck.ui.theme import THEMES
from updeck.ui.widgets.form import Form
from updeck.ui.widgets.sheet import Sheet

LOOK = Look("LAB")
TOKEN = "ar11-fra-dc1 11.8.0"
CHECKSUM = "3fa9c2d1" * 8


class Stage(App[None]):
    """An app with our themes and nothing else; `answers` keeps what dialogs were dismissed with."""

    CSS = "Screen { background: $background; color: $foreground; }"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, theme: str = "dark") -> None:
        super().__init__()
        self.answers: list[object] = []
        for known in THEMES.values():
            self.register_theme(known)
        self.theme = theme

    async def open(self, dialog: Dialog[Any]) -> None:
        """Open a dialog the way flows do, and close it once it is answered."""

        async def close() -> None:
            self.answers.append(await close_dialog(self, dialog))

        await open_dialog(self, dialog)
        self.run_worker(close())


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Let the app work until `condition()` holds; a hang ends in a failure."""
    async with asyncio.timeout(10):
        while not condition():
            await pilot.pause()


def burst(app: App[None], text: str, *keys: str, at: float | None = None) -> None:
    """Press the keys of a text, then others, as if they came in one read of the terminal, now or `at` another time."""
    pressed = [Key("space" if character == " " else character, character) for character in text]
    for event in (*pressed, *(Key(key, None) for key in keys)):
        event.time = event.time if at is None else at
        app.post_message(event)


def words(app: App[None], part: str = "body") -> str:
    """Return the text of a part of the open dialog: title, body, edge or remark."""
    if part == "remark":
        return app.screen.query_one(Form).remark
    return app.screen.query_one(f"#{part}", Sheet).text


def asks(app: App[None], what: str) -> bool:
    """Whether a dialog shows these words and takes input."""
    dialog = app.screen
    if not isinstance(dialog, Dialog) or not dialog.hearing:
        return False
    return what in " ".join(" ".join(words(app, part) for part in ("title", "body", "remark")).split())


def key_from(time: float, key: str, character: str | None = None) -> Key:
    """Return a key press that was made at another time."""
    event = Key(key, character)
    event.time = time
    return event


def device_view(state: str = "INITIALIZED", name: str = "ar11-fra-dc1") -> DeviceView:
    """Return a device as the fleet sees it."""
    update = Update(
        state,
        "Ready to update",
        1_764_500_000,
        (HistoryEntry(1_539_786_920, "11.2.0 #13859"), HistoryEntry(1_640_000_000, "11.6.0 #23947")),
        "11.8.0 #28924",
    )
    image = Image(7, "VALID", "", "11.8.0 #28924", 100.0, CHECKSUM)
    info = Info("ar11-fra-dc1", "AppResponse 4180", "AR11-0012", "11.6.0 #23947")
    reading = Reading(1_764_500_005.0, update, (image,), info, 0.4)
    return DeviceView(
        DeviceEntry(name, "https://10.20.1.4"),
        Reach.OK,
        None,
        reading,
        DeviceRecord(name),
        Next("start?", Tone.READY, "start"),
        10.0,
        tls_note="pinned",
    )


def examination(**changes: Any) -> Examination:
    """Return what a fresh read says about starting a device."""
    view = device_view()
    assert view.reading is not None
    shown = Examination(
        op=Op.START,
        device=view.name,
        view=view,
        reading=view.reading,
        refusal=None,
        weight=Weight.TYPED,
        token=TOKEN,
        target="11.8.0 #28924",
        image=view.reading.images[0],
        checks=(Check("answers", Result.OK, "fresh answer"), Check("clock", Result.SKIPPED, "no date sent")),
        consequence="The box goes down and is not reachable for a while.",
    )
    return replace(shown, **changes)


def performed(op: Op = Op.START) -> Performed:
    """Return an accepted call."""
    return Performed("0193", op, Outcome.ACCEPTED, "")
