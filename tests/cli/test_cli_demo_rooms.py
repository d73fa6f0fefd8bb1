"""What a killed demo leaves behind is cleared away by the next one, and nothing else is."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from updeck.cli.demo_rooms import ROOM_PREFIX, clear_dead_rooms, mark_room
from updeck.journal.actor import this_actor


def ended_pid() -> int:
    """Return the id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


def dead_room(directory: Path, name: str = "dead") -> Path:
    """Make the directory of a demo that was killed."""
    room = directory / f"{ROOM_PREFIX}{name}"
    room.mkdir(mode=0o700)
    (room / "update.iso").write_bytes(b"image")
    (room / "demo.json").write_text(json.dumps(asdict(replace(this_actor("demo"), pid=ended_pid()))))
    return room


def test_only_the_directory_of_a_dead_demo_is_removed(tmp_path: Path) -> None:
    dead, living, unmarked = dead_room(tmp_path), tmp_path / f"{ROOM_PREFIX}living", tmp_path / f"{ROOM_PREFIX}none"
    for room in (living, unmarked):
        room.mkdir(mode=0o700)
    mark_room(living)
    (elsewhere := tmp_path / "elsewhere").mkdir()
    kept = dead_room(elsewhere)
    (link := tmp_path / f"{ROOM_PREFIX}link").symlink_to(kept, target_is_directory=True)
    assert clear_dead_rooms(tmp_path) == [dead]
    assert sorted(tmp_path.iterdir()) == sorted((elsewhere, living, unmarked, link))
    assert (kept / "update.iso").exists()


def test_a_directory_that_others_can_write_to_is_left_alone(tmp_path: Path) -> None:
    room = dead_room(tmp_path)
    room.chmod(0o770)
    assert clear_dead_rooms(tmp_path) == []
    room.chmod(0o700)
    assert clear_dead_rooms(tmp_path) == [room]


@pytest.mark.parametrize(
    "told",
    ["", "[]", "null", "{}", "[" * 4000, '{"pid": 1}', "\N{LATIN SMALL LETTER E WITH ACUTE}", " " * 5000],
)
def test_a_mark_that_no_demo_wrote_is_believed_nothing(tmp_path: Path, told: str) -> None:
    room = dead_room(tmp_path)
    (room / "demo.json").write_text(told, encoding="latin-1")
    assert clear_dead_rooms(tmp_path) == []


@pytest.mark.parametrize(("key", "value"), [("pid", "1"), ("pid", -1), ("pid", 10**30), ("host", 7), ("boot_id", None)])
def test_a_mark_with_something_else_in_its_place_is_believed_nothing(tmp_path: Path, key: str, value: object) -> None:
    room = dead_room(tmp_path)
    told = json.loads((room / "demo.json").read_text())
    (room / "demo.json").write_text(json.dumps({**told, key: value}))
    assert clear_dead_rooms(tmp_path) == []
