"""The lean transport: one connection kept, never trusted blindly, and nothing ever sent twice that changes a device."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest

from device.desk import Permit, client_of
from device.rogue import UPDATE, Asked, but, hang, reply, reset, rogue, usual
from updeck.errors import UnknownOutcome, Unreachable

READ = "/update"


async def test_polls_share_one_connection() -> None:
    async with rogue() as device, client_of(device.url) as client:
        for _ in range(3):
            await client.update()
            await client.images()
        assert device.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, UPDATE, {"Connection": "close"}),
        reply(200, UPDATE).replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
async def test_a_connection_that_is_to_end_is_not_used_again(answer: bytes) -> None:
    async with rogue(but(READ, answer)) as device, client_of(device.url) as client:
        await client.update()
        before = device.connections
        await client.update()
        assert device.connections == before + 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x;ext=1\r\n%s\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s",
        b"HTTP/1.1 200 OK\r\nContent-length:%d  \r\nX-Empty:\r\n\r\n%s",
        b"HTTP/1.1 200\r\ncontent-length: %d\r\n\r\n%s",
    ],
)
async def test_every_framing_of_an_answer_is_read_and_the_connection_kept(answer: bytes) -> None:
    body = json.dumps(UPDATE).encode()
    async with rogue(but(READ, answer % (len(body), body))) as device, client_of(device.url) as client:
        for _ in range(3):
            assert (await client.update()).state == "IDLE"
        assert device.connections == 1


async def test_an_answer_may_end_with_its_connection() -> None:
    async def until_close(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps(UPDATE).encode())
        writer.close()

    async with rogue(but(READ, until_close)) as device, client_of(device.url) as client:
        assert (await client.update()).state == "IDLE"


async def test_a_connection_that_the_device_closed_meanwhile_is_replaced_unnoticed() -> None:
    closed = asyncio.Event()

    async def answer_and_close(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, UPDATE))
        await writer.drain()
        writer.close()
        closed.set()

    async with rogue(but(READ, answer_and_close)) as device, client_of(device.url) as client:
        for _ in range(3):
            closed.clear()
            assert (await client.update()).state == "IDLE"
            await closed.wait()


async def test_a_poll_that_meets_a_dying_connection_is_repeated_once_on_a_fresh_one() -> None:
    async def second_request_dies(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if len(device.sent("GET", "/images")) == 1:
            await reset(asked, writer)
        else:
            await usual(asked, writer)

    async with rogue(but("/images", second_request_dies)) as device, client_of(device.url) as client:
        await client.update()
        assert await client.images()
        assert device.connections == 2

    async with rogue(but("/images", reset)) as device, client_of(device.url) as client:
        await client.update()
        with pytest.raises(Unreachable):
            await client.images()
        assert len(device.sent("GET", "/images")) == 2


async def test_a_call_that_changes_the_device_has_a_connection_of_its_own_and_is_sent_once() -> None:
    async with rogue() as device, client_of(device.url) as client:
        await client.update()
        await client.init(Permit())
        await client.update()
        numbers = [one.connection for one in device.asked]
        assert numbers[-2] not in numbers[:-2]
        assert numbers[-1] == numbers[0]

    async with rogue(but("/start", reset)) as device, client_of(device.url) as client:
        await client.update()
        with pytest.raises(UnknownOutcome):
            await client.start(Permit())
        assert len(device.sent("POST", "/start")) == 1


async def test_bytes_that_came_unasked_spoil_a_connection_and_answer_nothing() -> None:
    async def and_more(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, UPDATE) + reply(200, {**UPDATE, "state": "RUNNING"}))

    async with rogue(but(READ, and_more)) as device, client_of(device.url) as client:
        for polls in range(1, 4):
            assert (await client.update()).state == "IDLE"
            assert device.connections == polls + 1


async def test_two_reads_at_once_do_not_mix() -> None:
    async with rogue() as device, client_of(device.url) as client:
        await client.update()
        updates = await asyncio.gather(*(client.update() for _ in range(5)), client.images())
        assert [type(one).__name__ for one in updates] == ["Update"] * 5 + ["tuple"]


async def test_a_read_that_is_cancelled_leaves_no_half_answer_behind() -> None:
    begun = asyncio.Event()

    async def first_hangs(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if len(device.sent("GET", "/images")) == 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{")
            await writer.drain()
            begun.set()
            await hang(asked, writer)
        await usual(asked, writer)

    async with rogue(but("/images", first_hangs)) as device, client_of(device.url) as client:
        task = asyncio.create_task(client.images())
        await begun.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert len(await client.images()) == 1


async def test_a_client_can_be_used_again_after_it_was_closed() -> None:
    async with rogue() as device, client_of(device.url) as client:
        await client.update()
        await client.close()
        await client.update()
        assert device.connections == 2
