"""Engines broken on purpose, one rule each: every one is caught, which shows that the promises can fail.

Each keeps the history that shows it at its plainest. With `UPDECK_HISTORIES` set, random histories must catch it too;
80 of them catch 22 of the 29.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from sqlite3 import Row
from typing import cast

import pytest

import world.world as stage
from updeck.device.models import Identity, Update, UpdateState
from updeck.errors import UpdeckError
from updeck.fleet import judge
from updeck.fleet.operations import Operations, Sending
from updeck.fleet.ruling import Ruling, Seen, Timers
from updeck.fleet.tracked import Tracked
from updeck.fleet.views import Phase, Reading
from updeck.journal import attempts, leases, plan_records
from updeck.journal.models import Baseline, Intent, Op, Outcome, RolloutRow, Verdict
from updeck.journal.permit import Permit
from updeck.journal.plan_models import MemberRecord, RolloutRecord
from updeck.journal.store import Journal
from updeck.journal.writing import Writing
from updeck.rollout import gate, standing
from updeck.rollout.decision import Case, Decision, End, Send
from updeck.rollout.engine import Engine
from updeck.rollout.plan import Plan
from updeck.rollout.standing import Gate
from updeck.rollout.window import Window
from world import planning
from world.device import OTHER
from world.histories import histories
from world.script import Act, Event, Fault, Run, Script, Temper

HISTORIES = int(os.environ.get("UPDECK_HISTORIES", "0"))
DECIDE = "updeck.rollout.decide"
ENGINE = "updeck.rollout.engine"

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Broken:
    """An engine with one rule broken, the promise that it breaks, and a history in which it does."""

    breaks: Callable[[Patch], None]
    promise: str
    script: Script


def _start_again(patch: Patch) -> None:
    from updeck.rollout.decide import _watched

    def watched(case: Case, start: Intent, timers: Timers) -> tuple[Timers, Decision]:
        unknown = start.outcome is not None and start.outcome.outcome is Outcome.UNKNOWN
        update = case.seen.update
        if unknown and start.try_ == 1 and update is not None and update.state == UpdateState.INITIALIZED:
            return timers, Send(Op.START, 2)
        return _watched(case, start, timers)

    def add_intent(
        writing: Writing, key: attempts.Key, epoch: int, baseline: Baseline, detail: Mapping[str, str]
    ) -> int:
        if (key.op, key.try_) != (Op.START, 2):
            return added(writing, key, epoch, baseline, detail)
        row = writing.tx.execute("SELECT id FROM intents WHERE device = ? AND op = 'start'", (key.device,)).fetchone()
        return int(row["id"])

    added = attempts.add_intent
    patch.setattr(attempts, "add_intent", add_intent)
    patch.setattr(f"{DECIDE}._watched", watched)


def _no_target(patch: Patch) -> None:
    patch.setattr(f"{DECIDE}.same_version", lambda one, other: True)


def _no_gate(patch: Patch) -> None:
    patch.setattr(gate, "gate_of", lambda record, plan: Gate(False, 0, 0))


def _gate_by_the_clock(patch: Patch) -> None:
    patch.setattr(standing, "order_of", lambda row: (0, row.at))


def _no_baseline(patch: Patch) -> None:
    def doubt(intent: Intent, seen: Seen, new: object, target: str | None) -> str | None:
        history = () if seen.update is None else seen.update.history
        return None if target in [entry.version for entry in history] else "not there"

    patch.setattr(judge, "_doubt", doubt)


def _list_order(patch: Patch) -> None:
    patch.setattr(Update, "newest", lambda self: self.history[-1])


def _unknown_is_success(patch: Patch) -> None:
    from updeck.rollout.decide import _verdict

    def verdict(ruling: Ruling) -> Decision:
        found = _verdict(ruling)
        return replace(found, verdict=Verdict.SUCCESS) if found == End(Verdict.REVIEW, _reason(found)) else found

    patch.setattr(f"{DECIDE}._verdict", verdict)


def _reason(decision: Decision) -> str:
    return decision.reason if isinstance(decision, End) else ""


def _unknown_is_refused(patch: Patch) -> None:
    def refused(intent: Intent) -> bool:
        return intent.outcome is not None and intent.outcome.outcome is not Outcome.ACCEPTED

    patch.setattr(f"{DECIDE}._refused", refused)


def _reset_running(patch: Patch) -> None:
    from updeck.rollout.decide import decide

    def decided(case: Case, timers: Timers) -> tuple[Timers, Decision]:
        update = case.seen.update
        if update is not None and update.state == UpdateState.RUNNING and case.last(Op.RESET) is None:
            return timers, Send(Op.RESET)
        return decide(case, timers)

    patch.setattr(f"{ENGINE}.decide", decided)


def _own_permission(patch: Patch) -> None:
    def intend(self: Engine, member: MemberRecord, send: Send, sending: Sending, journal: Journal) -> Permit:
        clock = self._clock
        return Permit(0, send.op, member.device, clock=clock, monotonic=clock.monotonic(), wall=clock.wall())

    patch.setattr(Engine, "_intend", intend)


def _no_lease(patch: Patch) -> None:
    def keep(writing: Writing, rollout: str, epoch: int | None) -> int:
        row = writing.tx.execute("SELECT epoch FROM leases WHERE rollout = ?", (rollout,)).fetchone()
        return int(row["epoch"])

    def rollout_of(row: Row, view: leases.View) -> RolloutRow:
        return replace(found(row, view), lease_ours=row["id"] in view.held)

    found = leases.rollout_of
    for module in (leases, plan_records):
        patch.setattr(module, "rollout_of", rollout_of)
    patch.setattr(leases, "keep", keep)
    patch.setattr(leases, "renew", lambda writing, held: ())


def _one_poll(patch: Patch) -> None:
    patch.setattr(planning, "PATIENCE", planning.PATIENCE._replace(success_polls=1, success=0.01))


def _without(rule: str) -> Callable[[Patch], None]:
    def breaks(patch: Patch) -> None:
        rules = cast("tuple[Callable[..., str | None], ...]", gate._DISRUPTIVE_RULES)
        patch.setattr(gate, "_DISRUPTIVE_RULES", tuple(one for one in rules if one.__name__ != rule))

    return breaks


def _no_window(patch: Patch) -> None:
    patch.setattr(gate, "window_refusal", lambda record, plan, now: None)


def _no_end_of_window(patch: Patch) -> None:
    def paused(record: RolloutRecord, plan: Plan, now: float, *, op: Op | None = None) -> str | None:
        return found(record, replace(plan, window=None), now, op=op)

    found = gate.paused
    patch.setattr(gate, "paused", paused)


def _no_last_start(patch: Patch) -> None:
    patch.setattr(Window, "last_start_at", property(lambda self: self.closes_at))


def _no_limit_of_transfers(patch: Patch) -> None:
    patch.setattr(gate, "_TRANSFER_RULES", ())


def _no_fence(patch: Patch) -> None:
    patch.setattr(gate, "fenced", lambda member, record, plan: None)
    patch.setattr(f"{DECIDE}._let_past_the_fence", lambda case, target: True)


def _no_waves(patch: Patch) -> None:
    patch.setattr(gate, "_closed_wave", lambda member, record, plan, now: None)


def _no_pause(patch: Patch) -> None:
    patch.setattr(gate, "paused", lambda record, plan, now, op=None: None)


def _no_abort(patch: Patch) -> None:
    patch.setattr(gate, "aborted", lambda record: None)
    patch.setattr(f"{DECIDE}._given_up", lambda case: None)


def _no_strangers(patch: Patch) -> None:
    patch.setattr(f"{DECIDE}._is", lambda milestone, update: True)


def _no_end(patch: Patch) -> None:
    patch.setattr(judge, "past", lambda timers, limit_s, polls=5: False)
    patch.setattr(judge, "out_of_time", lambda timers, limit_s: False)


def _reads_on(patch: Patch) -> None:
    async def not_sent(self: Engine, tracked: Tracked, member: MemberRecord, error: UpdeckError) -> None:
        await self._stand(tracked, Phase.WAITING, f"not sent: {error}")
        self._desk.poller.poke([member.device])

    patch.setattr(Engine, "_not_sent", not_sent)


def _any_box(patch: Patch) -> None:
    patch.setattr(Identity, "same_as", lambda self, other: True)


def _no_second_look(patch: Patch) -> None:
    async def fresh(self: Operations, tracked: Tracked) -> Reading | None:
        return tracked.reading

    async def check_again(self: Engine, tracked: Tracked, send: Send) -> None:
        pass

    patch.setattr(Operations, "fresh", fresh)
    patch.setattr(Engine, "_check_again", check_again)


ONE = Script(tempers=(Temper(),))
TWO = Script(tempers=(Temper(), Temper()))
DUE = "start only where it is due"
HANDS_OFF = "hands off what moves or is not known"
WINDOW = "the window is kept"
ASKED = "waves and requests of people are kept"

LATE_BESIDE_A_SLOW_ONE = Script(
    tempers=(Temper(init_s=290.0), Temper()), events=(Event(0.0, Act.FAULT, 1, 230.0, Fault.REFUSED),)
)

BROKEN: Mapping[str, Broken] = {
    "sends start again where its answer was lost": Broken(
        _start_again,
        "a key is sent at most once",
        Script(tempers=(Temper(late_start_s=20.0),), kills=(32,)),
    ),
    "starts whatever the target is": Broken(_no_target, DUE, Script(tempers=(Temper(took=OTHER),))),
    "has no gate": Broken(
        _no_gate,
        "nothing begins after the gate closed",
        Script(tempers=(Temper(init=Run.GRACEFUL), Temper()), waves=(1, 2)),
    ),
    "orders what opens and closes the gate by the clock": Broken(
        _gate_by_the_clock,
        "nothing begins after the gate closed",
        Script(
            tempers=(Temper(init=Run.GRACEFUL), Temper(init=Run.GRACEFUL), Temper()),
            waves=(1, 2, 3),
            events=(
                Event(40.0, Act.REOPEN, number=1),
                Event(41.0, Act.STEP, 0, -4000.0),
                Event(110.0, Act.RESOLVE, 1),
            ),
        ),
    ),
    "forgets the baseline": Broken(
        _no_baseline,
        "SUCCESS is true",
        Script(tempers=(Temper(run=Run.NOTHING, was_there=True, tells_version=False),)),
    ),
    "trusts the order of the history": Broken(
        _list_order, "SUCCESS is true", Script(tempers=(Temper(was_there=True, tells_version=False),))
    ),
    "rounds unknown to success": Broken(
        _unknown_is_success, "SUCCESS is true", Script(tempers=(Temper(run_s=2000.0),))
    ),
    "takes unknown for refused": Broken(
        _unknown_is_refused,
        "a failure is true",
        Script(tempers=(Temper(),), kills=(32,)),
    ),
    "resets what is RUNNING": Broken(_reset_running, HANDS_OFF, ONE),
    "permits itself to send": Broken(_own_permission, "nothing is sent without an intent", ONE),
    "asks for no lease": Broken(
        _no_lease,
        "only who drives sends",
        Script(
            tempers=(Temper(), Temper(), Temper()),
            max_parallel=1,
            events=(Event(40.0, Act.STOP, 0, 60.0), Event(105.0, Act.STOP, 0, 300.0)),
        ),
    ),
    "proves a success by one poll": Broken(_one_poll, "SUCCESS is true", Script(tempers=(Temper(run=Run.FALLS_BACK),))),
    "takes down as many as it likes": Broken(_without("_max_parallel"), "limits hold", replace(TWO, max_parallel=1)),
    "takes pairs down together": Broken(_without("_pair"), "limits hold", replace(TWO, pairs="aa")),
    "takes down a whole site": Broken(
        _without("_max_per_site"), "limits hold", replace(TWO, sites="ss", max_per_site=1)
    ),
    "lets all fetch at once": Broken(
        _no_limit_of_transfers,
        "limits hold",
        Script(tempers=(Temper(staged=False), Temper(staged=False)), source="url", max_transfers=1),
    ),
    "begins more while a box is past its soft limit": Broken(
        _without("_soft_hold"), "a soft limit holds what would begin", LATE_BESIDE_A_SLOW_ONE
    ),
    "does not wait for its window": Broken(_no_window, WINDOW, replace(ONE, window=(2, 5, 9))),
    "sends on when its window has ended": Broken(
        _no_end_of_window,
        WINDOW,
        Script(
            tempers=(Temper(run_s=290.0), Temper(staged=False)),
            source="file",
            window=(0, 2, 3),
            events=(Event(0.0, Act.FAULT, 1, 200.0, Fault.REFUSED), Event(240.0, Act.RELEASE)),
        ),
    ),
    "forgets the last start of its window": Broken(
        _no_last_start,
        WINDOW,
        replace(ONE, window=(0, 1, 9), events=(Event(0.0, Act.FAULT, 0, 60.0, Fault.REFUSED),)),
    ),
    "runs through the fence": Broken(_no_fence, ASKED, replace(ONE, fence=True)),
    "opens all waves at once": Broken(_no_waves, ASKED, replace(TWO, waves=(1, 2))),
    "goes on while paused": Broken(_no_pause, ASKED, replace(ONE, events=(Event(10.0, Act.PAUSE),))),
    "goes on when aborted": Broken(_no_abort, ASKED, replace(ONE, events=(Event(10.0, Act.ABORT),))),
    "takes a stranger's init for its own": Broken(
        _no_strangers, DUE, replace(ONE, events=(Event(0.0, Act.FOREIGN_INIT),))
    ),
    "tries at once again what it cannot read": Broken(
        _reads_on,
        "no device is stormed with questions",
        Script(tempers=(Temper(staged=False),), source="file", events=(Event(0.0, Act.UNPLUG, 0, 30.0),)),
    ),
    "waits for ever": Broken(_no_end, "every armed attempt ends", Script(tempers=(Temper(init=Run.NOTHING),))),
    "believes any box": Broken(_any_box, HANDS_OFF, replace(ONE, events=(Event(0.0, Act.FAULT, 0, 60.0, Fault.TWIN),))),
    "does not look again before it sends": Broken(
        _no_second_look, HANDS_OFF, replace(ONE, events=(Event(5.0, Act.FAULT, 0, 60.0, Fault.TWIN),))
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_engine_is_caught_that(name: str, monkeypatch: Patch) -> None:
    broken = BROKEN[name]
    whole = stage.live(broken.script)
    assert not whole.violations, whole.violations
    broken.breaks(monkeypatch)
    world = stage.live(broken.script)
    assert broken.promise in {one.name for one in world.violations}, "\n".join(
        [*world.story, *map(str, world.violations)]
    )


@pytest.mark.skipif(not HISTORIES, reason="only where UPDECK_HISTORIES asks for the long run")
@pytest.mark.parametrize("name", BROKEN)
def test_random_histories_catch_an_engine_that(name: str, monkeypatch: Patch) -> None:
    BROKEN[name].breaks(monkeypatch)
    found = (one.name for script in histories(1, HISTORIES) for one in stage.live(script).violations)
    assert next(found, None) is not None
