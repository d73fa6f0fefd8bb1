"""What comes over a connection, as it is taken: up to a mark, or some of it; how more comes is the connection's own."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import TypeVar

import httpx

__all__ = ["BlockingIncoming", "Incoming", "StaleConnectionError", "run_blocking"]

_PIECE_LIMIT = 1 << 16

T = TypeVar("T")


class StaleConnectionError(httpx.RemoteProtocolError):
    """The connection ended before a byte of the answer came."""


class Incoming(ABC):
    """Bytes that came and were not taken yet. Raises httpx's errors."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._failure: Exception | None = None

    async def until(self, mark: bytes, limit: int, timeout_s: float) -> bytes:
        """Return the bytes up to and with `mark`, at most `limit`; `timeout_s` counts from byte to byte."""
        searched = 0
        while True:
            at = self._buffer.find(mark, searched)
            if at >= 0 and at + len(mark) <= limit:
                return self._take(at + len(mark))
            if at >= 0 or len(self._buffer) > limit:
                raise httpx.RemoteProtocolError(f"a part of the answer's header is larger than {limit} bytes")
            searched = max(0, len(self._buffer) - len(mark) + 1)
            if not await self._more(timeout_s):
                if self._buffer:
                    raise httpx.RemoteProtocolError("the answer was cut off")
                reason = "was reset" if self._failure is not None else "was closed without an answer"
                raise StaleConnectionError(f"the connection {reason}")

    async def some(self, most: int, timeout_s: float) -> bytes:
        """Return the next bytes, at most `most`; none at the end of the connection."""
        while not self._buffer:
            if not await self._more(timeout_s):
                return b""
        return self._take(min(most, _PIECE_LIMIT))

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    @abstractmethod
    async def _more(self, timeout_s: float) -> bool:
        """Wait until more bytes came; False at the end of the connection."""


class BlockingIncoming(Incoming):
    """What comes over a blocking socket, with the socket's own timeout from byte to byte; see `run_blocking`."""

    def __init__(self, talk: socket.socket) -> None:
        super().__init__()
        self._talk = talk

    async def _more(self, timeout_s: float) -> bool:
        try:
            data = self._talk.recv(_PIECE_LIMIT)
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer in time") from error
        self._buffer += data
        return bool(data)


def run_blocking(reading: Awaitable[T]) -> T:
    """Return what a read over a `BlockingIncoming` returns: it blocks its thread, and never waits for a loop."""
    try:
        next(reading.__await__())
    except StopIteration as ended:
        found: T = ended.value
        return found
    raise RuntimeError("a blocking read waited for a loop")
