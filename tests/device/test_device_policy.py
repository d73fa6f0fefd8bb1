"""The policy around every request: read-only, the environment's traps, proxies that the inventory names, secrets."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.certificates import issue
from device.desk import PASSWORD, BookedSource, Permit, Unheard, client_of
from device.rogue import IMAGE, Rogue, but, listening, reply, rogue
from updeck.device.client import Endpoint
from updeck.device.exchange import Call, Departure
from updeck.device.guard import PIECES_LIMIT, AsyncGuardedTransport, Guard, GuardedTransport
from updeck.device.image_file import ImageFile
from updeck.device.trust import Tls
from updeck.device.upload import UploadSession
from updeck.errors import ConfigError, Garbled, ReadOnly, UnknownOutcome, Unreachable, UpdeckError

LOGINS = {
    "/api/common/1.0/login",
    "/api/common/1.0/logout",
    "/api/common/1.0/oauth/token",
    "/api/mgmt.aaa/1.0/token",
    "/api/mgmt.aaa/2.0/token",
}
PATHS = [
    *LOGINS,
    "/api/npm.system_update/2.0/update/start",
    "/api/npm.system_update/2.0/images/upload",
    "/api/npm.system_update/2.0/images/items/7",
    "/api/common/1.0/login/../../../npm.system_update/2.0/update/start",
    "/api/common/1.0/loginx",
    "/x/api/common/1.0/login",
    "/API/common/1.0/login",
]


@given(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "get", "X"]),
    st.sampled_from(PATHS) | st.text(),
)
def test_read_only_lets_nothing_by_but_gets_and_logins(method: str, path: str) -> None:
    allowed = method == "GET" or (method == "POST" and path in LOGINS)
    try:
        Guard(read_only=True).check_call(method, path)
    except ReadOnly:
        assert not allowed
    else:
        assert allowed
    Guard().check_call(method, path)


class Untouchable(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that must not be reached."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise AssertionError("a socket would have opened")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise AssertionError("a socket would have opened")


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
async def test_both_transports_stop_what_read_only_forbids(method: str) -> None:
    request = httpx.Request(method, "https://127.0.0.1/api/npm.system_update/2.0/update/start")
    with pytest.raises(ReadOnly):
        GuardedTransport(Guard(read_only=True), Untouchable()).exchange(request)
    with pytest.raises(ReadOnly):
        await AsyncGuardedTransport(Guard(read_only=True), Untouchable).exchange(request)


class Crumbs(httpx.AsyncByteStream, httpx.SyncByteStream):
    """An answer in more pieces than a network makes of one, each a blank."""

    def __init__(self) -> None:
        self.given = 0

    def __iter__(self) -> Iterator[bytes]:
        while self.given < 2 * PIECES_LIMIT:
            self.given += 1
            yield b" "

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


async def test_an_answer_in_more_pieces_than_a_network_makes_is_broken_off_by_both_transports() -> None:
    request = httpx.Request("GET", "https://127.0.0.1/api/npm.system_update/2.0/update")
    crumbs = [Crumbs(), Crumbs()]

    def giving(crumbs: Crumbs) -> httpx.MockTransport:
        return httpx.MockTransport(lambda _: httpx.Response(200, stream=crumbs))

    with pytest.raises(Garbled, match="in more than 20000 pieces"):
        GuardedTransport(Guard(), giving(crumbs[0])).exchange(request)
    with pytest.raises(Garbled, match="in more than 20000 pieces"):
        await AsyncGuardedTransport(Guard(), lambda: giving(crumbs[1])).exchange(request)
    assert all(one.given <= PIECES_LIMIT + 2 for one in crumbs)


@pytest.fixture
def file(tmp_path: Path) -> ImageFile:
    (tmp_path / "x.iso").write_bytes(b"image")
    return ImageFile.open(tmp_path / "x.iso")


def upload(session: UploadSession, file: ImageFile) -> object:
    return session.send(Permit(), file, progress=lambda _: None, cancel=threading.Event(), stall_s=9, total_s=9)


async def test_a_read_only_upload_opens_no_socket(file: ImageFile) -> None:
    async with rogue() as device:
        with pytest.raises(ReadOnly):
            await asyncio.to_thread(upload, UploadSession(Endpoint("ar11", device.url, read_only=True), {}), file)
    assert device.connections == 0


@pytest.mark.parametrize("encrypted", [False, True])
async def test_the_environment_leads_nobody_astray(
    encrypted: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: ImageFile
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login trap password trap\n")
    netrc.chmod(0o600)
    issued = issue()
    async with rogue() as trap, rogue(tls=issued.server(tmp_path) if encrypted else None) as device:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, trap.url)
            monkeypatch.setenv(name.lower(), trap.url)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(netrc))
        monkeypatch.setenv("CURL_CA_BUNDLE", str(netrc))
        async with client_of(device.url, tls=Tls("pin", None, issued.fingerprint)) as client:
            await client.services()
            assert "authorization" not in device.asked[0].headers
            await client.update()
            await client.start(Permit())
            await asyncio.to_thread(upload, await client.prepare_upload(), file)
        assert trap.connections == 0
        assert len(device.sent("POST", "/upload")) == 1


@asynccontextmanager
async def proxy(*, refuse: bool = False) -> AsyncIterator[tuple[str, list[str]]]:
    """An http proxy that connects (or does not); gives its address and the targets it was asked for."""
    targets: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        targets.append(target)
        if refuse or method != "CONNECT":
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await relay(target, reader, writer)

    async with listening(talk) as address:
        yield address, targets


@asynccontextmanager
async def socks() -> AsyncIterator[tuple[str, list[str]]]:
    """A socks5 proxy; gives its address and the targets it was asked for."""
    targets: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        size = 4 if kind == 1 else (await reader.readexactly(1))[0]
        host = await reader.readexactly(size)
        port = int.from_bytes(await reader.readexactly(2), "big")
        targets.append(f"{'.'.join(map(str, host)) if kind == 1 else host.decode()}:{port}")
        writer.write(b"\x05\x00\x00\x01" + b"\0" * 6)
        await relay(targets[-1], reader, writer)

    async with listening(talk) as address:
        yield address, targets


async def relay(target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on, both ways, until one side ends."""
    host, _, port = target.partition(":")
    there_reader, there_writer = await asyncio.open_connection(host, int(port))

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()

    ways = [asyncio.create_task(pass_on(reader, there_writer)), asyncio.create_task(pass_on(there_reader, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        there_writer.transport.abort()
        await asyncio.gather(there_writer.wait_closed(), return_exceptions=True)


@pytest.mark.parametrize("kind", ["http", "socks5", "socks5h"])
async def test_a_named_proxy_is_used_for_polls_changes_and_uploads_with_the_same_trust(
    kind: str, tmp_path: Path, file: ImageFile
) -> None:
    issued = issue()
    pin = Tls("pin", None, issued.fingerprint)
    async with (
        rogue(tls=issued.server(tmp_path)) as device,
        proxy() if kind == "http" else socks() as (address, targets),
    ):
        async with client_of(device.url, tls=pin, proxy=f"{kind}://{address}") as client:
            await client.update()
            await client.start(Permit())
            session = await client.prepare_upload()
            await asyncio.to_thread(upload, session, file)
            assert session.left
        (asked,) = device.sent("POST", "/upload")
        assert asked.body == file.path.read_bytes()
        assert asked.headers["content-length"] == str(file.size_bytes)
        assert asked.headers["host"] == device.url.removeprefix("https://")
        assert set(targets) == {device.url.removeprefix("https://")}
        assert len(targets) == device.connections == 3


async def test_an_upload_through_a_proxy_is_broken_off_while_nothing_is_taken(tmp_path: Path) -> None:
    issued, cancel = issue(), Unheard()
    with (tmp_path / "large.iso").open("wb") as large:
        large.truncate(64 << 20)

    async def hear_the_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        cancel.set()
        await asyncio.Event().wait()

    async with listening(hear_the_head, issued.server(tmp_path)) as there, proxy() as (address, _):
        tls = Tls("pin", None, issued.fingerprint)
        session = UploadSession(Endpoint("ar11", f"https://{there}", tls, proxy=f"http://{address}"), {})
        file = ImageFile.open(tmp_path / "large.iso")
        with pytest.raises(UnknownOutcome) as caught:
            await asyncio.to_thread(
                lambda: session.send(Permit(), file, progress=lambda _: None, cancel=cancel, stall_s=30, total_s=600)
            )
    assert "stopped taking" not in str(caught.value)


async def test_a_certificate_is_shown_and_refused_through_a_proxy_as_well(tmp_path: Path) -> None:
    issued, permit = issue(), Permit()
    async with rogue(tls=issued.server(tmp_path)) as device, proxy() as (address, _):
        async with client_of(device.url, proxy=f"http://{address}") as client:
            with pytest.raises(UpdeckError, match="self-signed") as caught:
                await client.start(permit)
        assert getattr(caught.value, "presented", None) == issued.fingerprint
        assert device.asked == []
        assert permit.claims == []


async def test_a_proxy_that_does_not_connect_is_named_and_nothing_was_sent(file: ImageFile) -> None:
    permit = Permit()
    async with proxy(refuse=True) as (address, targets):
        endpoint = Endpoint("ar11", "https://10.1.2.3", Tls("insecure"), proxy=f"http://{address}")
        async with client_of(endpoint.url, tls=endpoint.tls, proxy=endpoint.proxy) as client:
            with pytest.raises(Unreachable, match="the proxy does not connect"):
                await client.start(permit)
        session = UploadSession(endpoint, {})
        with pytest.raises(Unreachable, match="the proxy does not connect"):
            await asyncio.to_thread(upload, session, file)
        assert not session.left
    assert permit.claims == []
    assert targets == ["10.1.2.3:443"] * 2


async def test_a_proxy_that_cannot_be_one_is_an_error_of_the_configuration() -> None:
    async with client_of("https://10.1.2.3", proxy="gopher://127.0.0.1:70") as client:
        with pytest.raises(ConfigError, match="proxy cannot be used"):
            await client.update()


def test_no_repr_shows_a_secret() -> None:
    call = Call("POST", "/x", 1.0, {"Authorization": PASSWORD}, PASSWORD.encode(), Departure())
    for thing in (BookedSource(oauth_code=PASSWORD).current, call):
        assert PASSWORD not in repr(thing)
        assert PASSWORD not in str(thing)


async def test_nothing_secret_is_logged_even_at_the_lowest_level(
    caplog: pytest.LogCaptureFixture, file: ImageFile
) -> None:
    caplog.set_level("DEBUG")
    answer = reply(200, IMAGE, {"Set-Cookie": "SESSID=canary"})
    async with rogue(but("/upload", answer)) as device, client_of(device.url) as client:
        await client.update()
        authorization = device.asked[-1].headers["authorization"].removeprefix("Basic ")
        await asyncio.to_thread(upload, await client.prepare_upload(), file)
    assert authorization not in caplog.text
    assert PASSWORD not in caplog.text
    assert "canary" not in caplog.text


def test_what_starts_a_program_loads_no_http() -> None:
    modules = ["client", "endpoint", "tls", "models", "versions", "image_file", "fetch_url", "permission"]
    imports = "; ".join(f"import updeck.device.{module}" for module in modules)
    check = f"import sys; {imports}; sys.exit(sorted(set(sys.modules) & {{'httpx', 'httpcore', 'h11', 'anyio'}}) or 0)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_two_devices_share_nothing_of_their_sessions() -> None:
    async def names(device: Rogue) -> set[str]:
        return {one.headers.get("authorization", "") for one in device.asked} - {""}

    async with rogue() as one, rogue() as other:
        first, second = (
            client_of(one.url, source=BookedSource("one")),
            client_of(other.url, source=BookedSource("other")),
        )
        async with first as client, second as stranger:
            await client.update()
            await stranger.update()
        assert not await names(one) & await names(other)
