"""Whom programs connect to: the addresses of the inventory, whatever devices answer and the environment says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.test_cli_secrecy import PROGRAM
from device.test_device_policy import proxy
from lookout import Lookout
from rollout_desk import RolloutDesk
from shell import Shell
from simulation import StartSimulator
from terminal_fixture import on_terminal
from updeck.fleet.addresses import host_and_port
from updeck.simulator.serving import Simulator


@dataclass(frozen=True)
class Bench:
    """A fleet that redirects to `trap`, as the environment does, and who looks on."""

    simulator: Simulator
    desk: RolloutDesk
    lookout: Lookout
    trap: str

    @property
    def shell(self) -> Shell:
        return self.desk.shell

    @property
    def ports(self) -> list[int]:
        """The ports of the devices."""
        return [host_and_port(self.simulator.url(name))[1] for name in self.simulator.names]

    def redirect(self) -> None:
        """Have each device redirect what it is asked next."""
        for name in self.simulator.names:
            for status in (302, 307, 308):
                self.simulator.fault(name, "redirect", times=1, status=status, location=f"{self.trap}/api/")


@pytest.fixture
async def bench(simulator: StartSimulator, tmp_path: Path) -> AsyncIterator[Bench]:
    with ExitStack() as stack:
        served = await simulator(devices=2)
        lookout, shell = Lookout(tmp_path), Shell(served.fleet_path.parent, tmp_path / "state")
        port = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
        trap = f"http://127.0.0.1:{port}"
        shell.program, shell.directory = PROGRAM, lookout.around
        shell.extra.update(lookout.environment)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            shell.extra.update({name: trap, name.lower(): trap})
        desk = RolloutDesk(served, shell, tmp_path)
        stack.callback(desk.end_engines)
        yield Bench(served, desk, lookout, trap)


async def acted(bench: Bench) -> None:
    """Look, and drive a rollout; devices redirect the first requests of each program."""
    bench.redirect()
    looked = await bench.shell.run("status", "--json")
    assert {row["reach"] for row in looked.json["devices"]} == {"UNREACHABLE"}
    assert all(bench.trap in row["error"] for row in looked.json["devices"])
    for name in bench.simulator.names:
        bench.simulator.clear_faults(name)
    planned = await bench.desk.plan()
    bench.redirect()
    done = await bench.shell.run(*planned.words)
    assert done.code == 0, done.err


async def test_nothing_but_the_devices_is_contacted_wherever_they_redirect_to(bench: Bench) -> None:
    await acted(bench)
    done = await bench.shell.run("images", "fetch", f"{bench.trap}/11.8.0.iso", "*", "--no-wait")
    assert done.code == 7, done.err
    assert bench.lookout.strangers(*bench.ports) == []


@pytest.mark.long
async def test_nothing_but_the_proxy_of_the_inventory_is_contacted(bench: Bench) -> None:
    async with proxy() as (address, targets):
        inventory = bench.simulator.fleet_path
        inventory.write_text(inventory.read_text().replace("[defaults]", f'[defaults]\nproxy = "http://{address}"', 1))
        await acted(bench)
    assert bench.lookout.strangers(int(address.rpartition(":")[2])) == []
    assert {int(target.rpartition(":")[2]) for target in targets} == set(bench.ports)


@pytest.mark.long
async def test_a_ui_contacts_nothing_but_the_devices_either(bench: Bench) -> None:
    bench.redirect()
    environment = {
        **bench.shell.extra,
        "UPDECK_CONFIG": str(bench.shell.config),
        "UPDECK_STATE": str(bench.shell.state),
    }
    await asyncio.to_thread(looked_at, environment, bench.lookout.around)
    assert bench.lookout.strangers(*bench.ports) == []


def looked_at(environment: dict[str, str], directory: Path) -> None:
    """Look at the fleet until it answers, and leave."""
    with on_terminal(*PROGRAM[1:], environment=environment, directory=directory) as terminal:
        terminal.until(lambda seen: "are not followed" in seen.text)
        terminal.until(lambda seen: "2 idle" in seen.text)
        terminal.send("q")
        assert terminal.until_end() == 0
