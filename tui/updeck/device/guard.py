"""The one policy around every request, for polls and uploads alike (`design.md` 4, `security.md`).

What a device can answer is limited in size, time and kind; read-only stops anything but GETs and logins
before a socket opens; redirects are never followed. The trust check is in the handshake (`tls.py`), below
this.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import httpx

from updeck.device.exchange import READ_S, Answer, Departure
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
    "patience_of",
]

SIZE_LIMIT = 4 << 20
"""The largest answer, in bytes."""

PIECES_LIMIT = 20_000
"""In how many pieces an answer may come; one of the largest size has some 3,000 by the packets of a network."""

_LOGIN_PATH = re.compile(r"/api/(common/1\.0/(login|logout|oauth/token)|mgmt\.aaa/[0-9.]+/token)")
_COUNTING = {
    name.encode("ascii"): name
    for name in ("content-encoding", "content-length", "content-type", "date", "location", "set-cookie")
}
_UNCODED = (b"Accept-Encoding", b"identity")
_DEPARTURE, _TOTAL = "updeck.departure", "updeck.total_s"


def extensions(departure: Departure, *, total_s: float, read_s: float, connect_s: float) -> dict[str, object]:
    """Return the extensions of a request that a guarded transport heeds; httpx's own timeouts are among them."""
    timeout = {"connect": connect_s, "read": read_s, "write": read_s, "pool": connect_s}
    return {"timeout": timeout, _DEPARTURE: departure, _TOTAL: total_s}


def departure_of(request: httpx.Request) -> Departure:
    """Return the request's departure."""
    found = request.extensions.get(_DEPARTURE)
    return found if isinstance(found, Departure) else Departure()


def patience_of(request: httpx.Request, part: Literal["connect", "read", "write"]) -> float:
    """Return one of httpx's own timeouts of the request, in seconds."""
    timeouts = request.extensions.get("timeout")
    found = timeouts.get(part) if isinstance(timeouts, Mapping) else None
    return float(found) if isinstance(found, int | float) else READ_S


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
        if _UNCODED not in request.headers.raw:
            request.headers["Accept-Encoding"] = "identity"

    def check_head(self, status: int, fields: Mapping[str, Sequence[str]]) -> None:
        """Raise for a redirect, a content coding or a length beyond the limit, before the body is read.

        `fields` are the header's, by their names in lower case.
        """
        if 300 <= status < 400:
            target = clean(", ".join(fields.get("location", ("nowhere",))), 200)
            raise Unreachable(f"answered {status} to {target}; redirects are not followed")
        coding = ", ".join(fields.get("content-encoding", ())).strip().lower()
        if coding not in ("", "identity"):
            raise Garbled(f"the answer is encoded ({clean(coding, 40)}), which was not asked for")
        length = ", ".join(fields.get("content-length", ()))
        if length.isdecimal() and len(length) < 20:
            self.check_size(int(length))

    def check_size(self, size_bytes: int, pieces: int = 0) -> None:
        """Raise Garbled for more bytes than an answer may have, or for bytes in so many pieces that they cost time."""
        if pieces > PIECES_LIMIT:
            raise Garbled(f"the answer comes in more than {PIECES_LIMIT} pieces")
        if size_bytes > self.size_limit:
            raise Garbled(f"the answer is larger than {self.size_limit / (1 << 20):g} MiB")


class AsyncGuardedTransport:
    """The guard around httpx's asynchronous transports; answers come back whole. Raises errors of `updeck.errors` only.

    GETs and logins share a transport and its idle connection. A call that changes the device gets a transport
    of its own: no connection that went stale unnoticed can swallow it, and nothing below can think of sending
    it twice.
    """

    def __init__(self, guard: Guard, open_transport: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._guard = guard
        self._open = open_transport
        self._shared: httpx.AsyncBaseTransport | None = None

    async def exchange(self, request: httpx.Request) -> Answer:
        """Send `request` and return the whole answer."""
        self._guard.admit(request)
        total_s = _total_s(request)
        try:
            async with asyncio.timeout(total_s):
                if request.method == "GET" or _LOGIN_PATH.fullmatch(request.url.path):
                    if self._shared is None:
                        self._shared = self._open()
                    return await self._answer(self._shared, request)
                transport = self._open()
                try:
                    return await self._answer(transport, request)
                finally:
                    await transport.aclose()
        except (httpx.HTTPError, OSError) as error:
            if isinstance(error, TimeoutError) and error.errno is None:
                raise Unreachable(f"no whole answer within {total_s:g} s") from error
            raise explain(error) from error

    async def aclose(self) -> None:
        """Close the idle connection."""
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.aclose()

    async def _answer(self, transport: httpx.AsyncBaseTransport, request: httpx.Request) -> Answer:
        response = await transport.handle_async_request(request)
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous transport gave an answer that is none")
        try:
            fields = _fields_of(response)
            self._guard.check_head(response.status_code, fields)
            body = bytearray()
            pieces = 0
            async for part in stream:  # not httpx's own reading of it, which would cost a third of a poll
                pieces += 1
                self._guard.check_size(len(body) + len(part), pieces)
                body += part
        finally:
            await response.aclose()
        return _answer_of(response.status_code, fields, bytes(body))


class GuardedTransport:
    """The guard around a blocking transport; answers come back whole. Raises errors of `updeck.errors` only.

    A blocking transport cannot be timed out as a whole from within: whoever uses it holds a brake on its
    socket.
    """

    def __init__(self, guard: Guard, inner: httpx.BaseTransport) -> None:
        self._guard = guard
        self._inner = inner

    def exchange(self, request: httpx.Request) -> Answer:
        """Send `request` and return the whole answer."""
        self._guard.admit(request)
        try:
            response = self._inner.handle_request(request)
            try:
                fields = _fields_of(response)
                body = self._read(response, fields)
            finally:
                response.close()
        except (httpx.HTTPError, OSError) as error:
            raise explain(error) from error
        return _answer_of(response.status_code, fields, body)

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def _read(self, response: httpx.Response, fields: Mapping[str, Sequence[str]]) -> bytes:
        self._guard.check_head(response.status_code, fields)
        body = bytearray()
        for pieces, part in enumerate(response.iter_raw()):
            self._guard.check_size(len(body) + len(part), pieces)
            body += part
        return bytes(body)


def _fields_of(response: httpx.Response) -> dict[str, list[str]]:
    """Return the header's fields that count here by their names; one that came several times has several values."""
    fields: dict[str, list[str]] = {}
    for raw_name, value in response.headers.raw:
        name = _COUNTING.get(raw_name.lower())
        if name is not None:
            fields.setdefault(name, []).append(_text(value))
    return fields


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("iso-8859-1")


def _answer_of(status: int, fields: Mapping[str, Sequence[str]], body: bytes) -> Answer:
    return Answer(
        status=status,
        body=body,
        content_type=", ".join(fields.get("content-type", ())),
        date=", ".join(fields.get("date", ())),
        set_cookies=tuple(fields.get("set-cookie", ())),
    )
