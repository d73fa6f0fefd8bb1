"""Foreign text in Markdown: every character that could mean something there is spelled out (`security.md`, reports)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from updeck.text import clean

__all__ = ["cell", "heading", "table"]

_MARKS = re.compile(r"[\\`*_{}\[\]()|~!@#$^=\"']")
_AUTO_LINK = re.compile(r"(?i)(://|www\.|mailto:|xmpp:)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_EMPTY = "–"


def cell(text: str | None) -> str:
    """Return text for a table cell or the middle of a line; what is absent or blank becomes a dash.

    Characters that mark up get a backslash, those of HTML become entities, and nothing becomes a link by itself.
    """
    shown = clean(text or "").strip()
    if not shown:
        return _EMPTY
    shown = _MARKS.sub(r"\\\g<0>", shown)
    shown = "".join(_ENTITIES.get(character, character) for character in shown)
    return _AUTO_LINK.sub(lambda match: match[0].replace(":", "&#58;").replace(".", "&#46;"), shown)


def heading(level: int, text: str) -> list[str]:
    """Return a heading with an empty line around it; `text` is already safe."""
    return ["", "#" * level + " " + text, ""]


def table(header: Sequence[str], rows: Sequence[Sequence[str | None]]) -> list[str]:
    """Return a table whose cells are foreign text; the header is our own."""
    lines = [f"| {' | '.join(header)} |", "|" + " --- |" * len(header)]
    return lines + [f"| {' | '.join(cell(value) for value in row)} |" for row in rows]
