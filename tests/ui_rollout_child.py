"""The UI over a rollout in a journal, as a process of its own: `ui_rollout_child.py STATE DEVICES SPEED CHANGES_PER_S`.

Clocks run `SPEED` times as fast as the machine's. The first wave is down and stays so; of the others `CHANGES_PER_S`
change where they stand each second.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, cast

from fast_clock import FastClock
from fleet_fixture import ACTOR, Stage, device
from updeck.fleet.inventory import Fleet
from updeck.journal.models import Baseline, Op, Outcome
from updeck.journal.plan_models import Member, Position
from updeck.journal.store import Journal
from updeck.rollout.plan import Plan, PlannedDevice, PlannedImage, Source
from updeck.rollout.plan_document import stored_plan
from updeck.ui.launch import UiOptions, run_app

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService

OLD, NEW = "11.6.0 #23947", "11.8.0 #28924"
RENEW_S = 0.2


class Journaled(Stage):
    """A stage whose devices belong to one rollout."""

    def __init__(self, directory: Path, devices: int, clock: FastClock) -> None:
        super().__init__([device(f"ar11-{number:03}") for number in range(devices)])
        self.fleet = Fleet(path=None)
        self.journal = Journal.open(directory, actor=ACTOR, clock=clock)
        self.engine = Journal.open(directory, actor=replace(ACTOR, program="engine"), clock=clock)
        waves = [1 + (number >= devices // 6) + (number >= devices // 2) for number in range(devices)]
        planned = tuple(
            PlannedDevice(name, f"https://{name}", wave) for name, wave in zip(self.state.names, waves, strict=True)
        )
        plan = Plan(PlannedImage(NEW, Source.PRESENT), planned)
        members = [Member(one.name, one.wave, one.url) for one in planned]
        self.rollout = self.engine.register_plan(stored_plan(plan), plan.digest, members).id
        self.engine.take_over(self.rollout)
        for one in planned[: devices // 6]:
            self.send(one.name, clock.wall())
        for view in self.state.views():
            self.state.put(replace(view, record=self.engine.record(view.name)))

    def send(self, name: str, at: float) -> None:
        """Have the engine send init to a device, and see it go down."""
        baseline = Baseline(at, "IDLE", 90, None, ((50, OLD),), OLD, "S", name, "m", f"https://{name}", expected=NEW)
        permit = self.engine.intend(self.rollout, name, Op.INIT, baseline=baseline, allow=lambda record: None)
        self.engine.outcome(permit.intent_id, Outcome.ACCEPTED, status=204, error=None)
        self.engine.stand(self.rollout, [Position(name, "INITIALIZING", "Unpacking image")])

    def events_token(self) -> int:
        """Return what changes with the journal."""
        assert self.journal is not None
        return self.journal.change_token()


def live(stage: Journaled, changes_per_s: float) -> None:
    """Renew the engine's lease for ever, and let devices move."""
    beat, turn, owed = threading.Event(), count(), 0.0
    names = stage.state.names
    while not beat.wait(RENEW_S):
        stage.engine.renew()
        owed += changes_per_s * RENEW_S
        moved = []
        while owed >= 1:
            owed, number = owed - 1, next(turn)
            moved.append(Position(names[number * 7 % len(names)], "INITIALIZING", f"Unpacking image {number % 97} %"))
        if moved:
            stage.engine.stand(stage.rollout, moved)


def main() -> int:
    """Run the UI until it ends, and return its exit code."""
    clock = FastClock(float(sys.argv[3]))

    def open_service() -> FleetService:
        stage = Journaled(Path(sys.argv[1]), int(sys.argv[2]), clock)
        threading.Thread(target=live, args=(stage, float(sys.argv[4])), daemon=True).start()
        return cast("FleetService", stage)

    return run_app(open_service, UiOptions(fleet_name="pty", label="LAB", theme="dark"), clock=clock)


if __name__ == "__main__":
    sys.exit(main())
