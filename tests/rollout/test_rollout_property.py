"""The promises of `rollout.md` 9 on the real engine, decide, gate and journal, in virtual time.

`UPDECK_HISTORIES=5000` lives through that many random histories for each seed, and kills at every point of every fixed
history; without it, some seconds of the one, and of the shortest history every point at which something has changed. A
failure prints the seed and the smallest history that breaks the promise, which can be pasted into
`test_rollout_counterexamples.py`. With `UPDECK_SEED` the seeds begin at that number.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

import pytest

from world.device import NEW, OTHER
from world.histories import histories, smallest
from world.script import Act, Event, Fault, Run, Script, Temper, Transfer
from world.world import World, live

HISTORIES = int(os.environ.get("UPDECK_HISTORIES", "0"))
FIRST = int(os.environ.get("UPDECK_SEED", "1"))
SEEDS = (FIRST, FIRST + 1, FIRST + 2)
STRIDE = 7
"""Each how many-th point at which something has changed is one to die at, in a longer history."""

WHOLE = ("one image that is there",)
"""Histories that an engine dies at every point of at which something has changed, each time."""

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


def broken(script: Script) -> set[str]:
    """Return the promises that a history breaks."""
    return {one.name for one in live(script).violations}


def _breaks(names: set[str], script: Script) -> bool:
    return bool(names & broken(script))


@pytest.mark.parametrize("number", SEEDS)
def test_no_random_history_breaks_a_promise(number: int) -> None:
    for index, script in enumerate(histories(number, HISTORIES or 12)):
        names = broken(script)
        if names:
            least = smallest(script, partial(_breaks, names))
            pytest.fail(f"seed {number}, history {index}\n{told(live(least))}")


@pytest.mark.parametrize("name", FIXED)
def test_an_engine_may_die_at_any_point(name: str) -> None:
    script = FIXED[name]
    whole = live(script)
    assert not whole.violations, told(whole)
    changed = whole.changed[:: 1 if name in WHOLE else STRIDE]
    for point in range(1, whole.points + 1) if HISTORIES else changed:
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


def test_a_soft_limit_holds_what_would_begin_and_lets_go_by_itself() -> None:
    script = Script(
        tempers=(Temper(init_s=290.0), Temper()),
        fence=True,
        events=(Event(0.0, Act.FAULT, 1, 230.0, Fault.REFUSED), Event(500.0, Act.ARM, 0)),
    )
    world = live(script)
    assert not world.violations, told(world)
    (begun,) = (one.at for one in world.arrivals if (one.device, one.op) == ("d1", "init"))
    (started,) = (one.at for one in world.arrivals if (one.device, one.op) == ("d0", "start"))
    initialized = 290.0
    assert initialized < begun < started


def test_a_window_that_ends_pauses_until_a_person_confirms_anew() -> None:
    events = (Event(0.0, Act.FAULT, 1, 200.0, Fault.REFUSED), Event(400.0, Act.RESUME))
    world = live(Script(tempers=(Temper(), Temper()), window=(0, 2, 3), events=events))
    assert not world.violations, told(world)
    begun = {one.device: one.at for one in world.arrivals if one.op == "init"}
    assert begun["d0"] < 100.0
    assert begun["d1"] > 400.0
    assert {str(verdict) for verdict in world.verdicts.values()} == {"SUCCESS"}


@pytest.mark.parametrize("seconds", [-4000.0, 4000.0])
def test_a_window_goes_by_the_clock_as_it_is_set_right(seconds: float) -> None:
    world = live(Script(tempers=(Temper(),), window=(2, 5, 9), events=(Event(5.0, Act.STEP, 0, seconds),)))
    assert not world.violations, told(world)
    assert {str(verdict) for verdict in world.verdicts.values()} == {"SUCCESS"}


SPECIFIED: Mapping[str, tuple[Fault | Act, ...]] = {
    "connection refused": (Fault.REFUSED,),
    "reset before and after the request": (Fault.RESET_BEFORE, Fault.RESET_AFTER),
    "black hole": (Fault.BLACK_HOLE, Fault.BLACK_HOLE_AFTER),
    "slow drip": (Fault.SLOW,),
    "truncated body": (Fault.TRUNCATED, Fault.BROKEN_UPLOAD),
    "wrong length": (Fault.WRONG_LENGTH,),
    "401 mid-way, 403, 404, 409, 413, 429": (
        *(Fault.AUTH, Fault.FORBIDDEN, Fault.UNSUPPORTED, Fault.REFUSAL, Fault.TOO_LARGE, Fault.TOO_MANY),
    ),
    "500, 502 in HTML, 503, 507": (Fault.ERROR_500, Fault.HTML_502, Fault.UNAVAILABLE, Fault.NO_ROOM),
    "invalid, huge, deep JSON": (Fault.GARBLED, Fault.HUGE, Fault.DEEP),
    "unknown state, missing fields, wrong types": (Fault.UNKNOWN_STATE, Fault.MISSING, Fault.TYPES),
    "NaN progress": (Fault.ODD_PROGRESS,),
    "clock jump": (Act.STEP, Act.DEVICE_CLOCK),
    "duplicate, reordered, stale answers": (Fault.DUPLICATE, Fault.REORDERED, Fault.STALE),
    "certificate change, another device at the address": (Fault.CERTIFICATE, Fault.IDENTITY, Fault.TWIN),
    "disk full, journal locked": (Act.FULL, Act.LOCK),
    "engine killed, stopped and continued": (Act.KILL, Act.STOP),
    "a foreign actor": (Act.FOREIGN_INIT, Act.FOREIGN_START, Act.FOREIGN_RESET),
}
"""The faults of `rollout.md` 9; late history, several reboots and new certificates are tempers of devices."""


def test_random_histories_hold_every_fault_of_the_specification() -> None:
    events = [event for script in histories(1, 2000) for event in script.events]
    drawn = {event.act for event in events} | {event.fault for event in events if event.act is Act.FAULT}
    assert {one for some in SPECIFIED.values() for one in some} <= drawn
    tempers = [temper for script in histories(1, 200) for temper in script.tempers]
    assert any(one.late_history_s for one in tempers)
    assert any(one.reboots > 1 for one in tempers)
    assert any(one.new_certificate for one in tempers)
