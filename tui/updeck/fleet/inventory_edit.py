"""Changes to the inventory file that keep its comments; what would not load afterwards is never written.

Every function returns the fleet as it is after the change, and raises ConfigError or UsageError before a byte
of the file is touched.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from updeck.device.trust import Tls
from updeck.errors import ConfigError, UsageError
from updeck.fleet.addresses import fingerprint
from updeck.fleet.inventory import DeviceEntry, Fleet, check_name, parse_fleet
from updeck.fleet.inventory_file import fleet_exists, fleet_path
from updeck.fleet.secret_sources import (
    KEYRING_SERVICE,
    CommandSecret,
    EnvSecret,
    FileSecret,
    KeyringSecret,
    SecretSource,
)
from updeck.paths import write_atomic
from updeck.text import clean
from updeck.toml_layout import Statement, statements
from updeck.toml_table import nearest, read_config_text

__all__ = ["add_device", "add_devices", "create_fleet", "remove_device", "set_pin", "set_pins", "set_value"]

Value = str | bool | int | float | Sequence[str] | Mapping[str, str | bool | Sequence[str]]
"""What a key can be set to; a mapping becomes an inline table."""


def create_fleet(path: Path | None, *, label: str = "", devices: Iterable[DeviceEntry] = ()) -> Fleet:
    """Write a new inventory; raises ConfigError where there is one already. `path` None: the configured one."""
    path = fleet_path(path)
    if fleet_exists(path):
        raise ConfigError(f"there is an inventory {path} already", advice="add devices to it")
    text = f"label = {_rendered(label)}\n" if label else ""
    text = (text + "".join(_device_text(entry, path) for entry in devices)).lstrip("\n")
    return _write(path, text, parse_fleet(text, path))


def add_device(path: Path | None, entry: DeviceEntry) -> Fleet:
    """Append a device, writing only what differs from a plain entry; makes the file where there is none."""
    path = fleet_path(path)
    check_name(entry.name)
    if not fleet_exists(path):
        return create_fleet(path, devices=(entry,))
    text, before = _read(path)
    if entry.name in before.names:
        raise UsageError(f"{entry.name} is in the inventory already", advice="choose another name")
    text = _whole_lines(text) + _device_text(entry, path)
    return _write(path, text, parse_fleet(text, path))


def add_devices(path: Path | None, entries: Sequence[DeviceEntry]) -> Fleet:
    """Append several devices, all or none; makes the file where there is none. Their names and URLs must be new."""
    path = fleet_path(path)
    if not fleet_exists(path):
        return create_fleet(path, devices=entries)
    text, _ = _read(path)
    text = _whole_lines(text) + "".join(_device_text(entry, path) for entry in entries)
    return _write(path, text, parse_fleet(text, path))


def remove_device(path: Path | None, name: str) -> Fleet:
    """Take a device out, with the lines that describe it; comments around them stay."""
    path = fleet_path(path)
    text, before = _read(path)
    _demand(before, name)
    for start, end in reversed(_spans(list(statements(text)), ("devices", name))):
        head, tail = text[:start], text[end:]
        if tail.startswith("\n") and (not head or head.endswith("\n\n")):
            tail = tail[1:]
        text = head + tail
    others = tuple(entry for entry in before.devices if entry.name != name)
    return _write_exactly(path, text, replace(before, devices=others))


def set_pin(path: Path | None, name: str, pin: str) -> Fleet:
    """Trust exactly the certificate with this fingerprint for a device: writes `tls = { pin = … }`."""
    return set_pins(path, {name: pin})


def set_pins(path: Path | None, pins: Mapping[str, str]) -> Fleet:
    """Trust one certificate each for several devices, all or none; fingerprint by device name."""
    path = fleet_path(path)
    text, before = _read(path)
    trusted = {name: Tls("pin", pin=fingerprint(pin)) for name, pin in pins.items()}
    changes: dict[tuple[str, ...], Value] = {}
    for name, tls in trusted.items():
        _demand(before, name)
        changes["devices", name, "tls"] = {"pin": tls.pin or ""}
    text = _with_values(text, changes, path)
    devices = tuple(replace(entry, tls=trusted.get(entry.name, entry.tls)) for entry in before.devices)
    return _write_exactly(path, text, replace(before, devices=devices))


def set_value(path: Path | None, keys: Sequence[str], value: Value) -> Fleet:
    """Set one key, such as `("ui", "theme")`, to a value."""
    path = fleet_path(path)
    text, _ = _read(path)
    text = _with_values(text, {tuple(keys): value}, path)
    return _write(path, text, parse_fleet(text, path))


def _read(path: Path) -> tuple[str, Fleet]:
    text = read_config_text(path)
    return text, parse_fleet(text, path)


def _write_exactly(path: Path, text: str, expected: Fleet) -> Fleet:
    """Write, unless the text came to mean anything else than what was asked for."""
    fleet = parse_fleet(text, path)
    if fleet != expected:
        raise _too_unusual(path)
    return _write(path, text, fleet)


def _write(path: Path, text: str, fleet: Fleet) -> Fleet:
    """Write the text that means `fleet`; an inventory that others may read stays so."""
    mode = 0o600
    if path.exists():
        mode |= stat.S_IMODE(path.stat().st_mode) & 0o044
    write_atomic(path, text, mode)
    return fleet


def _demand(fleet: Fleet, name: str) -> None:
    if name not in fleet.names:
        hint = nearest(name, fleet.names)
        advice = f"did you mean {hint}?" if hint else None
        raise UsageError(f"there is no device {clean(name, 80)} in the inventory", advice=advice)


def _spans(layout: Sequence[Statement], place: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return the stretches of text that describe what stands at `place`, in order.

    A table's stretch goes from its header to its last value, so that comments between them go as well, and those
    before the next header stay.
    """
    spans: list[tuple[int, int]] = []
    joined = False
    for statement in layout:
        if statement.path[: len(place)] != place:
            joined = False
            continue
        if joined and not statement.is_header:
            spans[-1] = (spans[-1][0], statement.end)
        else:
            spans.append((statement.start, statement.end))
            joined = statement.is_header
    return spans


def _with_values(text: str, changes: Mapping[tuple[str, ...], Value], path: Path) -> str:
    """Return `text` with keys set, each where it stands already, or behind the last one of its table."""
    text = _whole_lines(text)
    layout = list(statements(text))
    edits: list[tuple[int, int, str]] = []
    unusual: dict[tuple[str, ...], Value] = {}
    for keys, value in changes.items():
        edit = _edit(layout, keys, value)
        if edit is None:
            unusual[keys] = value
        else:
            edits.append(edit)
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    for keys, value in unusual.items():
        text = _edited_as_document(text, keys, value, path)
    return text


def _whole_lines(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _edit(layout: Sequence[Statement], keys: tuple[str, ...], value: Value) -> tuple[int, int, str] | None:
    """Return the stretch to replace and what by; None where the key has no place of its own in the text."""
    present = [one for one in layout if one.path[: len(keys)] == keys]
    if [one.path for one in present] == [keys] and not present[0].is_header:
        return present[0].value_start, present[0].value_end, _rendered(value)
    header = next((one for one in layout if one.is_header and one.path == keys[:-1]), None)
    if present or header is None:
        return None
    place = header.end
    for one in layout[layout.index(header) + 1 :]:
        if one.is_header:
            break
        place = one.end
    return place, place, f"{tomlkit.key(keys[-1]).as_string()} = {_rendered(value)}\n"


def _edited_as_document(text: str, keys: tuple[str, ...], value: Value, path: Path) -> str:
    try:
        document = tomlkit.parse(text)
        table: tomlkit.TOMLDocument | tomlkit.items.Table = document
        for key in keys[:-1]:
            table = table.setdefault(key, tomlkit.table())
        table[keys[-1]] = _item(value)
        return tomlkit.dumps(document)
    except (TOMLKitError, TypeError, ValueError, KeyError, AttributeError, RecursionError):
        raise _too_unusual(path) from None


def _too_unusual(path: Path) -> ConfigError:
    return ConfigError(f"{path} is written in a way that cannot be edited safely", advice="edit it by hand")


def _device_text(entry: DeviceEntry, path: Path) -> str:
    values = _values(entry, path.absolute().parent)
    lines = [f"{key} = {_rendered(value)}" for key, value in values.items()]
    header = tomlkit.key(["devices", entry.name]).as_string()
    return "\n".join(("", f"[{header}]", *lines, ""))


def _values(entry: DeviceEntry, base: Path) -> dict[str, Value]:
    """Return the keys that a device needs in the file, the plain ones left out."""
    values: dict[str, Value | None] = {
        "url": entry.url,
        "tags": entry.tags or None,
        "site": entry.site,
        "pair": entry.pair,
        "username": entry.username,
        "password": _secret_value(entry.password, base),
        "oauth_code": _secret_value(entry.oauth_code, base),
        "auth": None if entry.auth == "auto" else entry.auth,
        "tls": _tls_value(entry.tls, base),
        "proxy": entry.proxy,
        "fetch_local": entry.fetch_local or None,
    }
    return {key: value for key, value in values.items() if value is not None}


def _secret_value(source: SecretSource | None, base: Path) -> Value | None:
    match source:
        case None:
            return None
        case EnvSecret():
            return {"env": source.variable}
        case CommandSecret():
            return {"command": source.words}
        case FileSecret():
            return {"file": _shown_path(source.path, base)}
        case KeyringSecret():
            return {"keyring": True if source.service == KEYRING_SERVICE else source.service}
        case _:
            return {"prompt": True}


def _tls_value(tls: Tls, base: Path) -> Value | None:
    if tls.pin is not None:
        return {"pin": tls.pin}
    if tls.ca_file is not None:
        return {"ca": _shown_path(tls.ca_file, base)}
    return None if tls.mode == "verify" else tls.mode


def _shown_path(path: Path, base: Path) -> str:
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)


def _rendered(value: Value) -> str:
    return _item(value).as_string()


def _item(value: Value) -> tomlkit.items.Item:
    if not isinstance(value, Mapping):
        return tomlkit.item(list(value) if isinstance(value, tuple) else value)
    table: InlineTable = tomlkit.inline_table()
    for key, inner in value.items():
        table.append(key, tomlkit.item(list(inner) if isinstance(inner, tuple) else inner))
    return table
