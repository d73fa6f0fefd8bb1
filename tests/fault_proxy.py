"""A proxy on loopback between a client and a device that knows bytes only: what a server cannot do to itself."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

READ_BYTES = 1 << 16
FILLERS = 4
"""More connections than a queue of one takes: every one after them is a SYN that nobody answers."""


class Way(Enum):
    """What the proxy does with bytes; it may change while connections are open."""

    PASS = "it passes them on"
    SLICE = "it passes them on one by one"
    SWALLOW = "it takes connections and says nothing"
    HALF_OPEN = "it passes them on, and tells the client nothing of a device that is gone"


class FaultProxy:
    """Made by `proxied`. `url` is where clients go; set `way` at any time."""

    def __init__(self, upstream: str) -> None:
        self.way = Way.PASS
        self.held = asyncio.Event()
        self.delivered = asyncio.Event()
        self.connections = 0
        self._upstream = urlsplit(upstream)
        self._marker: bytes | None = None
        self._release = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._hole: list[socket.socket] = []
        self._talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0

    @property
    def url(self) -> str:
        """The address that stands for the device's."""
        return f"{self._upstream.scheme}://127.0.0.1:{self.port}"

    def put_into(self, inventory: Path) -> None:
        """Let an inventory name the proxy instead of the device."""
        text = inventory.read_text()
        assert self._upstream.geturl() in text
        inventory.write_text(text.replace(self._upstream.geturl(), self.url))

    def hold(self, marker: bytes) -> None:
        """Hold the next bytes of a client that have `marker` in them, and all after them, until `release`.

        `held` is set when they are there. A client that gives up in the meantime changes nothing of that.
        """
        self._marker = marker

    async def release(self) -> None:
        """Deliver what was held, and wait until the device has answered it."""
        self._release.set()
        await self.delivered.wait()

    def drop_syns(self) -> None:
        """Let connections neither be taken nor refused from now on; those that are open stay."""
        assert self._server is not None
        self._server.close()
        self._server = None
        full = socket.socket()
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind(("127.0.0.1", self.port))
        full.listen(0)
        self._hole.append(full)
        for _ in range(FILLERS):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", self.port))
            self._hole.append(filler)

    async def listen(self) -> None:
        """Take connections, again or for the first time."""
        for each in self._hole:
            each.close()
        self._hole.clear()
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def end(self) -> None:
        """Break all off."""
        if self._server is not None:
            self._server.close()
        for each in self._hole:
            each.close()
        for task, writer in self._talks.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks[task] = writer
        self.connections += 1
        with contextlib.suppress(OSError):
            if self.way is Way.SWALLOW:
                await reader.read()
            else:
                await self._talk(reader, writer)
        writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        device_reader, device_writer = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        try:
            there = asyncio.create_task(self._there(reader, device_writer))
            back = asyncio.create_task(self._back(device_reader, writer))
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            if back.done() and self.way is Way.HALF_OPEN:
                await there
            for each in (there, back):
                each.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
        finally:
            device_writer.transport.abort()

    async def _there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(READ_BYTES):
                if self._marker is not None and self._marker in data:
                    await self._keep(data, writer)
                else:
                    await self._pass(data, writer)

    async def _keep(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        self._marker = None
        self.held.set()
        await self._release.wait()
        await self._pass(data, writer)
        await self.delivered.wait()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(READ_BYTES):
                if self._release.is_set():
                    self.delivered.set()
                await self._pass(data, writer)

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self.way is Way.HALF_OPEN and writer.is_closing():
            return
        for piece in re.findall(rb"(?s).", data) if self.way is Way.SLICE else [data]:
            writer.write(piece)
            await writer.drain()
            if self.way is Way.SLICE:
                await asyncio.sleep(0)  # the transport's turn, so that each goes out by itself


@asynccontextmanager
async def proxied(upstream: str) -> AsyncIterator[FaultProxy]:
    """Stand before a device, given by its URL, until the context ends."""
    proxy = FaultProxy(upstream)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.end()
