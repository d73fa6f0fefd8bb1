"""Images brought to devices by their own fetch, and looked at."""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from shell import Shell
from updeck.simulator.images import write_image
from updeck.simulator.options import Scenario
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]

NEW = "11.8.0 #28924"


@asynccontextmanager
async def web_server(body: bytes) -> AsyncIterator[str]:
    """Serve one file to whoever asks, and give its URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/update.iso?key=secret"


async def test_devices_fetch_an_image_and_prove_it(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=2)
    image = tmp_path / "new.iso"
    sha256 = write_image(image, NEW, 200_000)
    async with web_server(image.read_bytes()) as url:
        done = await shell.run("images", "fetch", url, "*", "--sha256", sha256.upper(), "--json")
    assert done.code == 0, done.err
    assert [row["verdict"] for row in done.json["devices"]] == ["STAGED", "STAGED"]
    for name in simulator.names:
        (held,) = (await shell.run("images", "list", name, "--json")).json["devices"][0]["images"]
        assert (held["state"], held["version"], held["checksum"]) == ("VALID", NEW, sha256)
        done = await shell.run("images", "show", name, str(held["id"]), "--json")
        assert done.json == {"device": name, **held}
    assert "secret" not in (await shell.run("journal")).out


async def test_a_fetched_image_with_another_checksum_has_failed(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=1)
    image = tmp_path / "new.iso"
    write_image(image, NEW, 200_000)
    other = hashlib.sha256(b"another").hexdigest()
    async with web_server(image.read_bytes()) as url:
        done = await shell.run("images", "fetch", url, simulator.names[0], "--sha256", other, "--json")
    assert (done.code, done.json["devices"][0]["verdict"]) == (1, "TRANSFER_FAILED")


async def test_a_local_url_needs_to_be_allowed(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=1)
    path = shell.config / "fleet.toml"
    path.write_text(path.read_text().replace("fetch_local = true\n", ""))
    image = tmp_path / "new.iso"
    write_image(image, NEW, 200_000)
    async with web_server(image.read_bytes()) as url:
        done = await shell.run("images", "fetch", url, simulator.names[0])
        assert (done.code, done.err.count("\n")) == (5, 1)
        assert simulator.truth(simulator.names[0])["images"] == []
        done = await shell.run("images", "fetch", url, simulator.names[0], "--allow-local")
    assert done.code == 0, done.err


async def test_an_image_that_is_not_there_is_named(bench: Bench) -> None:
    simulator, shell = await bench(devices=1)
    name = simulator.names[0]
    done = await shell.run("images", "show", name, "7")
    assert (done.code, done.err.count("\n")) == (2, 1)
    done = await shell.run("images", "delete", name, "7", "--confirm", name)
    assert (done.code, done.err.count("\n")) == (5, 1)


async def test_an_image_that_stays_in_spite_of_an_accepted_deletion_is_a_failure(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=1)
    name = simulator.names[0]
    image = tmp_path / "new.iso"
    write_image(image, NEW, 200_000)
    assert (await shell.run("images", "upload", str(image), name)).code == 0
    simulator.fault(name, "status", path="/images/items/1", status=204)
    done = await shell.run("images", "delete", name, "1", "--confirm", name)
    assert done.code == 1
    assert "still there" in done.out
    assert len(images(simulator)) == 1


async def test_an_interrupted_upload_is_broken_off_and_recorded(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=1)
    image = tmp_path / "large.iso"
    write_image(image, NEW, 150_000_000)
    process = await shell.start("images", "upload", str(image), simulator.names[0])
    await shell.line(process, lambda line: "uploads large.iso" in line, of_stderr=True)
    process.send_signal(signal.SIGINT)
    done = await shell.end(process)
    assert done.code == 130
    assert f"1 upload broken off ({simulator.names[0]})" in done.err
    assert not any(image["state"] == "VALID" for image in images(simulator))
    kinds = {event["kind"] for event in (await shell.run("journal", "--json")).json["events"]}
    assert "outcome" in kinds


def images(simulator: Simulator) -> list[dict[str, object]]:
    held = simulator.truth(simulator.names[0])["images"]
    assert isinstance(held, list)
    return held


async def test_a_device_that_refuses_an_upload_is_not_said_to_receive_it(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=12, scenario=Scenario.MIXED)
    takes, refuses = simulator.with_trait("empty_serial"), simulator.with_trait("foreign_init")
    image = tmp_path / "small.iso"
    write_image(image, "11.12.0 #40000", 200_000)
    done = await shell.run("images", "upload", str(image), takes, refuses)
    assert f"{takes}  STAGED" in done.out
    assert f"{refuses}: uploads" not in done.err
    assert f"{refuses}: the device is INITIALIZED" in done.err
