"""Calls a simulated device as a client would, with aiohttp, and shows what came back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from updeck.simulator.serving import Simulator

COMMON = "/api/common/1.0"
UPDATE = "/api/npm.system_update/2.0"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> dict[str, object]:
        """The body, which is a JSON object."""
        body = json.loads(self.content)
        assert isinstance(body, dict)
        return body

    @property
    def error_id(self) -> object:
        """The id in the error body."""
        return self.json["error_id"]

    def text(self, name: str) -> str:
        """Return a text of the body."""
        value = self.json[name]
        assert isinstance(value, str)
        return value

    def number(self, name: str) -> int:
        """Return a whole number of the body."""
        value = self.json[name]
        assert isinstance(value, int)
        return value


class DeviceCaller:
    """Calls one device; `headers` go with every call."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.url = url
        self.headers: dict[str, str] = {}
        self._session = session

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET a path."""
        return await self.call("GET", path, headers=headers)

    async def post(
        self, path: str, body: object = None, headers: Mapping[str, str] | None = None, *, json_type: bool = True
    ) -> Reply:
        """POST a JSON body, or none."""
        data = None if body is None else json.dumps(body).encode()
        types = JSON if body is not None and json_type else {}
        return await self.call("POST", path, data, {**types, **(headers or {})})

    async def call(
        self,
        method: str,
        path: str,
        data: bytes | AsyncIterable[bytes] | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request as it is and return what came."""
        async with self._session.request(
            method,
            self.url + path,
            data=data,
            headers={**self.headers, **(headers or {})},
            ssl=False,
            allow_redirects=False,
            skip_auto_headers=("Content-Type",),
        ) as response:
            return Reply(response.status, dict(response.headers), await response.read())

    async def log_in(self, username: str, password: str) -> Reply:
        """Log in for a cookie, which the session keeps."""
        return await self.post(f"{COMMON}/login", {"username": username, "password": password})

    async def upload(self, data: bytes | AsyncIterable[bytes], headers: Mapping[str, str] | None = None) -> Reply:
        """Upload bytes without a Content-Type, as the vendor's client does."""
        return await self.call("POST", f"{UPDATE}/images/upload", data, headers)


@asynccontextmanager
async def stranger(simulator: Simulator, name: str | None = None) -> AsyncIterator[DeviceCaller]:
    """A caller that is not logged in; of the first device unless named."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield DeviceCaller(session, simulator.url(name or simulator.names[0]))


@asynccontextmanager
async def operator(simulator: Simulator, name: str | None = None) -> AsyncIterator[DeviceCaller]:
    """A caller that is logged in by cookie."""
    async with stranger(simulator, name) as caller:
        reply = await caller.log_in(simulator.username, simulator.password)
        assert reply.status == 200
        yield caller
