"""The UI over 1000 devices in steps of a counted clock, as a process of its own; it rings after each step.

`ui_steps_child.py changes PER_S AMONG SECONDS`: that many cells change a second, all of them of the first so many
devices; a step is as long as the UI waits between two looks. `ui_steps_child.py dialogs DIRECTORY NAME…`: each dialog
is opened and closed. What is written between two bells is what one step costs, on however busy a machine.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from textual.pilot import Pilot

from every_screen import DIALOGS
from fleet_fixture import Stage, many
from ui_child import fresh
from updeck.fleet.views import Next, Tone
from updeck.ui.app import UpdeckApp
from updeck.ui.flows.asking import close_dialog, look_of, open_dialog
from updeck.ui.glyphs import first_environment
from updeck.ui.launch import UiOptions

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService

FRESH_S = 5.0
"""How often all devices answer."""

AFTER_S = 2.0
"""Seconds of looking on after the last change: none may wait longer to be drawn."""


class CountedClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self._wall, self.passed_s = time.time() // 60 * 60, 0.0

    def monotonic(self) -> float:
        return self.passed_s

    def wall(self) -> float:
        return self._wall + self.passed_s

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits by this clock")


class Steps:
    """The app, and how it is moved on."""

    def __init__(self, app: UpdeckApp, pilot: Pilot[Any], stage: Stage, clock: CountedClock, pace_s: float) -> None:
        self.app = app
        self.pilot = pilot
        self.stage = stage
        self.clock = clock
        self.pace_s = pace_s

    async def ring(self) -> None:
        """Ring once all is painted."""
        await self.pilot.pause()
        painted = asyncio.Event()
        self.app.call_after_refresh(painted.set)
        await painted.wait()
        self.app.bell()

    async def rest(self) -> None:
        """Let all devices come on view, and the clock turn away from where it began."""
        while len(self.app.home.lineup.shown) < len(self.stage.state.names):
            self.app.home.look()
            await self.pilot.pause(0.01)
        for _ in range(round(FRESH_S / self.pace_s)):
            self._look()
        await self.ring()

    def _look(self) -> None:
        before = self.clock.passed_s
        self.clock.passed_s += self.pace_s
        if self.clock.passed_s // FRESH_S > before // FRESH_S:
            for view in self.stage.state.views():
                self.stage.state.put(fresh(view, self.clock.wall()))
        self.app.home.look()

    async def changes(self, per_s: int, among: int, seconds: int) -> None:
        """Change so many cells a second, and look as often as the UI does."""
        names, done = self.stage.state.names[:among], 0
        for step in range(1, round(seconds / self.pace_s) + 1):
            while done < round(step * self.pace_s * per_s):
                view = self.stage.state.view(names[done * (1 if among < len(self.stage.state.names) else 7) % among])
                assert view is not None
                self.stage.state.put(replace(view, next=Next(f"uploads {done} MB", Tone.REST)))
                done += 1
            self._look()
            await self.ring()
        for _ in range(round(AFTER_S / self.pace_s)):
            self._look()
            await self.ring()

    async def dialogs(self, place: Path, names: list[str]) -> None:
        """Open and close each dialog."""
        for name in names:
            dialog = DIALOGS[name](place, look_of(self.app))
            await open_dialog(self.app, dialog)
            while not dialog.hearing:
                await self.pilot.pause(0.01)
            await self.ring()
            dialog.leave(None)
            await close_dialog(self.app, dialog)
            await self.ring()


def main() -> int:
    """Go through the steps, and return the exit code."""
    what, *words = sys.argv[1:]
    stage, clock = Stage(many(1000)), CountedClock()
    settled = UiOptions(fleet_name="pty", label="LAB", theme="dark").settled(first_environment())

    async def walk(pilot: Pilot[object]) -> None:
        steps = Steps(app, pilot, stage, clock, settled.pace_s)
        await steps.rest()
        if what == "changes":
            per_s, among, seconds = map(int, words)
            await steps.changes(per_s, among, seconds)
        else:
            await steps.dialogs(Path(words[0]), words[1:])
        app.exit(return_code=0)

    os.environ.setdefault("TEXTUAL_COLOR_SYSTEM", "256")
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    options = settled._replace(pace_s=3600.0, rest_s=3600.0)  # it looks when it is told to
    app = UpdeckApp(lambda: cast("FleetService", stage), options, clock=clock)
    app.run(mouse=False, auto_pilot=walk)
    app.close_service()
    return app.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
