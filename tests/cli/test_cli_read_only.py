"""Read-only over every command and every key: whatever is asked for, a device sees GETs and logins alone."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import click
import pytest

from rollout_desk import NEW, RolloutDesk
from shell import Shell
from simulation import hold, initialize, writes
from terminal_fixture import Terminal, on_terminal
from terminal_visitor import HOME
from updeck.cli.main import root
from updeck.simulator.options import ServeOptions
from updeck.simulator.serving import Simulator
from updeck.simulator.threaded import running_in_thread
from updeck.ui.actions import ACTIONS, Group

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


def lines(
    name: str, image: Path, plan: Path, code: str, rollout: str, untrusted: str, presented: str
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return for every command the arguments with which it would change something, were it allowed to."""
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
        ("devices", "trust"): (untrusted, "--accept", presented),
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


LOOKING = {"status", "journal", "list", "show", "check", "report", "plan", "attach"}
"""The last words of commands that would change nothing anyway."""


@pytest.mark.parametrize(
    "looking", [pytest.param(False, id="acting"), pytest.param(True, id="looking", marks=pytest.mark.long)]
)
async def test_no_command_changes_a_device_when_read_only(bench: Bench, tmp_path: Path, looking: bool) -> None:
    simulator, shell = await bench(devices=3, speed=600.0)
    desk = RolloutDesk(simulator, shell, tmp_path)
    planned = await desk.plan("--fence", "start", of=simulator.names[1])
    rollout = await desk.detached(planned)
    await simulator.until_state(simulator.names[1], "INITIALIZED")
    desk.end_engines()  # a rollout is left that any engine would take up
    name = simulator.names[0]
    hold(simulator.device(name), desk.image.read_bytes())
    await simulator.until(name, lambda device: not device.shelf.busy())
    assert (await shell.run("update", "init", name, "--confirm", name)).code == 0
    untrusted, presented = simulator.names[2], simulator.fingerprint(simulator.names[2])
    assert presented is not None
    simulator.fleet_path.write_text(simulator.fleet_path.read_text().replace(presented, f"sha256:{'0' * 64}"))
    known = lines(name, desk.image, planned.path, planned.code, rollout, untrusted, presented)
    every = {path for path in commands(root) if path[0] not in NOT_FOR_DEVICES}
    assert every == set(known), "a command has come or gone"
    desk.image.with_name("devices.csv").write_text("name,url\nanother,http://127.0.0.1:9\n")
    before, inventory = writes(simulator), simulator.fleet_path.read_text()
    for path, arguments in known.items():
        if (path[-1] in LOOKING) is not looking:
            continue
        process = await shell.start("--read-only", *path, *arguments)
        if path == ("rollout", "attach"):
            process.terminate()
        done = await shell.end(process)
        assert done.code is not None
        assert writes(simulator) == before, (path, done.err)
        assert simulator.fleet_path.read_text() == inventory, (path, done.err)
    assert (await shell.run("update", "reset", name, "--confirm", name)).code == 0
    assert len(writes(simulator)) == len(before) + 1, "without read-only the same device takes it"
    assert (await shell.run("devices", "trust", *known["devices", "trust"])).code == 0
    assert presented in simulator.fleet_path.read_text(), "without read-only the same fingerprint is trusted"


SPELLED = {"space": " ", "enter": "\r", "ctrl+p": "\x10", "tab": "\t", "escape": "\x1b"}
TYPED, ASKED = re.compile(r"type (\S.*\S) and press enter"), "press y to"
EVERY_KEY = [key for action in ACTIONS for key in (action.key, *action.also) if action.id != "quit"]
ACTING = [action.key for action in ACTIONS if action.group is Group.ACT]


@pytest.mark.parametrize(
    ("keys", "panes"),
    [
        pytest.param(ACTING, ("",), id="acting"),
        pytest.param(EVERY_KEY, ("", "\t\t"), id="every key in two panes", marks=pytest.mark.long),
    ],
)
def test_no_key_changes_a_device_when_read_only_and_the_same_keys_do_otherwise(
    tmp_path: Path, keys: Sequence[str], panes: Sequence[str]
) -> None:
    options = ServeOptions(fleet_out=tmp_path / "fleet.toml", devices=1, seed=1, speed=600.0)
    with running_in_thread(options) as simulator:
        (name,) = simulator.names
        initialize(simulator, name, tmp_path / "new.iso", NEW)
        environment = {"UPDECK_CONFIG": str(tmp_path), "UPDECK_STATE": str(tmp_path / "state"), "HOME": str(tmp_path)}
        for words in (("--read-only",), ()):
            with on_terminal("-m", "updeck", *words, environment=environment) as terminal:
                terminal.until(lambda seen: "INITIALIZED" in seen.text)
                terminal.until_quiet()
                for pane, key in product(panes, keys):
                    if words or not writes(simulator):
                        answered(terminal, pane + SPELLED.get(key, key))
                assert terminal.process.poll() is None
            assert (writes(simulator) == []) is (words == ("--read-only",))


def answered(terminal: Terminal, keys: str) -> None:
    """Press keys, confirm what opens, and leave it."""
    terminal.send(keys)
    terminal.until_quiet(0.3)
    terminal.until(lambda seen: "reading…" not in seen.picture)
    typed = TYPED.search(terminal.picture)
    if typed is not None or ASKED in terminal.picture:
        terminal.send(f"{typed[1]}\r" if typed else "y")
        terminal.until_quiet(0.5)
    for _ in range(3):
        if HOME not in terminal.picture or keys.startswith("\t"):
            terminal.send("\x1b")
            terminal.until_quiet(0.15)
