"""A start that the network delivers long after it was given up: it stays the only one, and its end is an honest one."""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fault_proxy import FaultProxy, proxied
from rollout_desk import NEW, RolloutDesk
from shell import Shell
from simulation import StartSimulator

START = b"POST /api/npm.system_update/2.0/update/start"
POST_TOTAL_S = 1
"""How long the engine waits for an answer to its start."""


class Stage:
    """A rollout over one device behind a proxy that holds its start."""

    def __init__(self, desk: RolloutDesk, proxy: FaultProxy, engine: Process) -> None:
        self.desk = desk
        self.proxy = proxy
        self.engine = engine
        (self.name,) = desk.simulator.names

    async def device(self) -> dict[str, Any]:
        """Return what `rollout show` says of the device."""
        (row,) = (await self.desk.shell.run("rollout", "list", "--json")).json["rollouts"]
        (device,) = (await self.desk.shown(row["id"]))["devices"]
        assert isinstance(device, dict)
        return device

    async def until_unknown(self) -> None:
        """Wait until the engine has recorded that it does not know what became of its start."""
        await self.proxy.held.wait()
        async with asyncio.timeout(60):
            while (await self.device())["operations"][-1]["outcome"] is None:
                pass
        operation = (await self.device())["operations"][-1]
        assert (operation["op"], operation["outcome"]) == ("start", "unknown")
        assert self.desk.posts(self.name, "/update/start") == []

    def starts(self) -> list[str]:
        """Return in which state each start was received."""
        return [call["state"] for call in self.desk.posts(self.name, "/update/start")]


@asynccontextmanager
async def held_start(simulator: StartSimulator, room: Path, **patience: float) -> AsyncIterator[Stage]:
    """Let an engine drive an update whose start is held."""
    fleet = await simulator(devices=1, http=True)
    shell = Shell(fleet.fleet_path.parent, room / "state")
    async with proxied(fleet.url(fleet.names[0])) as proxy:
        proxy.put_into(fleet.fleet_path)
        _settle(fleet.fleet_path, post_total=POST_TOTAL_S, **patience)
        proxy.hold(START)
        desk = RolloutDesk(fleet, shell, room)
        planned = await desk.plan("--allow-insecure", "--max-failures", "1")
        engine = await shell.start(*planned.words, "--foreground")
        try:
            yield Stage(desk, proxy, engine)
        finally:
            if engine.returncode is None:
                engine.kill()
                await engine.communicate()


def _settle(inventory: Path, **patience: float) -> None:
    text = inventory.read_text()
    for name in patience:
        text = re.sub(rf"(?m)^{name} = .*\n", "", text)
    lines = "".join(f"{name} = {value}\n" for name, value in patience.items())
    inventory.write_text(text.replace("[patience]\n", f"[patience]\n{lines}"))


async def test_a_start_that_comes_late_is_watched_to_its_success_and_never_sent_again(
    simulator: StartSimulator, tmp_path: Path
) -> None:
    async with held_start(simulator, tmp_path, starting_soft=20, starting_hard=60) as stage:
        await stage.until_unknown()
        await stage.proxy.release()
        done = await stage.desk.shell.end(stage.engine)
        assert done.code == 0, done.err
        assert (await stage.device())["verdict"] == "SUCCESS"
        assert stage.starts() == ["INITIALIZED"]
        assert stage.desk.simulator.truth(stage.name)["version"] == NEW


async def test_a_start_that_comes_after_patience_ran_out_finds_a_verdict_that_claims_nothing(
    simulator: StartSimulator, tmp_path: Path
) -> None:
    async with held_start(simulator, tmp_path, starting_soft=1, starting_hard=2) as stage:
        await stage.until_unknown()
        done = await stage.desk.shell.end(stage.engine)
        assert done.code == 3, done.err
        assert (await stage.device())["verdict"] == "REVIEW"
        assert stage.starts() == []
        await stage.proxy.release()
        await stage.desk.simulator.until_state(stage.name, "RUNNING")
        await stage.desk.simulator.until_state(stage.name, "IDLE")
        assert (await stage.device())["verdict"] == "REVIEW", "a verdict never changes"
        assert stage.starts() == ["INITIALIZED"]
        assert stage.desk.simulator.truth(stage.name)["version"] == NEW
