"""What is kept of a failure in the program itself: the place and the kind, never a value."""

from __future__ import annotations

import io
import os
import time
import traceback
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from updeck.errors import UpdeckError, fault_in_words
from updeck.text import clean, clean_lines

__all__ = ["Nowhere", "UiCrash", "crash_report", "note_crash", "record_crash"]

_number = count(1)


class Nowhere(io.StringIO):
    """A file that forgets: Textual's own crash report shows local variables, and a password may be among them."""

    def write(self, text: str) -> int:
        return len(text)


class UiCrash(UpdeckError):
    """The UI broke; the devices and what was sent to them are not touched by that. Exit code 1."""


def record_crash(error: BaseException, directory: Path) -> UiCrash:
    """Write a crash file of what ended the UI, and return the error that names it."""
    what = f"the screen broke ({clean(type(error).__name__)}); what was sent to devices goes on"
    path = _written(error, directory)
    if path is None:
        return UiCrash(what, advice="start updeck again")
    return UiCrash(what, advice=f"start updeck again; where it broke stands in {path}")


def note_crash(error: BaseException, directory: Path) -> str:
    """Write a crash file of what the UI goes on after, and return the sentence that says so."""
    path = _written(error, directory)
    return fault_in_words(error) + ("" if path is None else f"; more stands in {clean(path)}")


def crash_report(error: BaseException) -> str:
    """Return kind and places of an error and of what led to it, without messages and local variables."""
    parts = [f"{clean(type(one).__name__)}\n{''.join(traceback.format_tb(one.__traceback__))}" for one in _chain(error)]
    return clean_lines("\nthat came of this:\n".join(parts))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in seen:
        seen.append(at)
        yield at
        at = at.__cause__ or at.__context__


def _written(error: BaseException, directory: Path) -> Path | None:
    """Write a file that only its owner can read; None where that fails."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = directory / f"crash-{moment}-{os.getpid()}-{next(_number)}.txt"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(crash_report(error))
    except OSError:
        return None
    return path
