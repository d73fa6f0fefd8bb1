"""What happens to a rollout from outside: strangers, new certificates, terminals and devices that are gone."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import urllib.request
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from rollout_desk import NEW, RolloutDesk
from shell import HANG_S, Shell
from terminal_fixture import on_terminal
from updeck.fleet.inventory import load_fleet
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]
OpenDesk = Callable[..., Awaitable[RolloutDesk]]


@pytest.fixture
async def desk(bench: Bench, tmp_path: Path) -> AsyncIterator[OpenDesk]:
    opened: list[RolloutDesk] = []

    async def open_desk(*, devices: int = 2, speed: float = 100.0) -> RolloutDesk:
        simulator, shell = await bench(devices=devices, speed=speed)
        opened.append(RolloutDesk(simulator, shell, tmp_path))
        return opened[-1]

    yield open_desk
    for one in opened:
        one.end_engines()


def _post_as_a_stranger(simulator: Simulator, name: str, path: str) -> None:
    """Do what `curl -k -u admin:… -X POST` does."""
    entry = load_fleet(simulator.fleet_path).get(name)
    assert entry is not None
    login = b64encode(f"admin:{simulator.password}".encode()).decode()
    request = urllib.request.Request(
        f"{entry.url}/api/npm.system_update/2.0{path}", method="POST", headers={"Authorization": f"Basic {login}"}
    )
    with urllib.request.urlopen(request, context=ssl._create_unverified_context()) as answer:
        assert 200 <= answer.status < 300


async def test_a_device_that_a_stranger_inits_is_left_alone_shown_and_counted(desk: OpenDesk) -> None:
    one = await desk()
    first, second = one.simulator.names
    staged = await one.plan("--until", "staged")
    assert (await one.shell.run(*staged.words)).code == 0
    rollout = await one.detached(await one.plan("--max-parallel", "1"))
    await one.simulator.until_state(first, "INITIALIZING")
    one.simulator.fault(first, "refuse")  # so its turn cannot be over before the stranger comes
    await asyncio.to_thread(_post_as_a_stranger, one.simulator, second, "/update/init")
    one.simulator.clear_faults(first)
    left = await one.shell.run("rollout", "attach", rollout)
    assert left.code == 5, left.err
    assert f"1 device waits for a person: {second}" in left.err
    shown = {device["name"]: device for device in (await one.shown(rollout))["devices"]}
    assert shown[first]["verdict"] == "SUCCESS"
    assert (shown[second]["verdict"], shown[second]["phase"]) == (None, "HELD")
    assert shown[second]["reason"] == "foreign: someone else initialized it"
    assert [len(one.posts(second, path)) for path in ("/update/init", "/update/start", "/update/reset")] == [1, 0, 0]
    assert (await one.shell.run("status", "needs:me", "--json")).json["devices"][0]["name"] == second
    await one.ask("adopt", rollout, second, "--reason", "it was Ben, on the phone")
    done = await one.shell.run("rollout", "attach", rollout)
    assert done.code == 0, done.err
    assert await one.verdicts(rollout) == {first: "SUCCESS", second: "SUCCESS"}
    assert [len(one.posts(second, path)) for path in ("/update/init", "/update/start")] == [1, 1]


@pytest.mark.parametrize("devices", [12 if os.environ.get("UPDECK_LONG") else 3])
async def test_boxes_with_new_certificates_are_held_trusted_from_a_file_and_proven(
    desk: OpenDesk, tmp_path: Path, devices: int
) -> None:
    one = await desk(devices=devices, speed=200.0)
    inventory = one.simulator.fleet_path
    inventory.write_text(
        re.sub(r"(?m)^pair = .*\n", "", inventory.read_text())
    )  # one of a pair would wait for the other
    for name in one.simulator.names:
        one.simulator.fault(name, "new_certificate")
    rollout = await one.detached(await one.plan())
    await _all_held(one, rollout)
    logins = {name: one.simulator.truth(name)["logins"] for name in one.simulator.names}
    shown = (await one.shown(rollout))["devices"]
    assert {(device["phase"], device["verdict"]) for device in shown} == {("HELD", None)}
    table = await one.shell.run("devices", "trust", "*")
    assert all(str(one.simulator.fingerprint(name)) in table.out for name in one.simulator.names)
    assert {name: one.simulator.truth(name)["logins"] for name in one.simulator.names} == logins
    file = tmp_path / "fingerprints"
    file.write_text("".join(f"{name} {one.simulator.fingerprint(name)}\n" for name in one.simulator.names))
    assert (await one.shell.run("devices", "trust", "*", "--fingerprints", str(file))).code == 0
    done = await one.shell.run("rollout", "attach", rollout)
    assert done.code == 0, done.err
    assert set((await one.verdicts(rollout)).values()) == {"SUCCESS"}
    assert {len(one.posts(name, "/update/start")) for name in one.simulator.names} == {1}


async def _all_held(one: RolloutDesk, rollout: str) -> None:
    """Wait until each device waits for a person; which the journal tells nobody."""
    async with asyncio.timeout(HANG_S):
        while {device["phase"] for device in (await one.shown(rollout))["devices"]} != {"HELD"}:
            continue


async def test_an_engine_outlives_the_terminal_that_looked_on(desk: OpenDesk) -> None:
    one = await desk(speed=60.0)
    planned = await one.plan()
    told = {"UPDECK_CONFIG": str(one.shell.config), "UPDECK_STATE": str(one.shell.state)}

    def look_on_and_lose_the_line() -> None:
        with on_terminal("-m", "updeck", *planned.words, environment=told) as terminal:
            terminal.until(lambda seen: "init accepted" in seen.text)
            terminal.hang_up()
            terminal.process.wait(30)

    await asyncio.to_thread(look_on_and_lose_the_line)
    states = {one.simulator.device(name).state for name in one.simulator.names}
    assert states & {"INITIALIZING", "INITIALIZED", "RUNNING"}, "it was on its way when the line was lost"
    rollout = (await one.shell.run("rollout", "list", "--json")).json["rollouts"][0]["id"]
    await one.engine(rollout)
    done = await one.shell.run("rollout", "attach", rollout)
    assert done.code == 0, done.err
    assert set((await one.verdicts(rollout)).values()) == {"SUCCESS"}
    assert {len(one.posts(name, "/update/start")) for name in one.simulator.names} == {1}


async def test_devices_that_are_killed_and_come_back_as_they_were_are_never_called_updated(tmp_path: Path) -> None:
    shell = Shell(tmp_path, tmp_path / "state")
    serve = ("simulator", "serve", "--devices", "1", "--speed", "600", "--fleet-out", str(tmp_path / "fleet.toml"))
    serving = await shell.start(*serve)
    await shell.line(serving, lambda line: line.startswith("ready "))
    (name,) = (device["name"] for device in (await shell.run("devices", "list", "--json")).json["devices"])
    image = tmp_path / "new.iso"
    made = await shell.run("simulator", "image", str(image), "--version", NEW, "--size", "300kB")
    assert made.code == 0, made.err
    plan = ("--image", str(image), "--version", NEW, "-o", str(tmp_path / "plan.json"))
    planned = await shell.run("rollout", "plan", "*", *plan, "--json")
    run = ("rollout", "run", str(tmp_path / "plan.json"), "--confirm", planned.json["code"], "--foreground")
    engine = await shell.start(*run)
    await shell.line(engine, lambda line: f"{name}: start accepted" in line, of_stderr=True)
    serving.kill()
    await serving.wait()
    again = await shell.start(*serve)
    await shell.line(again, lambda line: line.startswith("ready "))
    done = await shell.end(engine)
    again.terminate()
    await again.communicate()
    assert done.code == 1, done.err
    rollout = (await shell.run("rollout", "list", "--json")).json["rollouts"][0]["id"]
    (device,) = (await shell.run("rollout", "show", rollout, "--json")).json["devices"]
    assert device["verdict"] == "NO_EFFECT"
    assert [call["op"] for call in device["operations"]] == ["upload", "init", "start"]
