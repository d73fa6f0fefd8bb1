"""A fleet on the screen over a real journal, in which a test plays the engine."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace

from fleet_fixture import Stage, device
from updeck.fleet.credentials import HandOver
from updeck.fleet.inventory import Fleet
from updeck.journal.models import Baseline, Op, Outcome, Verdict
from updeck.journal.plan_models import Control, Member, MilestoneKind, Position, RolloutRecord
from updeck.journal.store import Journal
from updeck.rollout.plan import Fence, Limits, Plan, PlannedDevice, PlannedImage, Promotion, Source
from updeck.rollout.plan_document import stored_plan

__all__ = ["NAMES", "NEW", "OLD", "SHORT", "World", "plan"]

OLD, NEW = "11.6.0 #23947", "11.8.0 #28924"
SHORT = "11.8.0"
NAMES = tuple(f"ar11-{place}" for place in ("ams", "fra", "lon", "mad", "mil", "osl", "par", "vie"))


def plan(*, fence: Fence = Fence.NONE, max_failures: int = 0) -> Plan:
    """Return a plan of two devices first, then three, then three."""
    devices = tuple(
        PlannedDevice(name, f"https://{name}", wave, serial=f"S-{name}")
        for name, wave in zip(NAMES, (1, 1, 2, 2, 2, 3, 3, 3), strict=True)
    )
    image = PlannedImage(NEW, Source.PRESENT)
    limits = Limits(max_failures=max_failures)
    return Plan(image, devices, fence=fence, limits=limits, promote=Promotion.MANUAL, ticket="CHG-4711")


class World(Stage):
    """A stage over a real journal, in which a test plays the engine."""

    def __init__(self, journal: Journal, engine: Journal, wanted: Plan) -> None:
        super().__init__([device(name) for name in NAMES])
        self.journal = journal
        self.fleet = Fleet(path=None)
        self.engine = engine
        members = [Member(one.name, one.wave, one.url) for one in wanted.devices]
        self.rollout = engine.register_plan(stored_plan(wanted), wanted.digest, members).id
        engine.take_over(self.rollout)
        for view in self.state.views():
            self.state.put(replace(view, record=journal.record(view.name)))

    def events_token(self) -> int:
        assert self.journal is not None
        return self.journal.change_token()

    def read_once(self, names: Iterable[str]) -> Future[None]:
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def at_hand(self, devices: Iterable[str]) -> Future[HandOver]:
        known: Future[HandOver] = Future()
        known.set_result(HandOver({}, {}))
        return known

    @property
    def record(self) -> RolloutRecord:
        """The rollout as the journal has it."""
        return self.engine.rollout(self.rollout)

    @property
    def asked(self) -> Control:
        """What a person asked last."""
        return self.record.controls[-1]

    def send(self, name: str, op: Op) -> None:
        """Have the engine send something that is accepted."""
        at = time.time()
        baseline = Baseline(at, "IDLE", 90, None, ((50, OLD),), OLD, "S", name, "m", f"https://{name}", expected=NEW)
        permit = self.engine.intend(self.rollout, name, op, baseline=baseline, allow=lambda record: None)
        self.engine.outcome(permit.intent_id, Outcome.ACCEPTED, status=204, error=None)

    def end(self, name: str, verdict: Verdict, reason: str = "") -> None:
        """Have the engine end an attempt."""
        self.engine.end(
            self.rollout, name, op=Op.START, verdict=verdict, reason=reason, last_state_time=100, target_version=NEW
        )

    def arm(self, name: str) -> None:
        """Bring a device to the fence."""
        self.send(name, Op.INIT)
        self.engine.milestone(self.rollout, name, MilestoneKind.INITIALIZED, last_state_time=100, target_version=NEW)
        self.engine.stand(self.rollout, [Position(name, "ARMED", "ready, waits for a person")])

    def canary_done(self) -> None:
        """End the first wave well."""
        for name in NAMES[:2]:
            self.end(name, Verdict.SUCCESS, f"{NEW} is proven")
