"""Engines that are killed, stopped, told to end or doubled, and what is handed to them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

import engine_child
from rollout_desk import RolloutDesk
from shell import HANG_S, Shell
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]
OpenDesk = Callable[..., Awaitable[RolloutDesk]]


@pytest.fixture
async def desk(bench: Bench, tmp_path: Path) -> AsyncIterator[OpenDesk]:
    opened: list[RolloutDesk] = []

    async def open_desk(*, devices: int = 1, speed: float = 600.0) -> RolloutDesk:
        simulator, shell = await bench(devices=devices, speed=speed)
        opened.append(RolloutDesk(simulator, shell, tmp_path))
        return opened[-1]

    yield open_desk
    for one in opened:
        one.end_engines()


async def test_a_killed_engine_is_missed_and_a_resumed_one_watches_on(desk: OpenDesk) -> None:
    one = await desk(speed=100.0)
    (name,) = one.simulator.names
    rollout = await one.detached(await one.plan())
    await one.simulator.until_state(name, "RUNNING")
    os.kill(await one.engine(rollout), signal.SIGKILL)
    watched = await one.shell.run("rollout", "attach", rollout)
    assert watched.code == 6
    assert f"no engine drives it any more; go on with `updeck rollout resume {rollout[:13]}`" in watched.err
    done = await one.shell.run("rollout", "resume", rollout)
    assert done.code == 0, done.err
    assert await one.verdicts(rollout) == {name: "SUCCESS"}
    assert len(one.posts(name, "/update/start")) == 1


async def test_an_engine_that_is_told_to_end_gives_its_lease_up(desk: OpenDesk) -> None:
    one = await desk(speed=100.0)
    (name,) = one.simulator.names
    engine = await one.shell.start(*(await one.plan()).words, "--foreground")
    await one.simulator.until_state(name, "RUNNING")
    engine.send_signal(signal.SIGTERM)
    done = await one.shell.end(engine)
    assert done.code == 130
    assert "what was sent goes on; go on with `updeck rollout resume" in done.err
    rollout = done.out.splitlines()[0]
    assert not (await one.shown(rollout))["engine"]["alive"]
    assert (await one.shell.run("rollout", "resume", rollout, "--foreground")).code == 0
    assert len(one.posts(name, "/update/start")) == 1
    log = one.shell.state / f"engine-{rollout}.log"
    assert log.stat().st_mode & 0o777 == 0o600
    assert "ended by a signal" in log.read_text()


async def test_a_second_engine_is_refused_while_the_first_one_lives(desk: OpenDesk) -> None:
    one = await desk(speed=20.0)
    rollout = await one.detached(await one.plan())
    refused = await one.shell.run("rollout", "resume", rollout, "--foreground")
    assert refused.code == 5
    assert "an engine drives it already" in refused.err
    done = await _second_engine(one, rollout, ahead_s=0.0)
    assert done.startswith(f"LeaseLost: rollout {rollout} is driven by ")


async def test_of_a_stopped_and_woken_engine_and_its_successor_only_the_successor_sends(desk: OpenDesk) -> None:
    one = await desk(speed=100.0)
    (name,) = one.simulator.names
    first = await one.shell.start(*(await one.plan()).words, "--foreground")
    assert first.stdout is not None
    rollout = (await first.stdout.readline()).decode().strip()
    await one.simulator.until_state(name, "INITIALIZING")
    first.send_signal(signal.SIGSTOP)
    successor = asyncio.create_task(_second_engine(one, rollout, ahead_s=31.0))
    await one.simulator.until_state(name, "RUNNING")
    first.send_signal(signal.SIGCONT)
    done = await one.shell.end(first)
    assert done.code == 6, done.err
    assert "is driven by another process now" in done.err or "is not driven by this program" in done.err
    assert await successor == "ended\n"
    assert [len(one.posts(name, path)) for path in ("/update/init", "/update/start")] == [1, 1]
    assert await one.verdicts(rollout) == {name: "SUCCESS"}


async def _second_engine(one: RolloutDesk, rollout: str, *, ahead_s: float) -> str:
    engine = await asyncio.create_subprocess_exec(
        *(sys.executable, engine_child.__file__, rollout, str(ahead_s), str(one.simulator.fleet_path)),
        stdout=PIPE,
        env={"PATH": os.environ.get("PATH", ""), "UPDECK_STATE": str(one.shell.state)},
    )
    async with asyncio.timeout(HANG_S):
        out, _ = await engine.communicate()
    return out.decode()


async def test_a_password_from_the_environment_reaches_the_engine_and_nothing_else(desk: OpenDesk) -> None:
    one = await desk(speed=150.0)
    (name,) = one.simulator.names
    secret = one.simulator.password
    inventory = one.simulator.fleet_path
    text = inventory.read_text()
    assert 'password = { file = "' in text
    before, _, rest = text.partition('password = { file = "')
    inventory.write_text(f'{before}password = {{ env = "CANARY" }}{rest.partition("}")[2]}')
    one.shell.extra["CANARY"] = secret
    rollout = await one.detached(await one.plan())
    process = Path("/proc", str(await one.engine(rollout)))
    assert secret.encode() not in (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    done = await one.shell.run("rollout", "attach", rollout)
    assert done.code == 0, done.err
    assert await one.verdicts(rollout) == {name: "SUCCESS"}
    for path in one.shell.state.iterdir():
        assert secret.encode() not in path.read_bytes(), path


async def test_a_resumed_engine_says_that_it_takes_a_typed_password_again(desk: OpenDesk) -> None:
    one = await desk(devices=1)
    planned = await one.plan("--until", "staged")
    inventory = one.simulator.fleet_path
    before, _, rest = inventory.read_text().partition('password = { file = "')
    inventory.write_text(f"{before}password = {{ prompt = true }}{rest.partition('}')[2]}")
    done = await one.shell.run(*planned.words)
    assert done.code == 2
    assert "its password is to be asked for, but there is no terminal" in done.err
    (listed,) = (await one.shell.run("rollout", "list", "--json")).json["rollouts"]
    assert listed["state"] == "PLANNED"
    done = await one.shell.run("rollout", "resume", listed["id"])
    assert done.code == 2
    assert "credentials are taken from their source again: prompt" in done.err


async def test_where_lingering_is_on_an_engine_gets_a_scope_of_its_own(desk: OpenDesk, tmp_path: Path) -> None:
    one = await desk()
    tools = tmp_path / "tools"
    tools.mkdir()
    called = tmp_path / "called"
    _tool(tools / "loginctl", "echo Linger=yes")
    _tool(tools / "systemd-run", f'echo "$*" >> {called}; while [ "$1" != -- ]; do shift; done; shift; exec "$@"')
    one.shell.extra["PATH"] = f"{tools}:{os.environ['PATH']}"
    rollout = await one.detached(await one.plan("--until", "staged"))
    assert (await one.shell.run("rollout", "attach", rollout)).code == 0
    assert "--user --scope" in called.read_text()
    assert f"rollout engine {rollout}" in called.read_text()


ONLY_TRUE = 'for word; do last=$word; done; [ "$last" = true ] || { echo "Failed to connect to bus" >&2; exit 1; }'


@pytest.mark.parametrize("script", ["exit 1", ONLY_TRUE])
async def test_where_a_scope_cannot_be_had_the_engine_starts_without_one(
    desk: OpenDesk, tmp_path: Path, script: str
) -> None:
    one = await desk()
    tools = tmp_path / "tools"
    tools.mkdir()
    called = tmp_path / "called"
    _tool(tools / "loginctl", "echo Linger=yes")
    _tool(tools / "systemd-run", f'echo "$*" >> {called}; {script}')
    one.shell.extra["PATH"] = f"{tools}:{os.environ['PATH']}"
    rollout = await one.detached(await one.plan("--until", "staged"))
    assert (await one.shell.run("rollout", "attach", rollout)).code == 0
    assert "--user --scope" in called.read_text()


async def test_a_resumed_engine_takes_a_password_from_the_environment_again_and_says_so(desk: OpenDesk) -> None:
    one = await desk(speed=100.0)
    (name,) = one.simulator.names
    inventory = one.simulator.fleet_path
    before, _, rest = inventory.read_text().partition('password = { file = "')
    inventory.write_text(f'{before}password = {{ env = "CANARY" }}{rest.partition("}")[2]}')
    one.shell.extra["CANARY"] = one.simulator.password
    rollout = await one.detached(await one.plan())
    await one.simulator.until_state(name, "RUNNING")
    os.kill(await one.engine(rollout), signal.SIGKILL)
    del one.shell.extra["CANARY"]
    refused = await one.shell.run("rollout", "resume", rollout)
    assert refused.code == 2, refused.err
    one.shell.extra["CANARY"] = one.simulator.password
    done = await one.shell.run("rollout", "resume", rollout)
    assert done.code == 0, done.err
    assert "credentials are taken from their source again: " in done.err
    assert "CANARY" in done.err
    assert one.simulator.password not in done.err + done.out
    assert await one.verdicts(rollout) == {name: "SUCCESS"}


def _tool(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
