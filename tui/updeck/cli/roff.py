"""Text as a man page wants it: fonts, escapes, and lines that no formatter takes for a request. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

__all__ = [
    "RAGGED",
    "entry",
    "example",
    "heading",
    "literal",
    "paragraphs",
    "placeholder",
    "sentences",
    "subheading",
]

RAGGED = (".nr HY 0", ".nh", ".ad l")
"""No hyphens where there are none, no holes in lines: commands stand among the words."""

_WIDTH = 78
_ESCAPES = {
    ord("\\"): r"\e",
    ord("'"): r"\(aq",
    ord("`"): r"\(ga",
    ord("^"): r"\(ha",
    ord("~"): r"\(ti",
    ord('"'): r"\(dq",
}
_TYPED = re.compile(r"`([^`]+)`|(?<![\w-])(--?[a-z][a-z0-9-]*)")
_SENTENCE = re.compile(r"(?<=[.:;!?])(?<!\be\.g\.) +(?=[A-Z\"`(])")


def _escaped(text: str) -> str:
    return "".join(
        character if character.isascii() else rf"\[u{ord(character):04X}]" for character in text.translate(_ESCAPES)
    )


def literal(text: str) -> str:
    """Return what is typed as it stands: bold, and every hyphen one that can be copied."""
    return rf"\fB{_typed(text)}\fR"


def placeholder(text: str) -> str:
    """Return what stands for something else."""
    return rf"\fI{_typed(text)}\fR"


def _prose(text: str) -> str:
    out, at = [], 0
    for match in _TYPED.finditer(text):
        out += [_escaped(text[at : match.start()]), literal(match[1] or match[2])]
        at = match.end()
    return "".join([*out, _escaped(text[at:])])


def heading(name: str) -> list[str]:
    """Begin a section."""
    return [f".SH {name}"]


def subheading(name: str) -> list[str]:
    """Begin a part of a section."""
    return [f'.SS "{_escaped(name)}"']


def paragraphs(texts: Sequence[str]) -> list[str]:
    """Return what stands below a heading."""
    return [row for number, text in enumerate(texts) for row in ([".PP"] * bool(number)) + sentences(text)]


def entry(head: str, body: Sequence[str]) -> list[str]:
    """Return a term, already escaped, and beneath it what it means."""
    return [".TP", head, *body]


def example(lines: Iterable[str]) -> list[str]:
    """Return lines that stand as they are."""
    return [".RS 4n", ".EX", *(_guarded(_typed(text)) for text in lines), ".EE", ".RE"]


def sentences(text: str) -> list[str]:
    """Return running text, one sentence a line and none of them long, as sources of man pages are written.

    What stands in `backquotes`, and options, are set as they are typed.
    """
    words = " ".join(text.split())
    return [
        _guarded(row)
        for one in _SENTENCE.split(words)
        for row in textwrap.wrap(_prose(one), _WIDTH, break_long_words=False, break_on_hyphens=False)
    ]


def _typed(text: str) -> str:
    return _escaped(text).replace("-", r"\-")


def _guarded(row: str) -> str:
    return rf"\&{row}" if row[:1] in (".", "'") else row
