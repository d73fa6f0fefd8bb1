"""Choosing a file: images first, names shown clean and opened raw, paths typed, unreadable places named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dialog_stage import LOOK, Stage, burst, until, words
from hostile_texts import CONTROLS
from updeck.ui.directory import complete, first_directory, matching, read_directory, split_typed
from updeck.ui.recent import Recent, load_recent, save_recent, with_directory, with_rate, with_url
from updeck.ui.screens.file_picker import FilePicker
from updeck.ui.widgets.file_list import FileList


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Give a directory with images of two ages, other files, a directory and a hidden file."""
    room = tmp_path / "images"
    room.mkdir()
    for name, age in (("old.iso", 1_600_000_000), ("new.iso", 1_700_000_000), ("notes.txt", 1_700_000_000)):
        (room / name).write_bytes(b"x" * 1000)
        os.utime(room / name, (age, age))
    (room / ".hidden.iso").write_bytes(b"x")
    (room / "archive").mkdir()
    (room / "archive" / "older.iso").write_bytes(b"x")
    return room


def names(app: Stage) -> list[str]:
    return [entry.name for entry in app.screen.query_one(FileList).entries]


def test_images_come_first_newest_first_then_directories_then_files(place: Path) -> None:
    listing = read_directory(place)
    assert [entry.name for entry in listing.entries] == ["new.iso", "old.iso", "archive", "notes.txt"]
    assert [entry.size_bytes for entry in listing.entries][:2] == [1000, 1000]
    assert listing.error is None


@pytest.mark.parametrize(
    ("name", "reason"), [("nowhere", "No such file"), ("notes.txt", "Not a directory"), ("a\0b", "no directory name")]
)
def test_a_place_that_cannot_be_read_says_so(place: Path, name: str, reason: str) -> None:
    listing = read_directory(place / name)
    assert listing.entries == ()
    assert listing.error is not None
    assert reason in listing.error
    assert listing.error.isprintable()


def test_a_vanished_link_is_listed_without_size(place: Path) -> None:
    (place / "gone.iso").symlink_to(place / "nothing")
    entry = next(entry for entry in read_directory(place).entries if entry.name == "gone.iso")
    assert (entry.size_bytes, entry.is_directory) == (None, False)


@pytest.mark.parametrize(
    ("typed", "directory", "rest"),
    [
        ("new", None, "new"),
        ("archive/", Path("/base/archive"), ""),
        ("archive/old", Path("/base/archive"), "old"),
        ("/mnt/usb/up", Path("/mnt/usb"), "up"),
        ("/", Path("/"), ""),
        ("../x", Path("/base/.."), "x"),
    ],
)
def test_what_is_typed_names_a_directory_and_a_beginning(typed: str, directory: Path | None, rest: str) -> None:
    assert split_typed(typed, Path("/base")) == (directory, rest)


def test_home_is_meant_by_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/mk")
    assert split_typed("~/im", Path("/base")) == (Path("/home/mk"), "im")


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("n", "n"), ("ne", "new.iso"), ("a", "archive/"), ("z", "z"), ("", ""), ("NEW", "new.iso")],
)
def test_tab_completes_as_far_as_it_is_clear(place: Path, typed: str, completed: str) -> None:
    assert complete(read_directory(place).entries, typed) == completed


def test_what_contains_the_text_is_found_where_nothing_begins_with_it(place: Path) -> None:
    entries = read_directory(place).entries
    assert [entry.name for entry in matching(entries, "o")] == ["old.iso"]
    assert [entry.name for entry in matching(entries, "iso")] == ["new.iso", "old.iso"]


async def test_enter_takes_the_file_under_the_cursor(place: Path) -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await app.open(FilePicker(LOOK, place, title="Choose"))
        await until(pilot, lambda: names(app) == ["new.iso", "old.iso", "archive", "notes.txt"])
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.answers == [place / "old.iso"])


async def test_a_directory_is_gone_into_and_left_by_backspace(place: Path) -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await app.open(FilePicker(LOOK, place, title="Choose"))
        await until(pilot, lambda: len(names(app)) == 4)
        await pilot.press("a", "tab")
        await until(pilot, lambda: names(app) == ["older.iso"])
        assert words(app).endswith("archive")
        await pilot.press("backspace")
        await until(pilot, lambda: len(names(app)) == 4)


async def test_a_hostile_name_is_shown_clean_and_opened_raw(place: Path) -> None:
    hostile = os.fsdecode(b"a\x1b[2J\xff.iso")
    (place / hostile).write_bytes(b"x")
    os.utime(place / hostile, (1_800_000_000, 1_800_000_000))
    app = Stage()
    async with app.run_test() as pilot:
        await app.open(FilePicker(LOOK, place, title="Choose"))
        await until(pilot, lambda: len(names(app)) == 5)
        assert all(name.isprintable() for name in names(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.answers == [place / hostile])


async def test_a_typed_directory_that_is_not_there_says_so(place: Path) -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await app.open(FilePicker(LOOK, place, title="Choose"))
        await until(pilot, lambda: len(names(app)) == 4)
        burst(app, "nowhere/x", "enter")
        await until(pilot, lambda: "cannot be read" in words(app, "remark"))
        assert app.answers == []


def test_what_is_remembered_is_read_again_and_holds_no_query(tmp_path: Path) -> None:
    recent = with_directory(Recent(), "/mnt/usb\udcff")
    recent = with_url(recent, "https://user:pw@files/a.iso?token=secret#x")
    recent = with_rate(with_url(recent, "https://files/b.iso"), "box", 81e6)
    save_recent(tmp_path, recent)
    again = load_recent(tmp_path)
    assert again == recent
    assert again.urls == ("https://files/b.iso", "https://files/a.iso")
    assert "secret" not in "".join(path.read_text() for path in tmp_path.iterdir())
    assert "pw" not in "".join(path.read_text() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"directory": 3, "urls": "x", "rates": []}',
        '{"rates": {"a": -1, "b": true, "c": 1e999}}',
        "[" * 9999,
    ],
)
def test_a_memory_that_others_wrote_is_ignored(tmp_path: Path, text: str) -> None:
    save_recent(tmp_path, Recent())
    next(tmp_path.iterdir()).write_text(text)
    assert load_recent(tmp_path) == Recent()


@pytest.mark.parametrize("text", CONTROLS, ids=ascii)
def test_a_text_that_others_put_into_the_memory_comes_out_clean(tmp_path: Path, text: str) -> None:
    save_recent(tmp_path, Recent())
    told = {"urls": [f"https://files/{text}"], "filters": [text], "rates": {text: 1.0}}
    next(tmp_path.iterdir()).write_text(json.dumps(told))
    found = load_recent(tmp_path)
    assert (len(found.urls), len(found.filters), len(found.rates)) == (1, 1, 1)
    assert all(one.isprintable() for one in (*found.urls, *found.filters, *found.rates))


def test_remembering_is_bounded_and_may_fail_in_silence(tmp_path: Path) -> None:
    recent = Recent()
    for number in range(50):
        recent = with_url(recent, f"https://files/{number}.iso")
    assert len(recent.urls) == 20
    save_recent(tmp_path / "missing" / "directory", recent)
    assert json.dumps(list(load_recent(tmp_path).urls)) == "[]"


def test_the_picker_begins_where_the_last_image_was_else_here_if_one_is_here_else_at_home(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(place)
    assert first_directory(str(tmp_path)) == tmp_path
    assert first_directory(None) == place
    assert first_directory(str(tmp_path / "gone")) == place
    monkeypatch.chdir(tmp_path)
    assert first_directory(None) == home
