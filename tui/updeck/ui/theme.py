"""The looks: one accent, red only for what needs a person, yellow for what may, everything else grey.

All colours lie in the 256-colour table, so that they look the same over SSH and take a third of the bytes of
true colour. A further theme is one more `Tints` (`design.md` 5). Text has at least 4.5 times the luminance of its
ground, or the reverse (WCAG 2.1, 1.4.3); in `high-contrast` 7 times (1.4.6). In `colour-blind` blue, yellow and orange
differ in lightness too, so that the eye that lacks one kind of cone tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from rich.style import Style
from textual.theme import Theme

from updeck.ui.ink import Ink

__all__ = ["THEMES", "Palette", "palette_of"]

_DEFAULT = "dark"

Palette = Mapping[Ink, Style]
"""The look of every ink."""


class Tints(NamedTuple):
    """The colours of a theme, as Textual spells them."""

    dark: bool
    background: str
    surface: str
    panel: str
    rule: str
    dim: str
    plain: str
    strong: str
    accent: str
    may: str
    needs: str
    lab: str | None = None
    """Behind the label LAB, where that is not the colour of rules."""


_TINTS = {
    "dark": Tints(
        dark=True,
        background="#1c1c1c",
        surface="#262626",
        panel="#303030",
        rule="#4e4e4e",
        dim="#9e9e9e",
        plain="#d0d0d0",
        strong="#eeeeee",
        accent="#5fafd7",
        may="#d7af5f",
        needs="#ff5f5f",
    ),
    "light": Tints(
        dark=False,
        background="#eeeeee",
        surface="#e4e4e4",
        panel="#dadada",
        rule="#b2b2b2",
        dim="#585858",
        plain="#303030",
        strong="#080808",
        accent="#005faf",
        may="#875f00",
        needs="#af0000",
    ),
    "high-contrast": Tints(
        dark=True,
        background="#000000",
        surface="#000000",
        panel="#1c1c1c",
        rule="#8a8a8a",
        dim="#bcbcbc",
        plain="#ffffff",
        strong="#ffffff",
        accent="#5fd7ff",
        may="#ffff5f",
        needs="#ff8787",
        lab="#303030",
    ),
    "colour-blind": Tints(
        dark=True,
        background="#1c1c1c",
        surface="#262626",
        panel="#303030",
        rule="#4e4e4e",
        dim="#9e9e9e",
        plain="#eeeeee",
        strong="#ffffff",
        accent="#5fafff",
        may="#d7af00",
        needs="#ff875f",
    ),
}


def _palette(tints: Tints) -> Palette:
    paper = tints.background

    def ink(colour: str, *, bold: bool = False) -> Style:
        return Style(color=colour, bgcolor=paper, bold=bold or None)

    return {
        Ink.PLAIN: ink(tints.plain),
        Ink.DIM: ink(tints.dim),
        Ink.RULE: ink(tints.rule),
        Ink.STRONG: ink(tints.strong, bold=True),
        Ink.ACCENT: ink(tints.accent),
        Ink.READY: ink(tints.accent, bold=True),
        Ink.MAY: ink(tints.may),
        Ink.NEEDS: ink(tints.needs, bold=True),
        Ink.KEY: ink(tints.accent),
        Ink.PRODUCTION: Style(color=paper, bgcolor=tints.strong, bold=True),
        Ink.LAB: Style(color=tints.strong, bgcolor=tints.lab or tints.rule),
        Ink.DEMO: Style(color=paper, bgcolor=tints.accent, bold=True),
    }


def _theme(name: str, tints: Tints) -> Theme:
    return Theme(
        name=name,
        primary=tints.accent,
        secondary=tints.dim,
        accent=tints.accent,
        warning=tints.may,
        error=tints.needs,
        success=tints.accent,
        foreground=tints.plain,
        background=tints.background,
        surface=tints.surface,
        panel=tints.panel,
        dark=tints.dark,
        variables={"rule": tints.rule, "dim": tints.dim, "strong": tints.strong},
    )


_ANSI_THEME = Theme(
    name="ansi",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_default",
    accent="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "rule": "ansi_default",
        "dim": "ansi_default",
        "strong": "ansi_default",
    },
)

_ANSI_PALETTE: Palette = {
    Ink.PLAIN: Style(),
    Ink.DIM: Style(dim=True),
    Ink.RULE: Style(dim=True),
    Ink.STRONG: Style(bold=True),
    Ink.ACCENT: Style(color="cyan"),
    Ink.READY: Style(color="cyan", bold=True),
    Ink.MAY: Style(color="yellow"),
    Ink.NEEDS: Style(color="red", bold=True),
    Ink.KEY: Style(bold=True),
    Ink.PRODUCTION: Style(bold=True, reverse=True),
    Ink.LAB: Style(underline=True),
    Ink.DEMO: Style(color="cyan", reverse=True),
}

THEMES: Mapping[str, Theme] = {
    "ansi": _ANSI_THEME,
    **{name: _theme(name, tints) for name, tints in _TINTS.items()},
}
"""Textual's half of each theme: backgrounds and the variables of dialogs ($accent, $rule, $dim, $strong)."""


@cache
def palette_of(theme: str) -> Palette:
    """Return our half of a theme: the look of every ink, without a stylesheet in between."""
    return _ANSI_PALETTE if theme == "ansi" else _palette(_TINTS.get(theme, _TINTS[_DEFAULT]))
