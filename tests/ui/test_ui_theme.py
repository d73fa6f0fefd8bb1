"""The looks: what can be read in each, told apart by every eye, and chosen."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import pytest
from rich.color import Color
from rich.style import Style

from fleet_fixture import Stage, bank
from seat import seated
from updeck.settings import THEMES as NAMES
from updeck.ui.ink import Ink
from updeck.ui.launch import UiOptions
from updeck.ui.theme import THEMES, palette_of

RICH = [name for name in NAMES if name != "ansi"]

TEXT, LARGE = 4.5, 7.0
"""WCAG 2.1: 1.4.3 (AA) and 1.4.6 (AAA)."""

APART = 20.0
"""How far two inks must be from each other in CIELAB; 2.3 is what an eye can just see side by side."""

CONES = {
    "all": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB."""


def linear(colour: Color | None) -> tuple[float, ...]:
    """Return a colour in linear RGB, 0 to 1."""
    assert colour is not None
    triplet = colour.get_truecolor()
    parts = [part / 255 for part in triplet]
    return tuple(part / 12.92 if part <= 0.04045 else math.pow((part + 0.055) / 1.055, 2.4) for part in parts)


def luminance(rgb: Sequence[float]) -> float:
    """Return the relative luminance."""
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]


def contrast(one: Color | None, other: Color | None) -> float:
    """Return the contrast ratio of WCAG 2.1."""
    low, high = sorted((luminance(linear(one)), luminance(linear(other))))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: Sequence[float]) -> tuple[float, float, float]:
    """Return CIELAB for D65."""

    def root(part: float) -> float:
        return math.cbrt(part) if part > 0.008856 else 7.787 * part + 16 / 116

    x = root((0.4124 * rgb[0] + 0.3576 * rgb[1] + 0.1805 * rgb[2]) / 0.95047)
    y = root(luminance(rgb))
    z = root((0.0193 * rgb[0] + 0.1192 * rgb[1] + 0.9505 * rgb[2]) / 1.08883)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def seen(colour: Color | None, matrix: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """Return a colour in CIELAB as an eye sees it."""
    rgb = linear(colour)
    return lab([min(1.0, max(0.0, sum(a * b for a, b in zip(row, rgb, strict=True)))) for row in matrix])


def nearest_pair(palette: Mapping[Ink, Style], eye: str) -> float:
    """Return the least distance between inks that mean different things."""
    inks = (Ink.PLAIN, Ink.DIM, Ink.ACCENT, Ink.MAY, Ink.NEEDS)
    points = [seen(palette[ink].color, CONES[eye]) for ink in inks]
    pairs = itertools.combinations(points, 2)
    return min(math.dist(one, other) for one, other in pairs)


def test_every_theme_of_the_configuration_is_there_and_no_other() -> None:
    assert set(THEMES) == set(NAMES)
    for name in NAMES:
        assert set(palette_of(name)) == set(Ink)


@pytest.mark.parametrize("name", RICH)
def test_text_stands_out_from_its_ground(name: str) -> None:
    least = LARGE if name == "high-contrast" else TEXT
    palette = palette_of(name)
    for ink in set(Ink) - {Ink.RULE}:
        assert contrast(palette[ink].color, palette[ink].bgcolor) >= least, ink
    filled = Color.parse(THEMES[name].panel or "")
    for ink in (Ink.PLAIN, Ink.DIM):  # what stands in a line to fill, and its hint
        assert contrast(palette[ink].color, filled) >= least, ink


@pytest.mark.parametrize("name", RICH)
def test_every_colour_is_one_of_256(name: str) -> None:
    levels = {0, 95, 135, 175, 215, 255}
    greys = {8 + 10 * step for step in range(24)}
    for style in palette_of(name).values():
        for colour in (style.color, style.bgcolor):
            assert colour is not None
            parts = set(colour.get_truecolor())
            assert parts <= levels or (len(parts) == 1 and parts <= greys), colour


@pytest.mark.parametrize("eye", CONES)
def test_the_colour_blind_theme_is_told_apart_by_every_eye(eye: str) -> None:
    assert nearest_pair(palette_of("colour-blind"), eye) >= APART


def test_the_theme_for_every_eye_is_there_for_a_reason() -> None:
    assert min(nearest_pair(palette_of("dark"), eye) for eye in CONES) < APART


async def test_a_key_goes_from_theme_to_theme_and_says_how_to_keep_one() -> None:
    async with seated(Stage(bank()), (80, 24)) as seat:
        drawn = set()
        for _ in NAMES:
            await seat.press("T")
            await seat.until(f'`theme = "{seat.app.theme}"` under [ui]')
            drawn.add(seat.app.theme)
        assert drawn == set(NAMES)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [({"NO_COLOR": "", "TERM": "xterm-256color"}, "NO_COLOR is set"), ({"TERM": "linux"}, "few colours")],
)
async def test_where_there_are_no_colours_none_can_be_tried(environment: dict[str, str], reason: str) -> None:
    options = UiOptions(fleet_name="bank-eu", theme="light", pace_s=0.05).settled(environment)
    async with seated(Stage(bank()), (80, 24), options) as seat:
        await seat.press("T")
        await seat.until(reason)
        assert seat.app.theme == "ansi"
