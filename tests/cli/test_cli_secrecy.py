"""A password of odd characters is in no file, output, argument or environment; nothing but devices is contacted, and
nothing is read of the directory in which a program is started.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from lookout import CANARY, Lookout, files_with, traces
from rollout_desk import RolloutDesk
from shell import Done, Shell
from terminal_fixture import on_terminal
from updeck.fleet.addresses import host_and_port
from updeck.program import program_words
from updeck.simulator.options import ServeOptions
from updeck.simulator.serving import Simulator, running

SOURCES = {
    "env": "{ env = 'CANARY' }",
    "file": "{ file = 'secrets/canary' }",
    "command": "{ command = ['secrets/tell'] }",
    "keyring": "{ keyring = true }",
}
PROGRAM = (sys.executable, "-P", "-m", "updeck")
"""As the script `updeck`, which does not look for modules where it is started."""


class NotingShell(Shell):
    """A shell that notes which command lines got its environment."""

    def __init__(self, config: Path, state: Path) -> None:
        super().__init__(config, state)
        self.program = PROGRAM
        self.given: set[bytes] = set()

    async def start(self, *words: str, stdout: int = PIPE, stderr: int = PIPE) -> Process:
        self.given.add("\0".join((*self.program, *words)).encode())
        return await super().start(*words, stdout=stdout, stderr=stderr)


class Stage:
    """A fleet whose password is the canary, in a configuration apart from the simulator's own files."""

    def __init__(self, simulator: Simulator, room: Path) -> None:
        self.simulator = simulator
        self.config, self.state, self.secrets = room / "config", room / "state", room / "config/secrets"
        self.secrets.mkdir(parents=True)
        self.lookout = Lookout(room)
        self.shell = NotingShell(self.config, self.state)
        self.shell.extra.update(self.lookout.environment)
        self.shell.extra.update(self.lookout.keep_in_keyring(self.secrets / "canary"))
        self.shell.directory = self.lookout.around
        self.desk = RolloutDesk(simulator, self.shell, room)
        self.trap = socket.create_server(("127.0.0.1", 0))
        trap = f"http://127.0.0.1:{self.trap.getsockname()[1]}"
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            self.shell.extra.update({name: trap, name.lower(): trap})
        netrc = room / "home/.netrc"
        netrc.parent.mkdir()
        netrc.write_text("machine 127.0.0.1 login trap password trap\n")
        netrc.chmod(0o600)
        keys = str(room / "state/session-keys")
        self.shell.extra.update(
            {"HOME": str(netrc.parent), "NETRC": str(netrc), "SSLKEYLOGFILE": keys, "REQUESTS_CA_BUNDLE": str(netrc)}
        )
        self.output = b""

    def take(self, source: str, secret: str = CANARY) -> None:
        """Have the inventory name a source that gives the secret."""
        text = self.simulator.fleet_path.read_text()
        before, _, rest = text.partition('password = { file = "')
        self.config.joinpath("fleet.toml").write_text(f"{before}password = {source}{rest.partition('}')[2]}")
        (self.secrets / "canary").write_text(secret + "\n")
        (self.secrets / "tell").write_text('#!/bin/sh\ncat "$(dirname "$0")/canary"\n')
        for name, mode in (("canary", 0o600), ("tell", 0o700)):
            (self.secrets / name).chmod(mode)

    async def run(self, *words: str, stdin: str = "") -> Done:
        done = await self.shell.run(*words, stdin=stdin)
        self.output += (done.out + done.err).encode()
        return done

    def assert_kept(self) -> None:
        """Nothing has told the secret, and nothing but devices was contacted."""
        assert not [trace for trace in traces() if trace in self.output]
        (self.secrets / "canary").unlink()
        assert files_with(CANARY, self.config, self.state, self.lookout.temporary) == []
        assert self.lookout.betrayed == set()
        assert self.lookout.strangers(*self.ports) == []
        assert self.lookout.read_around() == []
        assert not (self.state / "session-keys").exists()

    @property
    def ports(self) -> list[int]:
        return [host_and_port(self.simulator.url(name))[1] for name in self.simulator.names]


@asynccontextmanager
async def staged(room: Path) -> AsyncIterator[Stage]:
    """Serve two devices whose password is the canary."""
    options = ServeOptions(fleet_out=room / "simulator/fleet.toml", devices=2, speed=100.0)
    options.fleet_out.parent.mkdir()
    async with running(options):
        pass
    (kept,) = [path for path in options.fleet_out.parent.iterdir() if path.suffix == ".json"]
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "password": CANARY}))
    async with running(options) as simulator:
        assert simulator.password == CANARY
        stage = Stage(simulator, room)
        try:
            yield stage
        finally:
            stage.desk.end_engines()
            stage.trap.close()


@pytest.mark.parametrize(
    "source", [one if one == "env" else pytest.param(one, marks=pytest.mark.long) for one in SOURCES]
)
async def test_a_password_is_told_nowhere_while_a_fleet_is_updated(source: str, tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.take(SOURCES[source])
        if source == "env":
            stage.shell.extra["CANARY"] = CANARY
        with stage.lookout.watching(stage.shell.given if source == "env" else ()):
            done = await stage.run("status", "--json")
            assert {row["reach"] for row in done.json["devices"]} == {"OK"}, done.err
            rollout = await stage.desk.detached(await stage.desk.plan())
            await stage.simulator.until_state(stage.simulator.names[0], "INITIALIZING")
            os.kill(await stage.desk.engine(rollout), signal.SIGKILL)
            done = await stage.run("rollout", "resume", rollout)
            assert done.code == 0, done.err
            for words in (("rollout", "report", rollout), ("journal",), ("config", "show")):
                assert (await stage.run(*words)).code == 0
        stage.shell.extra.pop("CANARY", None)
        stage.assert_kept()


async def test_a_rejected_password_is_told_nowhere(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.take(SOURCES["file"], CANARY + "x")
        first, second = stage.simulator.names
        with stage.lookout.watching():
            assert (await stage.run("status")).code == 1
            assert (await stage.run("devices", "login", first)).code == 1
            stage.take("{ prompt = true }")
            assert (await stage.run("devices", "login", first, stdin=f"{CANARY}y\n")).code == 1
            done = await stage.run("devices", "login", second, stdin=f"{CANARY}\n")
            assert done.code == 0, done.err
        stage.assert_kept()


def test_a_typed_password_is_told_nowhere(tmp_path: Path) -> None:
    async def play() -> None:
        async with staged(tmp_path) as stage:
            stage.take("{ prompt = true }")
            environment = {**stage.shell.extra, "UPDECK_CONFIG": str(stage.config), "UPDECK_STATE": str(stage.state)}
            with stage.lookout.watching():
                stage.output += await asyncio.to_thread(typed, environment, stage.lookout.around)
            assert any(stage.simulator.truth(name)["logins"] for name in stage.simulator.names)
            stage.assert_kept()

    def typed(environment: dict[str, str], directory: Path) -> bytes:
        with on_terminal(*PROGRAM[1:], environment=environment, directory=directory) as terminal:
            terminal.until(lambda seen: "no login" in seen.text)
            terminal.until_quiet()
            terminal.send("c")
            terminal.until(lambda seen: "Log in to" in seen.text)
            terminal.until_quiet()
            terminal.send(f"{CANARY}wrong\r")
            terminal.until(lambda seen: "nothing more was" in seen.text)
            terminal.send(f"{CANARY}\r")
            terminal.until(lambda seen: "logged in to" in seen.text)
            terminal.until_quiet()
            terminal.send("q")
            terminal.process.wait(30)
            terminal.read(0.5)
            return terminal.written

    asyncio.run(play())


ECHOES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "url": quote,
    "json": json.dumps,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "the header of basic": lambda secret: base64.b64encode(f"admin:{secret}".encode()).decode(),
}


async def test_a_password_that_devices_repeat_in_their_errors_is_told_nowhere(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.take(SOURCES["file"])
        first, second = stage.simulator.names
        told = " | ".join(spell(CANARY) for spell in ECHOES.values())
        fault: dict[str, object] = {"error_id": "REQUEST_INVALID_INPUT", "error_text": f"Bad request: {told}"}
        with stage.lookout.watching():
            stage.simulator.fault(first, "status", path="/token", status=401, **fault)
            assert (await stage.run("status")).code == 1
            assert (await stage.run("devices", "login", first)).code == 1
            stage.simulator.clear_faults(first)
            for path in ("/images/upload", "/images/fetch"):
                stage.simulator.fault(first, "status", path=path, status=409, **fault)
            assert (await stage.run("images", "upload", str(stage.desk.image), first)).code != 0
            assert (await stage.run("images", "fetch", "http://192.0.2.1/x-11.12.0.iso", first)).code != 0
            stage.simulator.fault(second, "status", path="/update/init", status=400, **fault)
            planned = await stage.desk.plan()
            assert (await stage.run(*planned.words)).code != 0
            (rollout,) = {row["id"] for row in (await stage.run("rollout", "list", "--json")).json["rollouts"]}
            for words in (("rollout", "show", rollout), ("rollout", "report", rollout), ("journal",), ("status",)):
                await stage.run(*words)
            stage.simulator.fault(first, "status", path="/update", status=500, **fault)
            stage.output += await asyncio.to_thread(looked_at, stage)
        assert stage.output.count("•••".encode()) > 10, "the devices must have repeated it"
        log = next(stage.state.glob("engine-*.log")).read_text()
        assert "•••" in log
        stage.assert_kept()


def looked_at(stage: Stage) -> bytes:
    """Open the UI, see the reason of a device, and return all that was written."""
    environment = {**stage.shell.extra, "UPDECK_CONFIG": str(stage.config), "UPDECK_STATE": str(stage.state)}
    with on_terminal(*PROGRAM[1:], environment=environment, directory=stage.lookout.around) as terminal:
        terminal.until(lambda seen: "•••" in seen.text)
        terminal.send("J")
        terminal.until_quiet(1.0)
        terminal.send("\x1b")
        terminal.until_quiet()
        terminal.send("q")
        terminal.process.wait(30)
        terminal.read(0.5)
        return terminal.written


async def test_a_connect_to_anywhere_else_would_be_seen(tmp_path: Path) -> None:
    lookout = Lookout(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as device, socket.create_server(("127.0.0.1", 0)) as elsewhere:
        known, other = device.getsockname()[1], elsewhere.getsockname()[1]
        code = (
            f"import socket; [socket.create_connection(('127.0.0.1', port)) for port in ({known}, {other})];"
            f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', {other}));"
            "socket.gethostbyname('127.0.0.1'); socket.getnameinfo(('127.0.0.1', 9), 3)"
        )
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env={**lookout.environment})
        assert await child.wait() == 0
    everyone = {line.split()[0] for line in lookout.strangers(known)}
    looked_up = {"socket.gethostbyname", "socket.getnameinfo"}
    assert everyone == {"socket.connect", "socket.getaddrinfo", "socket.sendto"} | looked_up
    assert {line.split()[0] for line in lookout.strangers(known, other)} == looked_up


async def test_what_is_read_of_the_working_directory_would_be_seen(tmp_path: Path) -> None:
    lookout = Lookout(tmp_path)
    code = "import os; open('fleet.toml').close(); os.listdir(); os.scandir('textual'); open(os.devnull).close()"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", code, env=lookout.environment, cwd=lookout.around
    )
    assert await child.wait() == 0
    assert lookout.read_around() == [
        f"open {lookout.around}/fleet.toml",
        f"os.listdir {lookout.around}",
        f"os.scandir {lookout.around}/textual",
    ]


def test_a_program_started_by_another_one_reads_nothing_of_the_working_directory(tmp_path: Path) -> None:
    lookout = Lookout(tmp_path)
    told = {**lookout.environment, "UPDECK_CONFIG": str(tmp_path), "UPDECK_STATE": str(tmp_path / "state")}
    words = [*program_words(), "config", "validate"]
    done = subprocess.run(words, cwd=lookout.around, env=told, capture_output=True, text=True, check=False)
    assert "no inventory" in done.stderr, done.stderr
    assert lookout.read_around() == []


def test_a_secret_would_be_found_in_every_form(tmp_path: Path) -> None:
    forms = (
        CANARY,
        json.dumps(CANARY),
        quote(CANARY),
        repr(CANARY),
        base64.b64encode(f"admin:{CANARY}".encode()).decode(),
    )
    for number, form in enumerate(forms):
        (tmp_path / f"{number}").write_text(f"before {form} after")
    assert len(files_with(CANARY, tmp_path)) == len(forms)
