"""The way from the command line into the UI."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from typing import TYPE_CHECKING

from updeck.cli.exits import Exit
from updeck.cli.invocation import Invocation
from updeck.fleet.inventory import Fleet, fleet_exists, fleet_path, load_fleet, single_device_fleet

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService

__all__ = ["open_screen", "show_fleet"]


def open_screen(invocation: Invocation, url: str | None = None) -> Exit:
    """Open the UI for the fleet of the inventory, or for the one device at `url`."""
    if url is not None:
        fleet = single_device_fleet(url)
        return show_fleet(invocation, fleet, name=fleet.devices[0].name, first_run=True)
    path = fleet_path(invocation.fleet)
    if invocation.fleet is None and not fleet_exists(path):
        return show_fleet(invocation, Fleet(path), name="no inventory yet", first_run=True)
    return show_fleet(invocation, load_fleet(path), name=path.stem)


def show_fleet(invocation: Invocation, fleet: Fleet, *, name: str, first_run: bool = False) -> Exit:
    """Show a fleet in the UI until the person quits.

    The service opens after the first paint, because what it imports would delay that (`design.md` 6).
    """
    gc.disable()  # until the first paint: what is loaded for it stays
    from updeck.ui.keymap import check_keys
    from updeck.ui.launch import UiOptions, run_app

    check_keys(fleet)
    options = UiOptions(
        fleet_name=name,
        label=fleet.label,
        theme=fleet.ui.theme,
        keys=fleet.keys,
        mouse=invocation.mouse,
        slow_line=invocation.slow_line,
        read_only=invocation.read_only,
        first_run=first_run,
    )
    with ExitStack() as closing:

        def open_service() -> FleetService:
            gc.enable()
            from updeck.clock import SystemClock
            from updeck.fleet.service import FleetService
            from updeck.journal.actor import this_actor
            from updeck.journal.store import Journal
            from updeck.paths import state_dir

            clock = SystemClock()
            journal = Journal.open(state_dir(), actor=this_actor("ui"), clock=clock)
            closing.callback(journal.close)
            service = FleetService(fleet, journal, read_only=invocation.read_only, clock=clock)
            service.start()
            return service

        return Exit(run_app(open_service, options))
