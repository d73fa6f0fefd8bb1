"""What the fixture `simulator` gives to tests: a function that serves a simulated fleet on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from updeck.simulator.device import SimulatedDevice
from updeck.simulator.images import write_image
from updeck.simulator.options import AuthMode, Scenario
from updeck.simulator.serving import Simulator
from updeck.simulator.threaded import ThreadedSimulator

SPEED = 600.0
"""Init 0.2 s, run 1 s, of which the box is down for a third, validation 0.1 s."""


class StartSimulator(Protocol):
    """Serves a fleet until the test ends. With `virtual` time stands still until `Simulator.advance` moves it."""

    async def __call__(
        self,
        *,
        devices: int = 4,
        seed: int = 1,
        scenario: Scenario = Scenario.CALM,
        speed: float = SPEED,
        auth: AuthMode = AuthMode.ANY,
        http: bool = False,
        virtual: bool = False,
        token_life_s: float = 3600.0,
    ) -> Simulator: ...


def hold(device: SimulatedDevice, data: bytes) -> None:
    """Have a device hold an image, as an upload brings it; it is validated after that."""
    transfer = device.shelf.begin(len(data))
    transfer.feed(data)
    transfer.complete()


def initialize(simulator: ThreadedSimulator, name: str, image: Path, version: str) -> None:
    """Bring a device to INITIALIZED from outside, with an image that is written at `image`."""
    write_image(image, version, 100_000)
    simulator.act(name, lambda device: hold(device, image.read_bytes()))
    simulator.until(name, lambda device: not device.shelf.busy())
    simulator.act(name, lambda device: device.init())
    simulator.until_state(name, "INITIALIZED")


LOGINS = ("/login", "/logout", "/oauth/token", "/token")


def writes(simulator: Simulator | ThreadedSimulator) -> list[str]:
    """Return what devices were truly asked that is neither a GET nor a login."""
    found = []
    for name in simulator.names:
        requests = simulator.truth(name)["requests"]
        assert isinstance(requests, list)
        found += [f"{one['method']} {one['path']}" for one in requests if one["method"] != "GET"]
    return [one for one in found if not one.endswith(LOGINS)]
