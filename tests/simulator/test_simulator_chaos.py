"""The scenario `chaos`: faults at random that can be had again, are bounded, and leave the devices mostly well."""

from __future__ import annotations

from itertools import islice, takewhile

import pytest

from simulation import StartSimulator
from updeck.simulator.chaos import CHOICES, GAP_S, LEFT_OUT, Chaos, Strike, schedule
from updeck.simulator.fault_kinds import KINDS, read_fault
from updeck.simulator.fleet import build_fleet
from updeck.simulator.options import Scenario
from updeck.simulator.serving import Simulator
from updeck.simulator.timeline import VirtualTimeline

DAY_S = 86_400.0


def day_of(seed: int, name: str = "ar11-fra-dc1") -> list[Strike]:
    """Return the faults of a day of device time."""
    return list(takewhile(lambda strike: strike.at_s < DAY_S, schedule(seed, name)))


def test_the_same_seed_gives_the_same_faults_and_another_seed_or_device_others() -> None:
    assert day_of(1) == day_of(1)
    assert day_of(1) != day_of(2)
    assert day_of(1) != day_of(1, "ar11-fra-dc2")


def test_every_fault_is_chosen_some_time_or_left_out_for_a_reason() -> None:
    chosen = {choice.fault for choice in CHOICES}
    assert chosen | set(LEFT_OUT) == set(KINDS)
    assert not chosen & set(LEFT_OUT)
    assert {str(strike.fault["fault"]) for strike in islice(schedule(7, "x"), 3000)} == chosen


@pytest.mark.parametrize("seed", range(5))
def test_every_fault_can_be_put_in_and_ends(seed: int) -> None:
    for strike in islice(schedule(seed, "x"), 500):
        read_fault(strike.fault)
        assert 0 < strike.lasts_s <= 300


@pytest.mark.parametrize("seed", range(5))
def test_devices_are_mostly_well(seed: int) -> None:
    strikes = day_of(seed)
    assert len(strikes) <= 2 * DAY_S / GAP_S
    assert sum(strike.lasts_s for strike in strikes) < DAY_S / 4


def test_a_login_is_never_answered_as_if_the_password_were_wrong() -> None:
    for strike in islice(schedule(3, "x"), 3000):
        if strike.fault["fault"] == "status":
            assert not str(strike.fault["path"]).endswith(("/login", "/token"))
            assert strike.fault["status"] != 403


def test_uploads_are_refused_at_their_beginning_and_in_their_midst() -> None:
    statuses = [one.fault for one in islice(schedule(3, "x"), 3000) if one.fault["fault"] == "status"]
    uploads = [fault for fault in statuses if fault["path"] == "/images/upload"]
    assert {"after_bytes" in fault for fault in uploads} == {True, False}
    assert 401 in {fault["status"] for fault in uploads if "after_bytes" in fault}
    assert not any("after_bytes" in fault for fault in statuses if fault["path"] != "/images/upload")


def armed(fleet: Simulator) -> dict[str, list[str]]:
    """Return which faults the devices have now."""
    return {name: [str(fault["fault"]) for fault in fleet.device(name).faults.describe()] for name in fleet.names}


async def test_the_fleet_has_the_scheduled_faults_at_their_times_and_none_in_between(
    simulator: StartSimulator,
) -> None:
    speed, seed = 60.0, 5
    fleet = await simulator(devices=3, seed=seed, scenario=Scenario.CHAOS, speed=speed, virtual=True)
    name = fleet.names[0]
    now_s = 0.0
    for strike in takewhile(lambda strike: strike.at_s < 20 * GAP_S, schedule(seed, name)):
        await fleet.advance((strike.at_s - now_s) / speed + 0.001)
        assert armed(fleet)[name] == [strike.fault["fault"]]
        await fleet.advance(strike.lasts_s / speed)
        assert armed(fleet)[name] == []
        now_s = strike.at_s + strike.lasts_s + 0.001 * speed


def test_devices_are_as_in_a_calm_fleet_otherwise() -> None:
    assert build_fleet(24, 3, Scenario.CHAOS) == build_fleet(24, 3, Scenario.CALM)


async def test_no_more_faults_come_once_it_is_stopped(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=2, virtual=True)
    assert isinstance(fleet.timeline, VirtualTimeline)
    chaos = Chaos([fleet.device(name) for name in fleet.names], seed=1, timeline=fleet.timeline, speed=600)
    assert fleet.timeline.pending() == 2
    chaos.stop()
    assert fleet.timeline.pending() == 0
