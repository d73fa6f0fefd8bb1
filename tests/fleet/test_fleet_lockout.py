"""A wrong password that two hundred devices share costs one login attempt in all, by the devices' own count."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

from simulation import StartSimulator
from updeck.clock import SystemClock
from updeck.device.models import Reach
from updeck.fleet.inventory import load_fleet
from updeck.fleet.service import FleetService
from updeck.journal.actor import this_actor
from updeck.journal.store import Journal

DEVICES = 200


async def test_a_wrong_password_on_two_hundred_devices_is_tried_once(simulator: StartSimulator, tmp_path: Path) -> None:
    served = await simulator(devices=DEVICES, http=True)
    served.fleet_path.with_name("fleet.password").write_text("wrong\n")

    def attempts() -> int:
        counts = [served.truth(name)["rejected_logins"] for name in served.names]
        return sum(count for count in counts if isinstance(count, int))

    with closing(Journal.open(tmp_path / "state", actor=this_actor("ui"), clock=SystemClock())) as journal:
        service = FleetService(load_fleet(served.fleet_path), journal)
        await asyncio.to_thread(service.start)
        try:
            for _ in range(3):  # every poll anew, beside those that the service makes by itself
                await asyncio.wrap_future(service.read_once(served.names))
            assert {view.reach for view in service.state.views()} == {Reach.AUTH}
            assert attempts() == 1
            first = served.names[0]
            await asyncio.wait([asyncio.wrap_future(service.login(first, "admin", "wrong again"))])
            assert attempts() == 2
            await asyncio.wrap_future(service.login(first, "admin", served.password))
            await asyncio.wrap_future(service.read_once(served.names))
            assert attempts() == 2
        finally:
            await asyncio.to_thread(service.stop)
