"""A device's door to the network: one port, opened and closed, and kept from others while it is closed."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.web_request import BaseRequest

from updeck.errors import UsageError
from updeck.simulator.options import HOST
from updeck.simulator.wire import TlsBreaker, reset_connection

__all__ = ["Door", "Listener", "bind"]

Handler = Callable[[BaseRequest], Awaitable[web.StreamResponse]]
BACKLOG = 64
SHUTDOWN_S = 0.5


def bind(port: int, owner: str) -> socket.socket:
    """Return a TCP socket bound to the port, 0 for any free one; raises `UsageError` where it is taken.

    While nothing listens on it connections are refused, and nobody else gets the port.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError as error:
        bound.close()
        raise UsageError(
            f"port {port} for {owner} cannot be used: {error.strerror or error}",
            advice="stop what listens there, or choose another --port-base",
        ) from error
    return bound


class Door(web.Server):
    """aiohttp's server, which here knows each connection until it is lost, and lets nobody in while it is shut.

    A client whose TLS handshake began before the door was shut gets through it afterwards otherwise.
    """

    def __init__(self, handler: Handler, *, keepalive_timeout: float, read_bufsize: int) -> None:
        super().__init__(handler, access_log=None, keepalive_timeout=keepalive_timeout, read_bufsize=read_bufsize)
        self.shut = False
        self._known: dict[web.RequestHandler, asyncio.Transport] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Take a connection, or reset it."""
        super().connection_made(handler, transport)
        if self.shut:
            reset_connection(transport)
        else:
            self._known[handler] = transport

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection."""
        self._known.pop(handler, None)
        super().connection_lost(handler, exc)

    def reset(self) -> None:
        """Reset all connections, those too that were closed and wait for the client to do the same."""
        for transport in tuple(self._known.values()):
            reset_connection(transport)


class Listener:
    """Serves one device on one port, where and when it is wanted."""

    def __init__(self, bound: socket.socket, server: Door, context: Callable[[], ssl.SSLContext | None]) -> None:
        """`context` is asked whenever the door opens; None is plain http."""
        self.port: int = bound.getsockname()[1]
        self._socket = bound
        self._web = server
        self._context = context
        self._breaker = TlsBreaker()
        self._wanted = False
        self._broken = False
        self._edition = 0
        self._listening: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None

    def want(self, *, up: bool, broken: bool = False) -> None:
        """Open or close the door; closing resets all connections at once. Behind a `broken` one nobody gets in."""
        if self._wanted and not up:
            self._close()
        self._wanted = up
        if broken is not self._broken:
            self._broken = broken
            self.reopen()
        if up and self._opening is None and self._listening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())

    def reopen(self) -> None:
        """Reset all connections, and take new ones in the context that is asked for now."""
        self._edition += 1
        self._close()
        if self._wanted and self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())

    async def settled(self) -> None:
        """Wait until the door is what was wanted last."""
        if self._opening is not None:
            await self._opening

    async def end(self) -> None:
        """Close for good."""
        self.want(up=False)
        await self.settled()
        self._web.shut = True
        self._web.reset()
        self._socket.close()
        await self._web.shutdown(SHUTDOWN_S)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._wanted and self._listening is None:
                edition, broken = self._edition, self._broken
                self._web.shut = False
                self._listening = await loop.create_server(
                    self._breaker if broken else self._web,
                    sock=self._socket,
                    ssl=None if broken else self._context(),
                    backlog=BACKLOG,
                )
                if not self._wanted or edition != self._edition:
                    self._close()
        finally:
            self._opening = None

    def _close(self) -> None:
        if self._listening is None:
            return
        self._listening.close()
        self._listening = None
        self._web.shut = True
        self._web.reset()
        for transport in tuple(self._breaker.connections):
            reset_connection(transport)
        self._socket = bind(self.port, "a device that is down")
