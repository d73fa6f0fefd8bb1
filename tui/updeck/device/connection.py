"""A connection to a device as bytes: dialled with its own patience, read in pieces, closed without farewell."""

from __future__ import annotations

import asyncio
import socket
import ssl
from ipaddress import ip_address

import httpx

from updeck.device.exchange import CONNECT_S, TLS_S
from updeck.device.incoming import Incoming
from updeck.device.tls import Handshakes
from updeck.device.tls_engine import TlsEngine

__all__ = ["Connection", "dial"]

_PAUSE_ABOVE = 1 << 18
"""How many bytes are taken from the socket ahead of who reads them."""

_Address = tuple[str | int | bytes, ...]


class Connection(Incoming, asyncio.Protocol):
    """An open connection with at most one request on it. Raises httpx's errors."""

    def __init__(self) -> None:
        super().__init__()
        self._engine: TlsEngine | None = None
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        before = len(self._buffer)
        if self._engine is None:
            self._buffer += data
        else:
            self._decrypt(self._engine, data)
        if len(self._buffer) > _PAUSE_ABOVE and self._transport is not None:
            self._transport.pause_reading()
        if len(self._buffer) > before or self._ended:  # TLS also speaks of itself
            self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._failure = self._failure or exc
        self._wake()
        if not self._lost.done():
            self._lost.set_result(None)

    @property
    def idle(self) -> bool:
        """Whether it is open and nothing came unasked: bytes that wait here would answer another request."""
        return not (self._ended or self._buffer or self._transport is None or self._transport.is_closing())

    async def start_tls(self, handshakes: Handshakes, host: str) -> None:
        """Shake hands; returns once the certificate is trusted. Raises ssl.SSLError, and httpx's errors."""
        engine = TlsEngine(handshakes, host)
        while not engine.shake_hands(self._take(len(self._buffer))):
            self._send(engine.pending())
            if not await self._more(TLS_S):
                raise httpx.ConnectError("TLS was broken off")
        self._send(engine.pending())
        self._engine = engine
        self._decrypt(engine, b"")

    def write(self, data: bytes) -> None:
        """Send bytes; a connection that is gone shows when the answer is read."""
        if self._engine is not None:
            self._engine.encrypt(data)
            data = self._engine.pending()
        self._send(data)

    async def abort(self) -> None:
        """Close at once, without a farewell that the other side could delay."""
        if self._transport is not None:
            self._transport.abort()
            await asyncio.shield(self._lost)

    def _send(self, data: bytes) -> None:
        if self._transport is not None and data:
            self._transport.write(data)

    def _decrypt(self, engine: TlsEngine, data: bytes) -> None:
        try:
            plain, ended = engine.decrypt(data)
        except ssl.SSLError as error:
            self._failure = error
            ended = True
        else:
            self._buffer += plain
            self._send(engine.pending())
        if ended:
            self._ended = True
            if self._transport is not None:
                self._transport.abort()

    def _take(self, size: int) -> bytes:
        data = super()._take(size)
        if self._transport is not None and not self._ended and not self._transport.is_reading():
            self._transport.resume_reading()
        return data

    async def _more(self, timeout_s: float) -> bool:
        if self._ended:
            return False
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        alarm = loop.call_later(timeout_s, self._wake)
        before = len(self._buffer)
        try:
            await self._waiter
        finally:
            self._waiter = None
            alarm.cancel()
        if len(self._buffer) > before or self._ended:
            return len(self._buffer) > before
        raise httpx.ReadTimeout(f"nothing more within {timeout_s:g} s")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def dial(host: str, port: int, handshakes: Handshakes | None) -> Connection:
    """Return a connection, in TLS where `handshakes` are given; the handshake with its trust check is over then."""
    try:
        async with asyncio.timeout(CONNECT_S):
            raw = await _connected(host, port)
    except TimeoutError as error:
        if error.errno is not None:
            raise
        raise httpx.ConnectTimeout(f"no connection within {CONNECT_S:g} s") from error
    try:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, sock=raw)
    except BaseException:
        raw.close()
        raise
    if handshakes is None:
        return connection
    try:
        async with asyncio.timeout(TLS_S):
            await connection.start_tls(handshakes, host)
    except TimeoutError as error:
        await connection.abort()
        raise httpx.ConnectTimeout(f"no TLS handshake within {TLS_S:g} s") from error
    except BaseException:
        await connection.abort()
        raise
    return connection


async def _connected(host: str, port: int) -> socket.socket:
    """Return a connected socket; addresses of a name are tried in turn, a literal one asks no resolver."""
    loop = asyncio.get_running_loop()
    failure = OSError(f"{host} has no address")
    for family, address in await _addresses(host, port):
        raw = socket.socket(family, socket.SOCK_STREAM)
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


async def _addresses(host: str, port: int) -> list[tuple[int, _Address]]:
    try:
        family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(answer[0], answer[4]) for answer in found]
    return [(family, (host, port))]
