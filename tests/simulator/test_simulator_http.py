"""The calls of npm.system_update over real HTTPS: bodies, statuses, and refusals with their error bodies."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from device_caller import COMMON, UPDATE, operator, stranger
from simulation import StartSimulator
from updeck.simulator.options import Scenario

ERROR_KEYS = {"error_id", "error_text"}


async def test_an_update_is_described_as_the_protocol_says(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    async with operator(fleet) as caller:
        update = (await caller.get(f"{UPDATE}/update")).json
        images = (await caller.get(f"{UPDATE}/images")).json
        info = (await caller.get(f"{COMMON}/info")).json
    blueprint = fleet.device(fleet.names[0]).blueprint
    assert update == {
        "state": "IDLE",
        "state_description": "",
        "last_state_time": blueprint.history[-1].time,
        "update_history": [{"time": entry.time, "version": entry.version} for entry in blueprint.history],
    }
    assert images == {"items": []}
    assert info == {
        "device_name": blueprint.name,
        "hw_version": blueprint.hw_version,
        "mgmt_addresses": ["127.0.0.1"],
        "model": blueprint.model,
        "serial": blueprint.serial,
        "sw_version": blueprint.version,
    }


async def test_a_device_is_updated_over_https_and_truly_goes_down_on_the_way(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=4)
    name = fleet.names[3]
    async with operator(fleet, name) as caller:
        image = (await caller.get(f"{UPDATE}/images/items/1")).json
        assert (image["state"], image["progress"]) == ("VALID", 100)
        assert (await caller.post(f"{UPDATE}/update/init")).content == b""
        assert (await caller.get(f"{UPDATE}/update")).json["state"] == "INITIALIZING"
        await fleet.until_state(name, "INITIALIZED")
        assert (await caller.get(f"{UPDATE}/update")).json["target_version"] == image["version"]
        await caller.post(f"{UPDATE}/update/start")
        await fleet.until(name, lambda device: not device.reachable)
        with pytest.raises(aiohttp.ClientConnectorError):
            await caller.get(f"{UPDATE}/update")
        await fleet.until_state(name, "IDLE")
        assert (await caller.get(f"{UPDATE}/update")).error_id == "AUTH_INVALID_SESSION"
        await caller.log_in(fleet.username, fleet.password)
        update = (await caller.get(f"{UPDATE}/update")).json
        assert (await caller.get(f"{COMMON}/info")).json["sw_version"] == image["version"]
    history = update["update_history"]
    assert isinstance(history, list)
    assert history[-1]["version"] == image["version"]
    truth = fleet.truth(name)
    assert (truth["inits"], truth["starts"], truth["resets"], truth["logins"]) == (1, 1, 0, 2)


@pytest.mark.parametrize(
    ("method", "path", "status", "error_id"),
    [
        ("POST", f"{UPDATE}/update/start", 409, "REQUEST_INVALID_STATE"),
        ("POST", f"{UPDATE}/update/reset", 409, "REQUEST_INVALID_STATE"),
        ("POST", f"{UPDATE}/update/init", 409, "REQUEST_INVALID_STATE"),
        ("GET", f"{UPDATE}/images/items/99", 404, "RESOURCE_NOT_FOUND"),
        ("GET", f"{UPDATE}/images/items/x", 404, "RESOURCE_NOT_FOUND"),
        ("DELETE", f"{UPDATE}/images/items/99", 404, "RESOURCE_NOT_FOUND"),
        ("GET", f"{UPDATE}/nothing", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/", 404, "RESOURCE_NOT_FOUND"),
        ("PUT", f"{UPDATE}/update", 405, "REQUEST_INVALID_METHOD"),
        ("POST", f"{UPDATE}/images/upload", 400, "REQUEST_INVALID_INPUT"),
        ("POST", f"{UPDATE}/images/fetch", 400, "REQUEST_INVALID_INPUT"),
    ],
)
async def test_a_wrong_call_is_refused_with_an_error_body(
    simulator: StartSimulator, method: str, path: str, status: int, error_id: str
) -> None:
    fleet = await simulator(devices=1)
    async with operator(fleet) as caller:
        reply = await caller.call(method, path)
    assert (reply.status, reply.error_id) == (status, error_id)
    assert set(reply.json) == ERROR_KEYS


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1" * 6000, b"[" * 100_000, b"\xff\xfe"])
async def test_a_body_that_is_no_json_object_is_refused(simulator: StartSimulator, body: bytes) -> None:
    fleet = await simulator(devices=1)
    async with operator(fleet) as caller:
        reply = await caller.call("POST", f"{UPDATE}/images/fetch", body)
    assert reply.error_id == "REQUEST_INVALID_INPUT"


async def test_a_body_that_has_no_end_is_refused(simulator: StartSimulator) -> None:
    async def blanks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 50_000

    fleet = await simulator(devices=1)
    async with operator(fleet) as caller:
        reply = await caller.call("POST", f"{UPDATE}/images/fetch", blanks())
    assert (reply.status, reply.error_id) == (413, "REQUEST_TOO_LARGE")


async def test_images_cannot_be_touched_once_init_was_accepted(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=4, virtual=True)
    name = fleet.names[3]
    async with operator(fleet, name) as caller:
        await caller.post(f"{UPDATE}/update/init")
        for reply in (
            await caller.upload(b"x"),
            await caller.post(f"{UPDATE}/images/fetch", {"url": "http://127.0.0.1:1/x"}),
            await caller.call("DELETE", f"{UPDATE}/images/items/1"),
        ):
            assert reply.status == 409


async def test_devices_answer_empty_calls_with_different_statuses_all_of_them_good(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=16, virtual=True)
    statuses = set()
    for name in fleet.names:
        if fleet.device(name).shelf.newest_valid():
            async with operator(fleet, name) as caller:
                reply = await caller.post(f"{UPDATE}/update/init")
                assert reply.content == b""
                statuses.add(reply.status)
    assert len(statuses) > 1
    assert statuses <= {200, 202, 204}


async def test_a_device_with_another_version_of_the_service_offers_nothing_of_ours(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=24, scenario=Scenario.MIXED)
    async with operator(fleet, fleet.with_trait("other_service")) as caller:
        services = await caller.get(f"{COMMON}/services")
        assert b'{"id": "npm.system_update", "versions": ["1.0"]}' in services.content
        assert (await caller.get(f"{UPDATE}/update")).status == 404


async def test_the_truth_lists_requests_in_order_with_whole_path_state_before_and_status(
    simulator: StartSimulator,
) -> None:
    fleet = await simulator(devices=4)
    name = fleet.names[3]
    async with stranger(fleet, name) as caller:
        await caller.get(f"{UPDATE}/update")
        await caller.log_in(fleet.username, fleet.password)
        await caller.post(f"{UPDATE}/update/init")
        await caller.get(f"{UPDATE}/update")
    requests = fleet.truth(name)["requests"]
    assert isinstance(requests, list)
    assert [(each["method"], each["path"], each["state"]) for each in requests] == [
        ("GET", f"{UPDATE}/update", "IDLE"),
        ("POST", f"{COMMON}/login", "IDLE"),
        ("POST", f"{UPDATE}/update/init", "IDLE"),
        ("GET", f"{UPDATE}/update", "INITIALIZING"),
    ]
    assert [each["status"] for each in requests][:2] == [401, 200]


async def test_the_truth_keeps_all_requests_but_the_older_gets(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    name = fleet.names[0]
    async with operator(fleet) as caller:
        for _ in range(250):
            await caller.get(f"{COMMON}/ping")
    record = fleet.device(name).record
    assert len(record.requests()) == 201
    assert record.requests()[0].path == f"{COMMON}/login"


async def test_plain_http_is_served_where_it_was_asked_for(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1, http=True)
    assert fleet.url(fleet.names[0]).startswith("http://")
    assert fleet.fingerprint(fleet.names[0]) is None
    async with operator(fleet) as caller:
        assert (await caller.get(f"{UPDATE}/update")).status == 200
