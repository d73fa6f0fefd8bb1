"""`updeck demo`: simulated devices and a UI that shows them, gone without a trace when it is quit."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from updeck.cli.command import Invocation, command, drawing, one_of
from updeck.cli.demo_engines import end_engines
from updeck.cli.demo_rooms import ROOM_PREFIX, clear_dead_rooms, mark_room
from updeck.cli.exits import Exit
from updeck.cli.opening import show_inventory
from updeck.errors import UpdeckError
from updeck.program import program_words
from updeck.simulator import check_installed
from updeck.simulator.images import write_image
from updeck.simulator.options import Scenario, ServeOptions
from updeck.text import clean, plural

__all__ = ["demo"]

IMAGE_NAME = "update-11.8.0.iso"
IMAGE_VERSION = "11.8.0 #28924"
IMAGE_BYTES = 64 << 20
LABEL = "DEMO"
END_S = 10.0


@command(reads=False)
@click.option("--devices", type=int, default=12, show_default=True, metavar="N", help="How many.")
@click.option("--seed", type=int, default=1, show_default=True, metavar="N", help="The same seed, the same fleet.")
@click.option("--speed", type=float, default=30.0, show_default=True, metavar="X", help="Divides how long it takes.")
@click.option(
    "--scenario",
    type=one_of(Scenario),
    default="mixed",
    show_default=True,
    help="All well, with misfits, or with faults at random.",
)
@drawing
def demo(invocation: Invocation, *, devices: int, seed: int, speed: float, scenario: str) -> Exit:
    """Try it all on simulated devices."""
    check_installed()
    for dead in clear_dead_rooms(Path(tempfile.gettempdir())):
        invocation.out.say(f"demo: {clean(dead)} of a demo that was killed is removed")
    room = Path(tempfile.mkdtemp(prefix=ROOM_PREFIX))
    try:
        mark_room(room)
        options = ServeOptions(
            fleet_out=room / "fleet.toml",
            devices=devices,
            seed=seed,
            scenario=Scenario(scenario),
            speed=speed,
            label=LABEL,
        )
        options.check()
        exit_ = _show(invocation, options, room)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    invocation.out.say(f"demo: its simulator has ended, and {room} is removed")
    return exit_


def _show(invocation: Invocation, options: ServeOptions, room: Path) -> Exit:
    from updeck.ui.recent import Recent, save_recent

    os.environ["UPDECK_CONFIG"] = str(room)
    os.environ["UPDECK_STATE"] = str(room / "state")
    image, say = room / IMAGE_NAME, invocation.out.say
    write_image(image, IMAGE_VERSION, IMAGE_BYTES)
    save_recent(room / "state", Recent(directory=str(room)))
    with _simulator(options) as control_url:
        say(f"demo: {plural(options.devices, 'simulated device')}, inventory {options.fleet_out}")
        say(f"demo: an image to upload: {image}")
        say(f"demo: truth and faults of the devices: {control_url}")
        try:
            return show_inventory(invocation, options.fleet_out, name="demo")
        finally:
            for rollout in end_engines(room / "state"):
                say(f"demo: the engine of rollout {rollout} has ended")


@contextmanager
def _simulator(options: ServeOptions) -> Iterator[str]:
    """Run the simulator as a child while the block runs.

    It ends, and removes the directory, as well when this process is gone without a farewell.
    """
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(  # noqa: S603
            _command(options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        ) as child,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            word, _, url = child.stdout.readline().decode().strip().partition(" ")
            if word != "ready":
                log.seek(0)
                said = log.read().decode(errors="replace").strip()
                raise UpdeckError(f"the simulator did not start: {clean(said).removeprefix('updeck: ')}")
            yield url
        finally:
            child.stdin.close()
            try:
                child.wait(END_S)
            except subprocess.TimeoutExpired:
                child.kill()


def _command(options: ServeOptions) -> list[str]:
    return [
        *(*program_words(), "simulator", "serve", "--temporary"),
        *("--fleet-out", str(options.fleet_out)),
        *("--devices", str(options.devices)),
        *("--seed", str(options.seed)),
        *("--scenario", options.scenario.value),
        *("--speed", str(options.speed)),
        *("--label", options.label),
    ]
