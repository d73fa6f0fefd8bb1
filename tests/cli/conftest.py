"""Fixtures for the tests of the command line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from shell import Shell
from simulation import StartSimulator
from updeck.simulator.options import Scenario
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]


@pytest.fixture
def bench(simulator: StartSimulator, tmp_path: Path) -> Bench:
    """Give a function that serves a simulated fleet and a shell whose configuration is its inventory."""

    async def make(
        *, devices: int = 2, scenario: Scenario = Scenario.CALM, speed: float = 600.0, http: bool = False
    ) -> tuple[Simulator, Shell]:
        served = await simulator(devices=devices, scenario=scenario, speed=speed, http=http)
        return served, Shell(served.fleet_path.parent, tmp_path / "state")

    return make
