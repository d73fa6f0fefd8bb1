"""What is read and kept of rollouts: whole what is shown whole, and of the others only what changed, in short."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from fleet_fixture import Stage
from journal_bench import Bench, rows_read
from journal_plans import end
from rollout_records import plan_of
from updeck.journal.models import Verdict
from updeck.journal.plan_models import ControlKind, Member
from updeck.rollout.plan_document import stored_plan
from updeck.rollout.progress import RolloutState
from updeck.ui.rollout_log import LEASE_S, LEAST_S, RolloutLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from updeck.fleet.service import FleetService

DEVICES = 20


class Kept(Stage):
    """A stage over a real journal, in whose rollouts all devices take part."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        self.kept, self.database = bench.process(1)
        self.journal = self.kept

    def events_token(self) -> int:
        return self.kept.change_token()

    def begin(self) -> str:
        """Register a rollout over all devices, and drive it."""
        plan = plan_of(*[1] * DEVICES)
        members = [Member(one.name, one.wave, one.url) for one in plan.devices]
        rollout = self.kept.register_plan(stored_plan(plan), plan.digest, members).id
        self.kept.take_over(rollout)
        return rollout

    def over(self) -> str:
        """Have a rollout that has ended for all."""
        rollout = self.begin()
        for number in range(DEVICES):
            end(self.kept, rollout, f"d{number}", Verdict.SUCCESS if number else Verdict.NO_EFFECT)
        self.bench.clock.advance(1.0)
        return rollout

    def read(self, log: RolloutLog, *held: str) -> int:
        """Read what there is now, and return how many rows that took."""
        service = cast("FleetService", self)
        self.bench.clock.advance(LEASE_S)
        assert log.due(service, held)
        return rows_read(self.database, lambda: asyncio.run(log.read(service, held)))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Kept]:
    """Give a journal on disk."""
    with Bench(tmp_path / "state") as bench:
        yield Kept(bench)


def listing(stage: Kept) -> RolloutLog:
    """Return a log of which a screen shows all rollouts."""
    log = RolloutLog(stage.bench.clock)
    log.listing = True
    return log


def test_only_what_is_shown_whole_is_kept_whole(stage: Kept) -> None:
    over = [stage.over() for _ in range(4)]
    held, log = stage.begin(), listing(stage)
    stage.read(log, held)
    assert list(log.found) == [held]
    assert log.listed is not None
    assert [one.id for one in log.listed] == [held, *over[::-1]]
    assert [(one.ended, one.state) for one in log.listed[:2]] == [(0, RolloutState.RUNNING), (20, RolloutState.ENDED)]
    log.opened = over[0]
    stage.read(log, held)
    assert list(log.found) == [held, over[0]]


def test_a_plan_is_parsed_once(stage: Kept) -> None:
    held, log = stage.begin(), listing(stage)
    stage.read(log, held)
    (record, plan), version = log.found[held], log.version
    end(stage.kept, held, "d3", Verdict.SUCCESS)
    stage.read(log, held)
    assert log.version > version
    assert log.found[held][0] != record
    assert log.found[held][1] is plan


def test_rollouts_that_are_over_are_not_read_again(stage: Kept) -> None:
    log, rows = listing(stage), []
    for count in (1, 6):
        for _ in range(count):
            stage.over()
        first = stage.read(log)
        stage.kept.acknowledge("d0", "IDLE", f"note {count}")
        rows.append((first, stage.read(log)))
    assert rows[1][1] - rows[0][1] == 6, "a row for each, which says that it is as it was"
    assert rows[1][1] < DEVICES < rows[0][0]


def test_one_that_a_person_changes_is_read_again(stage: Kept) -> None:
    rollout, log = stage.over(), listing(stage)
    stage.over()
    stage.read(log)
    stage.kept.control(rollout, ControlKind.RETRY, device="d0", reason="again")
    stage.read(log)
    assert log.listed is not None
    assert (log.listed[1].ended, log.listed[1].over) == (DEVICES - 1, False)


def test_a_rollout_that_is_opened_is_read_at_once(stage: Kept) -> None:
    rollout, log, service = stage.over(), listing(stage), cast("FleetService", stage)
    stage.read(log)
    assert not log.due(service, ())
    stage.kept.acknowledge("d0", "IDLE", "what is new waits")
    assert not log.due(service, ())
    log.opened = rollout
    assert log.due(service, ())
    stage.read(log)
    stage.bench.clock.advance(LEAST_S)
    assert not log.due(service, ())
