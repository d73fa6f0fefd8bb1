"""Every sign on the screen that is not a letter: one set for UTF-8, one for terminals that show ASCII only.

Which set is used is decided once, from the environment, because Python coerces the C locale (`design.md` 5).
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from updeck.text import cell_width

__all__ = ["ASCII", "UNICODE", "VT", "Glyphs", "first_environment", "wants_ascii"]


class Glyphs(NamedTuple):
    """One set of signs; each takes exactly one cell."""

    ascii: bool
    cursor: str
    mark: str
    changed: str
    resting: str
    moving: str
    ready: str
    failed: str
    away: str
    barred: str
    unknown: str
    unasked: str
    valid: str
    sending: str
    rule: str
    bar: str
    joint: str
    filled: str
    empty: str
    busy: str
    arrow: str
    rising: str
    falling: str
    dot: str
    caret: str
    ellipsis: str

    @property
    def border(self) -> str:
        """The Textual border type for frames."""
        return "ascii" if self.ascii else "solid"

    def show(self, text: str) -> str:
        """Return cleaned `text` as this set can show it, in the same number of cells."""
        if not self.ascii or text.isascii():
            return text
        return "".join(_narrow(character) for character in text)


UNICODE = Glyphs(
    ascii=False,
    cursor="▌",
    mark="✓",
    changed="•",
    resting="○",
    moving="↻",
    ready="●",
    failed="✗",
    away="⊘",
    barred="≠",
    unknown="?",
    unasked="·",
    valid="✓",
    sending="↑",
    rule="─",
    bar="│",
    joint="┴",
    filled="█",
    empty="░",
    busy="▓",
    arrow="→",
    rising="▴",
    falling="▾",
    dot="·",
    caret="▏",
    ellipsis="…",
)

ASCII = Glyphs(
    ascii=True,
    cursor=">",
    mark="+",
    changed="'",
    resting="o",
    moving="~",
    ready="*",
    failed="x",
    away="!",
    barred="#",
    unknown="?",
    unasked=".",
    valid="+",
    sending="^",
    rule="-",
    bar="|",
    joint="+",
    filled="#",
    empty=".",
    busy="=",
    arrow=">",
    rising="^",
    falling="v",
    dot=".",
    caret="_",
    ellipsis="~",
)

_SPELLED = (
    {
        ord(sign): getattr(ASCII, name)
        for name in Glyphs._fields
        if isinstance(sign := getattr(UNICODE, name), str) and not sign.isascii()
    }
    | {ord(quote): "'" for quote in "‘’‚‛“”„‟‹›«»"}
    | {ord(dash): "-" for dash in "‐‑‒–—―−"}
)


VT = ("vt1", "vt2", "vt3")
"""How the names of the old terminals begin that know neither UTF-8 nor colours."""

_FEW_SIGNS = ("linux", *VT)
"""How the names of terminals begin that show few signs, whatever the locale says."""


def first_environment(path: Path = Path("/proc/self/environ")) -> Mapping[str, str]:
    """Return the environment as the process was given it, before Python coerced a C locale to UTF-8 (PEP 538)."""
    try:
        pairs = path.read_bytes().decode(errors="surrogateescape").split("\0")
    except OSError:
        return os.environ
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def wants_ascii(environment: Mapping[str, str]) -> bool:
    """Whether the locale of `environment` cannot show UTF-8, or its terminal has no font for more than letters.

    An unset locale cannot, like the C locale. The Linux console has a font of 256 or 512 signs, a VT no UTF-8.
    """
    if environment.get("TERM", "").startswith(_FEW_SIGNS):
        return True
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := environment.get(name):
            return "utf-8" not in value.lower() and "utf8" not in value.lower()
    return os.name != "nt"


def _narrow(character: str) -> str:
    if character.isascii():
        return character
    if spelled := _SPELLED.get(ord(character)):
        return str(spelled)
    cells = cell_width(character)
    base = unicodedata.normalize("NFKD", character)[0]
    if cells == 1 and base.isascii() and base.isprintable():
        return base
    return "?" * cells
