"""Serves a simulated fleet: listeners, inventory, control port. The door for the command, for tests and for the demo.

async with running(ServeOptions(fleet_out=path, devices=4, speed=100)) as simulator:
    simulator.url("ar11-fra-dc1"), simulator.truth("ar11-fra-dc1"), simulator.control_url
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import web

from updeck.errors import ConfigError, UsageError
from updeck.simulator.access import Credentials
from updeck.simulator.answers import truth_of
from updeck.simulator.appliance import Appliance
from updeck.simulator.certificates import make_certificate
from updeck.simulator.control import control_application
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.fetching import Fetcher
from updeck.simulator.fleet import build_fleet
from updeck.simulator.inventory import InventoryEntry, may_overwrite, render_inventory
from updeck.simulator.keeping import Kept, KeptDevice, Paths, load, new, write_private
from updeck.simulator.limits import raise_file_limit
from updeck.simulator.listener import bind
from updeck.simulator.options import HOST, AuthMode, ServeOptions
from updeck.simulator.timeline import LoopTimeline, Timeline, VirtualTimeline

__all__ = ["ServeOptions", "Simulator", "running", "serve"]

USERNAME = "admin"
HANG_S = 60.0
"""After how long `Simulator.until` gives up; a guard for tests that hang, not a limit of anything."""


class Simulator:
    """A fleet that is being served. `running` makes one."""

    def __init__(self, options: ServeOptions, kept: Kept, timeline: Timeline) -> None:
        self.username = USERNAME
        self.speed = options.speed
        self.fleet_path: Path = options.fleet_out
        self.appliances: Mapping[str, Appliance] = {}
        self.control_url = ""
        self._options = options
        self._kept = kept
        self.timeline = timeline

    @property
    def password(self) -> str:
        """The password of all devices."""
        return self._kept.password

    @property
    def oauth_code(self) -> str:
        """The OAuth access code of all devices."""
        return self._kept.oauth_code

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the devices, in the order of the inventory."""
        return tuple(self.appliances)

    def device(self, name: str) -> SimulatedDevice:
        """Return a device; raises `KeyError`."""
        return self.appliances[name].device

    def url(self, name: str) -> str:
        """Return a device's address, such as `https://127.0.0.1:40001`."""
        return self.appliances[name].url

    def fingerprint(self, name: str) -> str | None:
        """Return the fingerprint of the certificate that a device has now; None over plain http."""
        return self.appliances[name].fingerprint

    def with_trait(self, trait: str) -> str:
        """Return the name of the first device that stands for a misfit, such as `two_valid`; raises `LookupError`."""
        for name, appliance in self.appliances.items():
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
        await self.appliances[name].listener.settled()

    async def until_state(self, name: str, state: str) -> None:
        """Wait until a device is in a state."""
        await self.until(name, lambda device: device.state == state)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` of virtual time pass; doors open and close as they come due.

        Only for a simulator that runs on a `VirtualTimeline`.
        """
        timeline = self.timeline
        if not isinstance(timeline, VirtualTimeline):
            raise TypeError("only a virtual timeline can be advanced")
        for _ in timeline.steps(seconds):
            await self._settle()

    async def _settle(self) -> None:
        for appliance in self.appliances.values():
            await appliance.listener.settled()

    async def _open(self, stack: AsyncExitStack) -> None:
        """Bind, write the files, open the doors; what was opened is closed by `stack`."""
        options, kept = self._options, self._kept
        sockets = self._bind(stack)
        control = stack.enter_context(bind(kept.control_port, "the control port"))
        kept.control_port = control.getsockname()[1]
        fetcher = Fetcher()
        stack.push_async_callback(fetcher.close)
        credentials = Credentials(USERNAME, kept.password, kept.oauth_code)
        appliances: dict[str, Appliance] = {}
        for blueprint in build_fleet(options.devices, options.seed, options.scenario):
            device = SimulatedDevice(
                blueprint,
                timeline=self.timeline,
                speed=options.speed,
                credentials=credentials,
                auth=options.auth,
                token_life_s=options.token_life_s,
            )
            appliances[device.name] = Appliance(
                device,
                bound=sockets[device.name],
                certificate=kept.devices[device.name].certificate if not options.http else None,
                timeline=self.timeline,
                fetcher=fetcher,
            )
            stack.push_async_callback(appliances[device.name].close)
        self.appliances = appliances
        self._write_files()
        for appliance in appliances.values():
            appliance.device.switch_on()
        await self._settle()
        self.control_url = await self._open_control(stack, control)

    def _bind(self, stack: AsyncExitStack) -> dict[str, socket.socket]:
        """Bind every device's port, make what is not kept yet, and return the sockets by name."""
        options, kept = self._options, self._kept
        sockets: dict[str, socket.socket] = {}
        for index, blueprint in enumerate(build_fleet(options.devices, options.seed, options.scenario)):
            name = blueprint.name
            device = kept.devices.setdefault(name, KeptDevice(0, blueprint.serial))
            port = device.port if options.port_base is None else options.port_base + index
            sockets[name] = stack.enter_context(bind(port, name))
            device.port = sockets[name].getsockname()[1]
            if not options.http and device.certificate is None:
                device.certificate = make_certificate(name)
            if blueprint.certificate_changed and device.pin is None:
                device.pin = make_certificate(name).fingerprint()
        return sockets

    def _write_files(self) -> None:
        options, kept = self._options, self._kept
        paths = Paths(options.fleet_out)
        oauth = options.auth is AuthMode.OAUTH
        write_private(paths.password, f"{kept.password}\n")
        if oauth:
            write_private(paths.oauth_code, f"{kept.oauth_code}\n")
        entries = [
            InventoryEntry(appliance.device.blueprint, appliance.url, kept.devices[name].pin or appliance.fingerprint)
            for name, appliance in self.appliances.items()
        ]
        inventory = render_inventory(
            entries,
            label=options.label,
            speed=options.speed,
            password=paths.password,
            oauth_code=paths.oauth_code if oauth else None,
        )
        write_private(paths.fleet, inventory)
        kept.save(paths.kept)

    async def _open_control(self, stack: AsyncExitStack, bound: socket.socket) -> str:
        runner = web.AppRunner(
            control_application({name: each.device for name, each in self.appliances.items()}),
            access_log=None,
            shutdown_timeout=0.1,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, bound).start()
        return f"http://{HOST}:{self._kept.control_port}"


@asynccontextmanager
async def running(options: ServeOptions, timeline: Timeline | None = None) -> AsyncIterator[Simulator]:
    """Serve a fleet for as long as the context lasts, in the running loop.

    `timeline` is real time unless given. Raises `UsageError` for numbers that cannot be and ports that are taken,
    `ConfigError` for files that cannot be used.
    """
    options.check()
    if not options.fleet_out.parent.is_dir():
        raise ConfigError(
            f"there is no directory {options.fleet_out.parent}", advice="create it or name another --fleet-out"
        )
    paths = Paths(options.fleet_out)
    if paths.fleet in (paths.kept, paths.password, paths.oauth_code):
        raise UsageError(f"{paths.fleet} is no name for an inventory", advice="name it like fleet.toml")
    may_overwrite(paths.fleet)
    raise_file_limit(options.devices)
    kept = load(paths.kept, options.seed) or new(options.seed)
    async with AsyncExitStack() as stack:
        simulator = Simulator(options, kept, timeline or LoopTimeline())
        await simulator._open(stack)
        yield simulator


async def serve(options: ServeOptions, *, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve a fleet until `stop` is set; `ready` is called with the control port's URL when all listeners are up.

    Raises as `running` does.
    """
    async with running(options) as simulator:
        ready(simulator.control_url)
        await stop.wait()
