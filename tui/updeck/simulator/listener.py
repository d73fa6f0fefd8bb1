"""A device's door to the network: one port, opened and closed, and kept from others while it is closed."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web
from aiohttp.web_request import BaseRequest

from updeck.errors import UsageError
from updeck.simulator.options import HOST
from updeck.simulator.wire import NO_LINGER, TlsBreaker, reset_connection

__all__ = ["Door", "Listener", "bind"]

Handler = Callable[[BaseRequest], Awaitable[web.StreamResponse]]
BACKLOG = 64
SHUTDOWN_S = 0.5
CROWDED_S = 1.0
"""How long nobody is let in when the process has no room for one more connection."""


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
    """aiohttp's server, which here knows each connection until it is lost, and lets nobody in while it is shut."""

    def __init__(self, handler: Handler, *, keepalive_timeout: float, read_bufsize: int) -> None:
        super().__init__(handler, access_log=None, keepalive_timeout=keepalive_timeout, read_bufsize=read_bufsize)
        self.shut = True
        self._known: dict[web.RequestHandler, asyncio.Transport] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Take a connection, or reset one whose handshake was over in the moment in which the door was shut."""
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
    """Serves one device on one port, where and when it is wanted.

    It takes connections itself, as `asyncio.Server` loses those that it took and did not set up before it was closed.
    """

    def __init__(self, bound: socket.socket, server: Door, context: Callable[[], ssl.SSLContext | None]) -> None:
        """`context` is asked whenever the door opens; None is plain http."""
        self.port: int = bound.getsockname()[1]
        self._socket = bound
        self._web = server
        self._context = context
        self._breaker = TlsBreaker()
        self._wanted = False
        self._broken = False
        self._entrance: _Entrance | None = None

    def want(self, *, up: bool, broken: bool = False) -> None:
        """Open or close the door; closing resets all connections at once. Behind a `broken` one nobody gets in."""
        self._wanted = up
        if broken is not self._broken or not up:
            self._broken = broken
            self._close()
        if up and self._entrance is None:
            self._open()

    def reopen(self) -> None:
        """Reset all connections, and take new ones in the context that is asked for now."""
        self._close()
        if self._wanted:
            self._open()

    async def end(self) -> None:
        """Close for good."""
        self.want(up=False)
        self._socket.close()
        await self._web.shutdown(SHUTDOWN_S)

    def _open(self) -> None:
        self._web.shut = False
        if self._broken:
            self._entrance = _Entrance(self._socket, self._breaker, None)
        else:
            self._entrance = _Entrance(self._socket, self._web, self._context())

    def _close(self) -> None:
        if self._entrance is None:
            return
        self._entrance.close()
        self._entrance = None
        self._web.shut = True
        self._web.reset()
        for transport in tuple(self._breaker.connections):
            reset_connection(transport)
        self._socket = bind(self.port, "a device that is down")


class _Entrance:
    """Takes connections from one socket until it is closed, and sets them up; `context` is None for plain http."""

    def __init__(
        self, bound: socket.socket, protocol: Callable[[], asyncio.BaseProtocol], context: ssl.SSLContext | None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = bound
        self._protocol = protocol
        self._context = context
        self._setting_up: dict[asyncio.Task[object], socket.socket] = {}
        self._crowded: asyncio.TimerHandle | None = None
        bound.settimeout(0)
        bound.listen(BACKLOG)
        self._loop.add_reader(bound, self._take)

    def close(self) -> None:
        """Refuse connections from now on, and reset those that are being set up."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        if self._crowded is not None:
            self._crowded.cancel()
        for task, connection in self._setting_up.items():
            with suppress(OSError):  # it is closed already where the handshake has just failed
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            task.cancel()

    def _take(self) -> None:
        for _ in range(BACKLOG):
            try:
                connection, _address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no more files: as many as there are have to do, and the rest waits in the backlog
                self._loop.remove_reader(self._socket)
                self._crowded = self._loop.call_later(CROWDED_S, self._loop.add_reader, self._socket, self._take)
                return
            connection.settimeout(0)
            set_up = self._loop.connect_accepted_socket(self._protocol, connection, ssl=self._context)
            task = self._loop.create_task(set_up)
            self._setting_up[task] = connection
            task.add_done_callback(self._is_set_up)

    def _is_set_up(self, task: asyncio.Task[object]) -> None:
        connection = self._setting_up.pop(task)
        if task.cancelled() or task.exception() is not None:
            connection.close()
