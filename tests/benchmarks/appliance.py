"""Appliances at rest, the far side of benchmarks: what they answer is bytes made before, so that they cost little.

Two servers, each a process of its own: `poll` keeps thousands of connections and counts polls, `sink` reads uploads
and throws them away, one process per connection. `python tests/benchmarks/appliance.py poll|sink [PEM]`; with a
certificate in TLS. The first line it prints is its port.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

HEAD_END = b"\r\n\r\n"
HEAD_LIMIT = 1 << 16
BUFFER_BYTES = 1 << 20
CONNECTIONS_MOST = 4096
IMAGE = {"id": 8, "state": "VALIDATING", "state_description": "Verifying image", "progress": 100, "version": "N/A"}
UPDATE_PATH = "/api/npm.system_update/2.0/update"
IMAGES_PATH = "/api/npm.system_update/2.0/images"
UPLOAD_PATH = f"{IMAGES_PATH}/upload"
ANSWERS: dict[str, object] = {
    "/api/common/1.0/services": [
        {"id": "common", "versions": ["1.0"]},
        {"id": "mgmt.aaa", "versions": ["1.0", "2.0"]},
        {"id": "npm.system_update", "versions": ["2.0"]},
    ],
    "/api/mgmt.aaa/2.0/token": {"access_token": "4f1c" * 60},
    "/api/common/1.0/info": {
        "device_name": "ar11-fra-dc1",
        "hw_version": "",
        "mgmt_addresses": ["10.20.1.4"],
        "model": "AppResponse 4180",
        "serial": "VK2X90001",
        "sw_version": "11.6.0 #23947",
    },
    UPDATE_PATH: {
        "state": "IDLE",
        "state_description": "",
        "last_state_time": 1_772_485_200,
        "update_history": [
            {"time": 1_539_786_920, "version": "11.2.0 #13859"},
            {"time": 1_648_771_200, "version": "11.4.0 #19120"},
            {"time": 1_772_485_200, "version": "11.6.0 #23947"},
        ],
    },
    IMAGES_PATH: {
        "items": [
            {
                "id": number,
                "state": "VALID",
                "state_description": "",
                "progress": 100,
                "version": version,
                "checksum": "3fa9c1d2" * 8,
            }
            for number, version in ((6, "11.6.0 #23947"), (7, "11.8.0 #28924"))
        ]
    },
    UPLOAD_PATH: IMAGE,
}
BODIES = {path: json.dumps(value).encode() for path, value in ANSWERS.items()}


def answer_to(path: str) -> bytes:
    """Return a whole answer, with the header fields that a box's web server sends."""
    body = BODIES.get(path)
    status, body = ("404 Not Found", b"") if body is None else ("200 OK", body)
    head = f"HTTP/1.1 {status}\r\nServer: nginx\r\nDate: {formatdate(usegmt=True)}\r\nContent-Type: application/json"
    return f"{head}\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n".encode() + body


def path_of(head: bytes) -> str:
    """Return what a request asks for."""
    return head.split(b" ", 2)[1].decode("ascii")


def length_of(head: bytes) -> int:
    """Return how long a request's body is."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


class _Polled(asyncio.Protocol):
    """One connection of the server that is polled; all share one count of reads of the state."""

    polls = 0

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._came = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._came += data
        while (end := self._came.find(HEAD_END)) >= 0:
            head = bytes(self._came[:end])
            whole = end + len(HEAD_END) + length_of(head)
            if len(self._came) < whole:
                return
            del self._came[:whole]
            path = path_of(head)
            _Polled.polls += path == UPDATE_PATH
            assert self._transport is not None
            self._transport.write(answer_to(path))


async def _poll(context: ssl.SSLContext | None) -> None:
    """Serve until nobody asks for the count any more."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Polled, "127.0.0.1", 0, ssl=context, backlog=CONNECTIONS_MOST)
    print(server.sockets[0].getsockname()[1], flush=True)
    asked = asyncio.Event()

    def read() -> None:
        for _ in sys.stdin:
            print(_Polled.polls, flush=True)
        loop.call_soon_threadsafe(asked.set)

    threading.Thread(target=read, daemon=True).start()
    await asked.wait()


def _sink(context: ssl.SSLContext | None) -> None:
    """Serve for ever; of each upload a line tells when its head was there, when its answer, its bytes and cipher."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            if os.fork():
                connection.close()
                continue
            with suppress(OSError), _secured(connection, context) as talk:
                while _swallow(talk):
                    pass
            os._exit(0)


def _secured(connection: socket.socket, context: ssl.SSLContext | None) -> socket.socket:
    return connection if context is None else context.wrap_socket(connection, server_side=True)


def _swallow(talk: socket.socket) -> bool:
    """Answer one request, without keeping anything of its body; False once the client has ended the talk."""
    came = bytearray()
    while HEAD_END not in came:
        data = talk.recv(HEAD_LIMIT)
        if not data:
            return False
        came += data
    begun = time.monotonic()
    head, _, body = bytes(came).partition(HEAD_END)
    length = length_of(head)
    left, buffer = length - len(body), bytearray(BUFFER_BYTES)
    while left:
        size = talk.recv_into(buffer, min(left, BUFFER_BYTES))
        if not size:
            return False
        left -= size
    path = path_of(head)
    talk.sendall(answer_to(path))
    if path == UPLOAD_PATH:
        os.write(1, f"{begun!r} {time.monotonic()!r} {length} {_cipher(talk)}\n".encode())
    return True


def _cipher(talk: socket.socket) -> str:
    """Return what encrypts a connection, in one word."""
    found = talk.cipher() if isinstance(talk, ssl.SSLSocket) else None
    return "none" if found is None else f"{found[1]}:{found[0]}"


class Uploaded(NamedTuple):
    """What the `sink` saw of an upload: monotonic seconds from its head to its answer, its bytes, what encrypted it."""

    begun: float
    ended: float
    size_bytes: int
    cipher: str


class Serving:
    """A server under way; `url` is where it is, `fingerprint` of its certificate, None without TLS."""

    def __init__(self, process: subprocess.Popen[bytes], fingerprint: str | None) -> None:
        self._process = process
        assert process.stdout is not None
        self._reading = DefaultSelector()
        self._reading.register(process.stdout, EVENT_READ)
        self.fingerprint = fingerprint
        self.url = f"{'http' if fingerprint is None else 'https'}://127.0.0.1:{int(self._line())}"

    def polls(self) -> int:
        """Return how often the state was read of the `poll` server."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"how many?\n")
        return int(self._line())

    def upload(self, timeout_s: float) -> Uploaded | None:
        """Wait for the end of an upload to the `sink`."""
        if not self._reading.select(timeout_s):
            return None
        begun, ended, size, cipher = self._line().split()
        return Uploaded(float(begun), float(ended), int(size), cipher)

    def _line(self) -> str:
        """Read one line; not one byte beyond it is taken, or the selector would not know of the next."""
        out = self._process.stdout
        assert out is not None
        return out.readline().decode()


@contextmanager
def serving(kind: str, room: Path, *, tls: bool) -> Iterator[Serving]:
    """Run one of the two servers; `room` takes its certificate."""
    words, fingerprint = [sys.executable, __file__, kind], None
    if tls:
        from device.certificates import issue

        issued = issue()
        issued.server(room)
        words.append(str(room / f"{issued.certificate.serial_number}.pem"))
        fingerprint = issued.fingerprint
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    try:
        yield Serving(process, fingerprint)
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    """Serve."""
    context = None
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2])
    if sys.argv[1] == "poll":
        asyncio.run(_poll(context))
    else:
        _sink(context)


if __name__ == "__main__":
    main()
