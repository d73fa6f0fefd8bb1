"""What a device cannot do to itself, by a proxy before it: bytes one by one, silence, lost SYNs, half-open lines."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device.desk import BookedSource, Permit, client_of
from fault_proxy import FaultProxy, Way, proxied
from simulation import StartSimulator
from updeck.device.client import DeviceClient
from updeck.device.image_file import ImageFile
from updeck.device.trust import Tls
from updeck.errors import UnknownOutcome, Unreachable
from updeck.simulator.images import write_image
from updeck.simulator.serving import Simulator

SHORT_S = 1.5
"""How long the client waits for what never comes."""


@asynccontextmanager
async def line(
    simulator: StartSimulator, *, http: bool = False, total_s: float = 30.0
) -> AsyncIterator[tuple[Simulator, FaultProxy, DeviceClient]]:
    """A device with an image, a proxy before it, and a client of ours that knows the proxy only."""
    fleet = await simulator(devices=4, http=http)
    name = fleet.names[3]
    tls = Tls("insecure") if http else Tls("pin", pin=fleet.fingerprint(name))
    async with (
        proxied(fleet.url(name)) as proxy,
        client_of(
            proxy.url,
            source=BookedSource(fleet.password),
            tls=tls,
            auth="token",
            get_total_s=total_s,
            post_total_s=total_s,
        ) as client,
    ):
        yield fleet, proxy, client


@pytest.mark.parametrize("http", [False, True])
async def test_bytes_that_come_one_by_one_are_read_as_if_they_came_at_once(
    simulator: StartSimulator, http: bool
) -> None:
    async with line(simulator, http=http) as (fleet, proxy, client):
        whole = await client.update()
        proxy.way = Way.SLICE
        assert await client.update() == whole
        assert [image.id for image in await client.images()] == [1]
        await client.init(Permit())
        assert fleet.truth(fleet.names[3])["inits"] == 1


async def test_an_upload_that_is_sliced_arrives_whole(simulator: StartSimulator, tmp_path: Path) -> None:
    path = tmp_path / "new.iso"
    write_image(path, "11.12.0", 20_000)
    async with line(simulator) as (fleet, proxy, client):
        proxy.way = Way.SLICE
        session = await client.prepare_upload()
        await asyncio.to_thread(
            lambda: session.send(
                Permit(),
                ImageFile.open(path),
                progress=lambda _: None,
                cancel=threading.Event(),
                stall_s=60,
                total_s=60,
            )
        )
        (upload,) = fleet.device(fleet.names[3]).record.uploads
        assert upload["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


async def test_a_line_that_takes_connections_and_says_nothing_is_unreachable(simulator: StartSimulator) -> None:
    async with line(simulator, total_s=SHORT_S) as (_, proxy, client):
        proxy.way = Way.SWALLOW
        with pytest.raises(Unreachable):
            await client.update()
        assert proxy.connections == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems answer a full queue otherwise")
async def test_a_line_on_which_syns_are_lost_is_unreachable_and_comes_back(simulator: StartSimulator) -> None:
    async with line(simulator, total_s=SHORT_S) as (_, proxy, client):
        proxy.drop_syns()
        with pytest.raises(Unreachable):
            await client.update()
        await proxy.listen()
        assert (await client.update()).state == "IDLE"


async def test_a_device_that_is_gone_without_a_word_is_unreachable_and_comes_back(simulator: StartSimulator) -> None:
    async with line(simulator, total_s=SHORT_S) as (fleet, proxy, client):
        name = fleet.names[3]
        assert (await client.update()).state == "IDLE"
        proxy.way = Way.HALF_OPEN
        fleet.fault(name, "refuse")
        with pytest.raises(Unreachable):
            await client.update()
        fleet.clear_faults(name)
        await fleet.until(name, lambda device: device.reachable)
        proxy.way = Way.PASS
        assert (await client.update()).state == "IDLE"


async def test_a_call_that_comes_late_has_an_outcome_that_is_not_known_and_is_sent_once(
    simulator: StartSimulator,
) -> None:
    async with line(simulator, http=True, total_s=SHORT_S) as (fleet, proxy, client):
        name = fleet.names[3]
        await client.update()
        proxy.hold(b"POST /api/npm.system_update/2.0/update/init")
        permit = Permit()
        with pytest.raises(UnknownOutcome):
            await client.init(permit)
        assert proxy.held.is_set()
        assert fleet.truth(name)["inits"] == 0
        await proxy.release()
        assert fleet.truth(name)["inits"] == 1
        assert len(permit.claims) == 1


async def test_a_call_that_is_given_up_while_it_is_sliced_is_not_sent_again(simulator: StartSimulator) -> None:
    async with line(simulator, http=True) as (fleet, proxy, client):
        name = fleet.names[3]
        await client.update()
        proxy.hold(b"POST /api/npm.system_update/2.0/update/init")
        call = asyncio.create_task(client.init(Permit()))
        await proxy.held.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await proxy.release()
        posts = [one for one in fleet.device(name).record.requests() if one.path.endswith("/update/init")]
        assert len(posts) == 1
