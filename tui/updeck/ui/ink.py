"""Lines as plain values: what is drawn, in which ink. Pure, so that every view can be read in a test as text.

`lines/` produces them, `widgets/` puts them on the screen; only the theme knows which colour an ink is.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from typing import NamedTuple

from updeck.fleet.tone import Tone
from updeck.text import cell_width, fit

__all__ = [
    "EMPTY",
    "Ink",
    "Line",
    "Span",
    "fit_line",
    "ink_of",
    "join",
    "line",
    "spread",
    "text_of",
    "width_of",
]


class Ink(Enum):
    """How a piece of text asks for attention; the closed set that a theme gives looks to."""

    PLAIN = auto()
    DIM = auto()
    RULE = auto()
    STRONG = auto()
    ACCENT = auto()
    READY = auto()
    MAY = auto()
    NEEDS = auto()
    KEY = auto()
    PRODUCTION = auto()
    LAB = auto()
    DEMO = auto()


class Span(NamedTuple):
    """A run of clean text in one ink."""

    text: str
    ink: Ink


Line = tuple[Span, ...]
"""One line of the screen, from left to right."""

EMPTY: Line = ()

_OF_TONE = {
    Tone.REST: Ink.DIM,
    Tone.MOVING: Ink.PLAIN,
    Tone.GOOD: Ink.DIM,
    Tone.READY: Ink.READY,
    Tone.MAY: Ink.MAY,
    Tone.NEEDS: Ink.NEEDS,
}


def ink_of(tone: Tone) -> Ink:
    """Return the ink of what asks that much of a person."""
    return _OF_TONE[tone]


def line(*parts: str | Span | tuple[str, Ink]) -> Line:
    """Build a line; a bare string is plain. Empty pieces vanish and neighbours in one ink join."""
    spans: list[Span] = []
    for part in parts:
        text, ink = (part, Ink.PLAIN) if isinstance(part, str) else part
        if not text:
            continue
        if spans and spans[-1].ink is ink:
            spans[-1] = Span(spans[-1].text + text, ink)
        else:
            spans.append(Span(text, ink))
    return tuple(spans)


def text_of(drawn: Line) -> str:
    """Return the text of a line without its inks."""
    return "".join(span.text for span in drawn)


def width_of(drawn: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cell_width(span.text) for span in drawn)


def fit_line(drawn: Line, width: int) -> Line:
    """Cut a line to at most `width` cells; a cut ends in `…`."""
    if width_of(drawn) <= width:
        return drawn
    out: list[Span] = []
    left = width
    for span in drawn:
        cells = cell_width(span.text)
        if cells < left:
            out.append(span)
            left -= cells
            continue
        out.append(Span(fit(span.text + "…", left), span.ink))
        break
    return tuple(out)


def spread(left: Line, right: Line, width: int) -> Line:
    """Return `left` and `right` at the ends of `width` cells; where both do not fit, `left` is cut."""
    room = width - width_of(right) - 1
    if room <= 0:
        return fit_line(right, width)
    fitted = fit_line(left, room)
    gap = width - width_of(fitted) - width_of(right)
    return line(*fitted, " " * gap, *right)


def join(parts: Iterable[Line], separator: str | Span = "  ") -> Line:
    """Return lines one after the other with `separator` between those that are not empty."""
    out: list[str | Span] = []
    for part in parts:
        if not part:
            continue
        if out:
            out.append(separator)
        out.extend(part)
    return line(*out)
