"""The way from the command line into the UI."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from updeck.cli.exits import Exit
from updeck.cli.invocation import Invocation
from updeck.fleet.inventory_file import Preface, fleet_exists, fleet_path, inventory_text, read_preface

if TYPE_CHECKING:
    from updeck.fleet.inventory import Fleet
    from updeck.fleet.service import FleetService

__all__ = ["open_screen", "show_inventory"]


def open_screen(invocation: Invocation, url: str | None = None) -> Exit:
    """Open the UI for the fleet of the inventory, or for the one device at `url`."""
    path = fleet_path(invocation.fleet)
    if url is None and (invocation.fleet is not None or fleet_exists(path)):
        return show_inventory(invocation, path, name=path.stem)
    from updeck.fleet.inventory import Fleet, single_device_fleet

    fleet = Fleet(path) if url is None else single_device_fleet(url)
    name = "no inventory yet" if url is None else fleet.devices[0].name
    return _show(invocation, Preface(), lambda: fleet, name=name, first_run=True)


def show_inventory(invocation: Invocation, path: Path, *, name: str) -> Exit:
    """Show the fleet of an inventory in the UI until the person quits; what is wrong with a device ends it."""
    text = inventory_text(path)

    def load() -> Fleet:
        from updeck.fleet.inventory import parse_fleet

        return parse_fleet(text, path)

    return _show(invocation, read_preface(text, str(path)), load, name=name)


def _show(
    invocation: Invocation, preface: Preface, load: Callable[[], Fleet], *, name: str, first_run: bool = False
) -> Exit:
    """Show a fleet in the UI.

    Its devices are read and the service opens after the first paint, because what that takes would delay it
    (`design.md` 6).
    """
    gc.disable()  # until the first paint: what is loaded for it stays
    from updeck.heap import keep_heap_small
    from updeck.ui.keymap import check_keys
    from updeck.ui.launch import UiOptions, run_app

    keep_heap_small()  # the terminal has threads before there is a service
    check_keys(preface)
    options = UiOptions(
        fleet_name=name,
        label=preface.label,
        theme=preface.ui.theme,
        keys=preface.keys,
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
            fleet = load()
            journal = Journal.open(state_dir(), actor=this_actor("ui"), clock=clock)
            closing.callback(journal.close)
            service = FleetService(fleet, journal, read_only=invocation.read_only, clock=clock)
            service.start()
            return service

        return Exit(run_app(open_service, options))
