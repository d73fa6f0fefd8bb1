"""What Textual draws, cut down to what differs from what the terminal shows already, as curses does it.

Textual paints regions whole, several times where a screen opens, and each run of cells with all its colours. Over a
line of 10 kB/s that is seconds. So the driver keeps a picture of the terminal and sends the differences only. It
understands nothing but what Textual draws with (a place, a style, text, an end of line); whatever else comes goes
through as it is, and what might have changed the terminal makes the picture unknown.
"""

from __future__ import annotations

import re
from functools import lru_cache

from updeck.text import cell_width

__all__ = ["ThinLine"]

_PIECES = re.compile(
    r"\x1b\[(?:(\d+);(\d+)H|([\d;]*)m)"
    r"|([^\x00-\x1f\x7f-\x9f]+)"
    r"|(\r?\n)"
    r"|(\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|.)",
    re.DOTALL,
)
_SYNC_ON, _SYNC_OFF = "\x1b[?2026h", "\x1b[?2026l"
_OTHER_SCREEN = "\x1b[?1049h"
_CLEAR = "\x1b[m\x1b[2J"
_HARMLESS = re.compile(r"\x1b\[(?:\?(?!1049)\d+(?:[hl]|\$p)|>\d+u|<u|2[23];2t)|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x07")
_JUMP = 4
"""Cells alike between two changes that are cheaper to draw again than to jump over: a jump takes as many bytes."""
_ATTRIBUTES = frozenset("123456789")
_SEEN_ON_BLANKS = frozenset("4579")

_UNKNOWN = "?"
"""The style of a cell of which nothing is known; no SGR sequence has such parameters."""


class ThinLine:
    """The picture of a terminal. `thin` turns what was drawn into what has to be sent."""

    def __init__(self) -> None:
        self._columns = self._rows = 0
        self._text: list[list[str]] = []
        self._styles: list[list[str]] = []
        self._drawn_text: list[list[str]] = []
        self._drawn_styles: list[list[str]] = []
        self._touched: dict[int, tuple[int, int]] = {}
        self._at = (0, 0)
        self._style = ""
        self._sent_style = _UNKNOWN
        self._wants_sync = self._in_sync = self._owes_sync = False
        self.held = False
        """Whether drawing is kept back, so that what stands between two pictures is never sent."""

    def forget(self, columns: int | None = None, rows: int | None = None) -> None:
        """Know nothing of what the terminal shows; its size may be another now."""
        self._columns = self._columns if columns is None else columns
        self._rows = self._rows if rows is None else rows
        self._sent_style = _UNKNOWN
        self._fill(_UNKNOWN)

    def _fill(self, style: str) -> None:
        self._text = [[" "] * self._columns for _ in range(self._rows)]
        self._styles = [[style] * self._columns for _ in range(self._rows)]
        self._drawn_text = [list(row) for row in self._text]
        self._drawn_styles = [list(row) for row in self._styles]
        self._touched.clear()

    def thin(self, data: str, columns: int, rows: int) -> str:
        """Return what has to be sent of `data` to a terminal of this size."""
        if (columns, rows) != (self._columns, self._rows):
            self.forget(columns, rows)
        out: list[str] = []
        for row, column, style, text, line_end, other in _PIECES.findall(data):
            if text:
                self._draw(text)
            elif row:
                self._at = (int(row) - 1, int(column) - 1)
            elif line_end:
                self._at = (self._at[0] + 1, 0)
            elif other:
                self._pass(other, out)
            else:
                self._style = _plain(style)
        self._send(out)
        return "".join(out)

    def _draw(self, text: str) -> None:
        row, start = self._at
        cells = list(text) if text.isascii() else _cells(text)
        end = min(start + len(cells), self._columns)
        self._at = (row, start + len(cells))
        if not 0 <= row < self._rows or start >= end:
            return
        self._break_wide(row, start, end)
        self._drawn_text[row][start:end] = cells[: end - start]
        blank = _blank(self._style)
        self._drawn_styles[row][start:end] = [
            blank if cell == " " else self._style for cell in self._drawn_text[row][start:end]
        ]
        left, right = self._touched.get(row, (start, end))
        self._touched[row] = (min(left, start), max(right, end))

    def _break_wide(self, row: int, start: int, end: int) -> None:
        """Know nothing of the half that is left of a wide character where something else is drawn over the other."""
        text = self._drawn_text[row]
        for half, rest in ((start, start - 1), (end, end)):
            if rest >= 0 and half < self._columns and text[half] == "":
                text[rest] = self._text[row][rest] = " "
                self._drawn_styles[row][rest] = self._styles[row][rest] = _UNKNOWN

    def _pass(self, sequence: str, out: list[str]) -> None:
        """Let through what draws nothing; a synchronised update only where something is drawn in it."""
        if sequence == _SYNC_ON:
            self._wants_sync = True
            self._owes_sync = self._owes_sync or self.held
            return
        self._send(out)
        if sequence == _SYNC_OFF:
            if self._in_sync:
                out.append(sequence)
            self._wants_sync = self._in_sync = False
            return
        if sequence == _OTHER_SCREEN:
            out.append(sequence + _CLEAR)
            self._sent_style = ""
            self._fill("")
            return
        if self._sent_style:
            out.append("\x1b[m")
            self._sent_style = ""
        out.append(sequence)
        if not _HARMLESS.fullmatch(sequence):
            self.forget()

    def _send(self, out: list[str]) -> None:
        if self.held:
            return
        for row, (left, right) in sorted(self._touched.items()):
            if (
                self._drawn_text[row][left:right] == self._text[row][left:right]
                and self._drawn_styles[row][left:right] == self._styles[row][left:right]
            ):
                continue
            if (self._wants_sync or self._owes_sync) and not self._in_sync:
                out.append(_SYNC_ON)
                self._in_sync = True
            self._send_row(row, left, right, out)
            self._text[row][left:right] = self._drawn_text[row][left:right]
            self._styles[row][left:right] = self._drawn_styles[row][left:right]
        self._touched.clear()
        self._owes_sync = False
        if self._in_sync and not self._wants_sync:
            out.append(_SYNC_OFF)  # what was kept back is sent after the update in which it was drawn
            self._in_sync = False

    def _send_row(self, row: int, left: int, right: int, out: list[str]) -> None:
        """Send the changed cells from `left` to `right`; blanks up to the edge are erased, in the plain style."""
        text, styles = self._drawn_text[row], self._drawn_styles[row]
        shown, shown_styles = self._text[row], self._styles[row]
        whole = not all(map(len, text[left:right])) or not all(map(len, shown[left:right]))
        edge = right
        if right == self._columns:
            while edge > left and text[edge - 1] == " " and styles[edge - 1] == "":
                edge -= 1
        at = -1
        for column in range(left, edge):
            same = text[column] == shown[column] and styles[column] == shown_styles[column]
            if not text[column] or styles[column] == _UNKNOWN or (same and not whole):
                continue
            if at < 0:
                out.append(f"\x1b[{row + 1};{column + 1}H")
            elif column == at:
                pass
            elif column - at > _JUMP or "" in text[at:column] or _UNKNOWN in styles[at:column]:
                out.append(f"\x1b[{column - at}C")
            else:
                out.extend(self._cell(text[alike], styles[alike]) for alike in range(at, column))
            out.append(self._cell(text[column], styles[column]))
            at = column + (2 if column + 1 < self._columns and not text[column + 1] else 1)
        if edge < right and (text[edge:right], styles[edge:right]) != (shown[edge:right], shown_styles[edge:right]):
            if at < 0:
                out.append(f"\x1b[{row + 1};{edge + 1}H")
            elif at < edge:
                out.append(f"\x1b[{edge - at}C")
            out.append(self._turn("") + "\x1b[K")

    def _cell(self, text: str, style: str) -> str:
        """Return what draws a cell; a blank is drawn in the present style where that looks the same."""
        if style == self._sent_style:
            return text
        if text == " " and self._sent_style != _UNKNOWN and _blank(self._sent_style) == style:
            return text
        return self._turn(style) + text

    def _turn(self, style: str) -> str:
        """Return what changes the terminal's style to another."""
        before, self._sent_style = self._sent_style, style
        return _turned(before, style)


@lru_cache(maxsize=512)
def _plain(parameters: str) -> str:
    """Return the parameters of a style without what is so anyway: the terminal's own two colours."""
    return (
        ";".join(one for one in parameters.split(";") if one not in ("", "0", "39", "49"))
        if _simple(parameters)
        else parameters
    )


def _simple(parameters: str) -> bool:
    """Whether no parameter belongs to another one, as the number of a colour does."""
    return not {"38", "48"} & set(parameters.split(";"))


@lru_cache(maxsize=512)
def _blank(parameters: str) -> str:
    """Return the simplest style in which a blank looks as it does in this one."""
    parts = _parts(parameters)
    return parameters if parts is None or parts[0] & _SEEN_ON_BLANKS else parts[2]


@lru_cache(maxsize=4096)
def _turned(before: str, after: str) -> str:
    if before == after:
        return ""
    if not after:
        return "\x1b[m"
    one, other = _parts(before), _parts(after)
    if one is None or other is None or one[0] - other[0] or any(not new for new in other[1:]):
        return f"\x1b[0;{after}m" if before else f"\x1b[{after}m"
    fresh = [*sorted(other[0] - one[0]), *(new for old, new in zip(one[1:], other[1:], strict=True) if old != new)]
    return f"\x1b[{';'.join(fresh)}m"


def _parts(parameters: str) -> tuple[frozenset[str], str, str] | None:
    """Return attributes, colour of the text and colour of the paper; None for what is written otherwise."""
    attributes, ink, paper = set[str](), "", ""
    words = parameters.split(";") if parameters else []
    while words:
        word = words.pop(0)
        if word in _ATTRIBUTES:
            attributes.add(word)
        elif word in ("38", "48"):
            count = 2 if words[:1] == ["5"] else 4
            colour = ";".join([word, *words[:count]])
            del words[:count]
            ink, paper = (colour, paper) if word == "38" else (ink, colour)
        elif word.isdecimal() and (30 <= int(word) <= 39 or 90 <= int(word) <= 97):
            ink = word
        elif word.isdecimal() and (40 <= int(word) <= 49 or 100 <= int(word) <= 107):
            paper = word
        else:
            return None
    return frozenset(attributes), ink, paper


def _cells(text: str) -> list[str]:
    """Return the characters cell by cell: one that takes two is followed by an empty cell, a mark joins the last."""
    cells: list[str] = []
    for character in text:
        width = cell_width(character)
        if width == 0 and cells:
            cells[-1] += character
            continue
        cells.append(character)
        cells.extend([""] * (width - 1))
    return cells
