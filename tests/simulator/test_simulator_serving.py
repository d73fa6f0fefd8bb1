"""Serving a fleet: the inventory, what outlives a restart, the control port, bad input, and a clean end."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import ssl
import stat
import tomllib
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

import updeck.simulator
from device_caller import COMMON, operator, stranger
from simulation import StartSimulator
from updeck.errors import ConfigError, UpdeckError, UsageError
from updeck.simulator import INSTALL_COMMAND, check_installed
from updeck.simulator.fault_kinds import KINDS
from updeck.simulator.inventory import patience, poll_intervals
from updeck.simulator.options import AuthMode, Scenario, ServeOptions
from updeck.simulator.serving import running, serve
from updeck.simulator.threaded import running_in_thread
from updeck.simulator.timeline import VirtualTimeline

Table = dict[str, object]

WALL = 1_800_000_000.0


def inventory(path: Path) -> Table:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def table(parent: Table, key: str) -> Table:
    value = parent[key]
    assert isinstance(value, dict)
    return value


async def control(method: str, url: str, body: object = None) -> tuple[int, Table]:
    async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as response:
        answer = await response.json()
        assert isinstance(answer, dict)
        return response.status, answer


async def test_the_inventory_holds_all_that_a_client_needs(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=4, speed=30)
    read = inventory(fleet.fleet_path)
    assert read["label"] == "LAB"
    assert read["defaults"] == {"username": "admin", "password": {"file": "fleet.password"}, "fetch_local": True}
    password = fleet.fleet_path.with_name("fleet.password")
    assert password.read_text() == f"{fleet.password}\n"
    devices = table(read, "devices")
    assert tuple(devices) == fleet.names
    assert table(devices, "ar11-fra-dc1") == {
        "url": fleet.url("ar11-fra-dc1"),
        "tags": ["fra", "dc", "prod"],
        "site": "fra",
        "pair": "fra-dc-1",
        "tls": {"pin": fleet.fingerprint("ar11-fra-dc1")},
    }


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
async def test_secrets_are_for_nobody_else_to_read(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1, auth=AuthMode.OAUTH)
    for path in fleet.fleet_path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert fleet.fleet_path.with_name("fleet.oauth").read_text() == f"{fleet.oauth_code}\n"


async def test_of_a_changed_certificate_the_older_one_is_pinned(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=12, scenario=Scenario.MIXED)
    devices = table(inventory(fleet.fleet_path), "devices")
    changed = fleet.with_trait("certificate_changed")
    for name in fleet.names:
        pin = table(table(devices, name), "tls")["pin"]
        assert (pin == fleet.fingerprint(name)) == (name != changed)


async def test_a_calm_fleet_pins_what_it_serves_even_where_a_mixed_one_was_before(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    for scenario in (Scenario.MIXED, Scenario.CALM):
        async with running(ServeOptions(fleet_out=path, devices=12, scenario=scenario)) as fleet:
            devices = table(inventory(path), "devices")
            wrong = [name for name in fleet.names if table(devices, name)["tls"] != {"pin": fleet.fingerprint(name)}]
            assert len(wrong) == (scenario is Scenario.MIXED)


async def test_an_unreachable_device_refuses_connections(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=12, scenario=Scenario.MIXED)
    async with stranger(fleet, fleet.with_trait("unreachable")) as caller:
        with pytest.raises(aiohttp.ClientConnectorError):
            await caller.get(f"{COMMON}/ping")


async def test_a_client_that_was_shaking_hands_when_the_device_went_down_gets_no_answer(
    simulator: StartSimulator,
) -> None:
    fleet = await simulator(devices=1)
    name = fleet.names[0]
    reader, writer = await asyncio.open_connection("127.0.0.1", int(fleet.url(name).rpartition(":")[2]))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = context.wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    writer.write(outgoing.read())
    incoming.write(await reader.read(65536))
    fleet.fault(name, "refuse")
    client.do_handshake()
    client.write(f"GET {COMMON}/info HTTP/1.1\r\nHost: device\r\n\r\n".encode())
    writer.write(outgoing.read())
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    assert fleet.truth(name)["requests"] == []


async def test_a_device_that_goes_down_just_when_a_client_comes_resets_it(simulator: StartSimulator) -> None:
    """Whatever the loop has done for the connection by then; none is left behind, which would be a warning."""
    fleet = await simulator(devices=1)
    name, loop = fleet.names[0], asyncio.get_running_loop()
    for turns in range(8):
        with socket.socket() as client:
            client.settimeout(0)
            await loop.sock_connect(client, ("127.0.0.1", int(fleet.url(name).rpartition(":")[2])))
            for _ in range(turns):
                await asyncio.sleep(0)
            fleet.fault(name, "refuse")
            with pytest.raises(ConnectionResetError):
                await loop.sock_recv(client, 1)
        gc.collect()
        fleet.clear_faults(name)


@pytest.mark.parametrize("speed", [0.5, 1, 30, 1e6])
def test_patience_follows_the_speed_and_leaves_out_what_waits_for_no_device(speed: float) -> None:
    timers = patience(speed)
    assert not {"get_total", "post_total", "success_polls", "upload_stall", "upload_floor"} & set(timers)
    assert timers["running_hard"] == max(10800 / speed, 10)
    for name in timers:
        if name.endswith("_soft"):
            assert timers[name] < timers[name.replace("_soft", "_hard")]


@pytest.mark.parametrize("devices", [1, 12, 250, 1000])
@pytest.mark.parametrize("speed", [0.1, 1, 30, 1e6])
def test_poll_intervals_never_pass_the_defaults_and_a_large_fleet_is_polled_gently(devices: int, speed: float) -> None:
    poll = poll_intervals(speed, devices)
    assert poll["rest"] <= 10
    assert poll["moving"] >= 0.3
    assert devices / poll["rest"] <= 100
    assert poll["unreachable"] <= poll["unreachable_most"] <= 60


async def test_a_restart_takes_up_ports_certificates_serials_and_the_password(tmp_path: Path) -> None:
    options = ServeOptions(fleet_out=tmp_path / "fleet.toml", devices=12, scenario=Scenario.MIXED)
    seen = []
    for _ in range(2):
        async with running(options) as fleet:
            urls = [(fleet.url(name), fleet.fingerprint(name), fleet.truth(name)["serial"]) for name in fleet.names]
            seen.append((fleet.control_url, fleet.password, urls, options.fleet_out.read_text()))
    assert seen[0] == seen[1]


async def test_another_seed_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    async with running(ServeOptions(fleet_out=path, devices=1, seed=1)) as fleet:
        first = fleet.password
    async with running(ServeOptions(fleet_out=path, devices=1, seed=2)) as fleet:
        assert fleet.password != first


async def test_a_larger_fleet_keeps_what_the_smaller_had(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    async with running(ServeOptions(fleet_out=path, devices=2)) as fleet:
        urls = [fleet.url(name) for name in fleet.names]
    async with running(ServeOptions(fleet_out=path, devices=5)) as fleet:
        assert [fleet.url(name) for name in fleet.names][:2] == urls


async def test_ports_begin_where_they_were_asked_to(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = free.getsockname()[1]
    async with running(ServeOptions(fleet_out=tmp_path / "fleet.toml", devices=1, port_base=base)) as fleet:
        assert fleet.url(fleet.names[0]) == f"https://127.0.0.1:{base}"


def test_a_port_in_use_is_one_clear_sentence_and_writes_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        options = ServeOptions(fleet_out=tmp_path / "fleet.toml", devices=1, port_base=port)
        with pytest.raises(UsageError, match=f"port {port} for ar11-fra-dc1 cannot be used: Address already in use"):
            asyncio.run(serve(options, ready=print, stop=asyncio.Event()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"devices": 0}, "--devices 0 is not between 1 and 5000"),
        ({"speed": 0.0}, "--speed 0.0 is not a number above 0"),
        ({"speed": float("nan")}, "--speed nan is not a number above 0"),
        ({"port_base": 65535, "devices": 2}, "--port-base 65535 does not leave 2 ports up to 65535"),
    ],
)
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, changed: dict[str, float], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        ServeOptions(fleet_out=tmp_path / "fleet.toml", **changed).check()  # type: ignore[arg-type]


async def refused(path: Path) -> UpdeckError:
    """Return the error with which a simulator does not start."""
    with pytest.raises(UpdeckError) as error:
        async with running(ServeOptions(fleet_out=path, devices=1)):
            pass
    return error.value


async def test_somebodys_own_inventory_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text('label = "PRODUCTION"\n')
    assert "was not written by the simulator" in str(await refused(path))
    assert path.read_text() == 'label = "PRODUCTION"\n'


async def test_paths_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    assert "there is no directory" in str(await refused(tmp_path / "none" / "fleet.toml"))
    assert f"cannot write {tmp_path}" in str(await refused(tmp_path))
    assert "is no name for an inventory" in str(await refused(tmp_path / "fleet.password"))


@pytest.mark.parametrize(
    "kept", ["", "{", "[]", '{"seed": 1}', '{"seed": 1, "password": "x", "oauth_code": "x", "control_port": -1}']
)
async def test_a_file_of_kept_things_that_cannot_be_read_is_named(tmp_path: Path, kept: str) -> None:
    (tmp_path / "fleet.simulator.json").write_text(kept)
    error = await refused(tmp_path / "fleet.toml")
    assert isinstance(error, ConfigError)
    assert "fleet.simulator.json cannot be used" in str(error)
    assert not (tmp_path / "fleet.toml").exists()


async def test_the_control_port_tells_the_truth_even_while_a_device_is_down(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=2)
    name = fleet.names[0]
    fleet.fault(name, "refuse")
    status, truth = await control("GET", f"{fleet.control_url}/truth/{name}")
    assert status == 200
    assert truth == json.loads(json.dumps(fleet.truth(name)))
    assert {"name", "state", "version", "target_version", "history", "images", "inits", "starts", "resets"} <= set(
        truth
    )
    assert {"logins", "uploads", "requests"} <= set(truth)
    assert truth["reachable"] is False
    _, everything = await control("GET", f"{fleet.control_url}/truth")
    devices = everything["devices"]
    assert isinstance(devices, list)
    assert [device["name"] for device in devices] == list(fleet.names)


async def test_faults_are_listed_put_in_and_taken_out_over_the_control_port(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    url = f"{fleet.control_url}/faults"
    _, listed = await control("GET", url)
    faults = listed["faults"]
    assert isinstance(faults, list)
    assert [each["fault"] for each in faults] == list(KINDS)
    asked = {"fault": "html", "path": "/update", "times": 2, "seconds": None}
    status, put = await control("POST", f"{url}/{fleet.names[0]}", asked)
    assert (status, put["times_left"]) == (201, 2)
    assert fleet.truth(fleet.names[0])["faults"] == [put]
    assert await control("DELETE", f"{url}/{fleet.names[0]}") == (200, {"removed": 1})


async def test_the_control_port_answers_mistakes_with_a_sentence(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    url = f"{fleet.control_url}/faults/{fleet.names[0]}"
    assert await control("GET", f"{fleet.control_url}/truth/no-such") == (
        404,
        {"error": "there is no device 'no-such'"},
    )
    assert await control("POST", url, {"fault": "html", "color": 1}) == (
        400,
        {"error": "html has no field 'color', only path, times, seconds, status, text"},
    )
    status, answer = await control("POST", url, {"fault": "melt"})
    assert (status, answer["error"]) == (400, "there is no fault 'melt'; GET /faults lists them")


async def test_serve_says_when_it_is_ready_and_ends_when_it_is_told(tmp_path: Path) -> None:
    stop = asyncio.Event()
    urls: list[str] = []

    def ready(url: str) -> None:
        urls.append(url)
        stop.set()

    await serve(ServeOptions(fleet_out=tmp_path / "fleet.toml", devices=3), ready=ready, stop=stop)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(urls[0])


async def test_it_ends_cleanly_with_requests_and_transfers_under_way(tmp_path: Path) -> None:
    time_there, time_here = VirtualTimeline(WALL), VirtualTimeline(WALL)
    there = ServeOptions(fleet_out=tmp_path / "there.toml", devices=1)
    here = ServeOptions(fleet_out=tmp_path / "here.toml", devices=1)
    async with running(there, time_there) as source, AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(running(here, time_here))
        name = fleet.names[0]
        caller = await stack.enter_async_context(operator(fleet))
        for each in (source, fleet):
            each.fault(name, "delay", path="/ping", seconds=3600)
        await caller.post("/api/npm.system_update/2.0/images/fetch", {"url": f"{source.url(name)}{COMMON}/ping"})
        stuck = asyncio.create_task(caller.get(f"{COMMON}/ping"))
        await time_there.slept()
        await time_here.slept()
        await stack.aclose()
    with pytest.raises(aiohttp.ClientError):
        await stuck


async def test_a_large_fleet_is_up_and_holds_no_timer_while_it_rests(tmp_path: Path) -> None:
    timeline = VirtualTimeline(WALL)
    async with running(ServeOptions(fleet_out=tmp_path / "fleet.toml", devices=250), timeline) as fleet:
        assert len({fleet.url(name) for name in fleet.names}) == 250
        async with stranger(fleet, fleet.names[-1]) as caller:
            assert (await caller.get(f"{COMMON}/ping")).status == 200
        assert timeline.pending() == 0


def test_a_fleet_can_be_served_from_a_thread(tmp_path: Path) -> None:
    with running_in_thread(ServeOptions(fleet_out=tmp_path / "fleet.toml", devices=4, speed=2000)) as fleet:
        name = fleet.names[3]
        fleet.fault(name, "init_failure", times=1)
        fleet.act(name, lambda device: device.init())
        fleet.until_state(name, "FAILED_GRACEFUL")
        assert fleet.truth(name)["inits"] == 1


def test_an_error_in_the_thread_is_raised_where_it_was_started(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="no directory"),
        running_in_thread(ServeOptions(fleet_out=tmp_path / "none" / "fleet.toml")),
    ):
        pass


def test_without_its_packages_the_simulator_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updeck.simulator, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as error:
        check_installed()
    assert str(error.value) == f"the simulator needs aiohttp and cryptography; install with: {INSTALL_COMMAND}"
