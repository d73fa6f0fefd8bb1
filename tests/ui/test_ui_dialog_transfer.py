"""The dialogs that send an image: a yes counts only for the table that is painted, with every device read."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from dialog_stage import LOOK, Stage, burst, examination, key_from, until, words
from updeck.device.image_file import Checksums
from updeck.errors import Unreachable
from updeck.fleet.orders import Examination
from updeck.journal.models import Op
from updeck.ui.screens.fetch_dialog import FetchChoice, FetchDialog
from updeck.ui.screens.upload_dialog import UploadChoice, UploadDialog

NAMES = ("one", "two")
CONTENT = b"image" * 1000
OTHER = "ab" * 32


class Readings:
    """Fresh reads that the test answers."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.answers: dict[str, asyncio.Future[Examination]] = {name: loop.create_future() for name in NAMES}

    def examine(self, name: str) -> asyncio.Future[Examination]:
        return asyncio.shield(self.answers[name])

    def answer(self, name: str, refusal: str | None = None) -> None:
        self.answers[name].set_result(replace(examination(op=Op.UPLOAD, refusal=refusal), device=name))

    def fail(self, name: str) -> None:
        self.answers[name].set_exception(Unreachable("no answer within 30 s"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "update-11.8.0-28924.iso"
    path.write_bytes(CONTENT)
    return path


def upload(image: Path, readings: Readings) -> UploadDialog:
    return UploadDialog(LOOK, image, NAMES, readings.examine, checksums=Checksums(), rates={})


def fetch(readings: Readings, *urls: str) -> FetchDialog:
    return FetchDialog(LOOK, NAMES, readings.examine, urls=urls, allows_local=lambda name: name == "one")


async def test_a_yes_before_every_device_was_read_does_nothing(image: Path) -> None:
    app, readings = Stage(), Readings()
    dialog = upload(image, readings)
    async with app.run_test() as pilot:
        await app.open(dialog)
        readings.answer("one")
        await until(pilot, lambda: "reading 1 device" in words(app, "remark") and dialog.hearing)
        await pilot.press("y", "tab", "enter")
        assert app.answers == []
        readings.answer("two")
        await until(pilot, lambda: "to upload to 2 devices" in words(app, "remark") and dialog.hearing)
        await pilot.press("y")
        await until(pilot, lambda: app.answers != [])
        choice = app.answers[0]
        assert isinstance(choice, UploadChoice)
        assert choice.devices == NAMES
        assert choice.order.sha256 == hashlib.sha256(CONTENT).hexdigest()
        assert choice.order.version == "11.8.0 #28924"


@pytest.mark.parametrize(("keys", "at"), [((("y", "y"),), "cancel"), ((("enter", "\r"),), "confirm")])
async def test_a_yes_from_before_the_table_was_painted_is_dropped(
    image: Path, keys: tuple[tuple[str, str], ...], at: str
) -> None:
    app, readings = Stage(), Readings()
    dialog = upload(image, readings)
    async with app.run_test() as pilot:
        await app.open(dialog)
        readings.answer("one")
        readings.answer("two")
        await until(pilot, lambda: "to upload to 2 devices" in words(app, "remark") and dialog.hearing)
        dialog.form.go(at)
        for key, character in keys:
            app.post_message(key_from(dialog.hears_from - 0.001, key, character))
        burst(app, "", "shift+tab")
        await until(pilot, lambda: dialog.form.at != at)
        assert app.answers == []


async def test_the_version_is_what_was_typed(image: Path) -> None:
    app, readings = Stage(), Readings()
    dialog = upload(image, readings)
    async with app.run_test() as pilot:
        await app.open(dialog)
        readings.answer("one")
        readings.fail("two")
        await until(pilot, lambda: "to upload to 1 device" in words(app, "remark") and dialog.hearing)
        assert "two  gets nothing: no answer within 30 s" in words(app)
        await pilot.press("shift+tab", "ctrl+u")
        burst(app, "11.9.1y", "enter")
        await until(pilot, lambda: dialog.form.at == "cancel")
        assert app.answers == []
        await pilot.press("y")
        await until(pilot, lambda: app.answers != [])
        choice = app.answers[0]
        assert isinstance(choice, UploadChoice)
        assert (choice.order.version, choice.devices) == ("11.9.1y", ("one",))


async def test_a_device_that_has_the_image_gets_nothing(tmp_path: Path) -> None:
    app, readings = Stage(), Readings()
    path = tmp_path / "a.iso"
    path.write_bytes(b"x")
    dialog = upload(path, readings)
    held = examination(op=Op.UPLOAD)
    assert held.reading is not None
    mine = replace(held.reading.images[0], checksum=hashlib.sha256(b"x").hexdigest())
    readings.answers["one"].set_result(replace(held, device="one", reading=replace(held.reading, images=(mine,))))
    readings.answer("two", refusal="the device is RUNNING an update")
    async with app.run_test() as pilot:
        await app.open(dialog)
        await until(pilot, lambda: "no device would get it" in words(app, "remark") and dialog.hearing)
        assert "has it already (image 7" in words(app)
        await pilot.press("y")
        assert app.answers == []


@pytest.mark.parametrize("kind", ["missing", "empty", "directory"])
async def test_a_file_that_cannot_be_sent_says_why(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.iso"
    if kind == "empty":
        path.touch()
    elif kind == "directory":
        path.mkdir()
    app, readings = Stage(), Readings()
    dialog = upload(path, readings)
    readings.answer("one")
    readings.answer("two")
    async with app.run_test() as pilot:
        await app.open(dialog)
        await until(pilot, lambda: "a.iso" in words(app, "remark") and dialog.hearing)
        await pilot.press("y")
        assert app.answers == []


async def test_a_fetch_suggests_the_version_and_takes_a_url_of_before() -> None:
    app, readings = Stage(), Readings()
    dialog = fetch(readings, "https://files.example.com/update-11.8.0-28924.iso", "https://files.example.com/b.iso")
    async with app.run_test() as pilot:
        await app.open(dialog)
        readings.answer("one")
        readings.answer("two")
        await until(pilot, lambda: "type the URL" in words(app, "remark") and dialog.hearing)
        await pilot.press("up")
        assert dialog.form.value("version") == "11.8.0 #28924"
        assert "files.example.com" in words(app)
        await pilot.press("up", "up", "up", "enter")
        burst(app, OTHER.upper(), "enter", "enter")
        await until(pilot, lambda: dialog.form.at == "cancel" and dialog.hearing)
        await pilot.press("y")
        await until(pilot, lambda: app.answers != [])
        choice = app.answers[0]
        assert isinstance(choice, FetchChoice)
        assert choice.order.url == "https://files.example.com/update-11.8.0-28924.iso"
        assert (choice.order.sha256, choice.order.version) == (OTHER, "11.8.0 #28924")
        assert choice.devices == NAMES


@pytest.mark.parametrize(
    ("url", "checksum", "sentence"),
    [
        ("nonsense", "", "no http or https URL"),
        ("ftp://files/a.iso", "", "no http or https URL"),
        ("https://me:pw@files/a.iso", "", "user name or password"),
        ("https://files/a.iso", "abc", "64 hex digits"),
    ],
)
async def test_what_cannot_be_fetched_gets_one_sentence(url: str, checksum: str, sentence: str) -> None:
    app, readings = Stage(), Readings()
    dialog = fetch(readings)
    async with app.run_test() as pilot:
        await app.open(dialog)
        readings.answer("one")
        readings.answer("two")
        await until(pilot, lambda: "type the URL" in words(app, "remark") and dialog.hearing)
        burst(app, url, "enter")
        burst(app, checksum, "enter", "enter", "y")
        await until(pilot, lambda: sentence in words(app, "remark"))
        assert "pw" not in words(app, "remark")
        assert app.answers == []


async def test_a_local_address_is_for_those_that_allow_it() -> None:
    app, readings = Stage(), Readings()
    dialog = fetch(readings)
    async with app.run_test() as pilot:
        await app.open(dialog)
        readings.answer("one")
        readings.answer("two")
        await until(pilot, lambda: "type the URL" in words(app, "remark") and dialog.hearing)
        burst(app, "http://169.254.169.254/a.iso")
        await until(pilot, lambda: "to fetch to 1 device" in words(app, "remark") and dialog.hearing)
        assert "fetch_local in the inventory allows it" in " ".join(words(app).split())
