"""How a form looks, row by row: lines to fill, its remark, its buttons. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from updeck.text import cell_width, pad
from updeck.ui.facts import LABEL_WIDTH, sentence
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, fit_line, line
from updeck.ui.line_edit import LineEdit
from updeck.ui.theme import Palette

__all__ = ["GAP", "REMARK_LINES", "Button", "Entry", "button_row", "changed_cells", "entry_row", "remark_row"]

REMARK_LINES = 2
GAP = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One line to fill. `key` names it in the program, `caption` on the screen.

    A `secret` is shown as marks and kept as it was typed. With `takes_paste` off a bracketed paste changes nothing
    (`security.md`, confirmation). One that `chooses` is not typed: left and right go through its options.
    """

    key: str
    caption: str
    value: str = ""
    hint: str = ""
    secret: bool = False
    takes_paste: bool = True
    chooses: bool = False


@dataclass(frozen=True, slots=True)
class Button:
    """One thing that can be done."""

    key: str
    label: str

    @property
    def text(self) -> str:
        """The label in brackets, which hold without any colour."""
        return f"[ {self.label} ]"


def entry_row(
    entry: Entry, edit: LineEdit, glyphs: Glyphs, width: int, palette: Palette, value: Style, *, here: bool
) -> list[Segment]:
    """Return a line to fill; `here` is where keys go. `value` is the look of what stands in it."""
    room = max(2, width - LABEL_WIDTH)
    caption = Segment(pad(entry.caption, LABEL_WIDTH), palette[Ink.PLAIN if here else Ink.DIM])
    if entry.chooses:
        text = f"{glyphs.ready} {edit.text}" if edit.text else entry.hint
        return [caption, Segment(pad(text, room), value + Style(reverse=here))]
    if not edit.text and (entry.hint or not here):
        caret = " " if here else ""
        hint = value + Style(color=palette[Ink.DIM].color, dim=palette[Ink.DIM].dim)
        told = [Segment(caret, value + Style(reverse=True))] if here else []
        return [caption, *told, Segment(pad(f"{caret}{entry.hint}", room - len(caret)), hint)]
    text = glyphs.ready * len(edit.text) if entry.secret else edit.text
    if not here:
        return [caption, Segment(pad(text, room), value)]
    head, under, tail = _around(text, edit.at, room)
    return [caption, Segment(head, value), Segment(under, value + Style(reverse=True)), Segment(tail, value)]


def remark_row(text: str, ink: Ink, number: int, width: int, palette: Palette) -> list[Segment]:
    """Return one of the lines that the remark takes; where it needs more of them the last one shows that."""
    lines = sentence(text, width, ink)
    if number == REMARK_LINES - 1 and len(lines) > REMARK_LINES:
        lines[number] = fit_line(line(*lines[number], (" ", ink), *lines[number + 1]), width)
    return [Segment(span.text, palette[span.ink]) for span in lines[number]] if number < len(lines) else []


def button_row(buttons: Sequence[Button], at: str, width: int, palette: Palette) -> list[Segment]:
    """Return the buttons at the right end; the one that has the keys is reversed."""
    used = sum(cell_width(button.text) + GAP for button in buttons)
    segments = [Segment(" " * max(0, width - used), palette[Ink.PLAIN])]
    for button in buttons:
        look = palette[Ink.STRONG] + Style(reverse=True) if button.key == at else palette[Ink.PLAIN]
        segments += [Segment(" " * GAP, palette[Ink.PLAIN]), Segment(button.text, look)]
    return segments


def changed_cells(old: Strip, new: Strip) -> int:
    """Return how many cells from the left have to be painted; only what is alike at the right end is saved."""
    before, now = _cells(old), _cells(new)
    if len(before) != len(now):
        return new.cell_length
    while now and before[-1] == now[-1]:
        before.pop()
        now.pop()
    return sum(cell_width(character) for character, _ in now)


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    return [(character, segment.style) for segment in strip for character in segment.text]


def _around(text: str, at: int, width: int) -> tuple[str, str, str]:
    """Return what stands before, under and behind the cursor, in `width` cells."""
    start = 0
    while start < at and cell_width(text[start:at]) > width - 2:
        start += 1
    head, under = text[start:at], text[at : at + 1] or " "
    left = width - cell_width(head) - cell_width(under)
    return head, under, pad(text[at + 1 :], left)
