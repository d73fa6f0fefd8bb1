"""A forked command is as one that was started: it says the same, ends the same, and is a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

import forked
from shell import PROGRAM

ENVIRONMENT = {"PATH": "", "LANG": "C.UTF-8"}


@pytest.mark.parametrize("line", ["journal --json", "status", "nonsense", "config path"])
def test_it_says_and_ends_the_same(tmp_path: Path, line: str) -> None:
    environment = {**ENVIRONMENT, "UPDECK_CONFIG": str(tmp_path), "UPDECK_STATE": str(tmp_path / "state")}
    ran = forked.run(line.split(), environment)
    real = subprocess.run([*PROGRAM, *line.split()], env=environment, capture_output=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (real.returncode, real.stdout, real.stderr)
    assert ran.stdout or ran.stderr


async def test_it_is_ended_by_signals_and_goes_alone(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "UPDECK_CONFIG": str(tmp_path), "UPDECK_STATE": str(tmp_path / "state")}
    serve = ("simulator", "serve", "--fleet-out", str(tmp_path / "fleet.toml"), "--devices", "1")
    first, second = [await forked.start(serve, environment, stdout=PIPE, stderr=PIPE) for _ in range(2)]
    assert len({first.pid, second.pid, os.getpid()}) == 3
    for process, number in ((first, signal.SIGSTOP), (first, signal.SIGKILL)):
        process.send_signal(number)
    assert await first.wait() == -signal.SIGKILL
    assert second.returncode is None
    second.kill()
    assert await second.wait() == -signal.SIGKILL
    for process in (first, second):
        await process.communicate()


def test_an_interpreter_that_would_start_otherwise_is_started() -> None:
    assert forked.can_fork(ENVIRONMENT) is hasattr(os, "pidfd_open")
    for name, value in {"PYTHONPATH": "x", "LANG": "C", "LC_CTYPE": "C.UTF-8", "TZ": "UTC"}.items():
        assert not forked.can_fork({**ENVIRONMENT, name: value})
    assert not forked.can_fork({"PATH": ""})
    assert (sys.executable, "-m", "updeck") == PROGRAM
