"""What a test needs beside a device: a clock to set, a credential's source that keeps book, permissions, a client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from threading import Event

from updeck.clock import Clock
from updeck.device.client import DeviceClient
from updeck.device.credentials import Credential, LoginTurn
from updeck.device.endpoint import AuthMethod, Endpoint
from updeck.device.image_file import ImageFile
from updeck.device.trust import Tls
from updeck.errors import Blocked

PASSWORD = "pass wörd\"'"


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self, wall: float = 1_764_000_000.0) -> None:
        self.now = 0.0
        self._wall = wall

    def wall(self) -> float:
        return self._wall + self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Unheard(threading.Event):
    """A wish to stop an upload that the thread which sends never hears, blocked as it is: only what watches over it."""

    def is_set(self) -> bool:
        return threading.current_thread().name == "upload brake" and super().is_set()


class BookedSource:
    """A source of one credential that writes down every turn: entered, accepted or rejected, left."""

    def __init__(self, password: str = PASSWORD, *, username: str = "admin", oauth_code: str | None = None) -> None:
        self.current = Credential(username, password, oauth_code)
        self.book: list[str] = []

    async def credential(self) -> Credential:
        return self.current

    def turn(self) -> AbstractAsyncContextManager[LoginTurn]:
        return self._turn()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[LoginTurn]:
        self.book.append("entered")
        try:
            yield _Turn(self.book)
        finally:
            self.book.append("left")


class _Turn:
    def __init__(self, book: list[str]) -> None:
        self._book = book

    def accepted(self) -> None:
        self._book.append("accepted")

    def rejected(self, message: str) -> None:
        self._book.append(f"rejected: {message}")


class Permit:
    """A permission that writes down its claims; `refuse` makes it one that ran out."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.claims: list[tuple[str, str]] = []
        self._refuse = refuse

    def claim(self, op: str, device: str) -> None:
        if self._refuse:
            raise Blocked("the permission is too old")
        self.claims.append((op, device))


@asynccontextmanager
async def client_of(
    url: str,
    *,
    source: BookedSource | None = None,
    tls: Tls | None = None,
    auth: AuthMethod = "basic",
    proxy: str | None = None,
    read_only: bool = False,
    clock: Clock | None = None,
    get_total_s: float = 30.0,
    post_total_s: float = 60.0,
) -> AsyncIterator[DeviceClient]:
    """A client named `ar11` that is closed at the end."""
    endpoint = Endpoint(
        "ar11",
        url,
        tls=tls or Tls(),
        auth=auth,
        proxy=proxy,
        read_only=read_only,
        get_total_s=get_total_s,
        post_total_s=post_total_s,
    )
    client = DeviceClient(endpoint, source or BookedSource(), clock=clock)
    try:
        yield client
    finally:
        await client.close()


async def upload(client: DeviceClient, path: Path) -> None:
    """Send a small file."""
    session = await client.prepare_upload()

    def send() -> None:
        file = ImageFile.open(path)
        session.send(Permit(), file, progress=lambda sent: None, cancel=Event(), stall_s=9, total_s=9)

    await asyncio.to_thread(send)
