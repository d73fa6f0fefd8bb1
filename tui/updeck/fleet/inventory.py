"""The inventory: which devices there are, how to reach and trust them, and the settings of the fleet.

The file and its keys are those of `contracts.md` 1. Nothing is read from the working directory by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, cast

from updeck.device.trust import Tls
from updeck.errors import UsageError
from updeck.fleet.addresses import DEFAULT_PORTS, device_url, fingerprint, host_and_port, proxy_url
from updeck.fleet.inventory_file import fleet_path, inventory_text, preface_of
from updeck.settings import KeySettings, Patience, PollSettings, UiSettings, read_patience, read_poll
from updeck.text import clean
from updeck.toml_table import Table, parse_toml

if TYPE_CHECKING:
    from updeck.fleet.secret_sources import SecretSource

__all__ = [
    "AuthMode",
    "DeviceEntry",
    "Fleet",
    "check_label",
    "check_name",
    "load_fleet",
    "parse_fleet",
    "single_device_fleet",
]

AuthMode = Literal["auto", "token", "cookie", "basic", "oauth"]
"""How to log in; `auto` takes the best way that the device offers (`protocol.md` 3)."""

DEFAULT_KEYS = (
    *("tags", "site", "pair", "username", "password", "oauth_code"),
    *("auth", "tls", "proxy", "fetch_local"),
)
DEVICE_KEYS = ("url", *DEFAULT_KEYS)
AUTH_MODES = ("auto", "token", "cookie", "basic", "oauth")
NAME_RULE = "letters, digits, dots, underscores and hyphens, at most 63, beginning with a letter or digit"
LABEL_RULE = "no spaces, commas, quotes or any of ! * ? [ ]"

VERIFY = Tls()
"""The trust that holds where the inventory says nothing: the system's certificate store."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LABEL = re.compile(r"""[^\s,!*?\[\]"']{1,63}""")


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One device as the inventory has it, the defaults filled in.

    `url` is scheme, host and port only. A `password` of None leaves the asking to whoever runs the program.
    """

    name: str
    url: str
    tags: tuple[str, ...] = ()
    site: str | None = None
    pair: str | None = None
    username: str | None = None
    password: SecretSource | None = None
    oauth_code: SecretSource | None = None
    auth: AuthMode = "auto"
    tls: Tls = VERIFY
    proxy: str | None = None
    fetch_local: bool = False

    @property
    def insecure(self) -> bool:
        """Whether nothing proves who answers: plain http, or a certificate that is not checked."""
        return self.url.startswith("http:") or self.tls.mode == "insecure"


@dataclass(frozen=True)
class Fleet:
    """An inventory as loaded. `path` is None where it stands in no file; `source` tells what stood where."""

    path: Path | None
    label: str = ""
    devices: tuple[DeviceEntry, ...] = ()
    ui: UiSettings = field(default_factory=UiSettings)
    keys: KeySettings = field(default_factory=lambda: MappingProxyType({}))
    poll: PollSettings = field(default_factory=PollSettings)
    patience: Patience = field(default_factory=Patience)
    source: Table | None = field(default=None, repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The devices in the order of the inventory."""
        return tuple(self._by_name)

    def get(self, name: str) -> DeviceEntry | None:
        """Return the device of exactly this name, None where there is none."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> Mapping[str, DeviceEntry]:
        return {entry.name: entry for entry in self.devices}


def load_fleet(path: Path | None = None) -> Fleet:
    """Return the fleet of the inventory; raises ConfigError naming file, line and the nearest key."""
    path = fleet_path(path)
    return parse_fleet(inventory_text(path), path)


def parse_fleet(text: str, path: Path) -> Fleet:
    """Return the fleet that `text` describes; relative paths count from `path`, which errors name."""
    root = parse_toml(text, str(path))
    preface = preface_of(root)
    return Fleet(
        path=path,
        label=preface.label,
        devices=_read_devices(root, path.absolute().parent),
        ui=preface.ui,
        keys=preface.keys,
        poll=read_poll(root.table("poll")),
        patience=read_patience(root.table("patience")),
        source=root,
    )


def single_device_fleet(url: str) -> Fleet:
    """Return a fleet of the one device at `url`, for `updeck URL`; nothing of it is saved, and login asks."""
    url = device_url(url)
    host, port = host_and_port(url)
    name = re.sub(r"[^a-z0-9.-]+", "-", host).strip("-.") or "device"
    if port != DEFAULT_PORTS[url.partition(":")[0]]:
        name = f"{name}-{port}"
    return Fleet(path=None, devices=(DeviceEntry(name=name[:63], url=url),))


def check_name(name: str) -> str:
    """Return a device's name if it is one; raises UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{clean(name, 80) or 'an empty text'} is no name for a device", advice=f"use {NAME_RULE}")
    return name


def check_label(label: str) -> str:
    """Return a tag, site or pair if a selector can name it; raises UsageError."""
    if not _LABEL.fullmatch(label):
        raise UsageError(f"{clean(label, 80)} is no tag, site or pair", advice=f"use {LABEL_RULE}")
    return label


def _read_devices(root: Table, base: Path) -> tuple[DeviceEntry, ...]:
    defaults, devices = root.table("defaults"), root.table("devices")
    if "url" in defaults:
        raise defaults.error("url", "belongs to one device", "write it under [devices.NAME]")
    defaults.only(DEFAULT_KEYS)
    _read_entry("defaults", "https://defaults", defaults, base)
    entries: list[DeviceEntry] = []
    for name in devices.keys:
        try:
            check_name(name)
        except UsageError as error:
            raise devices.error(name, "is no name for a device", error.advice) from None
        table = devices.table(name)
        table.only(DEVICE_KEYS)
        url = _checked(table, "url", device_url)
        if url is None:
            raise devices.error(name, "has no url", 'write url = "https://HOST"')
        entries.append(_read_entry(name, url, table.over(defaults), base))
    _refuse_twins(entries, devices)
    return tuple(entries)


def _read_entry(name: str, url: str, table: Table, base: Path) -> DeviceEntry:
    return DeviceEntry(
        name=name,
        url=url,
        tags=_read_tags(table),
        site=_checked(table, "site", check_label),
        pair=_checked(table, "pair", check_label),
        username=table.text("username") or None,
        password=_read_secret(table, "password", base),
        oauth_code=_read_secret(table, "oauth_code", base),
        auth=cast("AuthMode", table.choice("auth", AUTH_MODES) or "auto"),
        tls=_read_tls(table, base),
        proxy=_checked(table, "proxy", proxy_url),
        fetch_local=bool(table.flag("fetch_local")),
    )


def _read_secret(table: Table, key: str, base: Path) -> SecretSource | None:
    if key not in table:
        return None
    from updeck.fleet.secret_sources import read_secret_source  # many inventories name none

    return read_secret_source(table, key, base)


def _checked(table: Table, key: str, check: Callable[[str], str]) -> str | None:
    """Return what `check` makes of the text; "" counts as absent, so that a device can undo a default."""
    text = table.text(key)
    if not text:
        return None
    try:
        return check(text)
    except UsageError as error:
        raise table.error(key, f"is wrong: {error.message}", error.advice) from None


def _read_tags(table: Table) -> tuple[str, ...]:
    tags = table.texts("tags") or ()
    for tag in tags:
        try:
            check_label(tag)
        except UsageError as error:
            raise table.error("tags", f"is wrong: {error.message}", error.advice) from None
    return tuple(dict.fromkeys(tags))


def _read_tls(table: Table, base: Path) -> Tls:
    if "tls" not in table:
        return VERIFY
    if table.is_text("tls"):
        word = table.choice("tls", ("verify", "insecure"))
        return VERIFY if word == "verify" else Tls("insecure")
    trust = table.table("tls")
    trust.only(("ca", "pin"))
    if len(trust.keys) != 1:
        raise table.error("tls", 'must be "verify", { ca = "FILE" }, { pin = "sha256:…" } or "insecure"')
    if "ca" in trust:
        from updeck.fleet.secret_sources import local_path

        return Tls("ca", ca_file=local_path(trust, "ca", base))
    pin = _checked(trust, "pin", fingerprint)
    if pin is None:
        raise trust.error("pin", "is empty")
    return Tls("pin", pin=pin)


def _refuse_twins(entries: Sequence[DeviceEntry], devices: Table) -> None:
    names: dict[str, str] = {}
    urls: dict[str, str] = {}
    for entry in entries:
        twin = names.setdefault(entry.name.casefold(), entry.name)
        if twin != entry.name:
            raise devices.error(entry.name, f"differs from {twin} in case only", "rename one of them")
        twin = urls.setdefault(entry.url, entry.name)
        if twin != entry.name:
            raise devices.table(entry.name).error("url", f"is that of {twin} already", "remove one of them")
