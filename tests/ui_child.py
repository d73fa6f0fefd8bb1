"""The UI over a stage of many devices, as a process of its own: `ui_child.py DEVICES SPEED CHANGES_PER_S`.

Wall and monotonic clock run `SPEED` times as fast as the machine's. The answers of all devices stay as fresh as a
fleet's at rest would be; `CHANGES_PER_S` cells change each second.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, cast

from fleet_fixture import Stage, many
from updeck.errors import UpdeckError
from updeck.fleet.views import DeviceView, Next, Tone
from updeck.ui.launch import UiOptions, run_app

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService

_BEAT_S = 0.1


class FastClock:
    """The machine's clock, some times faster, from the minute on at which it was made."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._wall, self._started = time.time() // 60 * 60, time.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._started) * self._speed

    def wall(self) -> float:
        return self._wall + self.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


def keep_fresh(stage: Stage, clock: FastClock, changes_per_s: float) -> None:
    """Answer for all devices for ever, and change some."""
    beat = threading.Event()
    turn = count()
    names = stage.state.names
    owed = 0.0
    while not beat.wait(_BEAT_S):
        for view in stage.state.views():
            stage.state.put(fresh(view, clock.wall()))
        owed += changes_per_s * _BEAT_S
        while owed >= 1:
            owed -= 1
            number = next(turn)
            view = cast("DeviceView", stage.state.view(names[number * 7 % len(names)]))
            stage.state.put(replace(view, next=Next(f"uploads {number % 997} MB", Tone.MOVING)))


def fresh(view: DeviceView, now: float) -> DeviceView:
    """Return the view with an answer of just now."""
    assert view.reading is not None
    return replace(view, reading=replace(view.reading, at=now), state_since=view.state_since)


def main() -> int:
    """Run the UI until it ends, and return its exit code."""
    devices, speed, changes = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    clock = FastClock(speed)

    def open_service() -> FleetService:
        stage = Stage(many(devices))
        threading.Thread(target=keep_fresh, args=(stage, clock, changes), daemon=True).start()
        return cast("FleetService", stage)

    options = UiOptions(fleet_name="pty", label="LAB", theme="dark")
    try:
        return run_app(open_service, options, clock=clock)
    except UpdeckError as error:
        sys.stdout.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
