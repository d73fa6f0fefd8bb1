"""An upload streams a file once, whole or not at all, and can always be stopped (`rollout.md` 5 and 6)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from device.certificates import issue
from device.desk import BookedSource, Permit, Unheard, client_of
from device.rogue import (
    IMAGE,
    Asked,
    Handler,
    Rogue,
    but,
    fault,
    hang,
    listening,
    reply,
    reset,
    rogue,
    then_close,
    usual,
)
from failing_disk import end_reading
from simulation import StartSimulator
from updeck.device import upload
from updeck.device.endpoint import Endpoint
from updeck.device.image_file import CHUNK_BYTES, ImageFile
from updeck.device.models import Image
from updeck.device.trust import Tls
from updeck.device.upload import UploadSession
from updeck.errors import (
    Blocked,
    Interrupted,
    LocalFileError,
    Refused,
    UnknownOutcome,
    Unreachable,
    UpdeckError,
)
from updeck.simulator.options import AuthMode

HANG_S = 20
"""After how long an upload that ought to have ended fails its test."""

SIZE = 3 * CHUNK_BYTES + 12_345


@pytest.fixture
def file(tmp_path: Path) -> ImageFile:
    path = tmp_path / "update-11.8.0.iso"
    path.write_bytes(hashlib.shake_256(b"image").digest(SIZE))
    return ImageFile.open(path)


@pytest.fixture
def large(tmp_path: Path) -> ImageFile:
    """A file that no buffer on the way can hold."""
    path = tmp_path / "large.iso"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    return ImageFile.open(path)


class Sending:
    """One upload in a worker thread, with all that is to be seen of it."""

    def __init__(self, session: UploadSession, file: ImageFile, *, stall_s: float = 600, total_s: float = 600) -> None:
        self.permit = Permit()
        self.progress: list[int] = []
        self.cancel = threading.Event()
        self.on_progress: Callable[[int], None] = lambda sent: None
        self._session = session
        self._file = file
        self._stall_s = stall_s
        self._total_s = total_s

    async def run(self) -> Image:
        async with asyncio.timeout(HANG_S):
            return await asyncio.to_thread(
                self._session.send,
                self.permit,
                self._file,
                progress=self._note,
                cancel=self.cancel,
                stall_s=self._stall_s,
                total_s=self._total_s,
            )

    def _note(self, sent: int) -> None:
        self.progress.append(sent)
        self.on_progress(sent)


async def sent_to(handler: Handler, file: ImageFile, **patience: float) -> tuple[UpdeckError | Image, Rogue, Sending]:
    """Upload to an appliance that handles it so; return the image or the error."""
    async with rogue(handler) as device, client_of(device.url) as client:
        sending = Sending(await client.prepare_upload(), file, **patience)
        try:
            return await sending.run(), device, sending
        except UpdeckError as error:
            return error, device, sending


@pytest.mark.parametrize("auth", AuthMode)
@pytest.mark.parametrize("http", [True, False])
async def test_the_bytes_that_arrive_are_the_file(
    simulator: StartSimulator, auth: AuthMode, http: bool, file: ImageFile
) -> None:
    fleet = await simulator(devices=1, auth=auth, http=http)
    name = fleet.names[0]
    source = BookedSource(fleet.password, username=fleet.username, oauth_code=fleet.oauth_code)
    tls = Tls() if http else Tls("pin", None, fleet.fingerprint(name))
    async with client_of(fleet.url(name), source=source, tls=tls, auth="auto") as client:
        sending = Sending(await client.prepare_upload(), file)
        image = await sending.run()
        assert image.id is not None
    digest = hashlib.sha256(file.path.read_bytes()).hexdigest()
    uploads = fleet.truth(name)["uploads"]
    assert isinstance(uploads, list)
    assert [(one["bytes"], one["sha256"], one["image_id"]) for one in uploads] == [(SIZE, digest, image.id)]
    assert sending.permit.claims == [("upload", "ar11")]
    assert sending.progress == sorted(set(sending.progress))
    assert sending.progress[-1] == SIZE


async def test_an_upload_is_one_request_on_one_connection_of_its_own(file: ImageFile) -> None:
    image, device, _ = await sent_to(usual, file)
    assert isinstance(image, Image)
    (asked,) = device.sent("POST", "/upload")
    assert asked.connection == device.connections
    assert asked.headers["host"] == device.url.removeprefix("http://")
    assert asked.headers["content-length"] == str(SIZE)
    assert asked.headers["content-type"] == "application/octet-stream"
    assert asked.headers["accept-encoding"] == "identity"
    assert "transfer-encoding" not in asked.headers
    assert asked.headers["authorization"].startswith("Basic ")
    assert hashlib.sha256(asked.body).hexdigest() == hashlib.sha256(file.path.read_bytes()).hexdigest()


async def test_the_bytes_of_a_file_go_to_the_socket_from_where_they_were_read_however_few_it_takes(
    file: ImageFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of what a socket did not take yet, at each of its takings, once cost more than the sending."""
    send, rooms, taken = socket.socket.send, set[int](), list[int]()

    def send_few(self: socket.socket, data: bytes | memoryview, flags: int = 0) -> int:
        if not (isinstance(data, memoryview) and isinstance(data.obj, bytearray)):
            return send(self, data, flags)  # a head, or what the loop sends
        taken.append(send(self, data[:10_007], flags))
        rooms.add(id(data.obj))
        return taken[-1]

    monkeypatch.setattr(socket.socket, "send", send_few)
    image, device, sending = await sent_to(usual, file)
    assert isinstance(image, Image)
    assert len(rooms) == 1
    assert sum(taken) == SIZE
    assert len(taken) > SIZE // 10_007
    (asked,) = device.sent("POST", "/upload")
    assert hashlib.sha256(asked.body).hexdigest() == hashlib.sha256(file.path.read_bytes()).hexdigest()
    assert sending.progress[-1] == SIZE


FRAMINGS = {
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x;ext=1\r\n%s\r\n0\r\nTrailer: x\r\n\r\n",
    "after preliminaries": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: %d\r\n\r\n%s",
    "odd": b"HTTP/1.1 200\r\ncontent-length:%d  \r\nX-Empty:\r\n\r\n%s",
    "to the close": b"HTTP/1.0 200 OK\r\nX-Length: %d\r\n\r\n%s",
}


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("framing", FRAMINGS)
async def test_every_framing_of_an_answer_is_read(framing: str, tls: bool, file: ImageFile, tmp_path: Path) -> None:
    body, issued = json.dumps(IMAGE).encode(), issue()
    handler = but("/upload", then_close(FRAMINGS[framing] % (len(body), body)))
    pin = Tls("pin", None, issued.fingerprint)
    async with (
        rogue(handler, issued.server(tmp_path) if tls else None) as device,
        client_of(device.url, tls=pin) as client,
    ):
        image = await Sending(await client.prepare_upload(), file).run()
    assert image.id == IMAGE["id"]


async def test_an_answer_that_is_cut_off_is_unknown(file: ImageFile) -> None:
    for part in (b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"):
        error, _, _ = await sent_to(but("/upload", then_close(part)), file)
        assert isinstance(error, UnknownOutcome)
        assert "was cut off" in str(error)


async def test_a_header_that_holds_a_line_break_sends_nothing(file: ImageFile) -> None:
    async with rogue() as device:
        session = UploadSession(Endpoint("ar11", device.url), {"Authorization": "Bearer x\r\nX-More: y"})
        sending = Sending(session, file)
        with pytest.raises(Unreachable, match="holds a line break"):
            await sending.run()
    assert device.connections == 0
    assert sending.permit.claims == []
    assert not session.left


@pytest.mark.parametrize("status", [400, 401, 403, 409, 413, 507])
async def test_an_upload_that_is_refused_is_surely_refused_and_not_sent_again(status: int, file: ImageFile) -> None:
    error, device, _ = await sent_to(but("/upload", fault(status, "NO", "No room")), file)
    assert isinstance(error, Refused)
    assert error.status == status
    assert len(device.sent("POST", "/upload")) == 1


@pytest.mark.parametrize("tls", [False, True])
async def test_a_refusal_that_comes_before_the_end_of_the_body_is_heard(
    tls: bool, large: ImageFile, tmp_path: Path
) -> None:
    async def refuse_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(fault(413, "TOO_LARGE", "No room"))
        await writer.drain()
        writer.close()

    issued = issue()
    async with listening(refuse_at_once, issued.server(tmp_path) if tls else None) as address:
        url = f"{'https' if tls else 'http'}://{address}"
        session = UploadSession(Endpoint("ar11", url, Tls("pin", None, issued.fingerprint)), {})
        with pytest.raises(Refused, match="No room"):
            await Sending(session, large).run()


UNKNOWN: dict[str, bytes | Handler] = {
    "500": fault(500),
    "408": fault(408),
    "502 in HTML": reply(502, "<html/>"),
    "200 in HTML": reply(200, "<html/>"),
    "200 with half an image": reply(200, {"id": 1}),
    "204": reply(204),
    "301": reply(301, None, {"Location": "/elsewhere"}),
    "a reset": reset,
    "a close": then_close(b""),
    "a bomb": b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n",
    "an encoded answer": reply(200, IMAGE, {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("answer", UNKNOWN)
async def test_any_other_answer_is_unknown_and_nothing_is_sent_again(answer: str, file: ImageFile) -> None:
    error, device, _ = await sent_to(but("/upload", UNKNOWN[answer]), file)
    assert isinstance(error, UnknownOutcome)
    assert str(error).startswith("ar11: upload was ")
    assert len(device.sent("POST", "/upload")) == 1


class Deaf:
    """An appliance that takes the head of a request and no more."""

    def __init__(self) -> None:
        self.heard = threading.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.heard.set()
        await asyncio.Event().wait()


async def test_a_device_that_takes_no_more_bytes_ends_the_upload_in_unknown(large: ImageFile) -> None:
    async with listening(Deaf()) as address:
        sending = Sending(UploadSession(Endpoint("ar11", f"http://{address}"), {}), large, stall_s=0.3)
        with pytest.raises(UnknownOutcome, match="it stopped taking bytes"):
            await sending.run()
    assert sending.progress
    assert sending.progress[-1] < large.size_bytes


async def test_a_device_that_never_answers_the_last_byte_ends_it_too(file: ImageFile) -> None:
    error, _, sending = await sent_to(but("/upload", hang), file, stall_s=0.3)
    assert isinstance(error, UnknownOutcome)
    assert "no answer in time" in str(error)
    assert sending.progress[-1] == SIZE


async def test_an_upload_has_one_patience_around_all_of_it(large: ImageFile, file: ImageFile) -> None:
    async with listening(Deaf()) as address:
        sending = Sending(UploadSession(Endpoint("ar11", f"http://{address}"), {}), large, total_s=0.3)
        with pytest.raises(UnknownOutcome, match="did not end within"):
            await sending.run()
    error, _, _ = await sent_to(but("/upload", hang), file, total_s=0.3)
    assert isinstance(error, UnknownOutcome)
    assert "did not end within" in str(error)


@pytest.mark.parametrize("tls", [False, True])
async def test_an_upload_stops_when_told_to_even_while_the_device_takes_nothing(
    tls: bool, large: ImageFile, tmp_path: Path
) -> None:
    issued, deaf = issue(), Deaf()

    def stop(sent: int) -> None:
        if deaf.heard.wait(10):
            sending.cancel.set()

    async with listening(deaf, issued.server(tmp_path) if tls else None) as address:
        url = f"{'https' if tls else 'http'}://{address}"
        session = UploadSession(Endpoint("ar11", url, Tls("pin", None, issued.fingerprint)), {})
        sending = Sending(session, large)
        sending.on_progress = stop
        with pytest.raises(Interrupted, match="the upload was stopped"):
            await sending.run()
        assert session.left


@pytest.mark.parametrize("tls", [False, True])
async def test_an_upload_that_is_blocked_is_broken_off_at_its_socket(
    tls: bool, large: ImageFile, tmp_path: Path
) -> None:
    issued, cancel = issue(), Unheard()

    async def hear_the_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        cancel.set()
        await asyncio.Event().wait()

    async with listening(hear_the_head, issued.server(tmp_path) if tls else None) as address:
        url = f"{'https' if tls else 'http'}://{address}"
        sending = Sending(
            UploadSession(Endpoint("ar11", url, Tls("pin", None, issued.fingerprint)), {}), large, stall_s=HANG_S
        )
        sending.cancel = cancel
        with pytest.raises(UnknownOutcome) as caught:
            await sending.run()
    assert "stopped taking" not in str(caught.value)
    assert sending.progress[-1] < large.size_bytes


async def test_an_upload_stops_when_told_to_in_the_midst_of_a_handshake(
    file: ImageFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        sending.cancel.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(upload, "TLS_S", 600.0)
    async with listening(say_nothing) as address:
        session = UploadSession(Endpoint("ar11", f"https://{address}", Tls("insecure")), {})
        sending = Sending(session, file)
        with pytest.raises(Interrupted, match="the upload was stopped"):
            await sending.run()
    assert not session.left
    assert sending.permit.claims == []


async def test_an_upload_stops_when_told_to_while_it_waits_for_the_answer(file: ImageFile) -> None:
    async with rogue(but("/upload", hang)) as device, client_of(device.url) as client:
        sending = Sending(await client.prepare_upload(), file)
        sending.on_progress = lambda sent: sending.cancel.set() if sent == SIZE else None
        with pytest.raises(Interrupted):
            await sending.run()


async def test_an_upload_that_was_stopped_before_it_began_sends_nothing(file: ImageFile) -> None:
    async with rogue() as device, client_of(device.url) as client:
        session = await client.prepare_upload()
        sending = Sending(session, file)
        sending.cancel.set()
        with pytest.raises(Interrupted):
            await sending.run()
        assert device.sent("POST", "/upload") == []


def shrink(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(CHUNK_BYTES + 5)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def swap(path: Path) -> None:
    twin = path.with_suffix(".new")
    twin.write_bytes(path.read_bytes())
    twin.replace(path)


@pytest.mark.parametrize("change", [shrink, grow, swap, Path.unlink])
async def test_a_file_that_changes_while_it_is_sent_never_arrives_whole(
    change: Callable[[Path], None], file: ImageFile, simulator: StartSimulator
) -> None:
    fleet = await simulator(devices=1)
    name = fleet.names[0]
    source = BookedSource(fleet.password, username=fleet.username)
    tls = Tls("pin", None, fleet.fingerprint(name))
    async with client_of(fleet.url(name), source=source, tls=tls, auth="auto") as client:
        sending = Sending(await client.prepare_upload(), file)
        sending.on_progress = lambda sent: change(file.path) if sent == CHUNK_BYTES else None
        with pytest.raises(LocalFileError):
            await sending.run()
        states = {image.state for image in await client.images()}
    assert states <= {"UPLOADING", "UPLOAD_ERROR"}
    assert len(sending.permit.claims) == 1


@pytest.mark.parametrize("after_bytes", [CHUNK_BYTES, SIZE - 1])
async def test_a_file_that_ends_before_its_size_is_said_to_and_never_arrives_whole(
    after_bytes: int, file: ImageFile, simulator: StartSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = await simulator(devices=1, http=True)
    name = fleet.names[0]
    end_reading(monkeypatch, file.path, after_bytes)
    async with client_of(fleet.url(name), source=BookedSource(fleet.password, username=fleet.username)) as client:
        sending = Sending(await client.prepare_upload(), file)
        with pytest.raises(LocalFileError, match=f"ended {SIZE - after_bytes} bytes early"):
            await sending.run()
        await fleet.until(name, lambda device: bool(device.record.uploads))
    uploads = fleet.truth(name)["uploads"]
    assert isinstance(uploads, list)
    assert [one["complete"] for one in uploads] == [False]


async def test_a_file_that_changed_before_it_was_sent_is_not_sent_at_all(file: ImageFile) -> None:
    grow(file.path)
    async with rogue() as device, client_of(device.url) as client:
        session = await client.prepare_upload()
        sending = Sending(session, file)
        with pytest.raises(LocalFileError):
            await sending.run()
        assert not session.left
        assert sending.permit.claims == []
        assert device.sent("POST", "/upload") == []


async def test_a_permission_that_ran_out_sends_nothing(file: ImageFile) -> None:
    async with rogue() as device, client_of(device.url) as client:
        sending = Sending(await client.prepare_upload(), file)
        sending.permit = Permit(refuse=True)
        with pytest.raises(Blocked, match="too old"):
            await sending.run()
        assert device.sent("POST", "/upload") == []


async def test_an_upload_that_could_not_connect_was_surely_not_sent(file: ImageFile) -> None:
    async with rogue() as device, client_of(device.url) as client:
        session = await client.prepare_upload()
    sending = Sending(session, file)
    with pytest.raises(Unreachable, match="ar11: the connection was refused"):
        await sending.run()
    assert not session.left
    assert sending.permit.claims == []


async def test_what_progress_raises_ends_the_upload(file: ImageFile) -> None:
    async def read_on(asked: Asked, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("it must not arrive whole")

    def fail(sent: int) -> None:
        raise Blocked("enough")

    async with rogue(but("/upload", read_on)) as device, client_of(device.url) as client:
        sending = Sending(await client.prepare_upload(), file)
        sending.on_progress = fail
        with pytest.raises(Blocked, match="enough"):
            await sending.run()
