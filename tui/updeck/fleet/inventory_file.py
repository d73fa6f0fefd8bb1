"""The file of the inventory: where it lies, its text, and what of it a screen needs before it knows any device."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from updeck.errors import ConfigError
from updeck.paths import config_dir
from updeck.settings import KeySettings, UiSettings, read_keys, read_ui
from updeck.toml_table import Table, parse_toml, read_config_text

__all__ = ["Preface", "fleet_exists", "fleet_path", "inventory_text", "preface_of", "read_preface"]

FLEET_FILE = "fleet.toml"
TOP_KEYS = ("label", "ui", "keys", "defaults", "poll", "patience", "devices")
LABEL_MOST = 40
"""Characters of a fleet's label."""

_NO_KEYS: Mapping[str, str] = MappingProxyType({})
_OTHER_TABLE = re.compile(r"\n[ \t]*\[(?!devices|defaults|poll|patience)")
"""What may begin a table that a screen needs: none of these does."""


class Preface(NamedTuple):
    """What an inventory says besides its devices and how they are asked; `source` tells what stood where."""

    label: str = ""
    ui: UiSettings = UiSettings()
    keys: KeySettings = _NO_KEYS
    source: Table | None = None


def fleet_path(path: Path | None = None) -> Path:
    """Return the inventory that is meant: `path`, or the one in the configuration directory."""
    return config_dir() / FLEET_FILE if path is None else path


def fleet_exists(path: Path | None = None) -> bool:
    """Whether there is an inventory; without one the UI offers the first run."""
    try:
        return fleet_path(path).exists()
    except (OSError, ValueError):
        return False


def inventory_text(path: Path) -> str:
    """Return the text of an inventory; raises `ConfigError` where there is none, or one that others can change."""
    if not fleet_exists(path):
        advice = "make one with: updeck devices add NAME https://ADDRESS"
        raise ConfigError(f"there is no inventory {path}", advice=advice)
    return read_config_text(path)


def preface_of(root: Table) -> Preface:
    """Return the preface of a parsed inventory; raises `ConfigError` for what is wrong with it."""
    root.only(TOP_KEYS)
    label = root.text("label") or ""
    if len(label) > LABEL_MOST:
        raise root.error("label", f"is longer than {LABEL_MOST} characters")
    return Preface(label, read_ui(root.table("ui")), read_keys(root.table("keys")), root)


def read_preface(text: str, name: str) -> Preface:
    """Return the preface of an inventory's `text` without parsing its devices, where it stands before them.

    Thousands of devices take longer to parse than a screen takes to draw. `name` is what errors call the file; what
    is wrong with the devices is not found here.
    """
    text = text.replace("\r\n", "\n")
    before, _, behind = text.partition("\n[devices")
    if not _OTHER_TABLE.search(behind):
        try:
            return preface_of(parse_toml(before, name))
        except ConfigError:
            pass  # it was cut within a value, or is wrong: the whole text tells
    return preface_of(parse_toml(text, name))
