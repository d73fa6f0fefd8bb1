"""The UI over twelve devices with a fault in the program, as a process of its own: `ui_crash_child.py PLACE`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, cast

from fleet_fixture import Stage, bank
from updeck.errors import UpdeckError
from updeck.fleet.state import FleetState
from updeck.ui.app import UpdeckApp
from updeck.ui.launch import UiOptions, run_app
from updeck.ui.screens.fleet import FleetScreen
from updeck.ui.screens.help import HelpScreen
from updeck.ui.widgets.device_list import DeviceList

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService


def broken(*_: object, **__: object) -> NoReturn:
    """Fail with a password among the local variables and in the message."""
    password = "canary-c0ffee"
    raise ZeroDivisionError(f"no such thing as {password}")


class Broken(FleetState):
    """Fails at every look."""

    changes_since = broken


def put(kind: type, name: str, function: Callable[..., object]) -> None:
    """Put a function in the place of a method."""
    setattr(kind, name, function)


def open_service() -> FleetService:
    """Return a fleet; where the state is to break it cannot be read."""
    stage = Stage(bank())
    if PLACE == "state":
        stage.state = Broken()
    if PLACE == "opening":
        broken()
    return cast("FleetService", stage)


def fail_on_mount(start: Callable[[FleetScreen], object]) -> None:
    """Let the home screen do what fails once it stands."""
    mount = FleetScreen.on_mount

    def on_mount(screen: FleetScreen) -> None:
        mount(screen)
        start(screen)

    put(FleetScreen, "on_mount", on_mount)


async def work() -> None:
    """Fail beside the screen."""
    broken()


def break_at(place: str) -> None:
    """Put the fault in. `key` and `screen` strike once `?` is pressed, the others by themselves."""
    match place:
        case "render":
            put(DeviceList, "render_line", broken)
        case "timer":
            fail_on_mount(lambda screen: screen.set_timer(0.5, broken))
        case "worker":
            fail_on_mount(lambda screen: screen.run_worker(work()))
        case "callback":
            fail_on_mount(lambda screen: screen.call_after_refresh(broken))
        case "key":
            put(FleetScreen, "press", broken)
        case "screen":
            put(HelpScreen, "compose", broken)
        case "title":
            put(UpdeckApp, "tell_title", broken)


if __name__ == "__main__":
    PLACE = sys.argv[1]
    break_at(PLACE)
    try:
        sys.exit(run_app(open_service, UiOptions()))
    except UpdeckError as error:
        sys.stdout.write(f"updeck: {error}\n")
        sys.exit(error.exit_code)
