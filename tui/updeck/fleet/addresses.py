"""The addresses of the inventory, checked and written one way: devices, proxies, fingerprints. Pure."""

from __future__ import annotations

import ipaddress
import re

from updeck.errors import UsageError
from updeck.text import clean

__all__ = ["completed_url", "device_url", "fingerprint", "host_and_port", "proxy_url"]

DEFAULT_PORTS = {"https": 443, "http": 80}
PROXY_SCHEMES = ("http", "socks5", "socks5h")

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_HOST_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def device_url(text: str) -> str:
    """Return `scheme://host` or `scheme://host:port` in lower case, the default port left out.

    Only http and https; a path, query, fragment or user info is refused with `UsageError`.
    """
    scheme, host, port = _parts(text, tuple(DEFAULT_PORTS))
    return _written(scheme, host, None if port == DEFAULT_PORTS[scheme] else port)


def completed_url(text: str) -> str:
    """Return what a person typed as a device's URL; an address alone means https. Raises `UsageError`."""
    typed = text.strip()
    return device_url(typed if "://" in typed else f"https://{typed}")


def proxy_url(text: str) -> str:
    """Return a proxy's URL in lower case; `http`, `socks5` or `socks5h`, the port is needed, no user info."""
    scheme, host, port = _parts(text, PROXY_SCHEMES)
    if port is None:
        raise UsageError(f"{clean(text, 120)} has no port", advice=f"write it as {scheme}://HOST:PORT")
    return _written(scheme, host, port)


def host_and_port(url: str) -> tuple[str, int]:
    """Return host (an IPv6 address without brackets) and port of a URL that `device_url` returned."""
    scheme, host, port = _parts(url, tuple(DEFAULT_PORTS))
    return host, port or DEFAULT_PORTS[scheme]


def fingerprint(text: str) -> str:
    """Return a certificate's fingerprint as `sha256:` and 64 lower-case hex digits.

    Colons between the bytes and a missing `sha256:` are tolerated, as openssl and browsers print it.
    """
    digits = text.strip().lower().removeprefix("sha256:").replace(":", "")
    if not _FINGERPRINT.fullmatch(digits):
        raise UsageError("a fingerprint is sha256: and 64 hex digits")
    return f"sha256:{digits}"


def _parts(text: str, schemes: tuple[str, ...]) -> tuple[str, str, int | None]:
    if "@" in text:  # what stands before it may be a password, so nothing of the text is shown
        raise UsageError("a URL must not hold a user name or password", advice="use username and password")
    shown = clean(text, 120)
    match = _URL.fullmatch(text)
    if not match:
        advice = f"write it as {schemes[0]}://HOST or {schemes[0]}://HOST:PORT"
        raise UsageError(f"{shown or 'nothing'} is no URL", advice=advice)
    scheme = match["scheme"].lower()
    if scheme not in schemes:
        begins = " or ".join(f"{scheme}://" for scheme in schemes)
        raise UsageError(f"{shown} does not begin with {begins}")
    if match["rest"] not in ("", "/"):
        raise UsageError(f"{shown} has more than host and port", advice="leave out path, query and fragment")
    found = _AUTHORITY.fullmatch(match["authority"])
    if not found:
        raise UsageError(f"{shown} has no usable host and port", advice="an IPv6 address stands in brackets")
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not 1 <= port <= 65_535:
        raise UsageError(f"{shown} has a port outside 1 to 65535")
    return scheme, _host(found["host"].lower(), shown), port


def _host(host: str, shown: str) -> str:
    if host.startswith("["):
        try:
            address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise UsageError(f"{shown} has no valid IPv6 address") from None
        if address.scope_id is not None:
            raise UsageError(f"{shown} has an IPv6 address with a zone", advice="use an address without %")
        return address.compressed
    labels = host.split(".")
    if _NUMBER_LABEL.fullmatch(labels[-1]):
        try:
            return ipaddress.IPv4Address(host).compressed
        except ValueError:
            raise UsageError(f"{shown} has no valid IPv4 address") from None
    if len(host) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        advice = None if host.isascii() else "write an international name in its xn-- form"
        raise UsageError(f"{shown} has no valid host name", advice=advice)
    return host


def _written(scheme: str, host: str, port: int | None) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return f"{scheme}://{bracketed}" if port is None else f"{scheme}://{bracketed}:{port}"
