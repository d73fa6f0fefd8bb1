"""Where every command writes: data on stdout, narration on stderr, a line that moves only on a terminal."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO, TypeAlias

from updeck.errors import UpdeckError
from updeck.text import cell_width, fit, pad, plain_ascii

__all__ = ["Json", "Output", "aligned", "speaks_utf8"]

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

_GAP = "  "
_WIDEST_COLUMN = 64


class Output:
    """The two streams of one command.

    Text that reaches it is clean already; where the stream is not UTF-8 the glyphs are spelled in ASCII.
    A reader that went away (`| head`) is no error: what would follow is dropped, and `has_reader` tells
    endless commands to stop.
    """

    def __init__(self, stdout: TextIO, stderr: TextIO, *, environ: Mapping[str, str]) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._data_ascii = not speaks_utf8(stdout.encoding, environ)
        self._talk_ascii = not speaks_utf8(stderr.encoding, environ)
        self._moving_width = 0
        self.reader_gone = False

    @classmethod
    def standard(cls) -> Output:
        """The process's own streams."""
        return cls(sys.stdout, sys.stderr, environ=os.environ)

    @property
    def interactive(self) -> bool:
        """Whether a person sees stderr, so that a moving line makes sense."""
        return self._stderr.isatty()

    def has_reader(self) -> bool:
        """Whether somebody can still read the data; asked between lines too, where the system can tell."""
        if not self.reader_gone and hasattr(select, "poll"):
            with contextlib.suppress(OSError, ValueError):
                asked = select.poll()
                asked.register(self._stdout.fileno(), 0)
                if asked.poll(0):
                    self.reader_gone = True
                    _forget(self._stdout)
        return not self.reader_gone

    def line(self, text: str = "") -> None:
        """Write one line of data."""
        if self.reader_gone:
            return
        try:
            self._stdout.write((plain_ascii(text) if self._data_ascii else text) + "\n")
            self._stdout.flush()
        except BrokenPipeError:
            self.reader_gone = True
            _forget(self._stdout)

    def lines(self, lines: Sequence[str]) -> None:
        """Write several lines of data."""
        for text in lines:
            self.line(text)

    def document(self, document: Mapping[str, Json], *, one_line: bool = False) -> None:
        """Write one JSON object, in ASCII, so that no encoding can damage it."""
        import json

        self.line(json.dumps(document, indent=None if one_line else 2, allow_nan=False))

    def say(self, text: str) -> None:
        """Narrate: one line on stderr."""
        self.rest()
        self._talk(text + "\n")

    def complain(self, error: UpdeckError | str) -> None:
        """Say what is wrong in one sentence on stderr."""
        self.say(f"updeck: {error}")

    def move(self, text: str) -> None:
        """Show `text` in the line that moves; nothing is written where stderr is no terminal."""
        if not self.interactive:
            return
        shown = fit(text, max(20, shutil.get_terminal_size().columns - 1))
        width = cell_width(shown)
        self._talk("\r" + pad(shown, max(width, self._moving_width)))
        self._moving_width = width

    def rest(self) -> None:
        """Wipe the line that moves."""
        if self._moving_width:
            self._talk("\r" + " " * self._moving_width + "\r")
            self._moving_width = 0

    def _talk(self, text: str) -> None:
        try:
            self._stderr.write(plain_ascii(text) if self._talk_ascii else text)
            self._stderr.flush()
        except OSError:  # nobody listens any more; what the command does goes on
            _forget(self._stderr)


def speaks_utf8(encoding: str | None, environ: Mapping[str, str]) -> bool:
    """Whether a stream may get UTF-8: its own encoding says so and no locale variable says otherwise.

    The variables are read because Python coerces the C locale to UTF-8 (`design.md` 5).
    """
    if (encoding or "").lower().replace("-", "").replace("_", "") != "utf8":
        return False
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "utf8")
    return "utf8" in locale.lower().replace("-", "")


def aligned(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: frozenset[int] = frozenset(),
    widest: int = _WIDEST_COLUMN,
) -> list[str]:
    """Lay rows out in columns as wide as their widest cell, at most `widest`; the last column is not cut.

    `right` holds the indexes of columns aligned to the right.
    """
    table = [header, *rows]
    last = len(header) - 1
    widths = [min(widest, max(cell_width(row[index]) for row in table)) for index in range(last)]
    return [
        _GAP.join(
            [*(pad(row[i], widths[i], "right" if i in right else "left") for i in range(last)), row[last]]
        ).rstrip()
        for row in table
    ]


def _forget(stream: TextIO) -> None:
    """Point a stream whose reader is gone at nothing, so that its last flush at exit stays quiet."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nothing, stream.fileno())
        finally:
            os.close(nothing)
