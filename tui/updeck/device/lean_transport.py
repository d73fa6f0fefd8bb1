"""The lean transport: HTTP/1.1 for one device, on its one kept connection.

It is an `httpx.AsyncBaseTransport`, so httpx's own can stand in its place (and does, behind a proxy), and it needs a
fraction of the CPU when a thousand devices are polled (`design.md` 6).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx

from updeck.device.connection import Connection, dial
from updeck.device.guard import departure_of, patience_of
from updeck.device.http1 import Head, read_body, read_head, request_head
from updeck.device.incoming import StaleConnectionError
from updeck.device.tls import Handshakes

__all__ = ["LeanTransport"]

_MESSAGES_MOST = 8


class _Message(NamedTuple):
    """A request with its header fields, as they were put into bytes."""

    fields: list[tuple[bytes, bytes]]
    data: bytes


class LeanTransport(httpx.AsyncBaseTransport):
    """Speaks to one origin; an idle connection is kept and used again."""

    def __init__(self, handshakes: Handshakes | None) -> None:
        """Make a transport over TLS with `handshakes`, or in plain text where it is None."""
        self._handshakes = handshakes
        self._idle: Connection | None = None
        self._messages: dict[bytes, _Message] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; the response's stream has to be read to its end, or closed.

        A GET that meets a dying connection is sent once more on a fresh one; nothing else is ever sent twice.
        """
        message = self._written(request) or await self._message(request)
        kept, self._idle = self._idle, None
        if kept is not None and kept.idle:
            try:
                return await self._exchange(kept, request, message)
            except StaleConnectionError:
                if request.method != "GET":
                    raise
        elif kept is not None:
            await kept.abort()
        port = request.url.port or (80 if self._handshakes is None else 443)
        return await self._exchange(await dial(request.url.host, port, self._handshakes), request, message)

    async def aclose(self) -> None:
        """Close the idle connection."""
        kept, self._idle = self._idle, None
        if kept is not None:
            await kept.abort()

    async def release(self, connection: Connection) -> None:
        """Take a connection back whose answer was read to its end."""
        if self._idle is None and connection.idle:
            self._idle = connection
        else:
            await connection.abort()

    def _written(self, request: httpx.Request) -> bytes | None:
        """Return the bytes of a GET that was sent before, field by field the same."""
        known = self._messages.get(request.url.raw_path) if request.method == "GET" else None
        return known.data if known is not None and known.fields == request.headers.raw else None

    async def _message(self, request: httpx.Request) -> bytes:
        """Return the request's bytes; bodies are small here (uploads go another way)."""
        body = await request.aread()
        data = request_head(request) + body
        if request.method == "GET" and not body:
            if len(self._messages) >= _MESSAGES_MOST:
                self._messages.clear()
            self._messages[request.url.raw_path] = _Message(request.headers.raw, data)
        return data

    async def _exchange(self, connection: Connection, request: httpx.Request, message: bytes) -> httpx.Response:
        try:
            departure_of(request).leave()
            connection.write(message)
            head = await read_head(connection, patience_of(request, "read"))
        except BaseException:
            await connection.abort()
            raise
        return httpx.Response(head.status, headers=head.fields, stream=_Body(self, connection, head))


class _Body(httpx.AsyncByteStream):
    """The body of an answer; read to its end it gives the connection back, closed before it ends it."""

    def __init__(self, transport: LeanTransport, connection: Connection, head: Head) -> None:
        self._transport = transport
        self._connection: Connection | None = connection
        self._head = head

    async def __aiter__(self) -> AsyncIterator[bytes]:
        connection = self._connection
        if connection is None:
            return
        async for part in read_body(connection, self._head):
            yield part
        if self._head.keep_alive:
            self._connection = None
            await self._transport.release(connection)

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.abort()
