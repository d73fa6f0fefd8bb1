"""HTTP/1.1 on asyncio streams: the lean transport of polling, for one device and its one connection.

It is an `httpx.AsyncBaseTransport`, so httpx's own can stand in its place (and does, behind a proxy). It
needs a third of the CPU (`design.md` 6). It is strict: what is not plainly HTTP/1.1 ends the connection.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from ipaddress import ip_address

import httpx

from updeck.device.exchange import CONNECT_S, READ_S, TLS_S
from updeck.device.guard import departure_of

__all__ = ["StreamTransport"]

_HEAD_LIMIT = 1 << 16
_CHUNK_LIMIT = 1 << 16
_CHUNKS_LIMIT = 10_000
_TRAILERS_LIMIT = 100
_INTERIM_ANSWERS = 8
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00\r\n]*?)[ \t]*")
_FORBIDDEN_IN_FIELD = re.compile(rb"[\x00\r\n]")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")


class StreamTransport(httpx.AsyncBaseTransport):
    """Speaks to one origin; an idle connection is kept and used again."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        """Make a transport over TLS with `context`, or in plain text where it is None."""
        self._context = context
        self._idle: _Connection | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; the response's stream has to be read to its end, or closed."""
        message = await _message(request)
        kept, self._idle = self._idle, None
        if kept is not None and kept.usable:
            try:
                return await self._exchange(kept, request, message)
            except _StaleConnectionError:
                if request.method != "GET":
                    raise
        elif kept is not None:
            await kept.abort()
        return await self._exchange(await self._dial(request), request, message)

    async def aclose(self) -> None:
        """Close the idle connection."""
        kept, self._idle = self._idle, None
        if kept is not None:
            await kept.abort()

    async def _exchange(self, connection: _Connection, request: httpx.Request, message: bytes) -> httpx.Response:
        try:
            departure_of(request).leave()
            connection.writer.write(message)
            head = await connection.read_head(_read_timeout(request))
        except BaseException:
            await connection.abort()
            raise
        body = _Body(self, connection, head)
        return httpx.Response(head.status, headers=head.fields, stream=body)

    async def release(self, connection: _Connection) -> None:
        """Take a connection back whose answer was read to its end."""
        if self._idle is None and connection.usable:
            self._idle = connection
        else:
            await connection.abort()

    async def _dial(self, request: httpx.Request) -> _Connection:
        host, port = request.url.host, request.url.port or (443 if self._context else 80)
        try:
            async with asyncio.timeout(CONNECT_S):
                raw = await _connect(host, port)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection within {CONNECT_S:g} s") from error
        try:
            async with asyncio.timeout(TLS_S):
                reader, writer = await asyncio.open_connection(
                    sock=raw, ssl=self._context, server_hostname=host if self._context else None, limit=_HEAD_LIMIT
                )
        except TimeoutError as error:
            raw.close()
            raise httpx.ConnectTimeout(f"no TLS handshake within {TLS_S:g} s") from error
        except BaseException:
            raw.close()
            raise
        return _Connection(reader, writer)


class _StaleConnectionError(httpx.RemoteProtocolError):
    """The connection was closed before a byte of the answer came."""


class _Head:
    """Status line and header of an answer, and what they say of the body."""

    def __init__(self, data: bytes) -> None:
        status_line, *lines = data[:-4].split(b"\r\n")
        match = _STATUS_LINE.fullmatch(status_line)
        if match is None:
            raise httpx.RemoteProtocolError("the answer does not begin as HTTP/1.1 does")
        fields = [_FIELD.fullmatch(line) for line in lines]
        self.status = int(match[2])
        self.fields: list[tuple[bytes, bytes]] = [(found[1].lower(), found[2]) for found in fields if found]
        if len(self.fields) != len(lines):
            raise httpx.RemoteProtocolError("the answer holds a line that is no header field")
        self.keep_alive = match[1] == b"1" and b"close" not in self._all(b"connection").lower()
        self.chunked, self.length = self._framing()

    def _all(self, name: bytes) -> bytes:
        return b", ".join(value for field, value in self.fields if field == name)

    def _framing(self) -> tuple[bool, int | None]:
        """Return whether the body is chunked, and its length; None where it ends with the connection."""
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


class _Connection:
    """A connection with at most one request on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @property
    def usable(self) -> bool:
        """Whether an idle connection is still open on both sides."""
        return not (self._reader.at_eof() or self.writer.is_closing())

    async def read_head(self, timeout_s: float) -> _Head:
        """Read the head of the final answer, past interim ones."""
        for _ in range(_INTERIM_ANSWERS):
            head = _Head(await self._until(b"\r\n\r\n", timeout_s))
            if head.status >= 200:
                return head
        raise httpx.RemoteProtocolError("the answer does not end its preliminaries")

    async def read_sized(self, length: int) -> AsyncIterator[bytes]:
        """Yield a body of known length."""
        while length:
            data = await self._some(min(length, _CHUNK_LIMIT))
            if not data:
                raise httpx.RemoteProtocolError(f"the answer was cut off {length} bytes early")
            length -= len(data)
            yield data

    async def read_chunked(self) -> AsyncIterator[bytes]:
        """Yield a chunked body; trailers are read and dropped."""
        for _ in range(_CHUNKS_LIMIT):  # one-byte chunks must not eat the loop's time
            match = _CHUNK_SIZE.fullmatch(await self._until(b"\r\n", READ_S))
            if match is None:
                raise httpx.RemoteProtocolError("the answer holds a broken chunk")
            size = int(match[1], 16)
            if not size:
                break
            async for data in self.read_sized(size):
                yield data
            if await self._until(b"\r\n", READ_S) != b"\r\n":
                raise httpx.RemoteProtocolError("the answer holds a broken chunk")
        else:
            raise httpx.RemoteProtocolError(f"the answer comes in more than {_CHUNKS_LIMIT} chunks")
        for _ in range(_TRAILERS_LIMIT):
            if await self._until(b"\r\n", READ_S) == b"\r\n":
                return
        raise httpx.RemoteProtocolError("the answer's trailers do not end")

    async def read_to_close(self) -> AsyncIterator[bytes]:
        """Yield a body that ends with the connection."""
        while data := await self._some(_CHUNK_LIMIT):
            yield data

    async def abort(self) -> None:
        """Close at once, without a farewell that the other side could delay."""
        self.writer.transport.abort()
        with suppress(OSError):
            await self.writer.wait_closed()

    async def _until(self, mark: bytes, timeout_s: float) -> bytes:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._reader.readuntil(mark)
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no answer within {timeout_s:g} s") from error
        except asyncio.LimitOverrunError as error:
            raise httpx.RemoteProtocolError(f"the answer's header is larger than {_HEAD_LIMIT} bytes") from error
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise httpx.RemoteProtocolError("the answer was cut off") from error
            raise _StaleConnectionError("the connection was closed without an answer") from error
        except ConnectionError as error:
            raise _StaleConnectionError("the connection was reset") from error

    async def _some(self, most: int) -> bytes:
        try:
            async with asyncio.timeout(READ_S):
                return await self._reader.read(most)
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"nothing more within {READ_S:g} s") from error


class _Body(httpx.AsyncByteStream):
    """The body of an answer; read to its end it gives the connection back, closed before it ends it."""

    def __init__(self, transport: StreamTransport, connection: _Connection, head: _Head) -> None:
        self._transport = transport
        self._connection: _Connection | None = connection
        self._head = head

    async def __aiter__(self) -> AsyncIterator[bytes]:
        connection, head = self._connection, self._head
        if connection is None:
            return
        if head.chunked:
            parts = connection.read_chunked()
        elif head.length is None:
            parts = connection.read_to_close()
        else:
            parts = connection.read_sized(head.length)
        async for part in parts:
            yield part
        if head.keep_alive and (head.chunked or head.length is not None):
            self._connection = None
            await self._transport.release(connection)

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.abort()


async def _message(request: httpx.Request) -> bytes:
    """Return the request's bytes; bodies are small here (uploads go another way)."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    for name, value in request.headers.raw:
        if _FORBIDDEN_IN_FIELD.search(name) or _FORBIDDEN_IN_FIELD.search(value):
            raise httpx.LocalProtocolError("a header field of the request holds a line break")
        lines.append(b"%s: %s" % (name, value))
    return b"\r\n".join(lines) + b"\r\n\r\n" + await request.aread()


def _read_timeout(request: httpx.Request) -> float:
    """Return httpx's own `read` timeout of the request in seconds."""
    timeouts = request.extensions.get("timeout")
    read = timeouts.get("read") if isinstance(timeouts, Mapping) else None
    return float(read) if isinstance(read, int | float) else READ_S


async def _connect(host: str, port: int) -> socket.socket:
    """Return a connected socket; addresses of a name are tried in turn, a literal one asks no resolver."""
    loop = asyncio.get_running_loop()
    try:
        family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
        found: list[tuple[int, tuple[str | int | bytes, ...]]] = [(family, (host, port))]
    except ValueError:
        answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = [(answer[0], answer[4]) for answer in answers]
    failure: OSError = OSError(f"{host} has no address")
    for family_found, address in found:
        raw = socket.socket(family_found, socket.SOCK_STREAM)
        raw.settimeout(0)
        try:
            await loop.sock_connect(raw, address)
        except OSError as error:
            raw.close()
            failure = error
        except BaseException:
            raw.close()
            raise
        else:
            return raw
    raise failure
