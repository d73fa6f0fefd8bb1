"""What a program writes to a terminal, read by a grammar: only what Textual itself draws with may stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pyte

from updeck.text import clean

__all__ = ["Emulator", "Token", "beyond_ascii", "colours", "foreign", "picture", "tokens"]

_PIECES = re.compile(
    r"(?P<csi>\x1b\[[0-?]*[ -/]*[@-~])"
    r"|(?P<osc>\x1b\][^\x07\x1b\x9c]*(?:\x07|\x1b\\))"
    r"|(?P<line>\r\n)"
    r"|(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?P<stray>.)",
    re.DOTALL,
)
_DRAWS = re.compile(r"\x1b\[(?:\d+;\d+H|[\d;]*m|\d+C|K|2J)")
_SETS = re.compile(
    r"\x1b\[(?:\?(?:1049|25|1004|2004|7|2048|2026|1000|1003|1015|1006)[hl]|>25u|<u|\?(?:2026|2048)\$p|2[23];2t)"
)
_TITLE = r"updeck(?:: (?:\d+ need you)?(?:, )?(?:\d+ rollouts? waits? for you)?)?"
_SAYS = re.compile(rf"\x1b\](?:2;{_TITLE}|22;default)\x07")
_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
_COLOURLESS = {b"", b"0", b"1", b"2", b"3", b"4", b"7", b"22", b"23", b"24", b"27", b"39", b"49"}
"""Reset, bold, dim, italic, underline, reverse, their ends, and the terminal's own colours."""


class Token(NamedTuple):
    """A piece of the stream: `csi`, `osc`, `line` (an end of line), `text`, or `stray` for what is none of these."""

    kind: str
    text: str


def tokens(written: bytes) -> Iterator[Token]:
    """Cut a stream into its pieces; bytes that are no UTF-8 become lone surrogates, and so no text."""
    for found in _PIECES.finditer(written.decode("utf-8", "surrogateescape")):
        yield Token(str(found.lastgroup), found.group())


def foreign(written: bytes) -> list[str]:
    """Return what stands in a stream that Textual does not draw with, each in ASCII with what stands before it."""
    found: list[str] = []
    read = list(tokens(written))
    for number, token in enumerate(read):
        before = read[number - 1] if number else Token("csi", "")
        after = read[number + 1] if number + 1 < len(read) else Token("csi", "")
        if not _allowed(token, before, after):
            found.append(ascii("".join(one.text for one in read[max(0, number - 2) : number + 1])[-80:]))
    return found


def _allowed(token: Token, before: Token, after: Token) -> bool:
    match token.kind:
        case "csi":
            return bool(_DRAWS.fullmatch(token.text) or _SETS.fullmatch(token.text))
        case "osc":
            return bool(_SAYS.fullmatch(token.text))
        case "line":
            return before.kind != "text" and after.kind != "text"
        case "text":
            return clean(token.text, len(token.text) + 1) == token.text
    return token.text == "\x07" and before.kind != "text" and after.kind != "text"


def colours(written: bytes) -> list[bytes]:
    """Return the codes of colour in a stream, each with what stands around it."""
    return [
        written[max(0, found.start() - 60) : found.end() + 20]
        for found in _SGR.finditer(written)
        if not set(re.split(rb"[;:]", found[1])) <= _COLOURLESS
    ]


def beyond_ascii(written: bytes) -> list[bytes]:
    """Return what is no ASCII in a stream, with what stands around it."""
    return [written[max(0, found.start() - 40) : found.end() + 40] for found in re.finditer(rb"[\x80-\xff]+", written)]


class Emulator:
    """A terminal of some size that shows what is fed to it, drawn by its own measure of characters."""

    def __init__(self, columns: int, rows: int) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)

    def feed(self, written: bytes) -> None:
        """Draw what was written; it may not end within a sequence."""
        for token in tokens(written):
            if token.kind == "text":
                for character in token.text:  # pyte drops what follows a mark that combines with a class of 0
                    self._screen.draw(character)
            elif token.kind == "line" or _DRAWS.fullmatch(token.text):
                self._stream.feed(token.text)
            elif token.text == "\x1b[?1049h":
                self._screen.reset()
                self._screen.reset_mode(pyte.modes.DECAWM >> 5, private=True)

    def lines(self) -> list[str]:
        """Return the lines on view, one character per cell; the second cell of a wide character is NUL."""
        columns, rows, buffer = self._screen.columns, self._screen.lines, self._screen.buffer
        return ["".join((buffer[y][x].data or "\0")[:1] for x in range(columns)) for y in range(rows)]


def picture(written: bytes, columns: int, rows: int) -> list[str]:
    """Return the lines that a terminal of this size shows after all that was written."""
    emulator = Emulator(columns, rows)
    emulator.feed(written)
    return emulator.lines()
