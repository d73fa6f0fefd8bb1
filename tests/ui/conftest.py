"""Fixtures for tests of the UI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from flow_desk import Desk, Open
from rollout_desk import end_engines
from simulation import StartSimulator
from updeck.clock import SystemClock
from updeck.fleet.inventory import Fleet, load_fleet
from updeck.fleet.service import FleetService
from updeck.journal.actor import this_actor
from updeck.journal.store import Journal
from updeck.simulator.options import Scenario
from updeck.simulator.serving import Simulator
from updeck.ui.app import UpdeckApp
from updeck.ui.launch import UiOptions


@pytest.fixture
def desk(simulator: StartSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Give a function that opens the app on a simulated fleet; `change` alters the fleet as loaded.

    `password` is its source in the inventory, in place of the file; a variable `CANARY` holds it.
    """
    monkeypatch.setenv("UPDECK_STATE", str(tmp_path / "state"))

    @asynccontextmanager
    async def opened(
        *,
        devices: int = 2,
        scenario: Scenario = Scenario.CALM,
        http: bool = False,
        change: Callable[[Fleet], Fleet] = lambda fleet: fleet,
        fleet: Fleet | None = None,
        password: str | None = None,
    ) -> AsyncIterator[Desk]:
        served = await simulator(devices=devices, scenario=scenario, http=http)
        if password is not None:
            name_source(served, password, monkeypatch)
        shown = change(load_fleet(served.fleet_path)) if fleet is None else fleet
        with closing(Journal.open(tmp_path / "state", actor=this_actor("ui"), clock=SystemClock())) as journal:
            service = FleetService(shown, journal)

            def open_service() -> FleetService:
                service.start()
                return service

            app = UpdeckApp(open_service, UiOptions(fleet_name="bench", label="LAB"))
            try:
                async with app.run_test() as pilot:
                    bench = Desk(app, pilot, served, tmp_path)
                    await bench.wait(lambda: app.service_or_none is not None)
                    yield bench
            finally:
                await asyncio.to_thread(service.stop)
                end_engines(tmp_path / "state")

    return opened


def name_source(served: Simulator, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewrite the inventory to another source of the password."""
    text = served.fleet_path.read_text()
    before, found, rest = text.partition("password = {")
    assert found, "the simulator writes a password file into the inventory"
    served.fleet_path.write_text(f"{before}password = {source}{rest.partition('}')[2]}")
    monkeypatch.setenv("CANARY", served.password)
