"""Read-only over every command and every key: whatever is asked for, a device sees GETs and logins alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import click
import pytest

from rollout_desk import RolloutDesk
from shell import Shell
from simulation import writes
from terminal_fixture import on_terminal
from updeck.cli.main import root
from updeck.simulator.serving import Simulator
from updeck.ui.actions import ACTIONS

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]

NOT_FOR_DEVICES = {"completion", "config", "demo", "simulator"}
"""Commands that cannot reach the devices of an inventory."""


def commands(group: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of every command."""
    if not isinstance(group, click.Group):
        yield path
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from commands(command, *path, name)


def lines(name: str, image: Path, plan: Path, code: str, rollout: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return for every command the arguments with which it would change a device, were it allowed to."""
    why = ("--reason", "because")
    confirm = ("--confirm", name)
    terms = ("*", "--image", str(image), "--version", "11.12.0 #40000")
    return {
        ("status",): (),
        ("journal",): (),
        ("devices", "add"): ("another", "http://127.0.0.1:9"),
        ("devices", "remove"): (name,),
        ("devices", "import"): (str(image.with_name("devices.csv")),),
        ("devices", "list"): (),
        ("devices", "check"): (),
        ("devices", "login"): (name,),
        ("devices", "trust"): (name, "--accept", "sha256:" + "0" * 64),
        ("images", "list"): ("*",),
        ("images", "show"): (name, "1"),
        ("images", "delete"): (name, "1", *confirm),
        ("images", "fetch"): ("http://127.0.0.1:9/x.iso", name, "--allow-local", "--no-wait"),
        ("images", "upload"): (str(image), name),
        ("update", "init"): (name, *confirm),
        ("update", "start"): (name, *confirm, "--expect-target", "11.12.0", "--allow-insecure"),
        ("update", "reset"): (name, *confirm),
        ("rollout", "plan"): terms,
        ("rollout", "run"): (str(plan), "--confirm", code, "--foreground"),
        ("rollout", "engine"): (rollout,),
        ("rollout", "list"): (),
        ("rollout", "show"): (rollout,),
        ("rollout", "attach"): (rollout,),
        ("rollout", "pause"): (rollout,),
        ("rollout", "abort"): (rollout,),
        ("rollout", "promote"): (rollout,),
        ("rollout", "resume"): (rollout, "--foreground"),
        ("rollout", "reopen"): (rollout, "--max-failures", "9", *why),
        ("rollout", "retry"): (rollout, name, *why),
        ("rollout", "skip"): (rollout, name, *why),
        ("rollout", "resolve"): (rollout, name, "SUCCESS", *why),
        ("rollout", "adopt"): (rollout, name, *why),
        ("rollout", "report"): (rollout,),
    }


async def test_no_command_changes_a_device_when_read_only(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=2, speed=600.0)
    desk = RolloutDesk(simulator, shell, tmp_path)
    planned = await desk.plan("--fence", "start", of=simulator.names[1])
    rollout = await desk.detached(planned)
    await simulator.until_state(simulator.names[1], "INITIALIZED")
    desk.end_engines()  # a rollout is left that any engine would take up
    name = simulator.names[0]
    assert (await shell.run("images", "upload", str(desk.image), name)).code == 0
    assert (await shell.run("update", "init", name, "--confirm", name)).code == 0
    known = lines(name, desk.image, planned.path, planned.code, rollout)
    every = {path for path in commands(root) if path[0] not in NOT_FOR_DEVICES}
    assert every == set(known), "a command has come or gone"
    desk.image.with_name("devices.csv").write_text("name,url\nanother,http://127.0.0.1:9\n")
    before, inventory = writes(simulator), simulator.fleet_path.read_text()
    for path, arguments in known.items():
        process = await shell.start("--read-only", *path, *arguments)
        if path == ("rollout", "attach"):
            process.terminate()
        done = await shell.end(process)
        assert done.code is not None
        assert writes(simulator) == before, (path, done.err)
        assert simulator.fleet_path.read_text() == inventory, (path, done.err)
    assert (await shell.run("update", "reset", name, "--confirm", name)).code == 0
    assert len(writes(simulator)) == len(before) + 1, "without read-only the same device takes it"


@pytest.mark.parametrize(
    "pane", [pytest.param("", id="devices"), pytest.param("\t\t", id="images", marks=pytest.mark.long)]
)
async def test_no_key_changes_a_device_when_read_only(bench: Bench, tmp_path: Path, pane: str) -> None:
    simulator, shell = await bench(devices=1)
    desk = RolloutDesk(simulator, shell, tmp_path)
    (name,) = simulator.names
    assert (await shell.run("images", "upload", str(desk.image), name)).code == 0
    assert (await shell.run("update", "init", name, "--confirm", name)).code == 0
    before = writes(simulator)
    environment = {"UPDECK_CONFIG": str(shell.config), "UPDECK_STATE": str(shell.state), "HOME": str(tmp_path)}
    spelled = {"space": " ", "enter": "\r", "ctrl+p": "\x10", "tab": "\t"}
    keys = [key for action in ACTIONS for key in (action.key, *action.also) if action.id != "quit"]

    def press() -> None:
        with on_terminal("-m", "updeck", "--read-only", environment=environment) as terminal:
            terminal.until(lambda seen: "INITIALIZED" in seen.text)
            terminal.until_quiet()
            for key in keys:
                if len(key) > 1 and key not in spelled:
                    continue
                terminal.send(pane + spelled.get(key, key))
                terminal.until_quiet(0.1)
                for answer in (name + " 11.12.0", "y", "\r", "\x1b", "\x1b", "\x1b"):
                    terminal.send(answer)
                    terminal.read(0.05)
            assert terminal.process.poll() is None
            os.kill(terminal.process.pid, 15)
            terminal.process.wait(30)

    await asyncio.to_thread(press)
    assert writes(simulator) == before
