"""Images on their way to a simulated device: uploads and fetches, whole, broken off, refused, and validated."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from device_caller import UPDATE, DeviceCaller, operator
from simulation import StartSimulator
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.images import write_image
from updeck.simulator.serving import Simulator

VERSION = "11.8.0 #28924"
SIZE = 400_000
UPLOAD = f"{UPDATE}/images/upload"


@pytest.fixture
def image(tmp_path: Path) -> bytes:
    write_image(tmp_path / "image.iso", VERSION, SIZE)
    return (tmp_path / "image.iso").read_bytes()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def pieces(content: bytes, size_bytes: int = 50_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size_bytes):
        yield content[start : start + size_bytes]


async def settled(fleet: Simulator, image_id: int = 1) -> dict[str, object]:
    """Wait until an image of the first device came and is no longer on its way; return the truth about it."""
    name = fleet.names[0]

    def rests(device: SimulatedDevice) -> bool:
        states = [image.state for image in device.shelf.images if image.id == image_id]
        return bool(states) and states[0] not in ("UPLOADING", "VALIDATING")

    await fleet.until(name, rests)
    images = fleet.truth(name)["images"]
    assert isinstance(images, list)
    found = next(image for image in images if image["id"] == image_id)
    assert isinstance(found, dict)
    return found


async def test_an_upload_is_answered_with_an_image_and_becomes_valid(simulator: StartSimulator, image: bytes) -> None:
    fleet = await simulator(devices=1)
    async with operator(fleet) as caller:
        reply = await caller.upload(image)
        assert reply.status == 200
        assert (reply.json["id"], reply.json["state"], reply.json["progress"]) == (1, "VALIDATING", 100)
        await settled(fleet)
        listed = (await caller.get(f"{UPDATE}/images")).json["items"]
    assert listed == [
        {
            "id": 1,
            "state": "VALID",
            "state_description": "",
            "progress": 100,
            "version": VERSION,
            "checksum": sha256(image),
        }
    ]
    assert fleet.truth(fleet.names[0])["uploads"] == [
        {"bytes": SIZE, "sha256": sha256(image), "image_id": 1, "complete": True}
    ]


async def test_validation_takes_time_and_says_what_it_does(simulator: StartSimulator, image: bytes) -> None:
    fleet = await simulator(devices=1, speed=1, virtual=True)
    async with operator(fleet) as caller:
        said = [(await caller.upload(image)).json["state_description"]]
        await fleet.advance(30)
        said.append((await caller.get(f"{UPDATE}/images/items/1")).json["state_description"])
        await fleet.advance(15)
        assert (await caller.get(f"{UPDATE}/images/items/1")).json["state"] == "VALID"
    assert said == ["Verifying image", "Checking signature"]


async def test_an_upload_without_a_length_is_taken(simulator: StartSimulator, image: bytes) -> None:
    fleet = await simulator(devices=1)
    async with operator(fleet) as caller:
        assert (await caller.upload(pieces(image))).status == 200
    assert (await settled(fleet))["checksum"] == sha256(image)


async def test_an_upload_that_waits_for_100_continue_gets_it(simulator: StartSimulator, image: bytes) -> None:
    fleet = await simulator(devices=1)
    async with operator(fleet) as caller:
        assert (await caller.upload(image, {"Expect": "100-continue"})).status == 200


async def test_progress_is_seen_while_the_bytes_come(simulator: StartSimulator, image: bytes) -> None:
    fleet = await simulator(devices=1)
    go_on = asyncio.Event()

    async def halves() -> AsyncIterator[bytes]:
        yield image[: SIZE // 2]
        await go_on.wait()
        yield image[SIZE // 2 :]

    async with operator(fleet) as caller:
        upload = asyncio.create_task(caller.upload(halves(), {"Content-Length": str(SIZE)}))
        shown: dict[str, object] = {}
        while shown.get("progress") != 50:
            items = (await caller.get(f"{UPDATE}/images")).json["items"]
            assert isinstance(items, list)
            shown = items[0] if items else {}
        assert shown["state"] == "UPLOADING"
        assert shown.get("checksum") in (None, "", "N/A")
        go_on.set()
        assert (await upload).json["progress"] == 100


async def test_an_upload_that_breaks_off_leaves_an_upload_error(simulator: StartSimulator, image: bytes) -> None:
    fleet = await simulator(devices=1)

    async def half() -> AsyncIterator[bytes]:
        yield image[: SIZE // 2]
        raise OSError("the stick was pulled")

    async with operator(fleet) as caller:
        with pytest.raises((OSError, aiohttp.ClientError)):
            await caller.upload(half(), {"Content-Length": str(SIZE)})
        found = await settled(fleet)
        assert (found["state"], found["state_description"]) == ("UPLOAD_ERROR", "Connection closed by peer")
        assert (await caller.call("DELETE", f"{UPDATE}/images/items/1")).status < 300
        assert (await caller.get(f"{UPDATE}/images")).json == {"items": []}
    uploads = fleet.truth(fleet.names[0])["uploads"]
    assert isinstance(uploads, list)
    assert [upload["complete"] for upload in uploads] == [False]


@pytest.mark.parametrize(
    ("content", "description"),
    [(b"no image at all" * 1000, "Image is not for this platform"), (None, "Signature check failed")],
)
async def test_a_file_that_is_no_good_image_ends_invalid(
    simulator: StartSimulator, image: bytes, content: bytes | None, description: str
) -> None:
    fleet = await simulator(devices=1)
    async with operator(fleet) as caller:
        assert (await caller.upload(content or image[:-9])).status == 200
    found = await settled(fleet)
    assert (found["state"], found["state_description"], found["version"]) == ("INVALID", description, None)


async def test_a_fifth_image_finds_no_room_until_one_is_deleted(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    async with operator(fleet) as caller:
        for number in range(1, 5):
            await caller.upload(b"x")
            await settled(fleet, number)
        reply = await caller.upload(b"x")
        assert (reply.status, reply.error_id) == (507, "INSUFFICIENT_SPACE")
        await caller.call("DELETE", f"{UPDATE}/images/items/2")
        assert (await caller.upload(b"x")).status == 200


async def test_an_image_larger_than_the_disk_is_413_and_one_larger_than_the_rest_of_it_507(
    simulator: StartSimulator,
) -> None:
    fleet = await simulator(devices=4)
    name = fleet.names[3]
    statuses = [await refused_upload(fleet, name, size_bytes) for size_bytes in (17 << 30, 15 << 30)]
    assert statuses == [413, 507]


async def refused_upload(fleet: Simulator, name: str, size_bytes: int) -> int:
    """Announce an upload with `Expect: 100-continue` and return the status that comes instead."""
    asked = False

    async def content() -> AsyncIterator[bytes]:
        nonlocal asked
        asked = True
        yield b""

    headers = {"Expect": "100-continue", "Content-Length": str(size_bytes)}
    async with operator(fleet, name) as caller:
        status = (await caller.upload(content(), headers)).status
    assert not asked
    return status


async def test_a_wrong_checksum_and_an_upload_error_are_what_their_faults_say(
    simulator: StartSimulator, image: bytes
) -> None:
    fleet = await simulator(devices=1)
    name = fleet.names[0]
    fleet.fault(name, "wrong_checksum", times=1)
    fleet.fault(name, "upload_error", percent=30, text="Disk error", times=1)
    async with operator(fleet) as caller:
        with pytest.raises((OSError, aiohttp.ClientError)):
            await caller.upload(pieces(image), {"Content-Length": str(SIZE)})
        broken = await settled(fleet)
        assert (broken["state"], broken["state_description"]) == ("UPLOAD_ERROR", "Disk error")
        assert (await caller.upload(image)).status == 200
        wrong = await settled(fleet, 2)
        assert wrong["state"] == "VALID"
        assert wrong["checksum"] != sha256(image)
        await caller.upload(image)
        assert (await settled(fleet, 3))["checksum"] == sha256(image)


Source = Callable[[BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def web_server(answer: Source) -> AsyncIterator[str]:
    server = web.Server(answer)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/image.iso"
    finally:
        listening.close()
        await server.shutdown(0.1)


async def fetch(caller: DeviceCaller, url: str) -> int:
    reply = await caller.post(f"{UPDATE}/images/fetch", {"url": url})
    assert reply.status == 200
    assert reply.json["state"] == "UPLOADING"
    return reply.number("id")


async def test_a_fetch_really_downloads(simulator: StartSimulator, image: bytes) -> None:
    async def answer(_: BaseRequest) -> web.StreamResponse:
        return web.Response(body=image)

    fleet = await simulator(devices=1)
    async with operator(fleet) as caller, web_server(answer) as url:
        await fetch(caller, url)
        found = await settled(fleet)
    assert (found["state"], found["checksum"], found["version"]) == ("VALID", sha256(image), VERSION)
    assert fleet.truth(fleet.names[0])["fetches"] == [
        {"url": url, "bytes": SIZE, "sha256": sha256(image), "image_id": 1, "complete": True}
    ]


async def test_a_fetch_that_breaks_off_says_so(simulator: StartSimulator, image: bytes) -> None:
    async def answer(request: BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = SIZE
        await response.prepare(request)
        await response.write(image[: SIZE // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    fleet = await simulator(devices=1)
    async with operator(fleet) as caller, web_server(answer) as url:
        await fetch(caller, url)
        found = await settled(fleet)
    assert (found["state"], found["state_description"]) == ("UPLOAD_ERROR", "Connection closed by peer")
    assert found["progress"] == 50


async def test_a_fetch_of_what_is_not_there_says_so(simulator: StartSimulator) -> None:
    async def answer(_: BaseRequest) -> web.StreamResponse:
        return web.Response(status=404)

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        fleet = await simulator(devices=1)
        async with operator(fleet) as caller, web_server(answer) as url:
            urls = (url, f"http://127.0.0.1:{closed.getsockname()[1]}/x", "http://no-such-host.invalid/x")
            said = []
            for each in urls:
                image_id = await fetch(caller, each)
                said.append((await settled(fleet, image_id))["state_description"])
    assert said == ["Server answered 404 Not Found", "Connection refused", "Could not resolve host"]


@pytest.mark.parametrize("url", [None, 5, "", "image.iso", "ftp://127.0.0.1/x", "http://", "http://[", "file:///etc"])
async def test_a_url_that_cannot_be_fetched_is_400_and_makes_no_image(simulator: StartSimulator, url: object) -> None:
    fleet = await simulator(devices=1)
    async with operator(fleet) as caller:
        reply = await caller.post(f"{UPDATE}/images/fetch", {"url": url})
        assert (reply.status, reply.error_id) == (400, "REQUEST_INVALID_INPUT")
    assert fleet.truth(fleet.names[0])["images"] == []


async def test_a_fetch_is_ended_by_deleting_its_image(simulator: StartSimulator) -> None:
    came, gone = asyncio.Event(), asyncio.Event()

    async def answer_without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        came.set()
        await reader.read()
        gone.set()
        writer.close()

    fleet = await simulator(devices=1)
    async with operator(fleet) as caller, await asyncio.start_server(answer_without_end, "127.0.0.1", 0) as server:
        await fetch(caller, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/image.iso")
        await came.wait()
        assert (await caller.call("DELETE", f"{UPDATE}/images/items/1")).status < 300
        await asyncio.wait_for(gone.wait(), 10)
        assert (await caller.get(f"{UPDATE}/images")).json == {"items": []}


async def test_init_waits_for_no_image_that_is_on_its_way(simulator: StartSimulator, image: bytes) -> None:
    fleet = await simulator(devices=4, virtual=True)
    async with operator(fleet, fleet.names[3]) as caller:
        await caller.upload(image)
        assert (await caller.post(f"{UPDATE}/update/init")).status == 409
        assert (await caller.call("DELETE", f"{UPDATE}/images/items/2")).status == 409
        await fleet.advance(45)
        assert (await caller.post(f"{UPDATE}/update/init")).status < 300
