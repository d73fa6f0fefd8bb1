"""What a person at a terminal meets: the demo with its keys, questions for passwords, an interrupted wait."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from cli.test_cli_demo_rooms import dead_room
from shell import HANG_S, Shell
from terminal_fixture import on_terminal
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]

DEMO = ("demo", "--devices", "2", "--scenario", "calm")


def environment(room: Path, **more: str) -> Mapping[str, str]:
    return {"TMPDIR": str(room), "TERM": "xterm-256color", "HOME": str(room), **more}


def test_the_demo_shows_devices_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with on_terminal("-m", "updeck", *DEMO, environment=environment(tmp_path)) as terminal:
        terminal.until(lambda seen: "DEMO" in seen.text and "ar11-" in seen.text)
        (room,) = tmp_path.glob("updeck-demo-*")
        assert (room / "update-11.8.0.iso").is_file()
        assert str(room) in terminal.text
        terminal.send("q")
        terminal.until(lambda seen: "its simulator has ended" in seen.text)
        assert terminal.process.wait(HANG_S) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("killed", [False, True])
def test_a_demo_whose_terminal_is_gone_ends_its_engines_and_leaves_nothing_behind(
    tmp_path: Path, *, killed: bool
) -> None:
    with on_terminal("-m", "updeck", *DEMO, environment=environment(tmp_path)) as terminal:
        terminal.until(lambda seen: "DEMO" in seen.text and "ar11-" in seen.text)
        (room,) = tmp_path.glob("updeck-demo-*")
        engine = _engine_of_a_rollout(room)
        children = Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children").read_text().split()
        going = [os.pidfd_open(pid) for pid in (engine, *map(int, children))]
        if killed:  # as by the system that runs out of memory: nothing of the demo can tidy up
            terminal.process.kill()
        terminal.hang_up()
        terminal.process.wait(HANG_S)
    for process in going:
        assert select.select([process], [], [], HANG_S)[0], f"of {engine} and {children} one goes on"
        os.close(process)
    assert not room.exists()


def _engine_of_a_rollout(room: Path) -> int:
    """Start a rollout over the devices of a demo; return the process id of its engine."""
    told = {"PATH": os.environ["PATH"], "UPDECK_CONFIG": str(room), "UPDECK_STATE": str(room / "state")}

    def run(*words: str) -> str:
        words = (sys.executable, "-m", "updeck", "rollout", *words)
        return subprocess.run(words, env=told, capture_output=True, text=True, check=False).stdout

    planned = ("--image", str(room / "update-11.8.0.iso"), "--version", "11.8.0 #28924", "-o", str(room / "plan.json"))
    code = json.loads(run("plan", "*", *planned, "--json"))["code"]
    rollout = run("run", str(room / "plan.json"), "--confirm", code, "--detach").split()[0]
    engine = json.loads(run("show", rollout, "--json"))["engine"]
    assert engine["alive"]
    return int(engine["pid"])


def test_without_a_terminal_the_demo_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    killed = dead_room(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "updeck", *DEMO],
        env={**environment(tmp_path), "PATH": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == f"demo: {killed} of a demo that was killed is removed"
    assert "updeck status" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_with_a_device_is_said_once_the_screen_has_closed(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text('label = "LAB"\n[devices.a]\nurl = "https://a"\nturl = 1\n')
    environ = environment(tmp_path, UPDECK_CONFIG=str(tmp_path), UPDECK_STATE=str(tmp_path / "state"))
    with on_terminal("-m", "updeck", environment=environ) as terminal:
        assert terminal.until_end() == 2
        said = terminal.written.partition(b"\x1b[?1049l")[2].decode()
    assert "line 4: unknown key turl in [devices.a]; did you mean url?" in said
    assert not (tmp_path / "state").exists()


def with_prompt(simulator: Simulator) -> Mapping[str, str]:
    """Let the inventory of a simulated fleet ask for its password, and return the environment that names it."""
    inventory = simulator.fleet_path
    inventory.write_text(inventory.read_text().replace('{ file = "fleet.password" }', "{ prompt = true }"))
    room = inventory.parent
    return environment(room, UPDECK_CONFIG=str(room), UPDECK_STATE=str(room / "state"))


async def test_a_password_that_devices_share_is_asked_for_once_and_never_shown(bench: Bench) -> None:
    simulator, _ = await bench(devices=3)
    environ = with_prompt(simulator)

    def sit_there() -> tuple[str, int]:
        with on_terminal("-m", "updeck", "status", environment=environ) as terminal:
            terminal.until(lambda seen: "password of admin: " in seen.text)
            terminal.send(f"{simulator.password}\n")
            terminal.until(lambda seen: "3 devices: 3 IDLE" in seen.text)
            return terminal.text, terminal.process.wait(HANG_S)

    shown, code = await asyncio.to_thread(sit_there)
    assert code == 0
    assert shown.count("password of admin") == 1
    assert simulator.password not in shown


async def test_a_question_that_is_interrupted_ends_the_command(bench: Bench) -> None:
    simulator, _ = await bench(devices=3)
    environ = with_prompt(simulator)

    def sit_there() -> tuple[str, int]:
        with on_terminal("-m", "updeck", "status", environment=environ) as terminal:
            terminal.until(lambda seen: "password of admin: " in seen.text)
            terminal.process.send_signal(signal.SIGINT)
            terminal.until(lambda seen: "interrupted" in seen.text)
            return terminal.text, terminal.process.wait(HANG_S)

    shown, code = await asyncio.to_thread(sit_there)
    assert code == 130
    assert "Traceback" not in shown
    assert not any(simulator.truth(name)["logins"] for name in simulator.names)
