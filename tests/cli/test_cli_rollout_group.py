"""A state directory that a group shares: several users of one host see, pause and relieve each other's rollouts.

The users are real ones to the system, by number; that takes the rights of root.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import updeck
from rollout_desk import NEW, RolloutDesk
from shell import Shell
from updeck.simulator.images import write_image
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]

PYTHONS = (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3")
PYTHONPATH = os.pathsep.join((str(Path(updeck.__file__).parents[1]), sysconfig.get_path("purelib")))

GROUP = 64100
ANNA, BEN, CARA = 64001, 64002, 64003


class UserShell(Shell):
    """Runs command lines as a user of the system, with a umask that takes all rights from others."""

    def __init__(self, config: Path, state: Path, python: str, uid: int, *groups: int) -> None:
        super().__init__(config, state)
        self._python = python
        self.uid = uid
        self._groups = groups

    async def start(self, *words: str, stdout: int = PIPE, stderr: int = PIPE) -> Process:
        return await asyncio.create_subprocess_exec(
            *(self._python, "-m", "updeck", *words),
            stdin=PIPE,
            stdout=stdout,
            stderr=stderr,
            cwd="/",
            env={
                "PATH": os.environ.get("PATH", ""),
                "LANG": "C.UTF-8",
                "HOME": str(self.config),
                "PYTHONPATH": PYTHONPATH,
                "UPDECK_CONFIG": str(self.config),
                "UPDECK_STATE": str(self.state),
            },
            user=self.uid,
            group=self.uid,
            extra_groups=list(self._groups),
            umask=0o077,
        )


@dataclass(frozen=True)
class Host:
    """A host with three users, two of them in the group that shares the state directory."""

    simulator: Simulator
    state: Path
    anna: UserShell
    ben: UserShell
    cara: UserShell

    def desk(self, shell: UserShell) -> RolloutDesk:
        """Return the desk of a user."""
        return RolloutDesk(self.simulator, shell, shell.config)


@pytest.fixture
async def host(bench: Bench) -> AsyncIterator[Callable[..., Awaitable[Host]]]:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can act as several users")
    room = _room()
    opened: list[Host] = []

    async def make(*, speed: float = 100.0) -> Host:
        simulator, _ = await bench(devices=2, speed=speed)
        state = room / "state"
        state.mkdir()
        os.chown(state, ANNA, GROUP)
        state.chmod(0o2770)
        shells = [_shell(room, simulator, uid, *groups) for uid, *groups in ((ANNA, GROUP), (BEN, GROUP), (CARA,))]
        opened.append(Host(simulator, state, *shells))
        return opened[-1]

    try:
        yield make
    finally:
        for one in opened:
            one.desk(one.anna).end_engines()
        shutil.rmtree(room)


def _room() -> Path:
    """Make a directory that every user can reach."""
    room = Path(tempfile.mkdtemp(prefix="updeck-group-"))
    room.chmod(0o755)
    return room


def _shell(room: Path, simulator: Simulator, uid: int, *groups: int) -> UserShell:
    """Give a user an inventory and a password file of his own, and an image."""
    home = room / str(uid)
    shutil.copytree(simulator.fleet_path.parent, home)
    write_image(home / "new.iso", NEW, 300_000)
    for path in (home, *home.rglob("*")):
        os.chown(path, uid, uid)
        path.chmod(0o700 if path.is_dir() else 0o600)
    return UserShell(home, room / "state", _python(uid), uid, *groups)


def _python(uid: int) -> str:
    """Return an interpreter that a user can run this program with."""
    for python in PYTHONS:
        words = [python, "-c", "import sys, updeck.cli.main; assert sys.version_info >= (3, 11)"]
        told = {"PYTHONPATH": PYTHONPATH}
        try:
            done = subprocess.run(words, user=uid, group=uid, extra_groups=[], cwd="/", env=told, capture_output=True)
        except OSError:
            continue
        if done.returncode == 0:
            return python
    pytest.skip("no interpreter here can be run by another user")


async def test_a_second_user_of_the_group_sees_and_pauses_a_rollout(host: Callable[..., Awaitable[Host]]) -> None:
    at = await host()
    anna, ben = at.desk(at.anna), at.desk(at.ben)
    first, second = at.simulator.names
    rollout = await anna.detached(await anna.plan("--waves", "1,100%", "--promote", "auto"))
    await at.simulator.until_state(first, "RUNNING")
    at.simulator.fault(first, "refuse")  # so the second wave cannot begin before the pause
    assert {device["name"] for device in (await ben.shown(rollout))["devices"]} == {first, second}
    await ben.ask("pause", rollout)
    at.simulator.clear_faults(first)
    left = await at.ben.run("rollout", "attach", rollout)
    assert f"{BEN}" in left.err, left.err
    assert "paused" in left.err
    assert anna.posts(second, "/update/init") == []
    shown = await anna.shown(rollout)
    assert shown["state"] == "PAUSED"
    assert (await anna.verdicts(rollout))[first] == "SUCCESS"
    modes = {path.name: path.stat().st_mode & 0o777 for path in at.state.iterdir()}
    assert {modes[name] for name in modes if name.startswith(("journal.db", "engine-"))} == {0o660}, modes
    assert {path.stat().st_gid for path in at.state.iterdir()} == {GROUP}


async def test_a_second_user_relieves_the_first_whose_engine_died(host: Callable[..., Awaitable[Host]]) -> None:
    at = await host()
    anna, ben = at.desk(at.anna), at.desk(at.ben)
    rollout = await anna.detached(await anna.plan("--max-parallel", "1"))
    first = at.simulator.names[0]
    await at.simulator.until_state(first, "RUNNING")
    os.kill(await ben.engine(rollout), signal.SIGKILL)
    done = await at.ben.run("rollout", "resume", rollout)
    assert done.code == 0, done.err
    assert set((await anna.verdicts(rollout)).values()) == {"SUCCESS"}
    assert [len(anna.posts(name, "/update/start")) for name in at.simulator.names] == [1, 1]
    log = (at.state / f"engine-{rollout}.log").read_text()
    assert log.count("the engine drives") == 2
    said = (await at.anna.run("journal")).out
    assert f"{ANNA}" in said
    assert f"{BEN}" in said


async def test_a_user_outside_of_the_group_is_told_so(host: Callable[..., Awaitable[Host]]) -> None:
    at = await host()
    anna = at.desk(at.anna)
    rollout = await anna.detached(await anna.plan("--until", "staged"))
    for words in (("rollout", "list"), ("rollout", "pause", rollout), ("status",)):
        done = await at.cara.run(*words)
        assert done.code == 2, (words, done.err)
        assert done.out == ""
        assert f"the state directory {at.state} is shared by the group {GROUP}, and you are not in it" in done.err
    assert (await at.anna.run("rollout", "attach", rollout)).code == 0
