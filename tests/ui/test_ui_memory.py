"""What stays in memory of screens that were closed: a UI that is looked at for days opens thousands."""

from __future__ import annotations

import asyncio
import gc

from textual.strip import Strip

from fleet_fixture import Stage, bank
from seat import Seat, seated

_KEYS = "?JRvuae"
"""A key for each kind of screen and dialog."""


def _lines_alive() -> int:
    """Return how many drawn lines there are."""
    gc.collect()
    return sum(isinstance(one, Strip) for one in gc.get_objects())


async def _look_through(seat: Seat) -> None:
    for key in _KEYS:
        await seat.press(key)
        await _at_home(seat, no=True)
        await seat.press("escape")
        await _at_home(seat)


async def _at_home(seat: Seat, *, no: bool = False) -> None:
    async with asyncio.timeout(10):
        while no is (seat.app.screen is seat.screen):
            await seat.pilot.pause(0.02)


async def test_a_closed_screen_leaves_no_drawn_line_behind() -> None:
    async with seated(Stage(bank())) as seat:
        await _look_through(seat)
        before = _lines_alive()
        for _ in range(3):
            await _look_through(seat)
        assert _lines_alive() <= before
