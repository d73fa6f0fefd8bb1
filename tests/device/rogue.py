"""An appliance that answers whatever a test wants, byte by byte, and remembers all that it was sent."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

SERVICES = [
    {"id": "common", "versions": ["1.0"]},
    {"id": "npm.system_update", "versions": ["1.0", "2.0"]},
]
UPDATE = {"state": "IDLE", "state_description": "", "last_state_time": 1_764_000_000, "update_history": []}
IMAGE = {"id": 7, "state": "VALID", "state_description": ""}


@dataclass(frozen=True)
class Asked:
    """One request as it came; `body` up to its Content-Length."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


Handler = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Rogue:
    """What the server saw so far."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def sent(self, method: str, path: str) -> list[Asked]:
        """Return the requests of a method whose path ends so."""
        return [one for one in self.asked if one.method == method and one.path.endswith(path)]


def reply(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a plain answer: JSON, raw bytes or text as HTML, or nothing for None."""
    content, kind = b"", "application/json"
    if isinstance(body, bytes):
        content = body
    elif isinstance(body, str):
        content, kind = body.encode(), "text/html; charset=utf-8"
    elif body is not None:
        content = json.dumps(body).encode()
    fields = {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def fault(status: int, error_id: str = "SOME_ERROR", text: str = "Some text") -> bytes:
    """Return a well-formed error."""
    return reply(status, {"error_id": error_id, "error_text": text})


async def usual(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Answer as an idle appliance with Basic login does."""
    answers = {"/services": SERVICES, "/update": UPDATE, "/images": {"items": [IMAGE]}, "/images/items/7": IMAGE}
    if asked.method == "POST":
        answers = {"/fetch": IMAGE, "/upload": IMAGE}
    for end, body in answers.items():
        if asked.path.endswith(end):
            writer.write(reply(200, body))
            return
    writer.write(reply(204) if asked.method != "GET" else fault(404))


def but(path: str, answer: bytes | Handler, *, method: str | None = None) -> Handler:
    """Answer as usual, but for requests whose path ends so."""

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if not asked.path.endswith(path) or method not in (None, asked.method):
            await usual(asked, writer)
        elif isinstance(answer, bytes):
            writer.write(answer)
        else:
            await answer(asked, writer)

    return handle


async def hang(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def reset(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Break the connection off with a TCP reset."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def then_close(data: bytes) -> Handler:
    """Send these bytes and close."""

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()

    return handle


@asynccontextmanager
async def rogue(handler: Handler = usual, tls: ssl.SSLContext | None = None) -> AsyncIterator[Rogue]:
    """Serve HTTP until the context ends; connections are then broken off."""
    seen = Rogue("")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        number = seen.connections
        while not writer.is_closing():
            asked = await _read(reader, number)
            seen.asked.append(asked)
            await handler(asked, writer)
            await writer.drain()

    async with listening(talk, tls) as address:
        seen.url = f"{'https' if tls else 'http'}://{address}"
        yield seen


@asynccontextmanager
async def listening(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve connections in any protocol until the context ends; gives HOST:PORT."""
    talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks[task] = writer
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for _ in range(10):  # what was accepted but not begun becomes a talk
            await asyncio.sleep(0)
        for task, writer in talks.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*talks, return_exceptions=True)
        for writer in talks.values():
            with suppress(OSError):
                await writer.wait_closed()
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader, number: int) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body, number)
