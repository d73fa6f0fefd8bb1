"""Fixtures for all tests."""

from __future__ import annotations

import gc
import importlib
import os
import sys
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

sys.dont_write_bytecode = False  # or else every worker parses each test anew and rewrites what it asserts, for seconds
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
gc.disable()  # until all tests are collected: none of what is made meanwhile is garbage, and to look costs a second

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # no test asserts a time: on a busy machine hypothesis's own limits fail at random


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Compile once, before there are workers, what all of them would compile at the same time."""
    for given in config.args:
        place = Path(given.partition("::")[0])
        for source in sorted(place.rglob("test_*.py")) if place.is_dir() else (place,):
            compiled = source.parent.glob(f"__pycache__/{source.stem}.*-pytest-{pytest.__version__}.pyc")
            if all(each.stat().st_mtime < source.stat().st_mtime for each in compiled):
                sys.path.insert(0, str(source.parent))
                importlib.import_module(source.stem)
                sys.path.pop(0)


def pytest_collection_finish() -> None:
    """Look for garbage again, but never among what was collected, which lasts as long as the run."""
    gc.freeze()
    gc.enable()


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
