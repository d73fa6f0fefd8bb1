"""One reading of the journal serves all devices that ask at the same time, and nobody gets one from before it asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from journal_bench import Bench
from journal_plans import A, drive, end
from updeck.errors import LeaseLost
from updeck.journal.models import Verdict
from updeck.journal.store import Journal
from updeck.rollout.current import CurrentRecord

T = TypeVar("T")


class Desk:
    """A journal as an engine asks it: one call at a time, in order. `calls` counts them."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.calls = 0
        self._turn = asyncio.Lock()

    async def record(self, call: Callable[[Journal], T]) -> T:
        async with self._turn:
            self.calls += 1
            found = call(self.journal)
            for _ in range(3):
                await asyncio.sleep(0)  # it comes back from another thread
            return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path / "state") as bench:
        yield bench


async def test_a_hundred_that_ask_at_once_share_a_reading(bench: Bench) -> None:
    desk = Desk(bench.journal())
    current = CurrentRecord(desk, drive(desk.journal))
    records = await asyncio.gather(*(current.now() for _ in range(100)))
    assert all(record is records[0] for record in records)
    assert desk.calls == 2, "one for the token and one for the record"


async def test_who_asks_after_a_write_sees_it_even_if_a_reading_is_under_way(bench: Bench) -> None:
    desk = Desk(bench.journal())
    rollout = drive(desk.journal)
    current = CurrentRecord(desk, rollout)
    early = asyncio.create_task(current.now())
    while desk.calls < 2:  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(0)
    end(desk.journal, rollout, A, Verdict.SKIPPED)
    late = await asyncio.gather(*(current.now() for _ in range(100)))
    assert (await early).member(A).attempt.end is None
    assert all(record.member(A).attempt.end is not None for record in late)


async def test_nothing_is_read_again_while_nobody_writes(bench: Bench) -> None:
    desk = Desk(bench.journal())
    current = CurrentRecord(desk, drive(desk.journal))
    first = await current.now()
    for _ in range(5):
        assert await current.now() is first
    assert desk.calls == 7


async def test_one_who_gives_up_takes_the_reading_from_nobody_else(bench: Bench) -> None:
    desk = Desk(bench.journal())
    current = CurrentRecord(desk, drive(desk.journal))
    first, second = asyncio.create_task(current.now()), asyncio.create_task(current.now())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).members


async def test_an_error_reaches_all_who_asked_and_the_next_reading_is_a_new_one(bench: Bench) -> None:
    desk = Desk(bench.journal())
    current = CurrentRecord(desk, drive(desk.journal))
    well, desk.record = desk.record, _lost  # type: ignore[method-assign]
    found = await asyncio.gather(*(current.now() for _ in range(3)), return_exceptions=True)
    assert all(isinstance(one, LeaseLost) for one in found)
    desk.record = well  # type: ignore[method-assign]
    assert (await current.now()).members


async def _lost(call: Callable[[Journal], T]) -> T:
    raise LeaseLost("somebody else drives")
