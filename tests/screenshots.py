"""Makes the pictures of the README from the simulator with a fixed seed: `python tests/screenshots.py`.

Everything in them is real: the service polls simulated devices over HTTPS, and what is shown was uploaded, initialized
and confirmed by the keys that a person would press. The rollout runs on a clock that is faster than the machine's.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

from textual.pilot import Pilot

import rollout_night
from fast_clock import FastClock, FastTimeline
from updeck.clock import Clock, SystemClock
from updeck.fleet.inventory import load_fleet
from updeck.fleet.service import FleetService
from updeck.fleet.views import DeviceView, Phase
from updeck.journal.models import Actor, Verdict
from updeck.journal.store import Journal
from updeck.rollout.progress import RolloutState, state_of
from updeck.rollout.standing import phase_of
from updeck.simulator.images import write_image
from updeck.simulator.options import Scenario, ServeOptions
from updeck.simulator.serving import running
from updeck.ui.app import UpdeckApp
from updeck.ui.launch import UiOptions

PICTURES = Path(__file__).parent.parent / "screenshots"
ACTOR = Actor(1000, "mk", "jump1", "ui", 4711, "boot", "1")
WAIT_S = 60.0
RUN_S = 300.0
"""How long a wave of a rollout may take."""

IMAGE, VERSION = "update-11.8.0.iso", "11.8.0 #28924"
EACH_ELSEWHERE = {Phase.TRANSFERRING, Phase.RUNNING, Phase.REBOOTING, Verdict.SUCCESS}
"""What is to be seen of one wave at once."""

WIDE, NARROW = (120, 40), (80, 24)


@asynccontextmanager
async def shown(size: tuple[int, int], theme: str, directory: Path) -> AsyncIterator[tuple[UpdeckApp, Pilot[None]]]:
    """Show the UI over a simulated bank of twelve devices."""
    options = ServeOptions(fleet_out=directory / "fleet.toml", devices=12, seed=1, scenario=Scenario.MIXED, speed=60)
    async with running(options), looking_on(directory, size, theme, SystemClock()) as (app, pilot):
        yield app, pilot


@asynccontextmanager
async def looking_on(
    directory: Path, size: tuple[int, int], theme: str, clock: Clock
) -> AsyncIterator[tuple[UpdeckApp, Pilot[None]]]:
    """Show the UI over a fleet that is being served, once all its devices have been asked."""
    with closing(Journal.open(directory / "state", actor=ACTOR, clock=clock)) as journal:
        service = FleetService(load_fleet(directory / "fleet.toml"), journal, clock=clock)

        def open_service() -> FleetService:
            service.start()
            return service

        ui = UiOptions(fleet_name="bank-eu", label="LAB", theme=theme, pace_s=0.05)
        app = UpdeckApp(open_service, ui, clock=clock)
        try:
            async with app.run_test(size=size) as pilot:
                await until(pilot, lambda: all(view.reach for view in service.state.views()))
                yield app, pilot
        finally:
            await asyncio.to_thread(service.stop)


async def until(pilot: Pilot[None], fulfilled: Callable[[], bool], *, wait_s: float = WAIT_S) -> None:
    """Let the app go on until something holds."""
    async with asyncio.timeout(wait_s):
        while not fulfilled():
            await pilot.pause(0.05)
    await pilot.pause(0.5)


async def find(pilot: Pilot[None], name: str) -> None:
    """Put the cursor on a device: filter for it, then show all again."""
    await pilot.press("slash", *name, "enter")
    await pilot.pause(0.5)
    await pilot.press("escape")
    await pilot.pause(0.5)


def save(app: UpdeckApp, name: str) -> None:
    """Write what is on the screen as SVG."""
    path = PICTURES / f"{name}.svg"
    path.write_text(app.export_screenshot(title="updeck"), encoding="utf-8")
    print(path.relative_to(PICTURES.parent))


def view_of(app: UpdeckApp, name: str) -> DeviceView:
    """Return what is known of a device."""
    view = app.service.state.view(name)
    assert view is not None
    return view


async def walk(app: UpdeckApp, pilot: Pilot[None], device: str) -> None:
    """Upload, init and come to the start dialog, by keys; a picture on the way."""
    await find(pilot, device)
    await pilot.press("u")
    await pilot.pause(1.0)
    await pilot.press("enter")
    await pilot.pause(2.0)
    save(app, "upload-dialog")
    await pilot.press("y")
    await until(pilot, lambda: view_of(app, device).next.text == "init?")
    await pilot.press("I")
    await pilot.pause(1.5)
    await pilot.press("y")
    await until(pilot, lambda: view_of(app, device).next.text == "start?")


async def wide(directory: Path) -> None:
    """The fleet, an upload, the fleet with a device that is ready, the start dialog, a failed device."""
    async with shown(WIDE, "dark", directory) as (app, pilot):
        await walk(app, pilot, "ar11-fra-dc1")
        await pilot.pause(1.5)  # the header counts once a second
        save(app, "fleet-120x40-dark")
        await pilot.press("S")
        await pilot.pause(1.5)
        save(app, "start-dialog")
        await pilot.press("escape")
        await find(pilot, "ar11-ams-br2")
        await pilot.pause(0.5)
        save(app, "failed-device")


async def narrow(directory: Path) -> None:
    """The fleet as it stands in a small terminal, in light colours."""
    async with shown(NARROW, "light", directory) as (app, pilot):
        await find(pilot, "ar11-fra-dc2")
        save(app, "fleet-80x24-light")


async def rollout(directory: Path) -> None:
    """A rollout in its second wave: the canary is proven, and of the others each is somewhere else."""
    clock = FastClock(rollout_night.SPEED, since=rollout_night.evening().timestamp())
    options = ServeOptions(fleet_out=directory / "fleet.toml", devices=36, seed=1, speed=2)
    async with running(options, FastTimeline(clock)):
        plan = await rollout_night.planned(directory, directory / IMAGE, VERSION)
        fleet, state = load_fleet(options.fleet_out), directory / "state"
        with rollout_night.driven(plan, fleet, state, actor=ACTOR, clock=clock) as begun:
            async with looking_on(directory, WIDE, "dark", clock) as (app, pilot):
                await until(pilot, lambda: begun in app.rollouts.found)
                await pilot.press("R")
                await pilot.pause(1.0)
                await pilot.press("enter")
                await promote(app, pilot, begun)
                await until(pilot, lambda: phases_in(app, begun, 2) >= EACH_ELSEWHERE, wait_s=RUN_S)
                await pilot.press("down")
                await pilot.pause(0.2)
                save(app, "rollout")


async def promote(app: UpdeckApp, pilot: Pilot[None], name: str) -> None:
    """Let the second wave begin once the canary is proven and has rested, by keys."""
    await until(pilot, lambda: state_in(app, name) is RolloutState.WAITING_FOR_PROMOTION, wait_s=RUN_S)
    record, _ = app.rollouts.found[name]
    size = sum(member.wave == 2 for member in record.members)
    await pilot.press("P")
    await pilot.pause(1.0)
    await pilot.press(*f"{size} {VERSION.split()[0]}", "enter")
    await until(pilot, lambda: state_in(app, name) is RolloutState.RUNNING)


def state_in(app: UpdeckApp, name: str) -> RolloutState:
    """Return the state of a rollout that the UI knows."""
    record, plan = app.rollouts.found[name]
    return state_of(record, plan, app.clock.wall())


def phases_in(app: UpdeckApp, name: str, wave: int) -> set[Phase | Verdict | None]:
    """Return where the devices of a wave stand."""
    record, _ = app.rollouts.found[name]
    members = [member for member in record.members if member.wave == wave]
    return {phase_of(one) if one.attempt.end is None else one.attempt.end.verdict for one in members}


def main() -> None:
    """Make all pictures anew."""
    os.environ["TZ"] = "UTC"
    PICTURES.mkdir(exist_ok=True)
    for make in (wide, narrow, rollout):
        with tempfile.TemporaryDirectory(prefix="updeck-pictures-") as place:
            directory = Path(place)
            os.environ["UPDECK_STATE"] = str(directory / "state")
            write_image(directory / IMAGE, VERSION, 64 << 20)
            remember(directory)
            asyncio.run(make(directory))


def remember(directory: Path) -> None:
    """Let the file picker open where the image lies."""
    from updeck.ui.recent import Recent, save_recent

    save_recent(directory / "state", Recent(directory=str(directory)))


if __name__ == "__main__":
    main()
