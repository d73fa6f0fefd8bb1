"""The life of one device in virtual time: init, run, reboots, history, and the ways in which they go wrong."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updeck.simulator.access import Credentials
from updeck.simulator.blueprint import Blueprint
from updeck.simulator.descriptions import describe_update, truth_of
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.fleet import build_fleet
from updeck.simulator.misfits import image_of, running
from updeck.simulator.options import AuthMode, Scenario
from updeck.simulator.refusal import Refusal
from updeck.simulator.script import Cue, Ending, run_script
from updeck.simulator.timeline import VirtualTimeline

WALL = 1_800_000_000.0
TARGET = "11.8.0 #28924"
STAGED: Blueprint = replace(build_fleet(1, 1, Scenario.CALM)[0], images=(image_of(1, TARGET),), reboots=1)


def switched_on(blueprint: Blueprint = STAGED, speed: float = 1.0) -> tuple[SimulatedDevice, VirtualTimeline]:
    timeline = VirtualTimeline(WALL)
    device = SimulatedDevice(
        blueprint,
        timeline=timeline,
        speed=speed,
        credentials=Credentials("admin", "secret", "code"),
        auth=AuthMode.ANY,
        token_life_s=3600,
    )
    device.switch_on()
    return device, timeline


def initialized(blueprint: Blueprint = STAGED) -> tuple[SimulatedDevice, VirtualTimeline]:
    device, timeline = switched_on(blueprint)
    device.init()
    timeline.advance(120)
    assert device.state == "INITIALIZED"
    return device, timeline


@pytest.mark.parametrize("speed", [0.5, 1.0, 30.0])
def test_init_takes_two_minutes_and_a_run_ten_divided_by_the_speed(speed: float) -> None:
    device, timeline = switched_on(speed=speed)
    device.init()
    timeline.advance(119 / speed)
    assert device.state == "INITIALIZING"
    timeline.advance(1 / speed)
    assert (device.state, device.target_version) == ("INITIALIZED", TARGET)
    device.start()
    timeline.advance(599 / speed)
    assert device.state == "RUNNING"
    timeline.advance(2 / speed)
    assert (device.state, device.version, device.target_version) == ("IDLE", TARGET, None)


def test_the_device_clock_runs_at_one_whatever_the_speed() -> None:
    device, timeline = switched_on(speed=30)
    timeline.advance(100)
    assert device.now() == WALL + 100


@given(speed=st.floats(0.1, 1e6))
def test_the_new_history_entry_is_later_than_initialized_at_any_speed(speed: float) -> None:
    device, timeline = switched_on(speed=speed)
    device.init()
    timeline.advance(121 / speed)
    at = device.last_state_time
    device.start()
    timeline.advance(601 / speed)
    assert device.state == "IDLE"
    assert device.history[-1].version == TARGET
    assert device.history[-1].time >= at + 1
    assert len(device.history) == len(STAGED.history) + 1


@pytest.mark.parametrize("reboots", [1, 2, 5])
def test_the_box_goes_down_during_the_run_as_often_as_its_blueprint_says(reboots: int) -> None:
    device, timeline = initialized(replace(STAGED, reboots=reboots))
    seen: list[bool] = []
    device.watch(lambda: seen.append(device.reachable))
    device.start()
    timeline.advance(600)
    falls = sum(before and not after for before, after in pairwise(seen))
    assert falls == reboots
    assert device.reachable


def test_a_reboot_ends_every_session() -> None:
    device, timeline = initialized()
    session = device.access.log_in("admin", "secret")
    device.access.check(None, session)
    device.start()
    timeline.advance(600)
    with pytest.raises(Refusal, match="not known"):
        device.access.check(None, session)


@pytest.mark.parametrize(
    ("state", "refused"),
    [
        ("IDLE", {"start", "reset"}),
        ("INITIALIZING", {"init", "start"}),
        ("INITIALIZED", {"init"}),
        ("RUNNING", {"init", "start", "reset"}),
        ("FAILED_GRACEFUL", {"init", "start"}),
        ("FAILED_CRITICAL", {"init", "start"}),
    ],
)
@pytest.mark.parametrize("call", ["init", "start", "reset"])
def test_a_call_in_the_wrong_state_is_409_and_changes_nothing(state: str, refused: set[str], call: str) -> None:
    device, _ = switched_on(replace(STAGED, state=state, state_age_s=1.0))
    before = truth_of(device)
    act = {"init": device.init, "start": device.start, "reset": device.reset}[call]
    if call not in refused:
        act()
        assert truth_of(device)[f"{call}s"] == 1
        return
    with pytest.raises(Refusal) as refusal:
        act()
    assert refusal.value.status == 409
    assert truth_of(device) == before


def test_init_without_a_valid_image_is_409() -> None:
    device, _ = switched_on(replace(STAGED, images=()))
    with pytest.raises(Refusal, match="no valid image"):
        device.init()


def test_init_takes_the_image_that_came_last() -> None:
    device, timeline = switched_on(replace(STAGED, images=(image_of(4, "11.10.0"), image_of(3, TARGET))))
    device.init()
    timeline.advance(120)
    assert device.target_version == "11.10.0"


def test_reset_during_init_ends_it() -> None:
    device, timeline = switched_on()
    device.init()
    timeline.advance(60)
    device.reset()
    timeline.advance(1000)
    assert (device.state, device.target_version) == ("IDLE", None)


def test_a_device_that_is_switched_on_in_the_middle_of_a_run_ends_it() -> None:
    device, timeline = switched_on(running(STAGED))
    assert device.state == "RUNNING"
    timeline.advance(600)
    assert (device.state, device.version) == ("IDLE", TARGET)


def test_a_device_that_names_no_target_still_installs_its_newest_image() -> None:
    device, timeline = initialized(replace(STAGED, names_target=False))
    assert "target_version" not in describe_update(device)
    device.start()
    timeline.advance(600)
    assert device.version == TARGET


def test_a_failed_init_is_graceful_and_can_be_reset() -> None:
    device, timeline = switched_on()
    device.put_fault({"fault": "init_failure", "text": "No", "times": 1})
    device.init()
    timeline.advance(120)
    assert (device.state, device.state_description) == ("FAILED_GRACEFUL", "No")
    device.reset()
    device.init()
    timeline.advance(120)
    assert device.state == "INITIALIZED"


@pytest.mark.parametrize(
    ("fault", "state"),
    [("run_failure_graceful", "FAILED_GRACEFUL"), ("run_failure_critical", "FAILED_CRITICAL"), ("no_effect", "IDLE")],
)
def test_a_run_that_fails_installs_nothing(fault: str, state: str) -> None:
    device, timeline = initialized()
    device.put_fault({"fault": fault})
    device.start()
    timeline.advance(600)
    assert device.state == state
    assert device.version == STAGED.version
    assert tuple(device.history) == STAGED.history


def test_a_box_that_never_comes_back_stays_down() -> None:
    device, timeline = initialized()
    device.put_fault({"fault": "never_back"})
    device.start()
    timeline.advance(86_400)
    assert not device.reachable


def test_after_a_late_start_initialized_is_still_reported_and_a_second_start_runs_nothing_twice() -> None:
    device, timeline = initialized()
    device.put_fault({"fault": "late_start", "seconds": 40, "times": 1})
    device.start()
    timeline.advance(39)
    assert device.state == "INITIALIZED"
    device.start()
    assert device.state == "INITIALIZED"
    timeline.advance(2)
    assert device.state == "RUNNING"
    timeline.advance(600)
    assert truth_of(device)["starts"] == 2
    assert len(device.history) == len(STAGED.history) + 1


def test_a_late_history_is_written_after_the_device_is_idle() -> None:
    device, timeline = initialized()
    device.put_fault({"fault": "late_history", "seconds": 50})
    device.start()
    timeline.advance(610)
    assert device.state == "IDLE"
    assert tuple(device.history) == STAGED.history
    timeline.advance(40)
    assert device.history[-1].version == TARGET


def test_init_can_take_another_version_or_name_none() -> None:
    device, timeline = switched_on()
    device.put_fault({"fault": "wrong_target", "version": "11.2.0", "times": 1})
    device.init()
    timeline.advance(120)
    assert device.target_version == "11.2.0"
    device.reset()
    device.put_fault({"fault": "no_target"})
    device.init()
    timeline.advance(120)
    assert device.state == "INITIALIZED"
    assert "target_version" not in describe_update(device)


def test_a_clock_that_is_set_back_in_the_run_dates_the_new_entry_before_initialized() -> None:
    device, timeline = initialized()
    at = device.last_state_time
    device.start()
    device.put_fault({"fault": "clock_step", "by": -7200})
    timeline.advance(600)
    assert device.history[-1].time < at


def test_a_new_certificate_is_made_at_the_next_restart_and_not_before() -> None:
    device, timeline = initialized()
    renewed: list[float] = []

    def renew(*, expired: bool, at_once: bool) -> None:
        assert (expired, at_once) == (False, False)
        renewed.append(timeline.wall())

    device.on_new_certificate = renew
    device.put_fault({"fault": "new_certificate", "times": 1})
    assert renewed == []
    device.start()
    timeline.advance(600)
    assert len(renewed) == 1


def test_refused_connections_come_back_by_themselves() -> None:
    device, timeline = switched_on()
    device.put_fault({"fault": "refuse", "seconds": 5})
    assert not device.reachable
    timeline.advance(5)
    assert device.reachable


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("reboots", [1, 2, 5])
def test_every_script_of_a_run_is_in_order_and_comes_up_as_often_as_it_goes_down(ending: Ending, reboots: int) -> None:
    script = run_script(ending, reboots)
    assert [moment.at for moment in script] == sorted(moment.at for moment in script)
    downs = sum(moment.cue is Cue.DOWN for moment in script)
    ups = sum(moment.cue is Cue.UP for moment in script)
    assert downs - ups == (ending is Ending.NEVER_BACK)
    assert (script[-1].cue is Cue.END) == (ending is not Ending.NEVER_BACK)
