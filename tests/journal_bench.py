"""Journals of several processes on one file, with a clock that is moved by hand; and real child processes."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from updeck.journal.database import Database
from updeck.journal.machine import Machine
from updeck.journal.models import Actor, Baseline, Op, Outcome, RolloutRow, Verdict
from updeck.journal.permit import Permit
from updeck.journal.store import FILE_NAME, Journal

__all__ = ["DEVICE", "URL", "Bench", "Child", "HandClock", "rows_read"]

DEVICE = "ar11-fra-dc1"
URL = "https://10.20.1.4"
NOW = 1_700_000_000.0

BASELINE = Baseline(
    observed_at=NOW,
    state="INITIALIZED",
    last_state_time=1_699_999_000,
    target_version="11.8.0 #28924",
    history=((1_539_786_920, "11.6.0 #23947"), (None, None)),
    sw_version="11.6.0 #23947",
    serial="S1",
    device_name=DEVICE,
    model="VSCAN-2000",
    url=URL,
    image_ids=(6, 7),
    expected="11.8.0",
    checksum="3f" * 32,
    size_bytes=312_000_000,
)


def rows_read(database: Database, call: Callable[[], object]) -> int:
    """Return how many rows a call reads."""
    count = 0

    def counted(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> sqlite3.Row:
        nonlocal count
        count += 1
        return sqlite3.Row(cursor, row)

    with database.read() as tx:
        tx.row_factory = counted
    call()
    with database.read() as tx:
        tx.row_factory = sqlite3.Row
    return count


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0
        self.offset = NOW

    def wall(self) -> float:
        return self.offset + self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the journal never waits")

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def step_wall(self, seconds: float) -> None:
        """Move the wall clock alone, as a correction or a sleeping laptop does."""
        self.offset += seconds


class Bench:
    """One state directory, and as many processes with a journal on it as a test wants."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = HandClock()
        self.dead: set[int] = set()
        self.witnessed: list[str] = []
        self.machine = Machine(
            witness=self.witnessed.append, gone=lambda actor: actor.pid in self.dead, mounts=lambda: ""
        )
        self._open: list[Database] = []

    @property
    def path(self) -> Path:
        return self.directory / FILE_NAME

    def actor(self, pid: int, program: str = "ui") -> Actor:
        return Actor(1000, "mk", "jump1", program, pid, "boot", f"started-{pid}")

    def journal(self, pid: int = 1, *, busy_s: float = 5.0, program: str = "ui") -> Journal:
        """Return the journal of a process that begins now."""
        return self.process(pid, busy_s=busy_s, program=program)[0]

    def process(self, pid: int, *, busy_s: float = 5.0, program: str = "ui") -> tuple[Journal, Database]:
        """Return a process' journal and the file that it has open; closing that is how the process dies."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        database = Database.open(self.path, mode=0o600, busy_s=busy_s)
        self._open.append(database)
        return Journal(database, actor=self.actor(pid, program), clock=self.clock, machine=self.machine), database

    def close(self) -> None:
        for database in self._open:
            database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def baseline(self) -> Baseline:
        """Return a baseline that was read just now."""
        return replace(BASELINE, observed_at=self.clock.wall())

    def intend(
        self, journal: Journal, rollout: RolloutRow, op: Op | None = None, *, attempt: int = 1, try_: int = 1
    ) -> Permit:
        """Intend a rollout's own operation, or another."""
        return journal.intend(
            rollout.id,
            rollout.device or "",
            op or rollout.op or Op.START,
            attempt=attempt,
            try_=try_,
            baseline=self.baseline(),
        )

    def finish(self, journal: Journal, rollout: RolloutRow, verdict: Verdict | None, reason: str = "so it was") -> None:
        """Record the end of a rollout's operation."""
        journal.end(
            rollout.id,
            rollout.device or "",
            op=rollout.op,
            verdict=verdict,
            reason=reason,
            last_state_time=1_700_000_100,
            target_version="11.8.0",
        )

    def whole(
        self, journal: Journal, op: Op, outcome: Outcome, verdict: Verdict | None, *, device: str = DEVICE
    ) -> RolloutRow:
        """Record a manual operation from its beginning to its end."""
        rollout = journal.begin_manual(device, op, url=URL)
        permit = self.intend(journal, rollout)
        status = {Outcome.ACCEPTED: 200, Outcome.REFUSED: 409, Outcome.UNKNOWN: None}[outcome]
        journal.outcome(permit.intent_id, outcome, status=status, error=None)
        self.finish(journal, rollout, verdict)
        return rollout


class Child:
    """A real process with a journal, which obeys one line at a time (`journal_child.py`)."""

    def __init__(self, directory: Path, *, ahead_s: float = 0.0, environment: Mapping[str, str] | None = None) -> None:
        program = str(Path(__file__).with_name("journal_child.py"))
        self.process = subprocess.Popen(
            [sys.executable, program, str(directory), str(ahead_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=environment,
        )
        assert self.answer() == "open"

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, command: str) -> None:
        """Give a command and do not wait for its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")

    def answer(self) -> str:
        """Wait for the next answer."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self, command: str) -> str:
        """Give a command and return its answer."""
        self.tell(command)
        return self.answer()

    def kill(self) -> None:
        """End it with SIGKILL and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
