"""No haste confirms on a terminal: keys sent ahead in one write, a bracketed paste of the token, a bare enter.

Every dialog that acts is gone through in `test_ui_haste`, without a terminal.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from journal_plans import rollouts
from simulation import initialize
from terminal_fixture import SOURCE, on_terminal
from terminal_visitor import ESCAPE, HOME, Visitor
from updeck.clock import SystemClock
from updeck.journal.actor import this_actor
from updeck.journal.models import Baseline, Op, Outcome, Verdict
from updeck.journal.plan_models import Member, MilestoneKind, Position
from updeck.journal.store import Journal
from updeck.rollout.plan import Fence, Plan, PlannedDevice, PlannedImage, Promotion, Source
from updeck.rollout.plan_document import stored_plan
from updeck.simulator.images import write_image
from updeck.simulator.options import ServeOptions
from updeck.simulator.threaded import ThreadedSimulator, running_in_thread
from updeck.ui.actions import ACTIONS, Group

NEW = "11.12.0 #40000"
TOKEN = re.compile(r"type (.+) and press enter")


@dataclass(frozen=True)
class Bench:
    """A fleet of which one device is ready to start, a rollout that waits for its second wave, one at the fence."""

    simulator: ThreadedSimulator
    engine: Journal
    rollouts: tuple[str, str]
    environment: dict[str, str]

    def deeds(self) -> tuple[object, ...]:
        """Return all that was truly done or asked for so far."""
        sent: list[tuple[str, str]] = []
        for name in self.simulator.names[:2]:
            requests = self.simulator.truth(name)["requests"]
            assert isinstance(requests, list)
            calls = [(call["method"], call["path"]) for call in requests]
            sent += [call for call in calls if call[0] != "GET" and "system_update" in call[1]]
        return (sent, *(len(self.engine.rollout(one).controls) for one in self.rollouts))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Serve the fleet, and play the engine of the rollouts."""
    with ExitStack() as stack:
        options = ServeOptions(fleet_out=tmp_path / "fleet.toml", devices=5, seed=1, speed=600)
        simulator = stack.enter_context(running_in_thread(options))
        environment = {"UPDECK_STATE": str(tmp_path / "state"), "UPDECK_CONFIG": str(tmp_path)}
        ready, spare, first, second, fenced = simulator.names
        write_image(tmp_path / "new.iso", NEW, 100_000)
        updeck(environment, "images", "upload", str(tmp_path / "new.iso"), ready, spare)
        updeck(environment, "update", "init", ready, "--confirm", ready)
        actor = replace(this_actor("ui"), program="engine")
        engine = Journal.open(tmp_path / "state", actor=actor, clock=SystemClock())
        stack.callback(engine.close)
        waves = registered(engine, Plan(image(), (planned(first, 1), planned(second, 2)), promote=Promotion.MANUAL))
        engine.end(waves, first, op=Op.START, verdict=Verdict.SUCCESS, reason="", last_state_time=1, target_version=NEW)
        fence = registered(engine, Plan(image(), (planned(fenced, 1),), fence=Fence.START))
        base = Baseline(time.time(), "IDLE", 90, None, ((50, "1"),), "1", "S", fenced, "m", "https://x", expected=NEW)
        permit = engine.intend(fence, fenced, Op.INIT, baseline=base, allow=lambda record: None)
        engine.outcome(permit.intent_id, Outcome.ACCEPTED, status=204, error=None)
        engine.milestone(fence, fenced, MilestoneKind.INITIALIZED, last_state_time=100, target_version=NEW)
        engine.stand(fence, [Position(fenced, "ARMED", "waits at the fence for a person")])
        yield Bench(simulator, engine, (waves, fence), environment)


def image() -> PlannedImage:
    """Return the image of both plans."""
    return PlannedImage(NEW, Source.PRESENT)


def planned(name: str, wave: int) -> PlannedDevice:
    """Return a device of a plan."""
    return PlannedDevice(name, f"https://{name}", wave, serial="S")


def registered(engine: Journal, plan: Plan) -> str:
    """Register a plan that the engine drives."""
    members = [Member(one.name, one.wave, one.url) for one in plan.devices]
    rollout = engine.register_plan(stored_plan(plan), plan.digest, members).id
    assert engine.take_over(rollout) is not None
    return rollout


def updeck(environment: dict[str, str], *words: str) -> None:
    """Run a command that has to succeed."""
    told = {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(SOURCE), **environment}
    done = subprocess.run([sys.executable, "-m", "updeck", *words], env=told, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def haste(visitor: Visitor, deeds: Callable[[], object], keys: str, back: str) -> None:
    """Open a dialog by a key, and do all that a person in haste does; nothing may come of it."""
    before = deeds()
    shown = visitor.press(keys, "and press enter")
    found = TOKEN.search(shown)
    assert found is not None
    token = found[1].strip()
    visitor.press("\r", back)
    assert deeds() == before, "enter went to Cancel, which has the focus"
    visitor.press(f"{keys}{token}\r")
    leave(visitor, back)
    assert deeds() == before, "what was typed ahead was meant for no dialog"
    visitor.press(keys, "and press enter")
    visitor.press(f"\x1b[200~{token}\r\x1b[201~", "a paste confirms nothing")
    visitor.press("\r")
    leave(visitor, back)
    assert deeds() == before, "a paste confirms nothing"
    visitor.press(keys, "and press enter")
    visitor.press(f"{token[:-1]}\r", "still missing")
    leave(visitor, back)
    assert deeds() == before, "the token was not complete"


def leave(visitor: Visitor, back: str) -> None:
    """Leave whatever is open, unless it has closed already."""
    if back not in visitor.look() or "[ C" in visitor.look():
        visitor.leave(back)


def test_no_haste_un_inits_a_device_on_a_terminal_and_the_same_token_typed_does(tmp_path: Path) -> None:
    with running_in_thread(ServeOptions(fleet_out=tmp_path / "fleet.toml", devices=1, seed=1, speed=600)) as simulator:
        (name,) = simulator.names
        initialize(simulator, name, tmp_path / "new.iso", NEW)
        environment = {"UPDECK_STATE": str(tmp_path / "state"), "UPDECK_CONFIG": str(tmp_path)}
        with on_terminal("-m", "updeck", environment=environment) as terminal:
            terminal.until(lambda seen: "INITIALIZED" in seen.text)
            visitor = Visitor(terminal, 120, 40)
            haste(visitor, lambda: simulator.truth(name)["resets"], "X", HOME)
            visitor.press("X", "and press enter")
            visitor.press(f"{name}\r", "un-init (reset) accepted")
        assert simulator.truth(name)["resets"] == 1


@pytest.mark.long
def test_no_haste_starts_resets_or_deletes_at_a_device(bench: Bench) -> None:
    with on_terminal("-m", "updeck", environment=bench.environment) as terminal:
        terminal.until(lambda seen: "start?" in seen.text)
        visitor = Visitor(terminal, 120, 40)
        visitor.go_to(bench.simulator.names[0])
        haste(visitor, bench.deeds, "S", HOME)
        haste(visitor, bench.deeds, "X", HOME)
        visitor.go_to(bench.simulator.names[1])
        visitor.press("\t\t")
        haste(visitor, bench.deeds, "D", HOME)
        done = bench.deeds()
        token = TOKEN.search(visitor.press("D", "and press enter"))
        assert token is not None
        visitor.press(f"{token[1].strip()}\r", "delete accepted")
        assert bench.deeds() != done, "the same token typed does it"


@pytest.mark.long
def test_no_haste_promotes_aborts_or_lets_a_device_past_the_fence(bench: Bench) -> None:
    with on_terminal("-m", "updeck", environment=bench.environment) as terminal:
        terminal.until(lambda seen: "5 devices" in seen.text and "rollout" in seen.text)
        visitor = Visitor(terminal, 120, 40)
        visitor.look()
        waves, fence = bench.rollouts
        for rollout, keys in ((waves, "P"), (waves, "A"), (fence, "S")):
            visitor.press("R", "Rollouts")
            if rollout == waves:
                visitor.press("j")
            visitor.press("\r", bench.simulator.names[2 if rollout == waves else 4])
            haste(visitor, bench.deeds, keys, "esc back")
            visitor.leave("Rollouts")
            visitor.leave(HOME)


@pytest.mark.long
def test_a_burst_behind_the_key_that_plans_registers_nothing(bench: Bench) -> None:
    with on_terminal("-m", "updeck", environment=bench.environment) as terminal:
        terminal.until(lambda seen: "start?" in seen.text)
        visitor = Visitor(terminal, 120, 40)
        before = len(rollouts(bench.engine))
        visitor.go_to(bench.simulator.names[0])
        visitor.press(f"n\r\r\r\r\r\r\r1 {NEW}\r")
        assert len(rollouts(bench.engine)) == before
        visitor.leave(HOME)
        assert len(rollouts(bench.engine)) == before
        visitor.press(ESCAPE)


READ_ONLY_KEYS = [
    key
    for action in ACTIONS
    for key in (action.key, *action.also)
    if action.group in (Group.ACT, Group.ROLLOUT) and action.id not in ("pause", "brake") and len(key) == 1
]
"""What acts on a rollout's screen; to pause is for everyone who sees it."""


@pytest.mark.long
def test_no_key_of_a_rollout_asks_for_anything_when_read_only(bench: Bench) -> None:
    with on_terminal("-m", "updeck", "--read-only", environment=bench.environment) as terminal:
        terminal.until(lambda seen: "5 devices" in seen.text and "rollout" in seen.text)
        visitor = Visitor(terminal, 120, 40)
        visitor.look()
        before = bench.deeds()
        for rollout, device in zip(bench.rollouts, (2, 4), strict=True):
            visitor.press("R", "Rollouts")
            if rollout == bench.rollouts[0]:
                visitor.press("j")
            visitor.press("\r", bench.simulator.names[device])
            for key in READ_ONLY_KEYS:
                shown = visitor.press(key)
                if (found := TOKEN.search(shown)) is not None:
                    visitor.press(f"{found[1].strip()}\r")
                if "esc back" not in visitor.press("y"):
                    visitor.leave("esc back")
                assert bench.deeds() == before, key
            visitor.leave("Rollouts")
            visitor.leave(HOME)


def kept(bench: Bench) -> tuple[object, ...]:
    """Return all that dialogs could have changed: calls, wishes, logins, notes, verdicts of people, the inventory."""
    names = bench.simulator.names
    return (
        bench.deeds(),
        [bench.simulator.truth(name)["logins"] for name in names[:2]],
        [bench.engine.record(name).acknowledged_note for name in names],
        [one.attempt.resolve for rollout in bench.rollouts for one in bench.engine.rollout(rollout).members],
        (Path(bench.environment["UPDECK_CONFIG"]) / "fleet.toml").read_bytes(),
    )


def hurry(visitor: Visitor, bench: Bench, keys: str, answer: str, shown: str, back: str) -> None:
    """Answer a dialog in the burst that opens it, then by a paste; nothing may come of either."""
    before = kept(bench)
    visitor.press(f"{keys}{answer}")
    leave(visitor, back)
    assert kept(bench) == before, (keys, "what was typed ahead was meant for no dialog")
    visitor.press(keys, shown)
    visitor.press(f"\x1b[200~{answer}\x1b[201~")
    leave(visitor, back)
    assert kept(bench) == before, (keys, "a paste answers nothing")


@pytest.mark.long
def test_no_haste_trusts_a_certificate(bench: Bench) -> None:
    name = bench.simulator.names[1]
    inventory = Path(bench.environment["UPDECK_CONFIG"]) / "fleet.toml"
    pin = bench.simulator.fingerprint(name)
    assert pin is not None
    inventory.write_text(inventory.read_text().replace(pin, f"sha256:{'0' * 64}"))
    with on_terminal("-m", "updeck", environment=bench.environment) as terminal:
        terminal.until(lambda seen: "trust certificate" in seen.text)
        visitor = Visitor(terminal, 120, 40)
        visitor.go_to(name)
        hurry(visitor, bench, "c", f"trust {name}\r", "and press enter", HOME)
        hurry(visitor, bench, "c", "y", "and press enter", HOME)
        visitor.press("c", "and press enter")
        visitor.press(f"trust {name}\r", "is trusted now")
        assert pin in inventory.read_text(), "the same typed does it"
