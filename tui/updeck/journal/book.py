"""What every part of the journal stands on: the open file, who writes, the leases held, and how often to write."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from updeck.clock import Clock
from updeck.errors import JournalError
from updeck.journal import leases
from updeck.journal.database import Database
from updeck.journal.file_system import refuse_network
from updeck.journal.machine import Machine
from updeck.journal.models import Actor, RolloutRow
from updeck.journal.plan_models import Position
from updeck.journal.rollout_id import RANDOM_BYTES, uuid7
from updeck.journal.writing import Writing, enter_actor
from updeck.paths import ready_state_dir

__all__ = ["FILE_NAME", "Book"]

FILE_NAME = "journal.db"

EVERY_S = 1.0
"""Shortest time between two writes of what only progresses, in seconds."""


class Book:
    """The file of the record as one process has it open, and the rollouts that this process drives."""

    def __init__(self, database: Database, *, actor: Actor, clock: Clock, machine: Machine | None = None) -> None:
        self._database = database
        self._actor = actor
        self._clock = clock
        self._machine = machine or Machine()
        self._held: dict[str, int] = {}
        self._pace = Pace(clock)
        self._revision = (-1, 0)
        self._standing: dict[tuple[str, str], Position] = {}
        self._late: dict[str, dict[str, Position]] = {}

    @classmethod
    def open(cls, state_dir: Path, *, actor: Actor, clock: Clock, machine: Machine | None = None) -> Self:
        """Open the journal of a state directory; both are made where they are missing.

        Raises `ConfigError` for a directory or file that others could swap, and `JournalError` for a network file
        system and for a file that is locked, damaged, of a newer program or no journal.
        """
        machine = machine or Machine()
        mode = ready_state_dir(state_dir)
        refuse_network(state_dir, machine.mounts())
        return cls(Database.open(state_dir / FILE_NAME, mode=mode), actor=actor, clock=clock, machine=machine)

    def close(self) -> None:
        """Give the leases up and close the file; where that cannot be written, they run out by themselves."""
        with contextlib.suppress(JournalError):
            self.release()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take_over(self, rollout: str) -> RolloutRow | None:
        """Drive a rollout on: at once if its process is gone or gave it up, else only after its lease ran out.

        Returns None when its process may still write, and when the rollout has ended.
        """
        with self._writing() as writing:
            epoch = leases.take(writing, rollout, self._view())
            if epoch is None:
                return None
            row = leases.find_rollout(writing.tx, rollout, replace(self._view(), held={rollout: epoch}))
        if self._held.get(rollout) != epoch:
            self._late.pop(rollout, None)
            self._standing = {key: one for key, one in self._standing.items() if key[0] != rollout}
        self._held[rollout] = epoch
        return row

    def renew(self) -> tuple[str, ...]:
        """Renew all our leases, to be called every 10 s; return the rollouts that another process took over."""
        if not self._held:
            return ()
        with self._writing(revises=False) as writing:
            lost = leases.renew(writing, dict(self._held))
        for rollout in lost:
            self._held.pop(rollout, None)
        return lost

    def probe(self) -> None:
        """Write nothing but that something was written, to see whether the file can be; raises `JournalError`."""
        with self._writing():
            pass

    def release(self) -> None:
        """Give all our leases up, so that another process may take over at once."""
        if not self._held:
            return
        with self._writing() as writing:
            leases.give_up(writing, dict(self._held))
        self._held.clear()

    def _new_id(self, writing: Writing) -> str:
        return uuid7(writing.at, self._machine.entropy(RANDOM_BYTES))

    def _view(self) -> leases.View:
        return leases.View(dict(self._held), self._clock.wall(), self._machine.gone)

    @contextmanager
    def _writing(self, *, revises: bool = True) -> Iterator[Writing]:
        with self._database.write() as tx:
            yield Writing(tx, enter_actor(tx, self._actor), self._clock.wall())
            if revises:
                tx.execute("UPDATE revision SET count = count + 1")


class Pace:
    """Lets a subject through when its kind has changed, and otherwise once in `EVERY_S`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, tuple[str, float]] = {}

    def is_due(self, subject: str, kind: str) -> bool:
        """Whether a write for `subject` is due."""
        last = self._last.get(subject)
        return last is None or last[0] != kind or self._clock.monotonic() - last[1] >= EVERY_S

    def done(self, subject: str, kind: str) -> None:
        """Note that it was written just now."""
        self._last[subject] = (kind, self._clock.monotonic())
