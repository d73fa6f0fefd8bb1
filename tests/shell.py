"""What the fixture `shell` gives to tests: `updeck` as a process of its own, on the inventory of a simulated fleet."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forked

PROGRAM: tuple[str, ...] = (sys.executable, "-m", "updeck")
HANG_S = 60.0
"""Ends a test that hangs; no test asserts a time."""


@dataclass(frozen=True)
class Done:
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.out)


class Shell:
    """Runs command lines with a configuration and a state directory; `extra` goes into their environment."""

    def __init__(self, config: Path, state: Path) -> None:
        self.config = config
        self.state = state
        self.extra: dict[str, str] = {}
        self.program = PROGRAM
        self.directory: Path | None = None
        """Where its programs are started; None: where the tests are."""

    async def start(self, *words: str, stdout: int = PIPE, stderr: int = PIPE) -> Process:
        """Start a command line; `stdout` and `stderr` may be descriptors of the test's own."""
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "LANG": "C.UTF-8",
            "UPDECK_CONFIG": str(self.config),
            "UPDECK_STATE": str(self.state),
            **self.extra,
        }
        if self.program == PROGRAM and self.directory is None and forked.can_fork(environment):
            return await forked.start(words, environment, stdout=stdout, stderr=stderr)
        return await asyncio.create_subprocess_exec(
            *self.program, *words, stdin=PIPE, stdout=stdout, stderr=stderr, env=environment, cwd=self.directory
        )

    async def run(self, *words: str, stdin: str = "") -> Done:
        """Run a command line to its end; a traceback fails the test."""
        return await self.end(await self.start(*words), stdin=stdin)

    async def end(self, process: Process, *, stdin: str = "") -> Done:
        """Wait until a started command line has ended."""
        async with asyncio.timeout(HANG_S):
            out, err = await process.communicate(stdin.encode())
        done = Done(process.returncode or 0, (out or b"").decode(), err.decode())
        assert "Traceback" not in done.err, done.err
        return done

    async def line(self, process: Process, fulfilled: Callable[[str], bool], *, of_stderr: bool = False) -> str:
        """Read a running command's lines until one is as asked, and return it."""
        stream = process.stderr if of_stderr else process.stdout
        assert stream is not None
        async with asyncio.timeout(HANG_S):
            while True:
                line = (await stream.readline()).decode()
                assert line, "it ended before it said so"
                if fulfilled(line):
                    return line
