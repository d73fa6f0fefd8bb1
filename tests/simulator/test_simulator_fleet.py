"""Fleets made from a seed: realistic, reproducible, and with the misfits that the scenario promises."""

from __future__ import annotations

import pytest

from updeck.simulator.blueprint import Blueprint
from updeck.simulator.fleet import build_fleet
from updeck.simulator.options import Scenario


def healthy(device: Blueprint) -> bool:
    return device.state == "IDLE" and not device.traits


def traits(fleet: tuple[Blueprint, ...]) -> set[str]:
    return {trait for device in fleet for trait in device.traits}


@pytest.mark.parametrize("scenario", Scenario)
def test_the_same_seed_gives_the_same_fleet_and_another_seed_another(scenario: Scenario) -> None:
    assert build_fleet(60, 7, scenario) == build_fleet(60, 7, scenario)
    assert build_fleet(60, 7, scenario) != build_fleet(60, 8, scenario)


@pytest.mark.parametrize("count", [1, 4, 12, 60, 1000])
@pytest.mark.parametrize("scenario", Scenario)
def test_every_device_has_its_own_name_and_serial(count: int, scenario: Scenario) -> None:
    fleet = build_fleet(count, 1, scenario)
    serials = [device.serial for device in fleet if device.serial]
    assert len({device.name for device in fleet}) == count
    assert len(set(serials)) == len(serials)


def test_in_calm_all_are_well_and_a_larger_fleet_begins_with_the_smaller() -> None:
    fleet = build_fleet(60, 1, Scenario.CALM)
    assert all(healthy(device) for device in fleet)
    assert fleet[:12] == build_fleet(12, 1, Scenario.CALM)


@pytest.mark.parametrize("seed", range(20))
def test_twelve_mixed_devices_hold_the_misfits_that_matter_and_at_least_five_are_well(seed: int) -> None:
    fleet = build_fleet(12, seed, Scenario.MIXED)
    assert sum(healthy(device) for device in fleet) >= 5
    assert healthy(fleet[0])
    assert traits(fleet) >= {
        "unreachable",
        "certificate_changed",
        "password_expired",
        "failed_critical",
        "failed_graceful",
        "wrong_clock",
        "two_valid",
        "ambiguous_target",
        "foreign_init",
        "no_history",
        "empty_serial",
    }


def test_larger_mixed_fleets_hold_a_running_device_and_one_with_another_service_as_well() -> None:
    assert traits(build_fleet(24, 1, Scenario.MIXED)) >= {"running", "other_service", "foreign_init", "wrong_clock"}


@pytest.mark.parametrize("count", [12, 60, 250])
def test_most_devices_of_a_mixed_fleet_can_be_seen(count: int) -> None:
    fleet = build_fleet(count, 3, Scenario.MIXED)
    assert sum(device.unreachable for device in fleet) < count / 4


def test_histories_are_in_order_and_end_at_the_version_that_runs() -> None:
    for device in build_fleet(250, 5, Scenario.MIXED):
        times = [entry.time for entry in device.history]
        assert times == sorted(set(times))
        assert not device.history or device.history[-1].version == device.version


def test_both_data_centre_boxes_of_a_city_are_a_pair() -> None:
    fleet = build_fleet(12, 1, Scenario.CALM)
    pairs = [device.pair for device in fleet if device.pair]
    assert [fleet[0].name, fleet[1].name] == ["ar11-fra-dc1", "ar11-fra-dc2"]
    assert pairs == [fleet[0].pair] * 2
