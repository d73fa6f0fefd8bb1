"""The log of one device in a rollout as lines: what happened, by whom, and under each what it goes back to. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from updeck.rollout.chain import Kind, Link
from updeck.text import pad
from updeck.ui.facts import hang
from updeck.ui.ink import EMPTY, Ink, Line, join, line
from updeck.ui.times import time_of_day

__all__ = ["link_lines", "matches"]

_TIME_CELLS, _OLD_TIME_CELLS = 8, 16
_INKS = {
    Kind.ATTEMPT: Ink.STRONG,
    Kind.SENT: Ink.PLAIN,
    Kind.OUTCOME: Ink.PLAIN,
    Kind.REACHED: Ink.ACCENT,
    Kind.ASKED: Ink.STRONG,
    Kind.SEEN: Ink.DIM,
    Kind.END: Ink.STRONG,
    Kind.NOW: Ink.STRONG,
}


def link_lines(link: Link, width: int, now: float) -> Sequence[Line]:
    """Return one link in as many lines as it takes; before each cause stands `because`. `now` is our wall clock."""
    recent = now - link.at < 20 * 3600
    cells = _TIME_CELLS if recent else _OLD_TIME_CELLS
    at = "now" if link.kind is Kind.NOW else time_of_day(link.at, now)
    ink = Ink.NEEDS if link.troubles else _INKS[link.kind]
    by = line((f"by {link.by}", Ink.DIM)) if link.by else EMPTY
    told = join([line((link.text, ink)), by])
    out = list(hang(line((pad(at, cells) + "  ", Ink.DIM)), told, cells + 2, width))
    for depth, cause in enumerate(link.because):
        lead = line((" " * (cells + 2 + 2 * min(depth, 3)) + "because ", Ink.DIM))
        out += hang(lead, line(cause), cells + 10 + 2 * min(depth, 3), width)
    return out


def matches(link: Link, words: str) -> bool:
    """Whether every word stands in a link: in its text, its causes or the user."""
    haystack = " ".join((link.text, link.by, *link.because)).casefold()
    return all(word in haystack for word in words.casefold().split())
