"""A rollout's record as the journal has it now, read once for all who ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from updeck.journal.plan_models import RolloutRecord
from updeck.journal.store import Journal

__all__ = ["CurrentRecord"]


T = TypeVar("T")


class Books(Protocol):
    """Where the journal is asked, one call after the other."""

    async def record(self, call: Callable[[Journal], T]) -> T:
        """Return what the journal says; raises `JournalError`."""
        ...


class CurrentRecord:
    """What an engine knows of its rollout; `read` is None before the first reading, `token` tells of what it is.

    Hundreds of devices ask before each step, and whatever one of them has written makes the record another: so
    those who ask while it is being read share the reading that comes next, which has all that was written before.
    """

    def __init__(self, books: Books, rollout: str) -> None:
        self.read: RolloutRecord | None = None
        self.token = -1
        self._books = books
        self._rollout = rollout
        self._reading: asyncio.Task[RolloutRecord] | None = None
        self._next: asyncio.Task[RolloutRecord] | None = None

    async def now(self) -> RolloutRecord:
        """Return the record as it is after this was asked, read again only if somebody wrote; raises `JournalError`."""
        if self._next is None:
            self._next = asyncio.create_task(self._read_after(self._reading))
            self._next.add_done_callback(_heard)
        return await asyncio.shield(self._next)

    async def _read_after(self, before: asyncio.Task[RolloutRecord] | None) -> RolloutRecord:
        if before is not None:
            await asyncio.wait({before})
        self._reading, self._next = self._next, None
        token = await self._books.record(lambda journal: journal.change_token())
        if self.read is None or token != self.token:
            self.read = await self._books.record(lambda journal: journal.rollout(self._rollout))
            self.token = token
        return self.read


def _heard(reading: asyncio.Task[RolloutRecord]) -> None:
    """Take note of an error that all who asked may have gone before."""
    if not reading.cancelled():
        reading.exception()
