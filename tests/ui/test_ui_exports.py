"""Tables become files that other programs understand, and a text goes to the terminal only when asked for."""

from __future__ import annotations

import base64
import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fleet_fixture import NOW, Stage, bank, device, image, some_events
from rollout_records import done, member, plan_of, record_of, sent
from seat import Seat, seated
from terminal_fixture import on_terminal
from updeck.export import Format
from updeck.fleet.device_csv import parse_devices
from updeck.fleet.documents import status_row
from updeck.journal.models import Op, Verdict
from updeck.rollout.summary import summary_of
from updeck.ui.exports import activity_export, devices_export, images_export, members_export, rollouts_export
from updeck.ui.flows.carrying import texts_of
from updeck.ui.rollout_sight import Sight
from updeck.ui.widgets.form import Form


def rows(text: str) -> list[list[str]]:
    """Return a CSV file's rows."""
    return list(csv.reader(io.StringIO(text)))


def test_exported_devices_can_be_imported_again() -> None:
    views = [
        replace(view, entry=replace(view.entry, url=f"https://10.0.0.{at}", tags=("prod", "=x"), pair=f"p-{at // 2}"))
        for at, view in enumerate(bank(NOW))
    ]
    text = devices_export(views).text(Format.CSV)
    assert [(one.name, one.url, one.tags, one.site, one.pair) for one in parse_devices(text, "x.csv")] == [
        (one.name, one.url, one.tags, one.site, one.pair) for one in views
    ]


def test_the_json_of_devices_is_that_of_status() -> None:
    views = bank(NOW)
    assert json.loads(devices_export(views).text(Format.JSON)) == {"devices": [status_row(view) for view in views]}


def test_a_text_from_a_device_becomes_no_formula_and_no_markup() -> None:
    view = device("a", now=NOW, description="", version='=HYPERLINK("http://x")', next_text="[x](http://y)")
    assert rows(devices_export([view]).text(Format.CSV))[1][7] == '\'=HYPERLINK("http://x")'
    assert "[x](http://y)" not in devices_export([view]).text(Format.MARKDOWN)


def test_every_image_is_a_row() -> None:
    view = device("a", now=NOW, images=(image(7), image(8, "UPLOADING", progress=40.5)))
    found = rows(images_export([view, device("b", now=NOW)]).text(Format.CSV))
    assert [row[:5] for row in found[1:]] == [
        ["a", "7", "VALID", "11.8.0 #28924", ""],
        ["a", "8", "UPLOADING", "11.8.0 #28924", "40.5"],
    ]
    document = json.loads(images_export([view]).text(Format.JSON))
    assert [one["id"] for one in document["devices"][0]["images"]] == [7, 8]


def test_activity_is_told_as_the_journal_tells_it() -> None:
    events = some_events(NOW)
    assert len(rows(activity_export(events).text(Format.CSV))) == len(events) + 1
    assert [one["text"] for one in json.loads(activity_export(events).text(Format.JSON))["events"]] == [
        event.text for event in events
    ]


@pytest.mark.parametrize("form", Format)
def test_rollouts_and_the_devices_of_one_are_tables_in_every_form(form: Format) -> None:
    plan = replace(plan_of(1, 1), ticket="CHG-4711")
    record = record_of(plan, member("d0", done(Verdict.SUCCESS, sent(Op.INIT, Op.START))))
    listed = rollouts_export([summary_of(record, plan, NOW)]).text(form)
    members = members_export(Sight(record, plan, NOW), None).text(form)
    if form is Format.JSON:
        (one,) = json.loads(listed)["rollouts"]
        assert (one["id"], one["ticket"]) == (record.row.id, "CHG-4711")
        assert [found["verdict"] for found in json.loads(members)["devices"]] == ["SUCCESS", None]
    elif form is Format.CSV:
        header, row = rows(listed)
        told = dict(zip(header, row, strict=True))
        assert (told["ended"], told["devices"], told["what"], told["verdicts"]) == (
            "1",
            "2",
            "11.8.0 #28924 updated",
            "1 SUCCESS",
        )
        assert [(one[0], one[4]) for one in rows(members)] == [("name", "verdict"), ("d0", "SUCCESS"), ("d1", "")]
    else:
        assert "| CHG-4711 | 1 SUCCESS |" in listed
        assert "| d0 | 1 | 1 | ENDED | SUCCESS |" in members


def files_in(directory: Path) -> list[str]:
    """Return the names in a directory."""
    return [one.name for one in directory.iterdir()]


def remark(seat: Seat) -> str:
    """Return what the open dialog says."""
    return seat.app.screen.query_one(Form).remark


async def wait(seat: Seat, *, words: str = "", dialog: bool) -> None:
    """Wait until a dialog is open and hears, or none is."""
    while bool(seat.app.screen.query(Form)) is not dialog or (dialog and words not in remark(seat)):
        await seat.pilot.pause(0.02)


async def test_a_table_is_written_as_filtered_and_never_over_a_file_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with seated(Stage(bank())) as seat:
        await seat.press("slash", *"ams", "enter", "e")
        await wait(seat, words="left and right choose", dialog=True)
        await seat.pilot.pause(0.1)
        await seat.press("right", "enter", "enter")
        await wait(seat, dialog=False)
        written = tmp_path / "updeck-devices.json"
        names = [row["name"] for row in json.loads(written.read_text())["devices"]]
        assert names == list(seat.screen.lineup.shown)
        assert written.stat().st_mode & 0o777 == 0o600
        assert f"{len(names)} row written to" in seat.notice
        written.write_text("mine")
        await seat.press("e")
        await wait(seat, words="left and right choose", dialog=True)
        await seat.pilot.pause(0.1)
        await seat.press("right", "enter", "enter")
        await wait(seat, words="there is such a file already", dialog=True)
        assert written.read_text() == "mine"
        await seat.press("tab", "tab", "enter")
        await wait(seat, dialog=False)
        assert written.read_text().startswith("{")


@pytest.mark.parametrize(("path", "words"), [("no/such/file.csv", "there is no directory"), ("", "needs a name")])
async def test_a_place_that_cannot_be_written_is_said_in_the_dialog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    async with seated(Stage(bank())) as seat:
        await seat.press("e")
        await wait(seat, words="left and right choose", dialog=True)
        await seat.pilot.pause(0.1)
        await seat.press("enter", "ctrl+u", *path, "enter")
        await wait(seat, words=words, dialog=True)
        assert files_in(tmp_path) == []


def test_what_can_be_copied_is_what_the_device_has() -> None:
    texts = texts_of(device("a", now=NOW, images=(image(7), image(8, "UPLOADING"))))
    assert list(texts) == ["name", "address", "version", "serial", "checksum 7"]


def test_a_text_goes_to_the_terminal_when_asked_for_and_is_not_said_to_be_copied() -> None:
    with on_terminal("ui_child.py", "12", "1", "0") as terminal:
        terminal.until(lambda seen: "12 idle" in seen.text)
        terminal.until_quiet()
        assert b"\x1b]52" not in terminal.written
        terminal.send("Y")
        terminal.until(lambda seen: "OSC 52" in seen.text)
        terminal.until_quiet()
        assert b"\x1b]52" not in terminal.written, "showing is not sending"
        terminal.send("\r")
        terminal.until(lambda seen: "which may ignore it" in seen.text)
        name = base64.b64encode(b"ar11-s00-0000")
        assert terminal.written.count(b"\x1b]52;c;" + name + b"\x07") == 1
