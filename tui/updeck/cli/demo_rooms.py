"""The directories of demos: each names its process, so that a later demo can clear a dead one away."""

from __future__ import annotations

import json
import os
import shutil
import stat
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from updeck.cli.demo_engines import end_engines
from updeck.errors import UpdeckError
from updeck.journal.actor import is_gone, this_actor
from updeck.journal.models import Actor

__all__ = ["ROOM_PREFIX", "clear_dead_rooms", "mark_room"]

ROOM_PREFIX = "updeck-demo-"
"""How the name of a directory of a demo begins."""

_MARK = "demo.json"
_MARK_BYTES_MOST = 4096


def mark_room(room: Path) -> None:
    """Write down in a demo's directory which process it belongs to."""
    (room / _MARK).write_text(json.dumps(asdict(this_actor("demo"))))


def clear_dead_rooms(directory: Path) -> list[Path]:
    """Remove the directories of own demos whose process is surely gone, after their engines; return these.

    That of a demo of somebody else, of one that may still run, or one that is not as a demo makes it, stays.
    """
    dead = [room for room in sorted(directory.glob(f"{ROOM_PREFIX}*")) if _is_dead(room)]
    for room in dead:
        with suppress(UpdeckError, OSError):
            end_engines(room / "state")
        shutil.rmtree(room, ignore_errors=True)
    return dead


def _is_dead(room: Path) -> bool:
    try:
        status, mark = room.lstat(), (room / _MARK).lstat()
        private = stat.S_ISDIR(status.st_mode) and not stat.S_IMODE(status.st_mode) & 0o077
        if not private or not hasattr(os, "getuid") or status.st_uid != os.getuid():
            return False
        if not stat.S_ISREG(mark.st_mode) or mark.st_size > _MARK_BYTES_MOST:
            return False
        told = json.loads((room / _MARK).read_bytes())
        owner = Actor(**told)
        typed = all(type(told[key]) is type(own) for key, own in asdict(this_actor("demo")).items())
        return typed and owner.pid > 0 and is_gone(owner)
    except (OSError, OverflowError, ValueError, TypeError, RecursionError):
        return False
