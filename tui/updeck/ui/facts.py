"""Lines of a dialog's body, laid out for a width: headings, labelled facts, sentences. Pure.

Every string given here has passed `updeck.text.clean`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from updeck.text import cell_width, pad
from updeck.ui.ink import EMPTY, Ink, Line, Span, line, width_of

__all__ = ["LABEL_WIDTH", "Lines", "bullet", "fact", "hang", "heading", "row", "sentence", "wrap"]

LABEL_WIDTH = 13
"""Cells that a label takes, with the space behind it."""

Lines = Callable[[int], Sequence[Line]]
"""Lays a text out for a width in cells."""

_PIECES = re.compile(r"\s+|[^\s]+")


def wrap(drawn: Line, width: int) -> list[Line]:
    """Break a line at spaces so that each piece takes at most `width` cells; a longer word is broken anywhere."""
    width = max(1, width)
    if width_of(drawn) <= width:
        return [drawn]
    out: list[Line] = []
    current: list[Span] = []
    used = 0
    for piece in _pieces(drawn, width):
        cells = cell_width(piece.text)
        if used + cells > width:
            out.append(_without_end(current))
            current, used = [], 0
            if piece.text.isspace():
                continue
        current.append(piece)
        used += cells
    return [*out, _without_end(current)] if current else out


def _pieces(drawn: Line, width: int) -> Iterable[Span]:
    for span in drawn:
        for text in _PIECES.findall(span.text):
            while cell_width(text) > width:
                taken = _fitting(text, width)
                yield Span(text[:taken], span.ink)
                text = text[taken:]
            yield Span(text, span.ink)


def _fitting(text: str, width: int) -> int:
    used = 0
    for count, character in enumerate(text):
        used += cell_width(character)
        if used > width:
            return max(1, count)
    return len(text)


def _without_end(spans: Sequence[Span]) -> Line:
    kept = list(spans)
    while kept and kept[-1].text.isspace():
        kept.pop()
    return line(*kept)


def fact(label: str, value: Line | str, width: int) -> list[Line]:
    """Return a label in its column and the value beside it, wrapped under itself."""
    return hang(line((pad(label, LABEL_WIDTH), Ink.DIM)), value, LABEL_WIDTH, width)


def bullet(sign: str, value: Line | str, width: int, ink: Ink = Ink.PLAIN) -> list[Line]:
    """Return a sign and the value beside it, wrapped under itself."""
    return hang(line((f"{sign} ", ink)), value, 2, width)


def hang(head: Line, value: Line | str, indent: int, width: int) -> list[Line]:
    """Return `head`, which takes `indent` cells, and the value beside it, wrapped under itself."""
    drawn = line(value) if isinstance(value, str) else value
    first, *rest = wrap(drawn, max(8, width - indent)) or [EMPTY]
    return [line(*head, *first), *(line(" " * indent, *more) for more in rest)]


def sentence(text: Line | str, width: int, ink: Ink = Ink.PLAIN) -> list[Line]:
    """Return a sentence over the full width, wrapped."""
    return wrap(line((text, ink)) if isinstance(text, str) else text, width)


def heading(text: str, width: int, rule: str) -> list[Line]:
    """Return an empty line and a thin rule that carries a title; `rule` is a glyph of one cell."""
    head = f"{rule} "
    rest = rule * max(0, width - cell_width(head) - cell_width(text) - 1)
    return [EMPTY, line((head, Ink.RULE), (text, Ink.DIM), (f" {rest}", Ink.RULE))]


def row(cells: Iterable[tuple[str, int, Ink]]) -> Line:
    """Return one line of a table: (text, width in cells, ink) each, two cells apart."""
    return line(*(part for text, width, ink in cells for part in ((pad(text, width), ink), ("  ", ink))))
