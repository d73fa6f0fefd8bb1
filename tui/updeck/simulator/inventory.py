"""The inventory of a simulated fleet (`contracts.md` 1), which works as it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from updeck.errors import ConfigError
from updeck.simulator.blueprint import Blueprint

__all__ = ["FIRST_LINE", "InventoryEntry", "may_overwrite", "render_inventory"]

FIRST_LINE = "# Written by `updeck simulator`: simulated appliances. It is written anew at every start."

POLLS_PER_S = 60.0
"""How many devices at rest one simulator answers each second, whatever the speed."""

PATIENCE_S = {
    "success": 60,
    "relogin": 30,
    "initializing_soft": 900,
    "initializing_hard": 2700,
    "starting_soft": 120,
    "starting_hard": 900,
    "init_soft": 120,
    "init_hard": 900,
    "reset_soft": 120,
    "reset_hard": 900,
    "validating_soft": 900,
    "validating_hard": 2700,
    "fetch_soft": 600,
    "fetch_hard": 3600,
    "running_soft": 3600,
    "running_hard": 10800,
    "unreachable_soft": 1800,
    "unreachable_hard": 7200,
    "proving_soft": 180,
    "proving_hard": 900,
    "attempt_hard": 21600,
}
"""The timers of `rollout.md` 5 that wait for device time, in seconds at speed 1."""

LEAST_S = {"success": 0.5, "relogin": 1.0, "soft": 2.0, "hard": 10.0}
"""What a timer is at least at any speed, by the last word of its name."""


@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """A device with its address; `pin` is None over plain http."""

    blueprint: Blueprint
    url: str
    pin: str | None


def may_overwrite(path: Path) -> None:
    """Raise `ConfigError` where `path` holds an inventory that no simulator wrote: it may be somebody's real one."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            first = file.readline(len(FIRST_LINE) + 1).rstrip("\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error
    if first and first != FIRST_LINE:
        raise ConfigError(f"{path} was not written by the simulator", advice="name another --fleet-out")


def render_inventory(
    entries: Sequence[InventoryEntry], *, label: str, speed: float, password: Path, oauth_code: Path | None
) -> str:
    """Return the TOML text; `password` and `oauth_code` name files beside it."""
    lines = [FIRST_LINE, f"label = {_quoted(label)}", "", "[defaults]", 'username = "admin"']
    lines.append(f"password = {{ file = {_quoted(password.name)} }}")
    if oauth_code is not None:
        lines.append(f"oauth_code = {{ file = {_quoted(oauth_code.name)} }}")
    lines.append("fetch_local = true")
    lines += _table("poll", poll_intervals(speed, len(entries)))
    lines += _table("patience", patience(speed))
    for entry in entries:
        lines += _device(entry)
    return "\n".join(lines) + "\n"


def poll_intervals(speed: float, devices: int) -> dict[str, float]:
    """Return `[poll]` in seconds: shorter with the speed, but never so short that a large fleet melts a laptop."""
    gentle = devices / POLLS_PER_S
    return {
        "rest": _between(10 / speed, max(1.0, gentle), 10.0),
        "moving": _between(2 / speed, 0.3, 2.0),
        "running": _between(5 / speed, 0.5, 5.0),
        "unreachable": _between(15 / speed, max(1.0, gentle), 15.0),
        "unreachable_most": _between(60 / speed, max(4.0, 2 * gentle), 60.0),
    }


def patience(speed: float) -> dict[str, float]:
    """Return `[patience]` in seconds, without those that wait for no device time (`contracts.md` 4)."""
    return {
        name: round(max(seconds / speed, LEAST_S[name.rpartition("_")[2]]), 3) for name, seconds in PATIENCE_S.items()
    }


def _between(value: float, least: float, most: float) -> float:
    return round(min(max(value, least), most), 3)


def _table(name: str, values: dict[str, float]) -> Iterable[str]:
    yield ""
    yield f"[{name}]"
    for key, value in values.items():
        yield f"{key} = {value:g}"


def _device(entry: InventoryEntry) -> Iterable[str]:
    device = entry.blueprint
    yield ""
    yield f"[devices.{device.name}]"
    yield f"url = {_quoted(entry.url)}"
    yield f"tags = [{', '.join(_quoted(tag) for tag in device.tags)}]"
    yield f"site = {_quoted(device.site)}"
    if device.pair is not None:
        yield f"pair = {_quoted(device.pair)}"
    if entry.pin is not None:
        yield f"tls = {{ pin = {_quoted(entry.pin)} }}"


def _quoted(text: str) -> str:
    """Return a TOML basic string; JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
