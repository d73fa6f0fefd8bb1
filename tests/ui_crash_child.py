"""The UI over a fleet whose state cannot be read, as a process of its own: a failure in the program itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from fleet_fixture import Stage, bank
from updeck.errors import UpdeckError
from updeck.fleet.state import FleetState
from updeck.ui.launch import UiOptions, run_app

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService


class Broken(FleetState):
    """Fails after a look with a password among its local variables."""

    def changes_since(self, sequence: int) -> tuple[int, frozenset[str]]:
        password = "canary-c0ffee"
        raise ZeroDivisionError(f"at {sequence} of {len(password)}")


def open_service() -> FleetService:
    """Return a fleet that breaks the screen."""
    stage = Stage(bank())
    stage.state = Broken()
    return cast("FleetService", stage)


if __name__ == "__main__":
    try:
        sys.exit(run_app(open_service, UiOptions()))
    except UpdeckError as error:
        sys.stdout.write(f"updeck: {error}\n")
        sys.exit(error.exit_code)
