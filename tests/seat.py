"""A person in front of the fleet screen, for tests that press keys and read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from fleet_fixture import Stage, app_with
from updeck.ui.app import UpdeckApp
from updeck.ui.ink import text_of
from updeck.ui.launch import UiOptions
from updeck.ui.layout import Part
from updeck.ui.screens.fleet import FleetScreen
from updeck.ui.widgets.canvas import Canvas

__all__ = ["Seat", "seated"]


class Seat:
    """A person in front of the screen."""

    def __init__(self, app: UpdeckApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def screen(self) -> FleetScreen:
        """The home screen."""
        return self.app.home

    @property
    def text(self) -> str:
        """All that stands on the screen that is open."""
        canvases = [canvas for canvas in self.app.screen.query(Canvas) if canvas.display]
        return "\n".join(text_of(one) for canvas in canvases for one in canvas.lines)

    @property
    def notice(self) -> str:
        """The sentence above the footer."""
        return text_of(self.screen.board.part(Part.NOTICE).lines[0]).strip()

    async def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        await self.pilot.press(*keys)

    async def until(self, words: str) -> None:
        """Wait until words stand on the screen; a hang ends in a failure."""
        async with asyncio.timeout(10):
            while words not in self.text:
                await self.pilot.pause(0.02)


@asynccontextmanager
async def seated(
    stage: Stage, size: tuple[int, int] = (120, 40), options: UiOptions | None = None
) -> AsyncIterator[Seat]:
    """Sit down in front of a fleet, and wait until it is there."""
    app = app_with(stage, options)
    async with app.run_test(size=size) as pilot:
        seat = Seat(app, pilot)
        async with asyncio.timeout(10):
            while len(app.home.lineup.shown) < len(stage.state.names):
                await pilot.pause(0.02)
        yield seat
    assert app.crash is None
