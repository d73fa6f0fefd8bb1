"""The settings that belong to no single device: how the screen looks, how often is asked, how long is waited.

Names and defaults are those of `contracts.md` 1 and `rollout.md` 5; the inventory hands its tables in.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from updeck.text import clean
from updeck.toml_table import Table

__all__ = [
    "KeySettings",
    "Patience",
    "PollSettings",
    "UiSettings",
    "read_keys",
    "read_patience",
    "read_poll",
    "read_ui",
]

THEMES = ("dark", "light", "ansi", "high-contrast", "colour-blind")
"""The looks to choose from; `ansi` uses the terminal's own sixteen colours."""

KeySettings = Mapping[str, str]
"""Key by action id. Which ids there are is known to the UI alone; it reports unknown ones and conflicts."""

SECONDS_LEAST = 0.01
SECONDS_MOST = 31 * 86_400.0
COUNT_MOST = 1_000_000_000_000


class UiSettings(NamedTuple):
    """The table `[ui]`."""

    theme: str = "dark"


class PollSettings(NamedTuple):
    """The table `[poll]`: seconds between two polls of one device.

    `moving` holds after an action and in states that pass; `unreachable` doubles up to `unreachable_most`.
    """

    rest: float = 10.0
    moving: float = 2.0
    running: float = 5.0
    unreachable: float = 15.0
    unreachable_most: float = 60.0


class Patience(NamedTuple):
    """The table `[patience]`: the timers of `rollout.md` 4 to 6 in seconds.

    `success_polls` is a count of polls, `upload_floor` a rate in bytes per second. A soft limit holds and
    clears by itself, a hard one decides.
    """

    get_total: float = 30.0
    post_total: float = 60.0
    initializing_soft: float = 900.0
    initializing_hard: float = 2700.0
    starting_soft: float = 120.0
    starting_hard: float = 900.0
    init_soft: float = 120.0
    init_hard: float = 900.0
    reset_soft: float = 120.0
    reset_hard: float = 900.0
    validating_soft: float = 900.0
    validating_hard: float = 2700.0
    fetch_soft: float = 600.0
    fetch_hard: float = 3600.0
    running_soft: float = 3600.0
    running_hard: float = 10800.0
    unreachable_soft: float = 1800.0
    unreachable_hard: float = 7200.0
    proving_soft: float = 180.0
    proving_hard: float = 900.0
    attempt_hard: float = 21600.0
    success_polls: int = 3
    success: float = 60.0
    relogin: float = 30.0
    upload_stall: float = 60.0
    upload_floor: int = 256_000


_COUNTS = ("success_polls", "upload_floor")


def read_ui(table: Table) -> UiSettings:
    """Return `[ui]`."""
    table.only(UiSettings._fields)
    return UiSettings(theme=table.choice("theme", THEMES) or UiSettings().theme)


def read_keys(table: Table) -> KeySettings:
    """Return `[keys]`; every value is the name of a key."""
    keys: dict[str, str] = {}
    for action in table.keys:
        key = table.text(action)
        if not key or key != key.strip():
            raise table.error(action, "must name a key")
        keys[clean(action, 80)] = key
    return MappingProxyType(keys)


def read_poll(table: Table) -> PollSettings:
    """Return `[poll]`."""
    table.only(PollSettings._fields)
    poll = PollSettings(**_numbers(table))
    if poll.unreachable > poll.unreachable_most:
        key = "unreachable" if "unreachable" in table else "unreachable_most"
        raise table.error(key, "makes unreachable longer than unreachable_most")
    return poll


def read_patience(table: Table) -> Patience:
    """Return `[patience]`; no soft limit may be longer than its hard one."""
    table.only(Patience._fields)
    patience = Patience(**_numbers(table))
    for soft in Patience._fields:
        hard = f"{soft.removesuffix('_soft')}_hard"
        if soft.endswith("_soft") and getattr(patience, soft) > getattr(patience, hard):
            raise table.error(soft if soft in table else hard, f"makes {soft} longer than {hard}")
    return patience


def _numbers(table: Table) -> dict[str, Any]:
    counts = {key: table.count(key, 1, COUNT_MOST) for key in table.keys if key in _COUNTS}
    rest = [key for key in table.keys if key not in _COUNTS]
    seconds = {key: table.number(key, SECONDS_LEAST, SECONDS_MOST) for key in rest}
    return {**counts, **seconds}
