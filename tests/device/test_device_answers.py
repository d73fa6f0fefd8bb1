"""Whatever a device answers ends in a value or a typed error, within limits (`security.md`, answers, redirects)."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest

from device.desk import HandClock, client_of
from device.rogue import UPDATE, Asked, Handler, but, fault, hang, reply, reset, rogue, then_close
from updeck.device.guard import SIZE_LIMIT
from updeck.errors import AccountBarred, AuthError, DeviceError, Garbled, Unreachable, Unsupported

READ = "/update"


async def reading(answer: bytes | Handler, *, get_total_s: float = 30.0) -> DeviceError:
    """Return the error that reading the update ends in when it is answered so."""
    async with rogue(but(READ, answer)) as device, client_of(device.url, get_total_s=get_total_s) as client:
        with pytest.raises(DeviceError) as caught:
            await client.update()
        assert caught.value.device == "ar11"
        return caught.value


async def test_an_answer_without_content_coding_is_demanded_and_others_are_refused() -> None:
    packed = gzip.compress(json.dumps(UPDATE).encode())
    async with rogue(but(READ, reply(200, packed, {"Content-Encoding": "gzip"}))) as device:
        async with client_of(device.url) as client:
            with pytest.raises(Garbled, match="encoded \\(gzip\\)"):
                await client.update()
        assert {one.headers["accept-encoding"] for one in device.asked} == {"identity"}


def chunked(*parts: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "bomb",
    [
        reply(200, b" " * (SIZE_LIMIT + 1)),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        chunked(*[b" " * 65536] * 65),
        b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (SIZE_LIMIT + 1),
    ],
    ids=["sized", "announced", "chunked", "to the close"],
)
async def test_a_bomb_is_not_read_to_its_end(bomb: bytes) -> None:
    error = await reading(bomb)
    assert isinstance(error, Garbled)
    assert "larger than 4 MiB" in str(error)


async def test_an_answer_without_end_is_broken_off_and_never_held_whole() -> None:
    sent = 0
    gone = asyncio.Event()

    async def flood(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b" " * 65536)
                await writer.drain()
                sent += 65536
        except ConnectionError:
            gone.set()

    async with rogue(but(READ, flood)) as device, client_of(device.url) as client:
        with pytest.raises(Garbled):
            await client.update()
        await asyncio.wait_for(gone.wait(), 10)
    assert sent < 4 * SIZE_LIMIT


async def test_an_answer_as_large_as_the_limit_is_read() -> None:
    body = json.dumps(UPDATE).encode()
    largest = reply(200, body + b" " * (SIZE_LIMIT - len(body)))
    async with rogue(but(READ, largest)) as device, client_of(device.url) as client:
        assert (await client.update()).state == "IDLE"


async def slow_head(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-")
    await hang(asked, writer)


async def slow_body(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"state": ')
    await hang(asked, writer)


@pytest.mark.parametrize("answer", [hang, slow_head, slow_body])
async def test_a_call_has_one_patience_around_all_of_it(answer: Handler) -> None:
    error = await reading(answer, get_total_s=0.2)
    assert isinstance(error, Unreachable)
    assert "no whole answer within 0.2 s" in str(error)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_is_an_error_that_names_its_target_and_nothing_is_sent_there(status: int) -> None:
    async with rogue() as elsewhere:
        for target in (f"{elsewhere.url}/landed", "/elsewhere", "//127.0.0.1/x", "https://\x1b[31m"):
            async with rogue(but(READ, reply(status, None, {"Location": target}))) as device:
                async with client_of(device.url) as client:
                    with pytest.raises(Unreachable, match="redirects are not followed") as caught:
                        await client.update()
                assert target.partition("\x1b")[0] in str(caught.value)
                assert "\x1b" not in str(caught.value)
                assert [one.path for one in device.asked][1:] == ["/api/npm.system_update/2.0/update"]
        assert elsewhere.connections == 0


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"\x00\x01\x02\x03garbage\r\n\r\n", "does not begin as HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "does not begin as HTTP"),
        (b"HTTP/2 200 OK\r\n\r\n", "does not begin as HTTP"),
        (b"HTTP/1.1 99 Low\r\n\r\n", "does not begin as HTTP"),
        (b"HTTP/1.1 200 OK\r\nno field\r\n\r\n", "no header field"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", "no header field"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", "header is larger"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no usable Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", "no usable Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", "frames its body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "frames its body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "broken chunk"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}XX\r\n", "broken chunk"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20, "preliminaries"),
        (chunked(*[b" "] * 11_000), "more than 10000 chunks"),
    ],
)
async def test_what_is_not_plainly_http_is_unreachable(answer: bytes, says: str) -> None:
    error = await reading(then_close(answer))
    assert isinstance(error, Unreachable)
    assert says in str(error)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (then_close(b""), "closed without an answer"),
        (then_close(b"HTTP/1.1 200"), "cut off"),
        (then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"), "cut off 98 bytes early"),
        (then_close(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"), "cut off"),
        (reset, "reset"),
    ],
)
async def test_an_answer_that_breaks_off_is_unreachable(answer: Handler, says: str) -> None:
    error = await reading(answer)
    assert isinstance(error, Unreachable)
    assert says in str(error)


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (fault(401, "AUTH_REQUIRED", "Log in"), AuthError, "Log in"),
        (fault(403, "AUTH_FORBIDDEN", "Not yours"), AccountBarred, "Not yours; give the account the right"),
        (fault(404), Unsupported, "does not offer this service"),
        (reply(404, "<html>nothing here</html>"), Unsupported, "404 with a web page"),
        (fault(400, "REQUEST_INVALID_INPUT", "What?"), Unreachable, "400: What?"),
        (fault(429), Unreachable, "429"),
        (fault(500, "INTERNAL_ERROR", ""), Unreachable, "500: INTERNAL_ERROR"),
        (reply(502, "<html>Bad gateway</html>"), Unreachable, "502 with a web page"),
        (reply(503), Unreachable, "it answers 503"),
        (reply(504, b"nope"), Unreachable, "it answers 504"),
        (reply(200, "<html>Welcome</html>"), Unreachable, "web page instead of data"),
        (reply(200, b"  <!DOCTYPE html>", {"Content-Type": "application/json"}), Unreachable, "web page"),
        (reply(200, "Maintenance"), Unreachable, "web page"),
        (reply(200, b'{"state":'), Garbled, "no JSON"),
        (reply(204), Garbled, "the answer is empty"),
        (reply(200, {"state": "IDLE"}), Garbled, "update.state_description is missing"),
    ],
)
async def test_each_unwelcome_answer_has_its_error_and_says_what_came(
    answer: bytes, kind: type[DeviceError], says: str
) -> None:
    error = await reading(answer)
    assert type(error) is kind
    assert says in str(error)


async def test_hostile_text_in_an_error_body_arrives_harmless() -> None:
    error = await reading(fault(500, "X", "\x1b]52;c;aGk=\x07\u202e"))
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("services", "says"),
    [
        ([{"id": "common", "versions": ["1.0"]}], "it offers no npm.system_update"),
        ([{"id": "npm.system_update", "versions": ["1.0", "3.0"]}], "it offers npm.system_update 1.0, 3.0, not 2.0"),
        ([{"id": "mgmt.system_update", "versions": ["2.0"]}], "it offers no npm.system_update"),
    ],
)
async def test_a_device_with_another_service_is_unsupported_and_sees_no_credential(services: object, says: str) -> None:
    async with rogue(but("/services", reply(200, services))) as device, client_of(device.url) as client:
        with pytest.raises(Unsupported, match=says):
            await client.update()
        assert [one.path for one in device.asked] == ["/api/common/1.0/services"]
        assert "authorization" not in device.asked[0].headers


@pytest.mark.parametrize("answer", [fault(404), reply(404, "<html/>")])
async def test_a_device_without_services_is_unsupported(answer: bytes) -> None:
    async with rogue(but("/services", answer)) as device, client_of(device.url) as client:
        with pytest.raises(Unsupported):
            await client.update()


async def test_a_refused_connection_a_name_without_address_and_a_closed_port_are_unreachable() -> None:
    async with rogue() as device:
        url = device.url
    async with client_of(url) as client:
        with pytest.raises(Unreachable, match="ar11: the connection was refused"):
            await client.update()
    async with client_of("http://nobody.invalid") as client:
        with pytest.raises(Unreachable, match="cannot be resolved"):
            await client.update()


async def test_services_ping_and_auth_info_need_no_login() -> None:
    async with rogue(but("/ping", reply(200))) as device, client_of(device.url) as client:
        assert await client.services() == {"common": ("1.0",), "npm.system_update": ("1.0", "2.0")}
        assert await client.auth_info() == {"BASIC"}
        await client.ping()
        assert all("authorization" not in one.headers for one in device.asked)


async def test_info_that_is_not_offered_is_none() -> None:
    async with rogue() as device, client_of(device.url) as client:
        assert await client.info() is None


@pytest.mark.parametrize(
    ("date", "offset"),
    [
        ("Mon, 24 Nov 2025 16:01:40 GMT", 100.0),
        ("Mon, 24 Nov 2025 15:55:00 GMT", -300.0),
        ("yesterday", None),
        ("Mon, 24 Nov 99999 16:00:00 GMT", None),
        ("", None),
    ],
)
async def test_the_clock_offset_comes_from_the_date_header(date: str, offset: float | None) -> None:
    answer = reply(200, UPDATE, {"Date": date})
    clock = HandClock(wall=1_764_000_000.0)
    async with rogue(but(READ, answer)) as device, client_of(device.url, clock=clock) as client:
        await client.update()
        assert client.clock_offset_s == offset
