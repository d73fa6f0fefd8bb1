"""Fixtures for all tests."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from simulation import SPEED, StartSimulator
from updeck.simulator.options import AuthMode, Scenario, ServeOptions
from updeck.simulator.serving import Simulator, running
from updeck.simulator.timeline import LoopTimeline, VirtualTimeline

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # no test asserts a time: on a busy machine hypothesis's own limits fail at random


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is marked `long`, unless UPDECK_LONG asks for it."""
    if os.environ.get("UPDECK_LONG"):
        return
    for item in items:
        if item.get_closest_marker("long") is not None:
            item.add_marker(pytest.mark.skip(reason="long: only where UPDECK_LONG asks for it"))


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[StartSimulator]:
    """Give a function that serves a simulated fleet in the test's own loop; all end with the test."""
    async with AsyncExitStack() as stack:
        served = 0

        async def start(
            *,
            devices: int = 4,
            seed: int = 1,
            scenario: Scenario = Scenario.CALM,
            speed: float = SPEED,
            auth: AuthMode = AuthMode.ANY,
            http: bool = False,
            virtual: bool = False,
            token_life_s: float = 3600.0,
        ) -> Simulator:
            nonlocal served
            served += 1
            directory = tmp_path / f"simulator-{served}"
            directory.mkdir()
            options = ServeOptions(
                fleet_out=directory / "fleet.toml",
                devices=devices,
                seed=seed,
                scenario=scenario,
                speed=speed,
                auth=auth,
                http=http,
                token_life_s=token_life_s,
            )
            timeline = VirtualTimeline(time.time()) if virtual else LoopTimeline()
            return await stack.enter_async_context(running(options, timeline))

        yield start
