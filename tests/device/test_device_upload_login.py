"""What ends or renews a login while an image is sent: the stream is sent once, whole, or ends in a clear refusal."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from device.desk import BookedSource, Permit, client_of
from failing_disk import fail_reading
from simulation import StartSimulator
from updeck.device.client import DeviceClient
from updeck.device.image_file import ImageFile
from updeck.device.models import Image
from updeck.device.trust import Tls
from updeck.device.upload import UploadSession
from updeck.errors import LocalFileError, Refused
from updeck.simulator.options import AuthMode
from updeck.simulator.serving import Simulator

MIB = 1 << 20
SIZE = 6 * MIB + 12_345
LIFE_S = 100.0
UPLOAD = "/images/upload"


@dataclass
class Bench:
    """A simulated device whose time stands still, a client with a login of the way asked for, and a file."""

    simulator: Simulator
    client: DeviceClient
    file: ImageFile

    @property
    def name(self) -> str:
        return self.simulator.names[0]

    async def send(self, session: UploadSession, midway: Callable[[], object] = lambda: None) -> Image:
        """Send the file; something happens in the middle of it, which the sending waits for."""
        done: list[int] = []

        def progress(sent: int) -> None:
            if sent >= MIB and not done:
                done.append(sent)
                midway()

        send = session.send
        return await asyncio.to_thread(
            lambda: send(Permit(), self.file, progress=progress, cancel=Event(), stall_s=60, total_s=60)
        )

    def truth(self, what: str) -> list[Mapping[str, object]]:
        found = self.simulator.truth(self.name)[what]
        assert isinstance(found, list)
        return found

    @property
    def sent(self) -> int:
        """How many uploads truly reached the device."""
        return len([one for one in self.truth("requests") if str(one["path"]).endswith(UPLOAD)])

    @property
    def arrived(self) -> list[tuple[object, object]]:
        return [(one["bytes"], one["sha256"]) for one in self.truth("uploads")]

    @property
    def whole(self) -> tuple[int, str]:
        return SIZE, hashlib.sha256(self.file.path.read_bytes()).hexdigest()


@asynccontextmanager
async def opened(simulator: StartSimulator, auth: AuthMode, room: Path) -> AsyncIterator[Bench]:
    """Serve one device with sessions that are short, and log in to it."""
    fleet = await simulator(devices=1, auth=auth, virtual=True, token_life_s=LIFE_S)
    name = fleet.names[0]
    path = room / "update-11.8.0.iso"
    path.write_bytes(hashlib.shake_256(b"image").digest(SIZE))
    source = BookedSource(fleet.password, username=fleet.username, oauth_code=fleet.oauth_code)
    tls = Tls("pin", None, fleet.fingerprint(name))
    async with client_of(fleet.url(name), source=source, tls=tls, auth="auto") as client:
        yield Bench(fleet, client, ImageFile.open(path))


WAYS = [AuthMode.TOKEN, AuthMode.COOKIE, AuthMode.OAUTH]


@pytest.mark.parametrize("auth", WAYS)
async def test_a_login_that_ends_and_is_renewed_by_a_poll_midway_leaves_the_upload_alone(
    simulator: StartSimulator, auth: AuthMode, tmp_path: Path
) -> None:
    async with opened(simulator, auth, tmp_path) as bench:
        loop = asyncio.get_running_loop()
        session = await bench.client.prepare_upload()
        before = bench.simulator.truth(bench.name)["logins"]

        async def end_and_poll() -> None:
            await bench.simulator.until(bench.name, lambda _: bench.truth("images") != [])
            await bench.simulator.advance(LIFE_S + 1)
            assert (await bench.client.update()).state == "IDLE"

        image = await bench.send(session, lambda: asyncio.run_coroutine_threadsafe(end_and_poll(), loop).result(30))
        refused = [one for one in bench.truth("requests") if one["status"] == 401]
        assert [one["method"] for one in refused] == ["GET"], "the login must have ended while the upload ran"
        assert bench.simulator.truth(bench.name)["logins"] == int(str(before)) + 1
        assert bench.arrived == [bench.whole]
        assert bench.sent == 1
        assert [one.id for one in await bench.client.images()] == [image.id]


@pytest.mark.parametrize("auth", WAYS)
@pytest.mark.parametrize("error_id", ["AUTH_EXPIRED_TOKEN", "AUTH_INVALID_SESSION", "AUTH_REQUIRED"])
@pytest.mark.parametrize("after_bytes", [None, 2 * MIB, SIZE])
async def test_a_401_midway_refuses_the_upload_and_a_new_login_sends_none_of_it_again(
    simulator: StartSimulator, auth: AuthMode, error_id: str, after_bytes: int | None, tmp_path: Path
) -> None:
    async with opened(simulator, auth, tmp_path) as bench:
        session = await bench.client.prepare_upload()
        fields = {} if after_bytes is None else {"after_bytes": after_bytes}
        bench.simulator.fault(bench.name, "status", path=UPLOAD, times=1, status=401, error_id=error_id, **fields)
        with pytest.raises(Refused) as caught:
            await bench.send(session)
        assert (caught.value.status, caught.value.error_id) == (401, error_id)
        assert str(caught.value) == "ar11: upload was refused: Unauthorized (401)"
        bench.simulator.fault(bench.name, "forget_logins")
        assert await bench.client.images() == ()
        assert (bench.sent, bench.arrived) == (1, [])
        image = await bench.send(await bench.client.prepare_upload())
        assert image.id is not None
        assert (bench.sent, bench.arrived) == (2, [bench.whole])


@pytest.mark.parametrize("auth", WAYS)
async def test_a_login_that_ended_before_the_first_byte_refuses_the_upload_and_a_read_mends_it(
    simulator: StartSimulator, auth: AuthMode, tmp_path: Path
) -> None:
    async with opened(simulator, auth, tmp_path) as bench:
        session = await bench.client.prepare_upload()
        bench.simulator.fault(bench.name, "forget_logins")
        with pytest.raises(Refused, match="upload was refused: Session or token is not known"):
            await bench.send(session)
        assert (bench.sent, bench.arrived) == (1, [])
        await bench.client.update()
        await bench.send(await bench.client.prepare_upload())
        assert (bench.sent, bench.arrived) == (2, [bench.whole])


async def test_a_token_that_would_end_during_the_upload_is_renewed_before_it(
    simulator: StartSimulator, tmp_path: Path
) -> None:
    async with opened(simulator, AuthMode.TOKEN, tmp_path) as bench:
        await bench.client.update()
        tokens = [one for one in bench.truth("requests") if str(one["path"]).endswith("/token")]
        await bench.send(await bench.client.prepare_upload())
        renewed = [one for one in bench.truth("requests") if str(one["path"]).endswith("/token")]
        assert (len(tokens), len(renewed)) == (1, 2)
        assert bench.simulator.truth(bench.name)["logins"] == 1
        assert bench.arrived == [bench.whole]


@pytest.mark.parametrize("after_bytes", [MIB, 3 * MIB + 5, SIZE - 1])
async def test_a_disk_that_breaks_midway_ends_the_upload_in_a_sentence_and_leaves_nothing_whole(
    simulator: StartSimulator, after_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(simulator, AuthMode.TOKEN, tmp_path) as bench:
        session = await bench.client.prepare_upload()
        fail_reading(monkeypatch, bench.file.path, after_bytes)
        with pytest.raises(LocalFileError) as caught:
            await bench.send(session)
        assert str(caught.value) == f"{bench.file.path} cannot be read: Input/output error"
        assert session.left
        states = {image.state for image in await bench.client.images()}
        assert states <= {"UPLOADING", "UPLOAD_ERROR"}
        assert bench.sent == 1
        assert bench.whole not in bench.arrived
