"""The inventory's preface: the same as the whole inventory says, read without its devices."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from updeck.errors import ConfigError
from updeck.fleet.inventory import parse_fleet
from updeck.fleet.inventory_file import Preface, read_preface

FILE = Path("/etc/updeck/fleet.toml")
TABLES = (
    '[ui]\ntheme = "light"',
    '[ ui ]\ntheme = "light"',
    '  [ui]\ntheme = "light"',
    '["ui"]\ntheme = "light"',
    '[keys]\nstart = "S"',
    '[keys]\nstart = """\n[devices"""',
    "[ui]\nthem = 1",
    '[defaults]\nusername = """\n[devices.z]"""',
    "[defaults]\ntags = [\n]",
    "[poll]\nrest = 20",
    "[patience]\nsuccess = 90",
    '[devices.a]\nurl = "https://a"',
    "[devices.a.tls]\npin = ''",
    '[devices.b]\nurl = "https://b"\ntags = [\n  "x",\n  "y" ]',
    "[[devices]]",
    "[devicesx]",
    "# [ui]\n  # [devices.x]",
    "[ui",
)


def said(text: str) -> Preface | str:
    """Return what the whole inventory has for its preface, or what is wrong with it."""
    try:
        fleet = parse_fleet(text, FILE)
    except ConfigError as error:
        return str(error)
    return Preface(fleet.label, fleet.ui, fleet.keys)


def same(text: str) -> bool:
    """Whether a preface says what the whole does; where it does not fail, what is wrong stands behind it."""
    whole = said(text)
    try:
        preface = read_preface(text, str(FILE))
    except ConfigError as error:
        return str(error) == whole
    return isinstance(whole, str) or preface._replace(source=None) == whole


def test_any_two_tables_in_either_order_are_read_as_in_the_whole() -> None:
    for pair in itertools.permutations(TABLES, 2):
        assert same('label = "LAB"\n' + "\n".join(pair) + "\n"), pair


@settings(max_examples=200)
@given(st.lists(st.sampled_from(TABLES), unique=True, max_size=6), st.sampled_from(("\n", "\r\n", "\n  ")))
def test_any_order_of_tables_is_read_as_in_the_whole(tables: list[str], end: str) -> None:
    text = 'label = "LAB"\n' + "\n".join(tables) + "\n"
    assert same(text.replace("\n", end))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_devices_are_not_parsed_for_it(end: str) -> None:
    lines = ('label = "LAB"', "[ui]", 'theme = "light"', "[devices.a]", "this is no TOML")
    preface = read_preface(end.join(lines), "f")
    assert (preface.label, preface.ui.theme) == ("LAB", "light")


@pytest.mark.parametrize("theme", ["ligth", "", "1"])
def test_what_is_wrong_before_the_devices_is_said_with_its_line(theme: str) -> None:
    with pytest.raises(ConfigError, match=r"^f, line 2: ui\.theme must be one of"):
        read_preface(f'[ui]\ntheme = "{theme}"\n[devices.a]\nurl = "https://a"\n', "f")
