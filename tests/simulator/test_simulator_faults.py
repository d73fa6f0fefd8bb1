"""Faults: what can be asked for, and what each does to a call on a real socket."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from device_caller import COMMON, UPDATE, operator, stranger
from simulation import StartSimulator
from updeck.simulator.fault_kinds import KINDS, FaultError, describe_kinds, read_fault
from updeck.simulator.serving import Simulator
from updeck.simulator.timeline import VirtualTimeline

DEMANDED = {
    "refuse", "reset_before", "reset_after", "delay", "drip", "status", "html", "broken_json", "wrong_checksum",
    "upload_error", "init_failure", "run_failure_graceful", "run_failure_critical", "never_back", "late_start",
    "late_history", "new_certificate",
}  # fmt: skip


def test_every_fault_is_listed_with_its_fields_and_one_sentence() -> None:
    assert set(KINDS) >= DEMANDED
    for listed in describe_kinds():
        assert str(listed["about"]).endswith(".")
        assert isinstance(listed["fields"], dict)


@pytest.mark.parametrize("fault_id", sorted(KINDS))
def test_every_fault_can_be_asked_for_with_all_of_the_contracts_fields_null(fault_id: str) -> None:
    asked: dict[str, object] = {"fault": fault_id, "path": None, "times": None, "seconds": None}
    if fault_id == "wrong_target":
        asked["version"] = "11.0.0"
    kind, _ = read_fault(asked)
    assert kind.id == fault_id


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ([], "a fault is a JSON object"),
        ({}, "there is no fault 'None'"),
        ({"fault": "melt"}, "there is no fault 'melt'"),
        ({"fault": "delay", "color": "red"}, "delay has no field 'color'"),
        ({"fault": "never_back", "path": "/update/start"}, "never_back has no field 'path'"),
        ({"fault": "delay", "seconds": "long"}, "'seconds' must be float"),
        ({"fault": "delay", "seconds": -1}, "'seconds' must be from 0.001 to"),
        ({"fault": "delay", "times": 0}, "'times' must be from 1 to 1000000000"),
        ({"fault": "delay", "seconds": float("inf")}, "'seconds' must be float"),
        ({"fault": "status", "status": 99}, "from 200 to 599"),
        ({"fault": "clock_step", "by": 1e300}, "'by' must be from"),
        ({"fault": "status", "status": True}, "'status' must be int"),
        ({"fault": "reset_after", "times": 1.5}, "'times' must be int"),
        ({"fault": "wrong_target"}, "wrong_target needs 'version'"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_a_sentence(asked: object, sentence: str) -> None:
    with pytest.raises(FaultError, match=sentence):
        read_fault(asked)


def virtual(fleet: Simulator) -> VirtualTimeline:
    assert isinstance(fleet.timeline, VirtualTimeline)
    return fleet.timeline


async def test_a_reset_before_is_not_handled_and_a_reset_after_is(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=4, speed=1, virtual=True)
    name = fleet.names[3]
    async with operator(fleet, name) as caller:
        await caller.post(f"{UPDATE}/update/init")
        await fleet.advance(120)
        fleet.fault(name, "reset_before", path="/update/start", times=1)
        fleet.fault(name, "reset_after", path="/update/start", times=1)
        with pytest.raises(aiohttp.ClientError):
            await caller.post(f"{UPDATE}/update/start")
    truth = fleet.truth(name)
    assert truth["starts"] == 0
    async with operator(fleet, name) as caller:
        fleet.clear_faults(name)
        fleet.fault(name, "reset_after", path="/update/start", times=1)
        with pytest.raises(aiohttp.ClientError):
            await caller.post(f"{UPDATE}/update/start")
        assert fleet.truth(name)["starts"] == 1
        update = await caller.get(f"{UPDATE}/update")
        assert update.json["state"] == "RUNNING"
    requests = [request for request in fleet.device(name).record.requests() if request.path.endswith("/start")]
    assert [request.status for request in requests] == [None, None]


async def test_a_refused_device_closes_its_listener_and_opens_it_again(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1, virtual=True)
    name = fleet.names[0]
    async with stranger(fleet) as caller:
        assert (await caller.get(f"{COMMON}/ping")).status == 200
        fleet.fault(name, "refuse", seconds=10)
        with pytest.raises(aiohttp.ClientConnectorError):
            await caller.get(f"{COMMON}/ping")
        await fleet.advance(10)
        assert (await caller.get(f"{COMMON}/ping")).status == 200


async def test_delays_wait_before_or_after_the_request_is_handled(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=4, speed=1, virtual=True)
    name = fleet.names[3]
    device = fleet.device(name)
    async with operator(fleet, name) as caller:
        for fault, state in (("delay", "IDLE"), ("delay_after", "INITIALIZING")):
            fleet.fault(name, fault, path="/update/init", seconds=3, times=1)
            call = asyncio.create_task(caller.post(f"{UPDATE}/update/init"))
            await virtual(fleet).slept()
            assert device.state == state
            await fleet.advance(3)
            assert (await call).status < 300
            assert device.state == "INITIALIZING"
            device.reset()


async def test_a_drip_comes_whole_but_slowly(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1, virtual=True)
    async with stranger(fleet) as caller:
        fleet.fault(fleet.names[0], "drip", path="/auth_info", bytes_per_second=10, times=1)
        call = asyncio.create_task(caller.get(f"{COMMON}/auth_info"))
        steps = 0
        while not call.done():
            asleep = asyncio.create_task(virtual(fleet).slept())
            await asyncio.wait({call, asleep}, return_when=asyncio.FIRST_COMPLETED)
            asleep.cancel()
            await fleet.advance(0.1)
            steps += 1
        reply = await call
    assert "supported_methods" in reply.json
    assert steps >= len(reply.content)


async def test_a_status_is_answered_without_handling(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    name = fleet.names[0]
    async with stranger(fleet) as caller:
        fleet.fault(name, "status", path="/ping", status=503, error_id="BUSY", error_text="Later", times=1)
        reply = await caller.get(f"{COMMON}/ping")
        assert (reply.status, reply.json) == (503, {"error_id": "BUSY", "error_text": "Later"})
        fleet.fault(name, "status", path="/ping", status=200, body='{"state": NaN}', times=1)
        assert (await caller.get(f"{COMMON}/ping")).content == b'{"state": NaN}'
        fleet.fault(name, "status", path="/ping", status=307, location="http://127.0.0.1:1/", times=1)
        assert (await caller.get(f"{COMMON}/ping")).headers["Location"] == "http://127.0.0.1:1/"
        assert (await caller.get(f"{COMMON}/ping")).status == 200


async def test_html_broken_and_truncated_answers(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    name = fleet.names[0]
    async with stranger(fleet) as caller:
        fleet.fault(name, "html", times=1)
        page = await caller.get(f"{COMMON}/auth_info")
        assert (page.status, page.headers["Content-Type"]) == (502, "text/html")
        assert page.content.startswith(b"<html>")
        fleet.fault(name, "broken_json", path="/auth_info", times=1)
        broken = await caller.get(f"{COMMON}/auth_info")
        assert broken.status == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(broken.content)
        fleet.fault(name, "truncated", path="/auth_info", times=1)
        with pytest.raises(aiohttp.ClientPayloadError):
            await caller.get(f"{COMMON}/auth_info")


async def test_a_fault_without_times_stays_until_it_is_taken_out(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    name = fleet.names[0]
    async with stranger(fleet) as caller:
        fleet.fault(name, "html")
        for _ in range(3):
            assert (await caller.get(f"{COMMON}/ping")).status == 502
        fleet.clear_faults(name)
        assert (await caller.get(f"{COMMON}/ping")).status == 200


async def test_a_fault_that_is_in_force_for_seconds_ends_by_itself(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1, virtual=True)
    async with stranger(fleet) as caller:
        fleet.fault(fleet.names[0], "html", seconds=60)
        assert (await caller.get(f"{COMMON}/ping")).status == 502
        await fleet.advance(60)
        assert (await caller.get(f"{COMMON}/ping")).status == 200


async def test_another_box_at_the_address_gives_another_serial_until_the_fault_is_taken_out(
    simulator: StartSimulator,
) -> None:
    fleet = await simulator(devices=1)
    name = fleet.names[0]
    async with operator(fleet) as caller:
        own = (await caller.get(f"{COMMON}/info")).json["serial"]
        fleet.fault(name, "identity", serial="OTHER1")
        assert (await caller.get(f"{COMMON}/info")).json["serial"] == "OTHER1"
        fleet.clear_faults(name)
        assert (await caller.get(f"{COMMON}/info")).json["serial"] == own


async def test_forgotten_logins_are_401_from_then_on(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    async with operator(fleet) as caller:
        assert (await caller.get(f"{UPDATE}/update")).status == 200
        fleet.fault(fleet.names[0], "forget_logins")
        reply = await caller.get(f"{UPDATE}/update")
        assert (reply.status, reply.error_id) == (401, "AUTH_INVALID_SESSION")


async def test_after_a_reboot_the_device_has_a_new_certificate_where_that_was_asked_for(
    simulator: StartSimulator,
) -> None:
    fleet = await simulator(devices=4, speed=1, virtual=True)
    name = fleet.names[3]
    device = fleet.device(name)
    before = fleet.fingerprint(name)
    fleet.fault(name, "new_certificate")
    device.init()
    await fleet.advance(120)
    device.start()
    await fleet.advance(600)
    assert device.state == "IDLE"
    assert fleet.fingerprint(name) != before
    pinned = aiohttp.Fingerprint(bytes.fromhex(str(fleet.fingerprint(name)).removeprefix("sha256:")))
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{fleet.url(name)}{COMMON}/ping", ssl=pinned) as response,
    ):
        assert response.status == 200
