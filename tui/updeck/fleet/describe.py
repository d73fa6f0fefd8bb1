"""What the inventory amounts to, setting by setting, with where each value came from (`config show`). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from updeck.device.trust import Tls
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.text import clean
from updeck.toml_table import Table

__all__ = ["Setting", "describe_settings"]

BUILT_IN = "built in"


class Setting(NamedTuple):
    """One setting; `origin` is `FILE, line N`, with the table it was inherited from, or `built in`."""

    key: str
    value: str
    origin: str


def describe_settings(fleet: Fleet) -> list[Setting]:
    """Return all settings of the fleet, and of its devices those that stand somewhere.

    A secret is shown as its source only.
    """
    settings = [Setting("label", fleet.label, _origin(fleet, fleet.source, "label"))]
    tables: dict[str, Mapping[str, object]] = {
        "ui": fleet.ui._asdict(),
        "keys": fleet.keys,
        "poll": fleet.poll._asdict(),
        "patience": fleet.patience._asdict(),
    }
    for name, values in tables.items():
        table = None if fleet.source is None else fleet.source.table(name)
        settings += [
            Setting(f"{name}.{key}", _shown(value), _origin(fleet, table, key)) for key, value in values.items()
        ]
    for entry in fleet.devices:
        settings += _describe_device(fleet, entry)
    return settings


def _describe_device(fleet: Fleet, entry: DeviceEntry) -> Iterator[Setting]:
    table: Table | None = None
    if fleet.source is not None:
        table = fleet.source.table("devices").table(entry.name).over(fleet.source.table("defaults"))
    for key, value in _values(entry).items():
        origin = _origin(fleet, table, key)
        if origin != BUILT_IN or key == "url":
            yield Setting(f"devices.{entry.name}.{key}", value, origin)


def _values(entry: DeviceEntry) -> dict[str, str]:
    return {
        "url": entry.url,
        "tags": " ".join(entry.tags),
        "site": entry.site or "",
        "pair": entry.pair or "",
        "username": entry.username or "",
        "password": entry.password.describe() if entry.password else "",
        "oauth_code": entry.oauth_code.describe() if entry.oauth_code else "",
        "auth": entry.auth,
        "tls": _trust(entry.tls),
        "proxy": entry.proxy or "",
        "fetch_local": _shown(entry.fetch_local),
    }


def _trust(tls: Tls) -> str:
    if tls.pin is not None:
        return f"pin {tls.pin}"
    return f"ca {clean(tls.ca_file)}" if tls.ca_file is not None else tls.mode


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _origin(fleet: Fleet, table: Table | None, key: str) -> str:
    place = None if table is None else table.origin(key)
    return BUILT_IN if place is None else f"{clean(fleet.path)}, {place}"
