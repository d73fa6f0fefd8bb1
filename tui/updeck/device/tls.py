"""Trust in a device's certificate: verified, pinned, or openly insecure (`security.md`, TLS).

The check is part of the handshake itself, in every transport alike: it ends before a byte of a request can
leave. The environment decides nothing here (no SSLKEYLOGFILE, no REQUESTS_CA_BUNDLE), but for where OpenSSL itself
looks for the system's store (SSL_CERT_FILE, SSL_CERT_DIR), which counts for `verify` alone. TLS is 1.2 or newer.
"""

from __future__ import annotations

import hmac
import ssl
from functools import cache
from pathlib import Path
from typing import Protocol, cast

from updeck.device.certificate import describe, fingerprint
from updeck.device.models import Certificate
from updeck.device.trust import Tls
from updeck.errors import ConfigError, TrustError
from updeck.text import clean
from updeck.toml_table import read_config_text

__all__ = ["Handshakes", "PresentedError", "context_for", "handshakes_for", "present"]


class PresentedError(ssl.SSLCertVerificationError):
    """The handshake ended on purpose: the certificate presented, `der`, does not have the fingerprint `expected`."""

    def __init__(self, der: bytes, expected: str | None) -> None:
        super().__init__("the certificate presented is not the pinned one")
        self.der = der
        self.expected = expected


class _PinnedContext(ssl.SSLContext):
    """A context whose handshakes succeed with one certificate only; with none at all while `expected` is None."""

    expected: str | None = None


class _PinnedObject(ssl.SSLObject):
    """The pin check of asynchronous connections: against the pin of this one, else against that of its context."""

    expected: str | None = None

    def do_handshake(self) -> None:
        super().do_handshake()
        _check_pin(self.expected or _pin_of(self.context), self.getpeercert(binary_form=True))


class _PinnedSocket(ssl.SSLSocket):
    """The pin check of blocking connections."""

    def do_handshake(self, block: object = None) -> None:
        super().do_handshake(bool(block))
        _check_pin(_pin_of(self.context), self.getpeercert(binary_form=True))


def _pin_of(context: ssl.SSLContext) -> str | None:
    return context.expected if isinstance(context, _PinnedContext) else None


def _check_pin(expected: str | None, der: bytes | None) -> None:
    if der is None or expected is None or not hmac.compare_digest(fingerprint(der), expected):
        raise PresentedError(der or b"", expected)


class Handshakes(Protocol):
    """What makes the TLS of a connection: an `ssl.SSLContext`, or what stands for one."""

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *, server_hostname: str | None
    ) -> ssl.SSLObject:
        """Return the client's side of a connection, whose handshake trusts what is to be trusted."""
        ...


class _Pin:
    """One pin, checked in the context that all pins share: 13 kB for each device are much for a thousand."""

    def __init__(self, expected: str) -> None:
        self._expected = expected.lower()

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *, server_hostname: str | None
    ) -> ssl.SSLObject:
        made = cast("_PinnedObject", _of_all_pins().wrap_bio(incoming, outgoing, server_hostname=server_hostname))
        made.expected = self._expected
        return made


@cache
def _of_all_pins() -> ssl.SSLContext:
    return _pinned(None)


def handshakes_for(tls: Tls) -> Handshakes:
    """Return what our own connections shake hands by; raises as `context_for`."""
    return _Pin(tls.pin or "") if tls.mode == "pin" else context_for(tls)


@cache
def context_for(tls: Tls) -> ssl.SSLContext:
    """Return the context of a trust setting, made once; raises ConfigError where it cannot be made."""
    if tls.mode == "pin":
        return _pinned(tls.pin or "")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.mode == "insecure":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.mode == "ca":
        _load_authorities(context, tls.ca_file)
    else:
        context.load_default_certs()
    return context


async def present(url: str, *, proxy: str | None = None, total_s: float = 30.0) -> Certificate:
    """Return the certificate that answers at `url` (scheme, host, port) now; not a byte of a request is sent.

    Raises TrustError for plain http, which has none, and Unreachable where nothing answers in TLS.
    """
    from updeck.device.wire import handshake  # httpx is loaded only when something is sent

    if not url.startswith("https:"):
        raise TrustError("it speaks plain http and has no certificate")
    return describe(await handshake(url, _pinned(None), proxy=proxy, total_s=total_s))


async def vouched_for(url: str, *, proxy: str | None = None, total_s: float = 30.0) -> bool:
    """Whether the system's store trusts what answers at `url` now, and for that name; no byte of a request is sent.

    Raises Unreachable where nothing answers in TLS.
    """
    from updeck.device.wire import handshake

    checked = _pinned(None, verifies=True)
    checked.load_default_certs()
    try:
        await handshake(url, checked, proxy=proxy, total_s=total_s)
    except TrustError:
        return False
    return True


def _pinned(expected: str | None, *, verifies: bool = False) -> ssl.SSLContext:
    """Return a context that lets only the expected certificate pass, none where that is None."""
    context = _PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verifies:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.expected = None if expected is None else expected.lower()
    context.sslobject_class = _PinnedObject
    context.sslsocket_class = _PinnedSocket
    return context


def _load_authorities(context: ssl.SSLContext, ca_file: Path | None) -> None:
    if ca_file is None:
        raise ConfigError("tls names no ca file")
    text = read_config_text(ca_file)  # whoever can change it decides what is trusted
    try:
        context.load_verify_locations(cadata=text.encode("ascii", "ignore").decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"{clean(ca_file)} holds no usable certificates") from error
