"""The one policy around every request, for polls and uploads alike (`design.md` 4, `security.md`).

What a device can answer is limited in size, time and kind; read-only stops anything but GETs and logins
before a socket opens; redirects are never followed. The trust check is in the handshake (`tls.py`), below
this.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from updeck.device.exchange import Departure
from updeck.device.reasons import explain
from updeck.errors import Garbled, ReadOnly, Unreachable
from updeck.text import clean

__all__ = [
    "SIZE_LIMIT",
    "AsyncGuardedTransport",
    "Guard",
    "GuardedTransport",
    "departure_of",
    "extensions",
]

SIZE_LIMIT = 4 << 20
"""The largest answer, in bytes."""

PIECES_LIMIT = 20_000
"""In how many pieces an answer may come; one of the largest size has some 3,000 by the packets of a network."""

_LOGIN_PATH = re.compile(r"/api/(common/1\.0/(login|logout|oauth/token)|mgmt\.aaa/[0-9.]+/token)")
_DEPARTURE, _TOTAL = "updeck.departure", "updeck.total_s"


def extensions(departure: Departure, *, total_s: float, read_s: float, connect_s: float) -> dict[str, object]:
    """Return the extensions of a request that a guarded transport heeds; httpx's own timeouts are among them."""
    timeout = {"connect": connect_s, "read": read_s, "write": read_s, "pool": connect_s}
    return {"timeout": timeout, _DEPARTURE: departure, _TOTAL: total_s}


def departure_of(request: httpx.Request) -> Departure:
    """Return the request's departure."""
    found = request.extensions.get(_DEPARTURE)
    return found if isinstance(found, Departure) else Departure()


def _total_s(request: httpx.Request) -> float:
    found = request.extensions.get(_TOTAL)
    return float(found) if isinstance(found, int | float) else 30.0


@dataclass(frozen=True, slots=True)
class Guard:
    """The policy itself: pure checks on requests and answers."""

    read_only: bool = False
    size_limit: int = SIZE_LIMIT

    def check_call(self, method: str, path: str) -> None:
        """Raise ReadOnly where the program may only read, and this is neither a GET nor a login."""
        if self.read_only and method != "GET" and not (method == "POST" and _LOGIN_PATH.fullmatch(path)):
            raise ReadOnly(f"read-only: {clean(method)} {clean(path)} is not sent")

    def admit(self, request: httpx.Request) -> None:
        """Check a request and demand an answer without content coding."""
        self.check_call(request.method, request.url.path)
        request.headers["Accept-Encoding"] = "identity"

    def check_head(self, response: httpx.Response) -> None:
        """Raise for a redirect, a content coding or a length beyond the limit, before the body is read."""
        if 300 <= response.status_code < 400:
            target = clean(response.headers.get("Location", "nowhere"), 200)
            raise Unreachable(f"answered {response.status_code} to {target}; redirects are not followed")
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise Garbled(f"the answer is encoded ({clean(coding, 40)}), which was not asked for")
        length = response.headers.get("Content-Length", "0")
        if length.isdecimal() and len(length) < 20:
            self.check_size(int(length))

    def check_size(self, size_bytes: int, pieces: int = 0) -> None:
        """Raise Garbled for more bytes than an answer may have, or for bytes in so many pieces that they cost time."""
        if pieces > PIECES_LIMIT:
            raise Garbled(f"the answer comes in more than {PIECES_LIMIT} pieces")
        if size_bytes > self.size_limit:
            raise Garbled(f"the answer is larger than {self.size_limit / (1 << 20):g} MiB")


class AsyncGuardedTransport(httpx.AsyncBaseTransport):
    """The guard around asynchronous transports; answers come back whole. Raises errors of `updeck.errors` only.

    GETs and logins share a transport and its idle connection. A call that changes the device gets a transport
    of its own: no connection that went stale unnoticed can swallow it, and nothing below can think of sending
    it twice.
    """

    def __init__(self, guard: Guard, open_transport: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._guard = guard
        self._open = open_transport
        self._shared: httpx.AsyncBaseTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` and return the whole answer."""
        self._guard.admit(request)
        total_s = _total_s(request)
        try:
            async with asyncio.timeout(total_s), self._transport_for(request) as transport:
                response = await transport.handle_async_request(request)
                try:
                    body = await self._read(response)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, OSError) as error:
            if isinstance(error, TimeoutError) and error.errno is None:
                raise Unreachable(f"no whole answer within {total_s:g} s") from error
            raise explain(error) from error
        return httpx.Response(response.status_code, headers=response.headers, content=body)

    async def aclose(self) -> None:
        """Close the idle connection."""
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.aclose()

    @asynccontextmanager
    async def _transport_for(self, request: httpx.Request) -> AsyncIterator[httpx.AsyncBaseTransport]:
        if request.method == "GET" or _LOGIN_PATH.fullmatch(request.url.path):
            self._shared = self._shared or self._open()
            yield self._shared
            return
        transport = self._open()
        try:
            yield transport
        finally:
            await transport.aclose()

    async def _read(self, response: httpx.Response) -> bytes:
        self._guard.check_head(response)
        body = bytearray()
        pieces = 0
        async for part in response.aiter_raw():
            pieces += 1
            self._guard.check_size(len(body) + len(part), pieces)
            body += part
        return bytes(body)


class GuardedTransport(httpx.BaseTransport):
    """The guard around a blocking transport; answers come back whole. Raises errors of `updeck.errors` only.

    A blocking transport cannot be timed out as a whole from within: whoever uses it holds a brake on its
    socket.
    """

    def __init__(self, guard: Guard, inner: httpx.BaseTransport) -> None:
        self._guard = guard
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` and return the whole answer."""
        self._guard.admit(request)
        try:
            response = self._inner.handle_request(request)
            try:
                body = self._read(response)
            finally:
                response.close()
        except (httpx.HTTPError, OSError) as error:
            raise explain(error) from error
        return httpx.Response(response.status_code, headers=response.headers, content=body)

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def _read(self, response: httpx.Response) -> bytes:
        self._guard.check_head(response)
        body = bytearray()
        for pieces, part in enumerate(response.iter_raw()):
            self._guard.check_size(len(body) + len(part), pieces)
            body += part
        return bytes(body)
