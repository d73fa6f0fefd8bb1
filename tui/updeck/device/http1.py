"""How HTTP/1.1 frames a request's head, an answer's head, and where its body ends.

Strict: raises `httpx.RemoteProtocolError` for answers, `httpx.LocalProtocolError` for requests.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx

from updeck.device.exchange import READ_S
from updeck.device.incoming import Incoming

__all__ = ["Head", "read_body", "read_head", "request_head"]

_HEAD_LIMIT = 1 << 16
_LINE_LIMIT = 1 << 10
_CHUNKS_LIMIT = 10_000
_TRAILERS_LIMIT = 100
_INTERIM_ANSWERS = 8
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00\r\n]*?)[ \t]*")
_FORBIDDEN_IN_FIELD = re.compile(rb"[\x00\r\n]")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")


class Head:
    """Status line and header fields of an answer, and what they say of the body.

    `length` is the body's length in bytes, None where it is chunked or ends with the connection.
    """

    def __init__(self, data: bytes) -> None:
        status_line, *lines = data[:-4].split(b"\r\n")
        match = _STATUS_LINE.fullmatch(status_line)
        if match is None:
            raise httpx.RemoteProtocolError("the answer does not begin as HTTP/1.1 does")
        fields = [_FIELD.fullmatch(line) for line in lines]
        self.status = int(match[2])
        self.fields: list[tuple[bytes, bytes]] = [(field[1].lower(), field[2]) for field in fields if field]
        if len(self.fields) != len(lines):
            raise httpx.RemoteProtocolError("the answer holds a line that is no header field")
        self.chunked, self.length = self._framing()
        lasting = match[1] == b"1" and b"close" not in self._all(b"connection").lower()
        self.keep_alive = lasting and (self.chunked or self.length is not None)

    def _all(self, name: bytes) -> bytes:
        return b", ".join(value for field, value in self.fields if field == name)

    def _framing(self) -> tuple[bool, int | None]:
        coding, lengths = self._all(b"transfer-encoding").lower(), self._all(b"content-length")
        if self.status in (204, 304) or self.status < 200:
            return False, 0
        if coding:
            if coding != b"chunked" or lengths:
                raise httpx.RemoteProtocolError("the answer frames its body in a way that is not understood")
            return True, None
        if not lengths:
            return False, None
        if not lengths.isdigit() or len(lengths) > 15:
            raise httpx.RemoteProtocolError("the answer states no usable Content-Length")
        return False, int(lengths)


def request_head(request: httpx.Request) -> bytes:
    """Return a request's line and its header fields, with the empty line behind them."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    for name, value in request.headers.raw:
        if _FORBIDDEN_IN_FIELD.search(name) or _FORBIDDEN_IN_FIELD.search(value):
            raise httpx.LocalProtocolError("a header field of the request holds a line break")
        lines.append(b"%s: %s" % (name, value))
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def read_head(connection: Incoming, timeout_s: float) -> Head:
    """Return the head of the final answer, past interim ones."""
    for _ in range(_INTERIM_ANSWERS):
        head = Head(await connection.until(b"\r\n\r\n", _HEAD_LIMIT, timeout_s))
        if head.status >= 200:
            return head
    raise httpx.RemoteProtocolError("the answer does not end its preliminaries")


def read_body(connection: Incoming, head: Head) -> AsyncIterator[bytes]:
    """Return the body's pieces."""
    if head.chunked:
        return _chunks(connection)
    return _to_the_close(connection) if head.length is None else _sized(connection, head.length)


async def _sized(connection: Incoming, length: int) -> AsyncIterator[bytes]:
    while length:
        data = await connection.some(length, READ_S)
        if not data:
            raise httpx.RemoteProtocolError(f"the answer was cut off {length} bytes early")
        length -= len(data)
        yield data


async def _chunks(connection: Incoming) -> AsyncIterator[bytes]:
    for _ in range(_CHUNKS_LIMIT):  # one-byte chunks must not eat the loop's time
        match = _CHUNK_SIZE.fullmatch(await connection.until(b"\r\n", _LINE_LIMIT, READ_S))
        if match is None:
            raise httpx.RemoteProtocolError("the answer holds a broken chunk")
        size = int(match[1], 16)
        if not size:
            break
        async for data in _sized(connection, size):
            yield data
        if await connection.until(b"\r\n", _LINE_LIMIT, READ_S) != b"\r\n":
            raise httpx.RemoteProtocolError("the answer holds a broken chunk")
    else:
        raise httpx.RemoteProtocolError(f"the answer comes in more than {_CHUNKS_LIMIT} chunks")
    for _ in range(_TRAILERS_LIMIT):
        if await connection.until(b"\r\n", _LINE_LIMIT, READ_S) == b"\r\n":
            return
    raise httpx.RemoteProtocolError("the answer's trailers do not end")


async def _to_the_close(connection: Incoming) -> AsyncIterator[bytes]:
    while data := await connection.some(1 << 16, READ_S):
        yield data
