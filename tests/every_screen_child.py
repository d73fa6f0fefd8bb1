"""The UI on its way through every screen and dialog: `every_screen_child.py DIRECTORY`.

It says in `DIRECTORY/places`, a line of JSON each, where it is and what stands on top there, and goes on at SIGUSR1.
The options are settled from the environment as they are for a person.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual.pilot import Pilot

from every_screen import DIALOGS, SCREENS, EveryScreen, opened
from updeck.ui.app import UpdeckApp
from updeck.ui.glyphs import first_environment
from updeck.ui.ink import text_of
from updeck.ui.launch import UiOptions
from updeck.ui.screens.dialog import Dialog
from updeck.ui.widgets.canvas import Canvas
from updeck.ui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService


def top_of(app: UpdeckApp) -> str:
    """Return the first words of the screen that is open, in its signs."""
    if isinstance(app.screen, Dialog):
        text = app.screen.query_one("#title", Sheet).text
    else:
        drawn = [one for canvas in app.screen.query(Canvas) if canvas.display for one in canvas.lines]
        text = next(words for one in drawn if (words := text_of(one).strip()))
    return app.glyphs.show(text)[:12]


def main() -> int:
    """Go through all of them, and return the exit code."""
    directory = Path(sys.argv[1])

    def open_service() -> FleetService:
        return cast("FleetService", EveryScreen(directory / "state"))

    async def walk(pilot: Pilot[object]) -> None:
        go_on = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, go_on.set)
        while len(app.home.lineup.shown) < 12 or not app.rollouts.found:
            await pilot.pause(0.05)
        for name in (*SCREENS, *DIALOGS):
            async with opened(app, pilot, name, directory) as screen:
                with (directory / "places").open("a") as out:
                    out.write(json.dumps({"name": name, "class": type(screen).__name__, "top": top_of(app)}) + "\n")
                await go_on.wait()
                go_on.clear()
        app.exit(return_code=0)

    os.environ.setdefault("TEXTUAL_COLOR_SYSTEM", "256")
    options = UiOptions(fleet_name="bank-éu", label="PRODUCTION", pace_s=0.05, rest_s=0.01)
    app = UpdeckApp(open_service, options.settled(first_environment()))
    app.run(mouse=False, auto_pilot=walk)
    app.close_service()
    return app.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
