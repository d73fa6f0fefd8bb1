"""A fault of the program itself while an engine drives: it is logged without a value, and the rollout goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rollout.test_rollout_engine import NEW, site
from simulation import SPEED, StartSimulator
from updeck.clock import SystemClock
from updeck.device import parse
from updeck.fleet.inventory import load_fleet
from updeck.journal.actor import this_actor
from updeck.journal.models import Verdict
from updeck.journal.store import Journal
from updeck.rollout.narration import news
from updeck.rollout.plan import Goal, Plan, PlannedDevice, PlannedImage, Source
from updeck.rollout.process import EngineProcess
from updeck.rollout.progress import RolloutState
from updeck.rollout.registration import register
from updeck.simulator.images import write_image
from updeck.simulator.options import ServeOptions
from updeck.simulator.threaded import running_in_thread

FAULTS = 2


def failing_first(times: int, work: Callable[..., Any]) -> Callable[..., Any]:
    """Return work that breaks so often before it is done."""
    left = iter(range(times))

    def broken(*given: Any) -> Any:
        if next(left, None) is not None:
            raise ZeroDivisionError("canary")
        return work(*given)

    return broken


async def test_a_fault_of_ours_with_a_device_keeps_no_rollout_from_its_end(
    simulator: StartSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(simulator, tmp_path, devices=1) as at:
        plan = at.plan()
        rollout = at.register(plan)
        monkeypatch.setattr(parse, "update", failing_first(FAULTS, parse.update))
        assert await at.drive(rollout, plan) is RolloutState.ENDED
        assert set(at.verdicts(rollout).values()) == {Verdict.SUCCESS}
        assert [at.counted(name)[:2] for name in at.simulator.names] == [(1, 1)]


def test_a_fault_of_ours_beside_the_engine_is_logged_and_what_goes_on_there_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_in_thread(ServeOptions(fleet_out=tmp_path / "fleet.toml", devices=1, speed=SPEED)) as simulator:
        fleet = load_fleet(simulator.fleet_path)
        (entry,) = fleet.devices
        image = tmp_path / "update.iso"
        write_image(image, NEW, 200_000)
        digest = hashlib.sha256(image.read_bytes()).hexdigest()
        meant = PlannedImage(NEW, Source.FILE, digest, image.stat().st_size, str(image))
        plan = Plan(
            meant, (PlannedDevice(entry.name, entry.url, 1, site=entry.site, pair=entry.pair),), until=Goal.STAGED
        )
        with closing(Journal.open(tmp_path / "state", actor=this_actor("cli"), clock=SystemClock())) as journal:
            rollout = register(plan, fleet, journal).id
        monkeypatch.setattr("updeck.rollout.process.news", failing_first(1, news))
        heard: list[str] = []
        record = EngineProcess(fleet, tmp_path / "state", tell=heard.append).run(rollout)
        (member,) = record.members
        assert member.attempt.end is not None
        assert member.attempt.end.verdict is Verdict.STAGED
        log = (tmp_path / "state" / f"engine-{rollout}.log").read_text()
        assert "crashed: this is a fault in updeck itself (ZeroDivisionError in test_rollout_own_faults.py:" in log
        assert "canary" not in log
        assert any("STAGED" in line for line in heard)
