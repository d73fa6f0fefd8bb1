"""The engine on real sockets: what it sends, what it leaves alone, and which verdicts it gives."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

from simulation import StartSimulator
from updeck.clock import SystemClock
from updeck.device.trust import Tls
from updeck.device.versions import newer
from updeck.fleet.desk import Desk
from updeck.fleet.inventory import load_fleet
from updeck.fleet.state import FleetState
from updeck.journal.actor import this_actor
from updeck.journal.models import Verdict
from updeck.journal.plan_models import ControlKind, RolloutRecord
from updeck.journal.store import Journal
from updeck.rollout.engine import Engine
from updeck.rollout.plan import Fence, Goal, Limits, Plan, PlannedDevice, PlannedImage, Promotion, Source, Via
from updeck.rollout.progress import RolloutState
from updeck.rollout.registration import register
from updeck.simulator.images import write_image
from updeck.simulator.options import Scenario
from updeck.simulator.serving import Simulator

HANG_S = 60.0
NEW = "11.8.0 #28924"


class Site:
    """A simulated fleet, a plan for it, and a journal."""

    def __init__(self, simulator: Simulator, directory: Path) -> None:
        self.simulator = simulator
        self.fleet = load_fleet(simulator.fleet_path)
        self.journal = Journal.open(directory / "state", actor=this_actor("engine"), clock=SystemClock())
        image = directory / "update.iso"
        write_image(image, NEW, 200_000)
        self.image = PlannedImage(
            NEW, Source.FILE, hashlib.sha256(image.read_bytes()).hexdigest(), image.stat().st_size, str(image)
        )

    def plan(self, *names: str, waves: tuple[int, ...] = ()) -> Plan:
        chosen = names or self.simulator.names
        numbers = waves or (1,) * len(chosen)
        devices = tuple(
            PlannedDevice(entry.name, entry.url, wave, site=entry.site, pair=entry.pair)
            for name, wave in zip(chosen, numbers, strict=True)
            if (entry := self.fleet.get(name)) is not None
        )
        return Plan(self.image, devices)

    def register(self, plan: Plan) -> str:
        return register(plan, self.fleet, self.journal).id

    async def drive(self, rollout: str, plan: Plan) -> RolloutState:
        """Run an engine until it ends by itself."""
        async with self.engine(rollout, plan) as engine, asyncio.timeout(HANG_S):
            return await engine.run()

    @asynccontextmanager
    async def engine(self, rollout: str, plan: Plan) -> AsyncIterator[Engine]:
        assert self.journal.take_over(rollout) is not None
        desk = Desk.assemble(self.fleet, self.journal, state=FleetState(), clock=SystemClock(), random=Random(1))
        try:
            yield Engine(desk, self.journal, rollout, plan, clock=SystemClock())
        finally:
            await desk.close()
            self.journal.release()

    def verdicts(self, rollout: str) -> dict[str, Verdict | None]:
        record = self.record(rollout)
        return {one.device: None if one.attempt.end is None else one.attempt.end.verdict for one in record.members}

    def record(self, rollout: str) -> RolloutRecord:
        return self.journal.rollout(rollout)

    async def phase(self, rollout: str, name: str, phase: str) -> None:
        """Wait until the engine says that a device is in a phase."""
        while self.record(rollout).member(name).phase != phase:  # noqa: ASYNC110 (the journal tells nobody)
            await asyncio.sleep(0.01)

    def counted(self, name: str) -> tuple[object, object, object]:
        truth = self.simulator.truth(name)
        return truth["inits"], truth["starts"], truth["version"]


@asynccontextmanager
async def site(
    simulator: StartSimulator, directory: Path, *, devices: int = 3, scenario: Scenario = Scenario.CALM
) -> AsyncIterator[Site]:
    found = Site(await simulator(devices=devices, scenario=scenario), directory)
    try:
        yield found
    finally:
        found.journal.close()


async def test_a_fleet_is_brought_to_a_version(simulator: StartSimulator, tmp_path: Path) -> None:
    async with site(simulator, tmp_path) as at:
        ran = {name: str(at.counted(name)[2]) for name in at.simulator.names}
        plan = at.plan()
        rollout = at.register(plan)
        assert await at.drive(rollout, plan) is RolloutState.ENDED
        for name, verdict in at.verdicts(rollout).items():
            ahead = newer(ran[name], NEW)
            assert verdict is (Verdict.SKIPPED if ahead else Verdict.SUCCESS), name
            assert at.counted(name) == ((0, 0, ran[name]) if ahead else (1, 1, NEW))
        assert Verdict.SUCCESS in at.verdicts(rollout).values()


async def test_the_fence_keeps_every_box_up_until_a_person_arms_it(simulator: StartSimulator, tmp_path: Path) -> None:
    async with site(simulator, tmp_path, devices=2) as at:
        first, second = at.simulator.names
        plan = replace(at.plan(), fence=Fence.START)
        rollout = at.register(plan)
        async with at.engine(rollout, plan) as engine, asyncio.timeout(HANG_S):
            running = asyncio.create_task(engine.run())
            for name in (first, second):
                await at.simulator.until_state(name, "INITIALIZED")
            at.journal.control(rollout, ControlKind.ARM, device=first, value="11.8.0")
            await at.simulator.until(first, lambda device: device.state == "IDLE" and device.version == NEW)
            at.journal.control(rollout, ControlKind.SKIP, device=second, reason="not tonight")
            assert await running is RolloutState.ENDED
        assert at.verdicts(rollout) == {first: Verdict.SUCCESS, second: Verdict.SKIPPED}
        assert at.counted(second)[:2] == (1, 0)


async def test_a_box_that_lost_its_trust_on_the_way_is_held_before_its_start(
    simulator: StartSimulator, tmp_path: Path
) -> None:
    async with site(simulator, tmp_path, devices=1) as at:
        (name,) = at.simulator.names
        plan = replace(at.plan(), fence=Fence.START)
        rollout = at.register(plan)
        async with at.engine(rollout, plan) as engine, asyncio.timeout(HANG_S):
            running = asyncio.create_task(engine.run())
            await at.simulator.until_state(name, "INITIALIZED")
            await at.phase(rollout, name, "ARMED")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        (entry,) = at.fleet.devices
        at.fleet = replace(at.fleet, devices=(replace(entry, tls=Tls("insecure")),))
        at.journal.control(rollout, ControlKind.ARM, device=name, value="11.8.0")
        async with at.engine(rollout, plan) as engine, asyncio.timeout(HANG_S):
            running = asyncio.create_task(engine.run())
            await at.phase(rollout, name, "HELD")
            held = at.record(rollout).member(name)
            assert held.text == "the connection is insecure, and the plan does not allow that"
            at.journal.control(rollout, ControlKind.SKIP, device=name, reason="not like this")
            assert await running is RolloutState.ENDED
        assert at.counted(name)[:2] == (1, 0)


async def test_the_gate_closes_on_a_failure_and_the_next_wave_never_begins(
    simulator: StartSimulator, tmp_path: Path
) -> None:
    async with site(simulator, tmp_path, devices=2) as at:
        first, second = at.simulator.names
        at.simulator.fault(first, "run_failure_graceful")
        plan = replace(at.plan(waves=(1, 2)), promote=Promotion.AUTO)
        rollout = at.register(plan)
        assert await at.drive(rollout, plan) is RolloutState.STOPPED_BY_GATE
        assert at.verdicts(rollout) == {first: Verdict.FAILED_GRACEFUL, second: None}
        assert at.counted(second)[:2] == (0, 0)
        at.journal.control(rollout, ControlKind.REOPEN, value="1", reason="a full disk, known")
        assert await at.drive(rollout, plan) is RolloutState.ENDED
        assert at.verdicts(rollout)[second] is Verdict.SUCCESS


async def test_a_plan_that_ends_at_staged_takes_no_box_down(simulator: StartSimulator, tmp_path: Path) -> None:
    async with site(simulator, tmp_path, devices=2) as at:
        plan = replace(at.plan(), until=Goal.STAGED, limits=Limits(max_transfers=1))
        rollout = at.register(plan)
        assert await at.drive(rollout, plan) is RolloutState.ENDED
        assert set(at.verdicts(rollout).values()) == {Verdict.STAGED}
        assert all(at.counted(name)[:2] == (0, 0) for name in at.simulator.names)


async def test_misfits_get_the_verdict_that_their_truth_warrants(simulator: StartSimulator, tmp_path: Path) -> None:
    async with site(simulator, tmp_path, devices=12, scenario=Scenario.MIXED) as at:
        plan = replace(at.plan(), limits=Limits(max_failures=12))
        rollout = at.register(plan)
        await at.drive(rollout, plan)
        verdicts = at.verdicts(rollout)
        for name, verdict in verdicts.items():
            _, starts, version = at.counted(name)
            assert starts in (0, 1)
            assert (verdict is Verdict.SUCCESS) == (version == NEW and starts == 1), name
        assert verdicts[at.simulator.with_trait("failed_critical")] is Verdict.SKIPPED
        assert list(verdicts.values()).count(Verdict.SUCCESS) >= 5


async def test_the_record_of_a_fetch_does_not_hold_what_its_url_keeps_secret(
    simulator: StartSimulator, tmp_path: Path
) -> None:
    async with site(simulator, tmp_path, devices=1) as at:
        (name,) = at.simulator.names
        url = "http://127.0.0.1:9/new.iso?key=hidden"
        image = replace(at.image, source=Source.URL, location=url, size_bytes=None)
        plan = replace(at.plan(), image=image, until=Goal.STAGED, via=Via.FETCH)
        rollout = at.register(plan)
        await at.drive(rollout, plan)
        requests = at.simulator.truth(name)["requests"]
        assert isinstance(requests, list)
        assert any(one["path"].endswith("/images/fetch") for one in requests)
        intents = at.record(rollout).member(name).attempt.intents
        assert intents
        assert "hidden" not in repr(intents)
        assert "hidden" not in repr(at.journal.events())
