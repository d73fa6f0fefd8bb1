"""How an answer gets onto the wire of a device, and what faults do to it there."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import struct
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http.client import responses

from aiohttp import web
from aiohttp.web_request import BaseRequest

from updeck.simulator.answer import Answer
from updeck.simulator.faults import Fault
from updeck.simulator.timeline import Timeline

__all__ = ["TlsBreaker", "reset_connection", "send", "until_gone"]

SERVER = "nginx"
NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
BLOCK_BYTES = 1 << 14
WAITING_MOST = 1 << 18
"""How many bytes may wait for a client that does not read before an endless answer pauses."""
GLANCE_S = 0.05
"""How often it is looked whether such a client has gone or reads on, in seconds of the machine."""


async def send(
    request: BaseRequest, answer: Answer, faults: Mapping[str, Fault], *, now: float, timeline: Timeline
) -> web.StreamResponse:
    """Send an answer as the faults leave it; `now` in Unix seconds of the device's clock. May raise OSError."""
    if "wrong_date" in faults:
        now += faults["wrong_date"].amount("by")
    headers = {"Date": formatdate(now, usegmt=True), "Server": SERVER, **answer.headers}
    if answer.content_type is not None:
        headers["Content-Type"] = answer.content_type
    if "endless_headers" in faults:
        return await _endless(request, answer.status)
    if "drip" in faults:
        return await _drip(request, answer, headers, 1.0 / faults["drip"].amount("bytes_per_second"), timeline)
    if "truncated" in faults:
        return await _cut(request, answer, headers, len(answer.content) + 1, len(answer.content) // 2)
    if "wrong_length" in faults:
        return await _mislabel(request, answer, headers, int(faults["wrong_length"].amount("by")))
    response = web.Response(status=answer.status, body=answer.content or None, headers=headers)
    if "duplicated" in faults:
        await response.prepare(request)
        await response.write_eof()
        _write(request, _raw(answer, headers))
    return response


def _raw(answer: Answer, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(answer.content)}", "", ""]
    return "\r\n".join(lines).encode() + answer.content


def _write(request: BaseRequest, data: bytes) -> None:
    """Write bytes behind the answer's; raises `ConnectionResetError` where the client has gone."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError
    transport.write(data)


async def _prepared(
    request: BaseRequest, answer: Answer, headers: Mapping[str, str], length: int
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_length = length
    await response.prepare(request)
    return response


async def _drip(
    request: BaseRequest, answer: Answer, headers: Mapping[str, str], pause_s: float, timeline: Timeline
) -> web.StreamResponse:
    response = await _prepared(request, answer, headers, len(answer.content))
    for position in range(len(answer.content)):
        await timeline.sleep(pause_s)
        await response.write(answer.content[position : position + 1])
    return response


async def _cut(
    request: BaseRequest, answer: Answer, headers: Mapping[str, str], announced: int, sent: int
) -> web.StreamResponse:
    response = await _prepared(request, answer, headers, announced)
    response.force_close()
    await response.write(answer.content[:sent])
    if request.transport is not None:
        request.transport.close()
    return response


async def _mislabel(request: BaseRequest, answer: Answer, headers: Mapping[str, str], by: int) -> web.StreamResponse:
    """Announce more than there is and close, or less and send the rest behind it on a connection that stays open."""
    announced = max(0, len(answer.content) + by)
    if announced >= len(answer.content):
        return await _cut(request, answer, headers, announced, len(answer.content))
    response = await _prepared(request, answer, headers, announced)
    await response.write(answer.content[:announced])
    await response.write_eof()
    _write(request, answer.content[announced:])
    return response


async def _endless(request: BaseRequest, status: int) -> web.StreamResponse:
    """Send headers until the client has gone."""
    _write(request, f"HTTP/1.1 {status} {responses.get(status, '')}\r\n".encode())
    for number in itertools.count():
        await _until(request, lambda waiting: waiting <= WAITING_MOST)
        _write(request, f"X-Header-{number}: {'x' * BLOCK_BYTES}\r\n".encode())
        await asyncio.sleep(0)
    raise AssertionError


async def until_gone(request: BaseRequest) -> None:
    """Wait until the client has gone or the device is down, however long that is."""
    await _until(request, lambda _: False)


async def _until(request: BaseRequest, enough: Callable[[int], bool]) -> None:
    """Wait until the client has gone, or has read so much that `enough` says so of the bytes that still wait."""
    while (transport := request.transport) is not None and not transport.is_closing():
        if enough(transport.get_write_buffer_size()):
            return
        await asyncio.sleep(GLANCE_S)  # aiohttp tells nobody that a client has gone


def reset_connection(transport: asyncio.BaseTransport | None) -> None:
    """End a connection with a TCP reset, as a box that goes down does; None is a connection that is gone already."""
    if not isinstance(transport, asyncio.Transport):
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()


class _Breaking(asyncio.Protocol):
    """Resets a connection as soon as its client says anything."""

    def __init__(self, connections: set[asyncio.BaseTransport]) -> None:
        self._connections = connections
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._connections.add(transport)

    def data_received(self, data: bytes) -> None:
        reset_connection(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._connections.discard(self._transport)


class TlsBreaker:
    """Makes protocols that break the TLS handshake off; `connections` are those that are open."""

    def __init__(self) -> None:
        self.connections: set[asyncio.BaseTransport] = set()

    def __call__(self) -> asyncio.Protocol:
        """Return a protocol for one more connection."""
        return _Breaking(self.connections)
