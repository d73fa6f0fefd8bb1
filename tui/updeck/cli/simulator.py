"""`updeck simulator`: appliances on this machine, and images that they accept (`contracts.md` 4)."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from updeck.cli.command import CommandGroup, Invocation, command, fail_usage, one_of
from updeck.cli.demo_engines import end_engines
from updeck.cli.demo_rooms import ROOM_PREFIX
from updeck.errors import UpdeckError
from updeck.simulator import check_installed
from updeck.simulator.options import AuthMode, Scenario, ServeOptions
from updeck.text import clean

__all__ = ["simulator"]


@click.group(cls=CommandGroup)
def simulator() -> None:
    """Appliances to practise on, served by this machine."""


@command(simulator, reads=False)
@click.option("--devices", type=int, default=12, show_default=True, metavar="N", help="How many.")
@click.option("--port-base", type=int, metavar="P", help="The first device's port; without it free ports.")
@click.option("--http", is_flag=True, help="Plain HTTP instead of HTTPS.")
@click.option(
    "--auth",
    type=one_of(AuthMode),
    default="any",
    show_default=True,
    help="Which ways to log in are offered.",
)
@click.option(
    "--scenario",
    type=one_of(Scenario),
    default="calm",
    show_default=True,
    help="All well, with misfits, or with faults at random.",
)
@click.option("--speed", type=float, default=1.0, show_default=True, metavar="X", help="Divides how long updates take.")
@click.option("--seed", type=int, default=1, show_default=True, metavar="N", help="The same seed, the same fleet.")
@click.option("--label", default="LAB", show_default=True, help="The label in the inventory.")
@click.option(
    "--fleet-out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="The inventory to write; ports, certificates and passwords are kept beside it.",
)
@click.option("--temporary", is_flag=True, hidden=True, help="End with stdin, and remove the directory of FILE then.")
def serve(
    invocation: Invocation,
    *,
    devices: int,
    port_base: int | None,
    http: bool,
    auth: str,
    scenario: str,
    speed: float,
    seed: int,
    label: str,
    fleet_out: Path,
    temporary: bool,
) -> None:
    """Serve devices until SIGINT or SIGTERM.

    Prints `ready URL`, the control port, when all are up.

    In the scenario chaos every device has a fault about each 20 minutes of device time, for some minutes at most: of
    its line, its TLS, its answers, its clock, its images or its update, at random from the seed. The same seed gives
    the same faults at the same times. A fleet can be updated through it; what would need a person for every box (other
    certificates, other boxes at an address, foreign hands, boxes that never come back) is left to POST /faults/NAME.
    """
    check_installed()
    options = ServeOptions(
        fleet_out=fleet_out,
        devices=devices,
        seed=seed,
        scenario=Scenario(scenario),
        speed=speed,
        auth=AuthMode(auth),
        http=http,
        port_base=port_base,
        label=label,
    )
    options.check()
    if temporary and not fleet_out.parent.name.startswith(ROOM_PREFIX):
        fail_usage(f"--temporary wants FILE in a directory {ROOM_PREFIX}…")
    try:
        asyncio.run(_serve(options, invocation, until_eof=temporary))
    finally:
        if temporary:
            with suppress(UpdeckError, OSError):
                end_engines(fleet_out.parent / "state")
            shutil.rmtree(fleet_out.parent, ignore_errors=True)


async def _serve(options: ServeOptions, invocation: Invocation, *, until_eof: bool) -> None:
    from updeck.simulator.serving import serve as serve_devices

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        with suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: end())
    if until_eof:
        threading.Thread(target=_await_eof, args=(end,), daemon=True).start()
    await serve_devices(options, ready=lambda url: invocation.out.line(f"ready {url}"), stop=stop)


def _await_eof(then: Callable[[], None]) -> None:
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    then()


@command(simulator, reads=False)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--version", required=True, metavar="V", help='The version that the image installs, as "11.8.0 #28924".')
@click.option("--size", required=True, metavar="SIZE", help='How large it is, as "300MB" or "2GiB".')
@click.option("--corrupt", is_flag=True, help="Damage it: devices will call it INVALID.")
def image(invocation: Invocation, *, file: Path, version: str, size: str, corrupt: bool) -> None:
    """Write an image that simulated devices accept.

    FILE.sha256 is written beside it.
    """
    from updeck.simulator.images import parse_size, write_image

    size_bytes = parse_size(size)
    write_image(file, version, size_bytes, corrupt=corrupt)
    invocation.out.line(f"{clean(file)}  {clean(version)}  {size_bytes} bytes")
