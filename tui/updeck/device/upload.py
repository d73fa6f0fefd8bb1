"""Sending an image file to a device, from a worker thread, in constant memory (`design.md` 6, `rollout.md` 6).

Blocking, because that sends faster than curl and the loop has polls to do. One connection, one try: a stream once
read is not read again, and no error makes anything here send a second time.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from itertools import chain
from types import TracebackType

import httpx

from updeck.device.echoes import Echoes
from updeck.device.endpoint import Endpoint
from updeck.device.exchange import TLS_S, Departure
from updeck.device.guard import Guard, GuardedTransport, extensions
from updeck.device.image_file import ImageFile
from updeck.device.models import Image
from updeck.device.paths import UPLOAD
from updeck.device.permission import Permission
from updeck.device.reply import call_error, made_image, named, outcome_known
from updeck.device.upload_transport import Pieces, upload_transport
from updeck.device.wire import AGENT
from updeck.errors import DeviceError, Interrupted, Unreachable

__all__ = ["UploadSession"]

_OP = "upload"
_TICK_S = 0.1
_SMALL_PIECE_BYTES = 1 << 16
_FAST_BYTES_PER_S = 1 << 22
_WARM_UP_BYTES = 1 << 23
"""More than the buffers of a socket hold: the rate beyond is the line's own."""


class UploadSession:
    """A login that lasts for one upload; `send` is for a worker thread.

    `left` tells whether a byte of the upload has left, which decides what an `Interrupted` or `LocalFileError` means:
    before, nothing was sent; after, the device may hold a broken image.
    """

    def __init__(self, endpoint: Endpoint, headers: Mapping[str, str], echoes: Echoes | None = None) -> None:
        self._endpoint = endpoint
        self._headers = headers
        self._echoes = echoes or Echoes()
        self._departure = Departure()

    @property
    def left(self) -> bool:
        """Whether a byte of the upload has left."""
        return self._departure.left

    def send(
        self,
        permission: Permission,
        source: ImageFile,
        *,
        progress: Callable[[int], None],
        cancel: threading.Event,
        stall_s: float,
        total_s: float,
    ) -> Image:
        """Send the file and return the image that the device made of it.

        `progress` gets the bytes handed to the network so far; `cancel` ends the transfer, blocked or not, with
        Interrupted. After `stall_s` without a byte, or `total_s` in all, in seconds, it ends as well. Raises
        LocalFileError where the file is not what it was, Refused, UnknownOutcome, and before the first byte whatever
        keeps the connection from being made.
        """
        name = self._endpoint.name
        self._departure = departure = Departure(lambda: permission.claim(_OP, name))
        with named(name), closing(source.chunks()) as pieces, _Brake(cancel, total_s) as brake:
            first = next(pieces)  # a file that is gone is found before anything is sent
            content = Pieces(_paced(chain((first,), pieces), progress, brake))
            terms = extensions(departure, total_s=total_s, read_s=stall_s, connect_s=TLS_S)
            request = self._request(source.size_bytes, content, terms)
            guard = Guard(read_only=self._endpoint.read_only)
            with (
                closing(GuardedTransport(guard, upload_transport(self._endpoint, brake.take_hold))) as transport,
                outcome_known(_OP, departure),
                brake.explains(),
                self._echoes.in_errors(),
            ):
                answer = self._echoes.masked(transport.exchange(request))
            error = call_error(_OP, answer, transfer=True)
            if error is not None:
                raise error
            return made_image(_OP, answer)

    def _request(self, size_bytes: int, content: Pieces, terms: dict[str, object]) -> httpx.Request:
        url = httpx.URL(self._endpoint.url.rstrip("/") + UPLOAD)
        headers = {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": AGENT,
            "Accept": "application/json",
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size_bytes),
            **self._headers,
        }
        return httpx.Request("POST", url, headers=headers, stream=content, extensions=terms)


def _paced(chunks: Iterator[memoryview], progress: Callable[[int], None], brake: _Brake) -> Iterator[memoryview]:
    """Hand the chunks on in pieces: small ones until the line has shown that it is fast.

    A write in TLS is timed as a whole, so a large piece on a slow line would look like a stall, and would make
    progress jump.
    """
    begun = time.monotonic()
    sent = 0
    for chunk in chunks:
        fast = sent >= _WARM_UP_BYTES and sent > _FAST_BYTES_PER_S * (time.monotonic() - begun)
        size = len(chunk) if fast else _SMALL_PIECE_BYTES
        for start in range(0, len(chunk), size):
            brake.check()
            piece = chunk[start : start + size]
            yield piece
            sent += len(piece)
            progress(sent)


class _Brake:
    """Ends a blocking transfer from outside, by shutting its socket, when a person cancels or its time is up."""

    def __init__(self, cancel: threading.Event, total_s: float) -> None:
        self._cancel = cancel
        self._total_s = total_s
        self._deadline = time.monotonic() + total_s
        self._done = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._watch, name="upload brake", daemon=True)

    def __enter__(self) -> _Brake:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    @property
    def _due(self) -> bool:
        return self._cancel.is_set() or time.monotonic() > self._deadline

    def check(self) -> None:
        """Raise Interrupted, or Unreachable, where the transfer has to end."""
        if self._cancel.is_set():
            raise Interrupted("the upload was stopped")
        if self._due:
            raise Unreachable(f"the upload did not end within {self._total_s:.0f} s")

    def take_hold(self, talk: socket.socket) -> None:
        """Take the socket that the transfer goes over from now on."""
        self._socket = talk

    @contextmanager
    def explains(self) -> Iterator[None]:
        """Say of an error that the brake caused what its cause was."""
        try:
            yield
        except DeviceError:
            self.check()
            raise

    def _watch(self) -> None:
        while not self._done.wait(_TICK_S):
            if self._due and self._socket is not None:
                with suppress(OSError):
                    # not SSLSocket.shutdown, which would let the other thread go on in plain text
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
