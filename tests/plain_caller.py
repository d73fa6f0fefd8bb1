"""A client as plain as can be: bytes on a connection, read as they come, so that nothing is mended on the way."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from updeck.simulator.serving import Simulator

COMMON = "/api/common/1.0"
UPDATE = "/api/npm.system_update/2.0"
QUIET_S = 0.2
"""How long nothing has to come for the connection to count as silent."""


@dataclass(frozen=True)
class Heard:
    """One answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)


class PlainCaller:
    """One connection to one device; `login` is the header that goes with every request, Basic unless set."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, login: str) -> None:
        self.reader = reader
        self._writer = writer
        self.login = f"Authorization: Basic {base64.b64encode(login.encode()).decode()}"

    async def ask(self, method: str, path: str, body: bytes = b"", *, announced: int | None = None) -> None:
        """Send a request; `announced` is its Content-Length where that is not the body's."""
        length = len(body) if announced is None else announced
        head = f"{method} {path} HTTP/1.1\r\nHost: ar11\r\n{self.login}\r\n"
        await self.send(f"{head}Content-Length: {length}\r\n\r\n".encode() + body)

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def head(self) -> Heard:
        """Read status and headers of an answer."""
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        pairs = (line.partition(": ") for line in lines)
        return Heard(int(first.split(" ")[1]), {name.lower(): value for name, _, value in pairs}, b"")

    async def hear(self) -> Heard:
        """Read an answer as long as it says that it is; raises `IncompleteReadError` where it ends before."""
        head = await self.head()
        length = int(head.headers.get("content-length", "0"))
        return Heard(head.status, head.headers, await self.reader.readexactly(length))

    async def get(self, path: str) -> Heard:
        """Ask and hear."""
        await self.ask("GET", path)
        return await self.hear()

    async def post(self, path: str, body: bytes = b"") -> Heard:
        """Ask and hear."""
        await self.ask("POST", path, body)
        return await self.hear()

    async def silent(self) -> bool:
        """Whether nothing comes, and the connection stays open."""
        try:
            async with asyncio.timeout(QUIET_S):
                await self.reader.readexactly(1)
        except TimeoutError:
            return True
        except (OSError, asyncio.IncompleteReadError):
            return False
        return False

    def close(self) -> None:
        """Break the connection off."""
        self._writer.transport.abort()


def unverified() -> ssl.SSLContext:
    """Return a context that takes any certificate; it needs none of the system's, which take long to load."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@asynccontextmanager
async def plain(fleet: Simulator, name: str) -> AsyncIterator[PlainCaller]:
    """Connect to a device; the connection is broken off at the end."""
    url = urlsplit(fleet.url(name))
    context = unverified() if url.scheme == "https" else None
    reader, writer = await asyncio.open_connection(url.hostname, url.port, ssl=context, limit=1 << 25)
    caller = PlainCaller(reader, writer, f"{fleet.username}:{fleet.password}")
    try:
        yield caller
    finally:
        caller.close()
