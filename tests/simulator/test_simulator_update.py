"""A simulated device is updated over HTTPS as a client would do it."""

from __future__ import annotations

from simulation import StartSimulator


async def test_a_fleet_comes_up_and_answers_truth_on_its_control_port(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=2)
    assert fleet.truth(fleet.names[0])["state"] == "IDLE"
