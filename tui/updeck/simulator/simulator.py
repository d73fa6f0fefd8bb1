"""A fleet that is being served, as its owner sees it: addresses, truth, faults, and waiting for what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from updeck.simulator.access import Credentials
from updeck.simulator.appliance import Appliance
from updeck.simulator.descriptions import truth_of
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.timeline import Timeline, VirtualTimeline

__all__ = ["Simulator"]

HANG_S = 60.0
"""After how long `Simulator.until` gives up: a guard against hanging, not a limit of anything."""


class Simulator:
    """Made by `serving.running`. `control_url` is the control port's, `fleet_path` the inventory."""

    def __init__(
        self,
        appliances: Mapping[str, Appliance],
        *,
        control_url: str,
        fleet_path: Path,
        credentials: Credentials,
        speed: float,
        timeline: Timeline,
    ) -> None:
        self.control_url = control_url
        self.fleet_path = fleet_path
        self.username = credentials.username
        self.password = credentials.password
        self.oauth_code = credentials.oauth_code
        self.speed = speed
        self.timeline = timeline
        self._appliances = appliances

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the devices, in the order of the inventory."""
        return tuple(self._appliances)

    def device(self, name: str) -> SimulatedDevice:
        """Return a device; raises `KeyError`."""
        return self._appliances[name].device

    def url(self, name: str) -> str:
        """Return a device's address, such as `https://127.0.0.1:40001`."""
        return self._appliances[name].url

    def fingerprint(self, name: str) -> str | None:
        """Return the fingerprint of the certificate that a device has now; None over plain http."""
        return self._appliances[name].fingerprint

    def with_trait(self, trait: str) -> str:
        """Return the name of the first device that stands for a misfit, such as `two_valid`; raises `LookupError`."""
        for name, appliance in self._appliances.items():
            if trait in appliance.device.blueprint.traits:
                return name
        raise LookupError(trait)

    def truth(self, name: str) -> dict[str, object]:
        """Return what `GET /truth/{name}` answers."""
        return truth_of(self.device(name))

    def fault(self, name: str, fault: str, **fields: object) -> None:
        """Put a fault in as `POST /faults/{name}` does; raises `FaultError`."""
        self.device(name).put_fault({"fault": fault, **fields})

    def clear_faults(self, name: str) -> None:
        """Take all faults of a device out."""
        self.device(name).clear_faults()

    async def until(self, name: str, fulfilled: Callable[[SimulatedDevice], bool]) -> None:
        """Wait until a device is as asked; raises `TimeoutError` after a minute."""
        device = self.device(name)
        changed = asyncio.Event()
        unwatch = device.watch(changed.set)
        try:
            async with asyncio.timeout(HANG_S):
                while not fulfilled(device):
                    changed.clear()
                    await changed.wait()
        finally:
            unwatch()

    async def until_state(self, name: str, state: str) -> None:
        """Wait until a device is in a state."""
        await self.until(name, lambda device: device.state == state)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` of virtual time pass; listeners open and close as they come due.

        Raises `TypeError` for a simulator that does not run on a `VirtualTimeline`.
        """
        if not isinstance(self.timeline, VirtualTimeline):
            raise TypeError("only a virtual timeline can be advanced")
        for _ in self.timeline.steps(seconds):
            await asyncio.sleep(0)  # who waits for what came due goes on
