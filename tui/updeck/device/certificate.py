"""What a presented certificate says, read from its DER bytes: fingerprint, names and validity.

Nothing is verified here. OpenSSL shows the content of certificates it has verified only, and a person who is
to trust a self-signed or expired one has to see it as well. What cannot be read is None; the fingerprint
always is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from updeck.clock import rfc3339
from updeck.device.models import Certificate
from updeck.text import clean

__all__ = ["describe", "fingerprint"]

_SEQUENCE, _OID, _VERSION = 0x30, 0x06, 0xA0
_TIME_FORMATS = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
_TEXT_CODECS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
_ATTRIBUTES = {
    bytes.fromhex("550403"): "CN",
    bytes.fromhex("550405"): "serialNumber",
    bytes.fromhex("550406"): "C",
    bytes.fromhex("550407"): "L",
    bytes.fromhex("550408"): "ST",
    bytes.fromhex("55040a"): "O",
    bytes.fromhex("55040b"): "OU",
    bytes.fromhex("2a864886f70d010901"): "emailAddress",
}


def fingerprint(der: bytes) -> str:
    """Return `sha256:` and the 64 hex digits of the certificate's SHA-256."""
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def describe(der: bytes) -> Certificate:
    """Return what the certificate says; what cannot be read of it stays None. Never fails."""
    try:
        issuer, not_before, not_after, subject = _read(der)
    except (ValueError, OverflowError):
        return Certificate(fingerprint(der))
    return Certificate(fingerprint(der), subject, issuer, not_before, not_after)


def _read(der: bytes) -> tuple[str, str | None, str | None, str]:
    """Walk to the four fields of RFC 5280 4.1 that matter here; raises ValueError for what is no certificate."""
    to_be_signed = _content(_content(der, _SEQUENCE), _SEQUENCE)
    fields = list(_elements(to_be_signed))
    if fields and fields[0][0] == _VERSION:
        fields = fields[1:]
    _, _, issuer, validity, subject = (content for _, content in fields[:5])
    not_before, not_after = (_time(tag, content) for tag, content in _elements(validity))
    return _name(issuer), not_before, not_after, _name(subject)


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each DER element in `data`."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("cut off")
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
            if not 1 <= size <= 4:
                raise ValueError("no DER length")
        if at + length > len(data):
            raise ValueError("cut off")
        yield tag, data[at : at + length]
        at += length


def _content(data: bytes, wanted: int) -> bytes:
    """Return the content of the first element, which must have the wanted tag."""
    for tag, content in _elements(data):
        if tag == wanted:
            return content
        break
    raise ValueError("another element was expected")


def _name(data: bytes) -> str:
    """Return a distinguished name as `CN=ar11-nyc-1, O=Example`, in its own order."""
    parts: list[str] = []
    for _, relative in _elements(data):
        for _, pair in _elements(relative):
            (oid_tag, oid), (text_tag, text) = _elements(pair)
            if oid_tag != _OID:
                raise ValueError("no attribute type")
            value = text.decode(_TEXT_CODECS.get(text_tag, "latin-1"), "replace")
            parts.append(f"{_ATTRIBUTES.get(oid, 'OID ' + oid.hex())}={value}")
    return clean(", ".join(parts))


def _time(tag: int, content: bytes) -> str | None:
    if tag not in _TIME_FORMATS:
        return None
    moment = datetime.strptime(content.decode("ascii"), _TIME_FORMATS[tag]).replace(tzinfo=UTC)
    return rfc3339(moment.timestamp())
