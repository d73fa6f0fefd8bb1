"""An answer that never ends is broken off, by every transport, with little of it taken and held."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from device.certificates import issue
from device.desk import Permit, client_of
from device.rogue import Asked, Handler, but, listening, rogue
from updeck.device.client import Endpoint
from updeck.device.guard import SIZE_LIMIT
from updeck.device.image_file import ImageFile
from updeck.device.trust import Tls
from updeck.device.upload import UploadSession
from updeck.errors import DeviceError, UnknownOutcome, Unreachable, UpdeckError

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
FLOODS: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "status line": (b"HTTP/1.1 200 ", lambda at: b"x" * 4096),
    "one header": (OK + b"X: ", lambda at: b"x" * 4096),
    "headers": (OK, lambda at: b"".join(b"X-%d: %d\r\n" % (at, number) for number in range(300))),
    "preliminaries": (b"", lambda at: b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "early hints": (b"", lambda at: b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100),
    "body": (OK + b"\r\n", lambda at: b" " * 65536),
    "body that lies about its length": (OK + b"Content-Length: 4000000\r\n\r\n", lambda at: b" " * 65536),
    "body of a stated terabyte": (OK + b"Content-Length: 1000000000000\r\n\r\n", lambda at: b" " * 65536),
    "chunks": (CHUNKED, lambda at: b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "tiny chunks": (CHUNKED, lambda at: b"1\r\n \r\n" * 1000),
    "one chunk's size": (CHUNKED, lambda at: b"0" * 4096),
    "chunk extensions": (CHUNKED + b"1;", lambda at: b"x" * 4096),
    "trailers": (CHUNKED + b"0\r\n", lambda at: b"X-%d: y\r\n" % at * 300),
    "zipped body": (OK + b"Content-Encoding: gzip\r\n\r\n", lambda at: b"\x1f\x8b" + b"\0" * 65536),
}
HANG_S = 30
MOST_BYTES = 8 * SIZE_LIMIT
"""What a server may get rid of: an answer of the largest size, and what the sockets' buffers hold."""


class Flood:
    """Answers with a beginning and then with more and more, until the client has had enough."""

    def __init__(self, kind: str) -> None:
        self._start, self._more = FLOODS[kind]
        self.sent = 0
        self.broken_off = asyncio.Event()

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(self._start)
        try:
            while self.sent < 2 * MOST_BYTES:  # so that a test that fails ends as well
                piece = self._more(self.sent)
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)  # the reader's turn: drain waits only once the buffer is full
                self.sent += len(piece)
        except OSError:
            self.broken_off.set()


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("kind", FLOODS)
async def test_a_read_breaks_a_flood_off(kind: str, encrypted: bool, tmp_path: Path) -> None:
    flood = Flood(kind)
    issued = issue()
    server = issued.server(tmp_path) if encrypted else None
    tls = Tls("pin", None, issued.fingerprint)
    async with rogue(but("/update", flood), server) as device, client_of(device.url, tls=tls) as client:
        await client.services()
        tracemalloc.start()
        try:
            with pytest.raises(DeviceError):
                await client.update()
            held, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        await asyncio.wait_for(flood.broken_off.wait(), 10)
    assert flood.sent < MOST_BYTES
    assert peak < 4 * SIZE_LIMIT
    assert held < SIZE_LIMIT


@pytest.mark.parametrize("kind", [kind for kind in FLOODS if "lies" not in kind])  # a whole 2xx is accepted
async def test_a_call_that_changes_a_device_breaks_a_flood_off_and_is_unknown(kind: str) -> None:
    flood = Flood(kind)
    async with rogue(but("/start", flood)) as device, client_of(device.url) as client:
        with pytest.raises(UnknownOutcome):
            await client.start(Permit())
        await asyncio.wait_for(flood.broken_off.wait(), 10)
        assert len(device.sent("POST", "/start")) == 1
    assert flood.sent < MOST_BYTES


def uploading(url: str, path: Path, total_s: float) -> Callable[[], object]:
    """Return what a worker thread has to do."""
    path.write_bytes(b"image")
    file, session = ImageFile.open(path), UploadSession(Endpoint("ar11", url), {})
    return lambda: session.send(
        Permit(), file, progress=lambda _: None, cancel=threading.Event(), stall_s=10, total_s=total_s
    )


@pytest.mark.parametrize("kind", FLOODS)
async def test_an_upload_breaks_a_flood_off_and_is_unknown(kind: str, tmp_path: Path) -> None:
    """Preliminary answers without end are ended by the patience around the whole upload, in flat memory."""
    flood = Flood(kind)
    endless = kind in ("preliminaries", "early hints")
    async with rogue(but("/upload", flood)) as device:
        tracemalloc.start()
        try:
            with pytest.raises(UnknownOutcome):
                await asyncio.to_thread(uploading(device.url, tmp_path / "x.iso", 1 if endless else 60))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        if not endless:  # a socket that was shut tells its other side a minute later
            await asyncio.wait_for(flood.broken_off.wait(), 10)
        assert len(device.sent("POST", "/upload")) == 1
    assert endless or flood.sent < MOST_BYTES
    assert peak < 4 * SIZE_LIMIT


DRIPS = {
    "status line": b"HTTP/1.1 200 Whatever comes",
    "header": OK + b"X-Slow: " + b"x" * 100,
    "body": OK + b"Content-Length: 1000\r\n\r\n" + b" " * 500,
    "chunk": CHUNKED + b"0" * 100,
}


@pytest.mark.parametrize("kind", DRIPS)
@pytest.mark.parametrize("path", ["/update", "/start", "/upload"])
async def test_a_drip_ends_with_the_patience_around_the_whole(kind: str, path: str, tmp_path: Path) -> None:
    """Each byte comes well within the patience for one read; only the one around all of it can end this."""

    async def drip(asked: Asked, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            for byte in DRIPS[kind] * 1000:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)  # what makes it a drip; nothing waits for it but the patience under test

    handler: Handler = but(path, drip)
    async with rogue(handler) as device, client_of(device.url, get_total_s=0.3, post_total_s=0.3) as client:
        send = uploading(device.url, tmp_path / "x.iso", 0.3)
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "/update": client.update,
            "/start": lambda: client.start(Permit()),
            "/upload": lambda: asyncio.to_thread(send),
        }
        with pytest.raises(UpdeckError) as caught:
            async with asyncio.timeout(HANG_S):
                await calls[path]()
    assert isinstance(caught.value, Unreachable if path == "/update" else UnknownOutcome)
    assert "within 0" in str(caught.value)


GREETINGS = {
    "garbage": b"\x00" * 4096,
    "ssh": b"SSH-2.0-OpenSSH_9.7\r\n",
    "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "a record of 64 KiB": b"\x16\x03\x03\xff\xff" + b"\x02" * 65535,
    "a hello cut off": b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + b"\x01" * 20,
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.mark.parametrize("kind", GREETINGS)
async def test_what_is_no_tls_is_unreachable_and_surely_nothing_was_sent(kind: str) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(GREETINGS[kind])
        await writer.drain()

    permit = Permit()
    async with listening(greet) as address, client_of(f"https://{address}", tls=Tls("insecure")) as client:
        with pytest.raises(Unreachable):
            await client.update()
        with pytest.raises(Unreachable):
            await client.start(permit)
    assert permit.claims == []
