"""What is kept of a failure in the program itself: the place and the kind, never a local variable."""

from __future__ import annotations

import os
import time
import traceback
from pathlib import Path
from types import TracebackType

from updeck.errors import UpdeckError
from updeck.text import clean, clean_lines

__all__ = ["UiCrash", "record_crash"]

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class UiCrash(UpdeckError):
    """The UI broke; the devices and what was sent to them are not touched by that. Exit code 1."""


def record_crash(crash: ExcInfo, directory: Path) -> UiCrash:
    """Write a crash file that only its owner can read, and return the error that names it."""
    kind, error, trace = crash
    places = "".join(traceback.format_tb(trace))
    report = f"{clean(kind.__name__)}: {clean(error)}\n{clean_lines(places)}"
    path = directory / f"crash-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.txt"
    what = f"the screen broke ({clean(kind.__name__)}); what was sent to devices goes on"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(report)
    except OSError:
        return UiCrash(what, advice="start updeck again")
    return UiCrash(what, advice=f"start updeck again; where it broke stands in {path}")
