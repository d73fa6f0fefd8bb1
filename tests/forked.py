"""Processes of `updeck` that are forked from one which has loaded it, for loading takes most of what a command takes.

Each has a pid, streams, an environment and an end of its own, as those of `python -m updeck` have. What they cannot
show is that a command loads what it needs: for that `test_cli_hostile_fleet` starts each of them for real.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from asyncio.base_subprocess import BaseSubprocessTransport
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

__all__ = ["can_fork", "run", "start"]

HERE = Path(__file__).parent
LINE_BYTES = 1 << 16
DECIDED_AT_START = ("PYTHON", "LC_", "LANG", "TZ")
"""Variables that an interpreter reads when it starts, which a forked one has behind it."""


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether a forked process is as one would be that starts with this environment."""
    told = {name: value for name, value in environment.items() if name.startswith(DECIDED_AT_START)}
    return hasattr(os, "pidfd_open") and told.keys() <= {"LANG", "LC_ALL"} and {*told.values()} == {"C.UTF-8"}


class Forked:
    """A forked process, with what `subprocess.Popen` offers of one; its streams are `PIPE` or descriptors."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], streams: Sequence[int]) -> None:
        self.args = words
        self.returncode: int | None = None
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None
        self.stderr: IO[bytes] | None = None
        self.report, *given = os.pipe()
        for number, (name, stream) in enumerate(zip(("stdin", "stdout", "stderr"), streams, strict=True)):
            if stream == PIPE:
                reading, writing = os.pipe()
                near, stream = (reading, writing) if number else (writing, reading)
                setattr(self, name, os.fdopen(near, "rb" if number else "wb", 0))
            else:
                stream = os.dup(stream)
            given.insert(-1, stream)
        asked = json.dumps([list(words), dict(environment), str(Path.cwd())]).encode()
        socket.send_fds(_server(), [asked], given)
        for descriptor in given:
            os.close(descriptor)
        self.pid = self._told()

    def poll(self) -> int | None:
        """Return how it ended, None if it has not."""
        if self.returncode is None and select.select([self.report], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        """Wait until it has ended, and return how."""
        if self.returncode is None:
            self.returncode = self._told()
            os.close(self.report)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _told(self) -> int:
        told = os.read(self.report, 4)
        assert told, "the process that forks is gone"
        return int.from_bytes(told, sys.byteorder, signed=True)


class _Transport(BaseSubprocessTransport):
    """What joins a forked process to the running loop."""

    def _start(self, args: Any, shell: bool, stdin: Any, stdout: Any, stderr: Any, bufsize: int, **more: Any) -> None:
        process = Forked(args, more["environment"], (stdin, stdout, stderr))
        self._proc: Any = process
        loop = asyncio.get_running_loop()

        def ended() -> None:
            loop.remove_reader(process.report)
            self._process_exited(process.wait())

        loop.add_reader(process.report, ended)


async def start(words: Sequence[str], environment: Mapping[str, str], *, stdout: int, stderr: int) -> Process:
    """Start `updeck WORDS` as `asyncio.create_subprocess_exec` starts a program."""
    loop = asyncio.get_running_loop()
    protocol = SubprocessStreamProtocol(limit=LINE_BYTES, loop=loop)
    ready: asyncio.Future[None] = loop.create_future()
    transport = _Transport(
        loop, protocol, list(words), False, PIPE, stdout, stderr, 0, waiter=ready, environment=environment
    )
    await ready
    return Process(transport, protocol, loop)


def run(words: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Run `updeck WORDS` to its end, as `subprocess.run` does; there is nothing on its stdin."""
    with Path(os.devnull).open("rb") as nothing:
        process = Forked(words, environment, (nothing.fileno(), PIPE, PIPE))
    heard: dict[str, bytes] = {}

    def hear(name: str, stream: IO[bytes] | None) -> None:
        assert stream is not None
        with stream:
            heard[name] = b"".join(iter(lambda: stream.read(LINE_BYTES), b""))

    beside = threading.Thread(target=hear, args=("err", process.stderr))
    beside.start()
    hear("out", process.stdout)
    beside.join()
    return subprocess.CompletedProcess(words, process.wait(), heard["out"], heard["err"])


@cache
def _server() -> socket.socket:
    """Start the process that forks, and return the socket on which it is asked; it ends with this process."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, str(HERE / "forking_child.py"), str(far.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": str(HERE.parent / "tui")},
        pass_fds=[far.fileno()],
    )
    far.close()

    def end() -> None:
        near.close()
        process.wait()

    atexit.register(end)
    return near
