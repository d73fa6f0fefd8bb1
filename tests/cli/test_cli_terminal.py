"""What a person at a terminal meets: the demo with its keys, questions for passwords, an interrupted wait."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from shell import Shell
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]

HANG_S = 60.0
FLOOD_CHARACTERS = 4_000_000
DEMO = ("demo", "--devices", "2", "--scenario", "calm")


def environment(room: Path, **more: str) -> Mapping[str, str]:
    return {"PATH": "", "TMPDIR": str(room), "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": str(room), **more}


class Terminal:
    """The person's side of a pty."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.shown = ""

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def read_until(self, fulfilled: Callable[[str], bool]) -> None:
        """Read until what was shown so far is as asked, or until nobody writes any more."""
        while not fulfilled(self.shown):
            ready, _, _ = select.select([self._master], [], [], HANG_S)
            assert ready, f"nothing more came after {self.shown[-200:]!r}"
            try:
                chunk = os.read(self._master, 65_536)
            except OSError:  # Linux says so when the last writer is gone
                return
            self.shown += chunk.decode(errors="replace")
            assert len(self.shown) < FLOOD_CHARACTERS, "it floods the terminal"


@contextmanager
def on_terminal(environ: Mapping[str, str], *words: str) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "updeck", *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environ,
        start_new_session=True,
    ) as process:
        os.close(slave)
        try:
            yield Terminal(master), process
        finally:
            process.kill()
            os.close(master)


def test_the_demo_shows_devices_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with on_terminal(environment(tmp_path), *DEMO) as (terminal, process):
        terminal.read_until(lambda shown: "DEMO" in shown and "ar11-" in shown)
        (room,) = tmp_path.glob("updeck-demo-*")
        assert (room / "update-11.8.0.iso").is_file()
        assert str(room) in terminal.shown
        terminal.type("q")
        terminal.read_until(lambda shown: "its simulator has ended" in shown)
        assert process.wait(HANG_S) == 0
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_the_demo_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "updeck", *DEMO],
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "updeck status" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


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
        with on_terminal(environ, "status") as (terminal, process):
            terminal.read_until(lambda shown: "password of admin: " in shown)
            terminal.type(f"{simulator.password}\n")
            terminal.read_until(lambda shown: "3 devices: 3 IDLE" in shown)
            return terminal.shown, process.wait(HANG_S)

    shown, code = await asyncio.to_thread(sit_there)
    assert code == 0
    assert shown.count("password of admin") == 1
    assert simulator.password not in shown


async def test_a_question_that_is_interrupted_ends_the_command(bench: Bench) -> None:
    simulator, _ = await bench(devices=3)
    environ = with_prompt(simulator)

    def sit_there() -> tuple[str, int]:
        with on_terminal(environ, "status") as (terminal, process):
            terminal.read_until(lambda shown: "password of admin: " in shown)
            process.send_signal(signal.SIGINT)
            terminal.read_until(lambda shown: "interrupted" in shown)
            return terminal.shown, process.wait(HANG_S)

    shown, code = await asyncio.to_thread(sit_there)
    assert code == 130
    assert "Traceback" not in shown
    assert not any(simulator.truth(name)["logins"] for name in simulator.names)
