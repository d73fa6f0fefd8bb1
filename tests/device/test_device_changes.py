"""Calls that change a device: sent once, by permission, and honest about what nobody knows (`rollout.md` 2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from device.desk import BookedSource, Permit, client_of
from device.rogue import IMAGE, Asked, Handler, but, fault, hang, listening, reply, reset, rogue, then_close, usual
from simulation import StartSimulator
from updeck.device.client import DeviceClient
from updeck.device.trust import Tls
from updeck.errors import Blocked, ReadOnly, Refused, UnknownOutcome, Unreachable, UpdeckError

Change = Callable[[DeviceClient, Permit], Awaitable[object]]
URL = "https://files.example.net/update.iso"
CHANGES: dict[str, tuple[str, str, Change]] = {
    "init": ("POST", "/update/init", lambda client, permit: client.init(permit)),
    "start": ("POST", "/update/start", lambda client, permit: client.start(permit)),
    "reset": ("POST", "/update/reset", lambda client, permit: client.reset(permit)),
    "delete": ("DELETE", "/images/items/7", lambda client, permit: client.delete_image(permit, 7)),
    "fetch": ("POST", "/images/fetch", lambda client, permit: client.fetch(permit, URL)),
}


async def tried(
    op: str, answer: bytes | Handler, *, post_total_s: float = 60.0
) -> tuple[UpdeckError | None, int, Permit]:
    """Return the error that a change ends in, how often it was sent, and its permission."""
    method, path, change = CHANGES[op]
    permit = Permit()
    error = None
    async with rogue(but(path, answer, method=method)) as device:
        async with client_of(device.url, post_total_s=post_total_s) as client:
            try:
                await change(client, permit)
            except UpdeckError as caught:
                error = caught
        return error, len(device.sent(method, path)), permit


@pytest.mark.parametrize("op", CHANGES)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize("body", [None, {"anything": 1}, b"done"])
async def test_any_2xx_is_accepted_with_or_without_a_body(op: str, status: int, body: object) -> None:
    error, sent, permit = await tried(op, reply(status, IMAGE if op == "fetch" and status != 204 else body))
    assert sent == 1
    assert permit.claims == [(op, "ar11")]
    if op == "fetch" and status == 204:
        assert isinstance(error, UnknownOutcome)
    else:
        assert error is None


@pytest.mark.parametrize("op", CHANGES)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429])
async def test_a_4xx_with_an_error_body_is_surely_refused(op: str, status: int) -> None:
    error, sent, _ = await tried(op, fault(status, "WRONG", "Not in this state"))
    assert isinstance(error, Refused)
    assert (error.status, error.error_id) == (status, "WRONG")
    assert str(error) == f"ar11: {op} was refused: Not in this state ({status})"
    assert sent == 1


async def test_no_room_for_a_transfer_is_surely_refused_and_for_anything_else_unknown() -> None:
    error, _, _ = await tried("fetch", fault(507, "NO_ROOM", "Not enough space"))
    assert isinstance(error, Refused)
    error, _, _ = await tried("start", fault(507, "NO_ROOM", "Not enough space"))
    assert isinstance(error, UnknownOutcome)


UNKNOWN: dict[str, bytes | Handler] = {
    "408": fault(408),
    "409 without an error body": reply(409),
    "409 in HTML": reply(409, "<html>Conflict</html>"),
    "409 with half an error body": reply(409, {"error_id": "X"}),
    "301": reply(301, None, {"Location": "/elsewhere"}),
    "308": reply(308, None, {"Location": "http://127.0.0.1:1/"}),
    "500": fault(500),
    "502 in HTML": reply(502, "<html>Bad gateway</html>"),
    "503": reply(503),
    "504": fault(504),
    "200 in HTML": reply(200, "<html>Please log in</html>"),
    "a reset": reset,
    "a close": then_close(b""),
    "half an answer": then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"),
    "no HTTP": then_close(b"\x00\x01\r\n\r\n"),
    "a bomb": b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n",
    "an encoded answer": reply(200, b"x", {"Content-Encoding": "br"}),
}


@pytest.mark.parametrize("op", ["start", "delete", "fetch"])
@pytest.mark.parametrize("answer", UNKNOWN)
async def test_everything_else_is_unknown_and_sent_once(op: str, answer: str) -> None:
    error, sent, permit = await tried(op, UNKNOWN[answer])
    assert isinstance(error, UnknownOutcome)
    assert str(error).startswith(f"ar11: {op} was ")
    assert sent == 1
    assert len(permit.claims) == 1


async def test_the_status_of_an_unknown_outcome_is_told_where_there_was_one() -> None:
    error, _, _ = await tried("start", fault(500))
    assert isinstance(error, UnknownOutcome)
    assert error.status == 500
    error, _, _ = await tried("start", reset)
    assert isinstance(error, UnknownOutcome)
    assert error.status is None


async def test_silence_after_a_change_is_unknown_once_its_patience_ends() -> None:
    error, sent, _ = await tried("start", hang, post_total_s=0.2)
    assert isinstance(error, UnknownOutcome)
    assert "no whole answer within 0.2 s" in str(error)
    assert sent == 1


@pytest.mark.parametrize("answer", [reply(200, b"{"), reply(200, {"id": 7}), reply(201), reply(202, [])])
async def test_a_fetch_whose_answer_is_no_image_is_unknown(answer: bytes) -> None:
    error, _, _ = await tried("fetch", answer)
    assert isinstance(error, UnknownOutcome)


async def test_a_fetch_sends_its_url_and_returns_the_image() -> None:
    async with rogue() as device, client_of(device.url) as client:
        assert (await client.fetch(Permit(), URL)).id == 7
        (asked,) = device.sent("POST", "/images/fetch")
    assert json.loads(asked.body) == {"url": URL}
    assert asked.headers["content-type"] == "application/json"


@pytest.mark.parametrize("op", ["init", "start", "reset", "delete"])
async def test_a_change_without_a_body_says_so(op: str) -> None:
    method, path, change = CHANGES[op]
    async with rogue() as device, client_of(device.url) as client:
        await change(client, Permit())
        (asked,) = device.sent(method, path)
    assert asked.body == b""
    assert "content-type" not in asked.headers
    assert asked.headers.get("content-length") == ("0" if method == "POST" else None)


@pytest.mark.parametrize("op", CHANGES)
async def test_a_permission_that_ran_out_stops_the_call_before_its_first_byte(op: str) -> None:
    method, path, change = CHANGES[op]
    async with rogue() as device, client_of(device.url) as client:
        with pytest.raises(Blocked, match="too old"):
            await change(client, Permit(refuse=True))
        assert device.sent(method, path) == []
        await client.update()


async def test_a_permission_is_claimed_only_when_login_and_connection_are_ready() -> None:
    order: list[str] = []

    class Watching(Permit):
        def claim(self, op: str, device: str) -> None:
            order.append("claim")
            super().claim(op, device)

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        order.append(f"{asked.method} {asked.path.rpartition('/')[2]}")
        await usual(asked, writer)

    async with rogue(answer) as seen, client_of(seen.url) as client:
        await client.start(Watching())
    assert order == ["GET services", "GET update", "claim", "POST start"]


@pytest.mark.parametrize("op", CHANGES)
async def test_a_change_that_could_not_leave_is_not_an_unknown_outcome(op: str) -> None:
    _, _, change = CHANGES[op]
    permit = Permit()
    async with AsyncExitStack() as stack:
        async with rogue() as device:
            client = await stack.enter_async_context(client_of(device.url))
            await client.update()
        with pytest.raises(Unreachable, match="refused"):
            await change(client, permit)
    assert permit.claims == []


async def test_a_change_to_what_speaks_no_tls_was_surely_not_sent() -> None:
    permit = Permit()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ftp ready\r\n")
        await reader.read()

    async with listening(greet) as address, client_of(f"https://{address}", tls=Tls("insecure")) as client:
        with pytest.raises(Unreachable, match="does not speak TLS"):
            await client.start(permit)
    assert permit.claims == []


@pytest.mark.parametrize("op", CHANGES)
async def test_read_only_stops_a_change_before_a_socket_opens(op: str) -> None:
    _, _, change = CHANGES[op]
    permit = Permit()
    async with rogue() as device, client_of(device.url, read_only=True) as client:
        with pytest.raises(ReadOnly):
            await change(client, permit)
        with pytest.raises(ReadOnly):
            await client.prepare_upload()
        assert device.connections == 0
        assert permit.claims == []
        assert (await client.update()).state == "IDLE"


async def test_a_401_on_a_change_is_refused_not_repeated_and_ends_the_session() -> None:
    source = BookedSource()
    who = fault(401, "AUTH_INVALID_SESSION", "Who?")
    async with rogue(but("/start", who)) as device, client_of(device.url, source=source) as client:
        with pytest.raises(Refused):
            await client.start(Permit())
        assert len(device.sent("POST", "/start")) == 1
        await client.update()
    assert source.book.count("entered") == 2


@pytest.mark.parametrize("fault_id", ["reset_after", "html", "truncated", "broken_json"])
async def test_whatever_becomes_of_the_answer_a_real_device_is_started_once(
    simulator: StartSimulator, fault_id: str
) -> None:
    fleet = await simulator(devices=1, virtual=True)
    name = fleet.names[0]
    source = BookedSource(fleet.password, username=fleet.username)
    tls = Tls("pin", None, fleet.fingerprint(name))
    async with client_of(fleet.url(name), source=source, tls=tls, auth="auto") as client:
        fleet.fault(name, fault_id, path="/update/start")
        with pytest.raises((UnknownOutcome, Refused)):
            await client.start(Permit())
    requests = fleet.truth(name)["requests"]
    assert isinstance(requests, list)
    assert sum(one["path"].endswith("/update/start") for one in requests) == 1
