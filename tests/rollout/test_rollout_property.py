"""The promises of `rollout.md` 9 on the real engine, decide, gate and journal, in virtual time.

`UPDECK_HISTORIES=5000` lives through that many random histories for each seed, and kills at every point; without it,
some seconds of both. A failure prints the seed and the smallest history that hypothesis found, which can be pasted
into `test_rollout_counterexamples.py`.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, seed, settings

from world.device import NEW, OTHER
from world.histories import histories
from world.script import Act, Event, Fault, Run, Script, Temper, Transfer
from world.world import World, live

HISTORIES = int(os.environ.get("UPDECK_HISTORIES", "0"))
SEEDS = (1, 2, 3)
STRIDE = 1 if HISTORIES else 11
"""Each how many-th point of a fixed history is one to die at."""

FIXED = {
    "one image that is there": Script(tempers=(Temper(),)),
    "an upload that breaks once": Script(
        tempers=(Temper(staged=False, transfer=Transfer.BROKEN, broken_first=1),), source="file"
    ),
    "two waves and a wrong target": Script(
        tempers=(Temper(took=OTHER), Temper()), waves=(1, 2), max_failures=1, manual=True
    ),
    "answers that get lost": Script(
        tempers=(Temper(late_start_s=20.0), Temper(reboots=3)),
        max_parallel=1,
        events=(
            Event(0.0, Act.FAULT, 0, 60.0, Fault.RESET_AFTER),
            Event(0.0, Act.FAULT, 1, 40.0, Fault.SLOW),
            Event(70.0, Act.FAULT, 1, 60.0, Fault.BLACK_HOLE_AFTER),
        ),
    ),
    "a fence and a failure": Script(
        tempers=(Temper(run=Run.GRACEFUL), Temper(new_certificate=True)),
        pairs="aa",
        fence=True,
        max_failures=1,
        events=(Event(40.0, Act.ARM, 0), Event(41.0, Act.ARM, 1)),
    ),
}


def told(world: World) -> str:
    """Return what was broken, with the story that led there."""
    return "\n".join([repr(world.script), *(f"{one.name}: {one.text}" for one in world.violations), *world.story[-60:]])


@pytest.mark.parametrize("number", SEEDS)
def test_no_random_history_breaks_a_promise(number: int) -> None:
    @seed(number)
    @settings(
        max_examples=HISTORIES or 25,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(histories())
    def promises_hold(script: Script) -> None:
        world = live(script)
        assert not world.violations, f"seed {number}\n{told(world)}"

    promises_hold()


@pytest.mark.parametrize("name", FIXED)
def test_an_engine_may_die_at_any_point(name: str) -> None:
    script = FIXED[name]
    whole = live(script)
    assert not whole.violations, told(whole)
    for point in range(1, whole.points + 1, STRIDE):
        world = live(Script(**{**vars(script), "kills": (point,)}))
        assert not world.violations, f"killed at point {point}\n{told(world)}"
        assert set(world.verdicts) == set(whole.verdicts), told(world)


def test_all_is_well_where_nothing_goes_wrong() -> None:
    world = live(Script(tempers=(Temper(), Temper(), Temper(staged=False)), source="file", waves=(1, 2, 2)))
    assert not world.violations, told(world)
    assert {str(verdict) for verdict in world.verdicts.values()} == {"SUCCESS"}
    assert all(device.version == NEW for device in world.devices.values())


def test_read_only_sends_nothing() -> None:
    world = live(Script(tempers=(Temper(),), read_only=True, events=(Event(60.0, Act.ABORT),)))
    assert not world.violations, told(world)
    assert not world.arrivals


def test_of_two_engines_the_one_that_slept_sends_nothing() -> None:
    script = Script(tempers=(Temper(), Temper()), max_parallel=1, events=(Event(22.0, Act.STOP, 0, 100.0),))
    world = live(script)
    assert not world.violations, told(world)
    late = {one.pid for one in world.arrivals if one.at > 52.0}
    assert len(late) == 1
    assert world.processes[0].actor.pid not in late


@pytest.mark.parametrize("act", [Act.LOCK, Act.FULL])
def test_a_journal_that_cannot_be_written_sends_nothing_and_goes_on_later(act: Act) -> None:
    world = live(Script(tempers=(Temper(),), events=(Event(5.0, act, 0, 60.0),)))
    assert not world.violations, told(world)
    assert not [one for one in world.arrivals if 5.0 < one.at < 65.0]
    assert {str(verdict) for verdict in world.verdicts.values()} == {"SUCCESS"}
