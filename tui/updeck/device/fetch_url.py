"""Which URLs a device may be told to fetch from: the *device* opens them, so its own inside is off limits.

`security.md`, fetch URL: http or https only, no user info; loopback, link-local and metadata addresses are
refused in any spelling unless that is allowed. Pure: names are judged as spelled, the device resolves them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

from updeck.errors import Blocked, UsageError
from updeck.text import clean

__all__ = ["FetchUrl", "check_fetch_url", "masked"]

_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>/[^#]*|\?[^#]*)?(?:#.*)?", re.IGNORECASE)
_HOST_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]+)(?::(?P<port>[0-9]{0,5}))?")
_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_URL_LIMIT = 2000

_LOCAL_NAMES = frozenset(
    {
        "localhost",
        "localhost4",
        "localhost6",
        "localhost.localdomain",
        "ip6-localhost",
        "ip6-loopback",
        "broadcasthost",
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
    }
)
_LOCAL_SUFFIXES = (".localhost", ".localdomain")
_LOCAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/3",
        "100.100.100.200/32",  # metadata: Alibaba, Azure, Oracle
        "168.63.129.16/32",
        "192.0.0.192/32",
    )
)
_LOCAL_V6 = tuple(
    IPv6Network(network)
    for network in ("::/127", "fe80::/10", "ff00::/8", "fd00:ec2::/32", "fd20:ce::254/128")  # EC2, Google
)
_CARRIES_V4 = tuple(
    IPv6Network(network) for network in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)


@dataclass(frozen=True, slots=True)
class FetchUrl:
    """A checked URL in its canonical spelling, without fragment; `host` is what the device will contact."""

    url: str
    host: str


def check_fetch_url(url: str, *, allow_local: bool) -> FetchUrl:
    """Return the URL to send to the device.

    Raises UsageError for what is no plain http(s) URL, and Blocked for an address inside the device or on its
    link unless `allow_local`.
    """
    match = _URL.fullmatch(url.strip())
    if match is None or len(url) > _URL_LIMIT:
        raise UsageError(f"{masked(url)} is no http or https URL")
    rest = match["rest"] or "/"
    if not (rest.isascii() and rest.isprintable()) or any(character in rest for character in ' "<>\\^`{|}'):
        raise UsageError(f"{masked(url)} holds characters that a URL cannot have", advice="percent-encode them")
    if "@" in match["authority"]:
        raise UsageError(f"{masked(url)} holds a user name or password", advice="remove it from the URL")
    host, port = _host_and_port(match["authority"], url)
    shown, local = _judged(host, url)
    if local and not allow_local:
        raise Blocked(
            f"{shown} is a loopback, link-local or metadata address of the device itself",
            advice="allow it with --allow-local, or with fetch_local in the inventory",
        )
    scheme = match["scheme"].lower()
    return FetchUrl(f"{scheme}://{shown}{port}{'' if rest.startswith('/') else '/'}{rest}", shown)


def masked(url: str) -> str:
    """Return `url` safe to show and to record: query, fragment and user info are `…`. Takes any text."""
    head, mark, _ = re.split(r"([?#]|$)", clean(url, _URL_LIMIT), maxsplit=1)
    head = re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*:[/\\]+|[/\\]*)[^/\\]*@", r"\1…@", head)
    return f"{head}{mark}…" if mark else head


def _host_and_port(authority: str, url: str) -> tuple[str, str]:
    """Return the host in lower-case ASCII and `:port` or ""."""
    try:
        plain = authority if authority.isascii() else authority.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise UsageError(f"{masked(url)} names a host that cannot be") from error
    match = _HOST_PORT.fullmatch(plain.lower())
    if match is None:
        raise UsageError(f"{masked(url)} names no host")
    port = match["port"]
    if port and not 0 < int(port) < 65536:
        raise UsageError(f"{masked(url)} names a port that cannot be")
    return match["host"], f":{int(port)}" if port else ""


def _judged(host: str, url: str) -> tuple[str, bool]:
    """Return the canonical host and whether it is local to the device."""
    if host.startswith("["):
        try:
            address = IPv6Address(host[1:-1])
        except AddressValueError as error:
            raise UsageError(f"{masked(url)} names no IPv6 address") from error
        if address.scope_id is not None:
            raise UsageError(f"{masked(url)} names a zone, which only means something on one machine")
        return f"[{address}]", _local_v6(address)
    name = host.rstrip(".")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return _judged_number(name, url)
    if not _HOST_NAME.fullmatch(name) or len(name) > 253:
        raise UsageError(f"{masked(url)} names a host that cannot be")
    return name, name in _LOCAL_NAMES or name.endswith(_LOCAL_SUFFIXES)


def _judged_number(name: str, url: str) -> tuple[str, bool]:
    """Judge an IPv4 address by each way to read it: `0127.0.0.1` is 87.0.0.1 to some, 127.0.0.1 to others."""
    readings = {reading for reading in (_read_v4(name, octal=True), _read_v4(name, octal=False)) if reading}
    if not readings:
        raise UsageError(f"{masked(url)} names no IPv4 address")
    for reading in readings:
        if _local_v4(reading):
            return str(reading), True
    if len(readings) > 1:
        raise UsageError(f"{masked(url)} can be read as two addresses", advice="write it without leading zeros")
    return str(readings.pop()), False


def _read_v4(name: str, *, octal: bool) -> IPv4Address | None:
    """Read `name` as inet_aton does: one to four numbers, the last one filling what is left."""
    values: list[int] = []
    for part in name.split("."):
        if not _NUMBER.fullmatch(part) or len(part) > 20:
            return None
        if part.startswith("0x"):
            values.append(int(part[2:] or "0", 16))
        elif octal and part.startswith("0") and not set(part) <= set("01234567"):
            return None
        else:
            values.append(int(part, 8 if octal and part.startswith("0") else 10))
    *head, last = values
    if len(values) > 4 or any(value > 255 for value in head) or last >= 256 ** (5 - len(values)):
        return None
    number = last + sum(value << (24 - 8 * position) for position, value in enumerate(head))
    return IPv4Address(number)


def _local_v4(address: IPv4Address) -> bool:
    return any(address in network for network in _LOCAL_V4)


def _local_v6(address: IPv6Address) -> bool:
    if any(address in network for network in _LOCAL_V6):
        return True
    carried = [IPv4Address(int(address) & 0xFFFFFFFF)] if any(address in net for net in _CARRIES_V4) else []
    carried += [address.sixtofour] if address.sixtofour else []
    carried += list(address.teredo or ())
    return any(_local_v4(inner) for inner in carried)
