"""Serves a simulated fleet: binds, writes the inventory, opens the listeners and the control port.

`running` is the door for tests, `serve` the one for the command.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from updeck.errors import ConfigError, UsageError
from updeck.simulator.access import Credentials
from updeck.simulator.appliance import Appliance
from updeck.simulator.blueprint import Blueprint
from updeck.simulator.certificates import make_certificate
from updeck.simulator.chaos import Chaos
from updeck.simulator.control import control_application
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.fetching import Fetcher
from updeck.simulator.fleet import build_fleet
from updeck.simulator.inventory import InventoryEntry, may_overwrite, render_inventory
from updeck.simulator.keeping import Kept, KeptDevice, Paths, load, new, write_private
from updeck.simulator.limits import raise_file_limit
from updeck.simulator.listener import bind
from updeck.simulator.options import HOST, AuthMode, Scenario, ServeOptions
from updeck.simulator.simulator import Simulator
from updeck.simulator.timeline import LoopTimeline, Timeline

__all__ = ["ServeOptions", "Simulator", "running", "serve"]

USERNAME = "admin"
SHUTDOWN_S = 0.1


@asynccontextmanager
async def running(options: ServeOptions, timeline: Timeline | None = None) -> AsyncIterator[Simulator]:
    """Serve a fleet for as long as the context lasts, in the running loop.

    `timeline` is real time unless given. Raises `UsageError` for numbers that cannot be and ports that are taken,
    `ConfigError` for files that cannot be used; then nothing was written.
    """
    options.check()
    paths = _check_paths(options)
    raise_file_limit(options.devices)
    kept = load(paths.kept, options.seed) or new(options.seed)
    fleet = build_fleet(options.devices, options.seed, options.scenario)
    credentials = Credentials(USERNAME, kept.password, kept.oauth_code)
    time = timeline or LoopTimeline()
    async with AsyncExitStack() as stack:
        sockets = _bind(fleet, options, kept, stack)
        control = stack.enter_context(bind(kept.control_port, "the control port"))
        kept.control_port = control.getsockname()[1]
        _complete(fleet, options, kept)
        fetcher = Fetcher()
        stack.push_async_callback(fetcher.close)
        appliances: dict[str, Appliance] = {}
        for blueprint in fleet:
            device = SimulatedDevice(
                blueprint,
                timeline=time,
                speed=options.speed,
                credentials=credentials,
                auth=options.auth,
                token_life_s=options.token_life_s,
            )
            appliance = Appliance(
                device,
                bound=sockets[device.name],
                certificate=None if options.http else kept.devices[device.name].certificate,
                timeline=time,
                fetcher=fetcher,
            )
            appliances[device.name] = appliance
            stack.push_async_callback(appliance.close)
        _write_files(appliances, options, kept, paths)
        for appliance in appliances.values():
            appliance.device.switch_on()
        if options.scenario is Scenario.CHAOS:
            devices = [appliance.device for appliance in appliances.values()]
            stack.callback(Chaos(devices, seed=options.seed, timeline=time, speed=options.speed).stop)
        yield Simulator(
            appliances,
            control_url=await _open_control(appliances, control, stack),
            fleet_path=paths.fleet,
            credentials=credentials,
            speed=options.speed,
            timeline=time,
        )


async def serve(options: ServeOptions, *, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve a fleet until `stop` is set; `ready` is called with the control port's URL when all listeners are up.

    Raises as `running` does.
    """
    async with running(options) as simulator:
        ready(simulator.control_url)
        await stop.wait()


def _check_paths(options: ServeOptions) -> Paths:
    paths = Paths(options.fleet_out)
    if not paths.fleet.parent.is_dir():
        raise ConfigError(f"there is no directory {paths.fleet.parent}", advice="create it or name another --fleet-out")
    if paths.fleet in (paths.kept, paths.password, paths.oauth_code):
        raise UsageError(f"{paths.fleet} is no name for an inventory", advice="name it like fleet.toml")
    may_overwrite(paths.fleet)
    return paths


def _bind(
    fleet: Sequence[Blueprint], options: ServeOptions, kept: Kept, stack: AsyncExitStack
) -> dict[str, socket.socket]:
    """Bind every device's port, note it, and return the sockets by name."""
    sockets: dict[str, socket.socket] = {}
    for index, blueprint in enumerate(fleet):
        device = kept.devices.setdefault(blueprint.name, KeptDevice())
        port = device.port if options.port_base is None else options.port_base + index
        sockets[blueprint.name] = stack.enter_context(bind(port, blueprint.name))
        device.port = sockets[blueprint.name].getsockname()[1]
    return sockets


def _complete(fleet: Sequence[Blueprint], options: ServeOptions, kept: Kept) -> None:
    """Make the certificates that are not kept yet; for a changed one also its predecessor, which is pinned."""
    if options.http:
        return
    for blueprint in fleet:
        device = kept.devices[blueprint.name]
        if device.certificate is None:
            device.certificate = make_certificate(blueprint.name)
        if blueprint.certificate_changed and device.old_pin is None:
            device.old_pin = make_certificate(blueprint.name).fingerprint()


def _write_files(appliances: Mapping[str, Appliance], options: ServeOptions, kept: Kept, paths: Paths) -> None:
    oauth = options.auth is AuthMode.OAUTH
    write_private(paths.password, f"{kept.password}\n")
    if oauth:
        write_private(paths.oauth_code, f"{kept.oauth_code}\n")
    inventory = render_inventory(
        [_entry(appliance, kept) for appliance in appliances.values()],
        label=options.label,
        speed=options.speed,
        password=paths.password,
        oauth_code=paths.oauth_code if oauth else None,
    )
    write_private(paths.fleet, inventory)
    kept.save(paths.kept)


def _entry(appliance: Appliance, kept: Kept) -> InventoryEntry:
    blueprint = appliance.device.blueprint
    pin = appliance.fingerprint
    if pin is not None and blueprint.certificate_changed:
        pin = kept.devices[blueprint.name].old_pin
    return InventoryEntry(blueprint, appliance.url, pin)


async def _open_control(appliances: Mapping[str, Appliance], bound: socket.socket, stack: AsyncExitStack) -> str:
    devices = {name: appliance.device for name, appliance in appliances.items()}
    runner = web.AppRunner(control_application(devices), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, bound).start()
    return f"http://{HOST}:{bound.getsockname()[1]}"
