"""The UI over many devices, as a process of its own: `ui_child.py DEVICES SPEED CHANGES_PER_S [COUNT [AMONG]]`.

Wall and monotonic clock run `SPEED` times as fast as the machine's. The answers of all devices stay as fresh as a
fleet's at rest would be; `CHANGES_PER_S` cells change each second. With a `COUNT` that many change, from SIGUSR1 on;
with `AMONG` all of them belong to that many devices, which stand at the top of the list.
"""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import dataclass, replace
from itertools import count, cycle, islice
from typing import TYPE_CHECKING, cast

from fast_clock import FastClock
from fleet_fixture import Stage, many
from updeck.errors import UpdeckError
from updeck.fleet.views import DeviceView, Next, Tone
from updeck.ui.launch import UiOptions, run_app

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService

_BEAT_S = 0.1
_ROUND_S = 10.0
"""Within so long, by the fast clock, every device answers once: more often than those of a fleet at rest do."""


@dataclass
class Changes:
    """What is to change: how much a second, how often in all, of how many devices, from when on."""

    per_s: float
    most: int
    among: int
    begun: threading.Event


def keep_fresh(stage: Stage, clock: FastClock, changes: Changes) -> None:
    """Answer for all devices for ever, and change some once it has begun."""
    beat = threading.Event()
    turn = count()
    left, step = changes.most, 7 if changes.among == len(stage.state.names) else 1
    names = stage.state.names
    asked, owed, last = cycle(names), 0.0, clock.monotonic()
    while not beat.wait(_BEAT_S):
        now = clock.monotonic()
        for name in islice(asked, round(len(names) * min(1.0, (now - last) / _ROUND_S))):
            stage.state.put(fresh(cast("DeviceView", stage.state.view(name)), clock.wall()))
        last = now
        owed += changes.per_s * _BEAT_S if changes.begun.is_set() else 0
        while owed >= 1 and left:
            owed -= 1
            left -= 1
            number = next(turn)
            view = cast("DeviceView", stage.state.view(names[number * step % changes.among]))
            stage.state.put(replace(view, next=Next(f"uploads {number % 997} MB", Tone.REST)))


def fresh(view: DeviceView, now: float) -> DeviceView:
    """Return the view with an answer of just now."""
    assert view.reading is not None
    return replace(view, reading=replace(view.reading, at=now), state_since=view.state_since)


def main() -> int:
    """Run the UI until it ends, and return its exit code."""
    devices, speed, per_s, *more = sys.argv[1:]
    clock = FastClock(float(speed))
    most, among = int(more[0]) if more else sys.maxsize, int(more[1]) if more[1:] else int(devices)
    changes = Changes(float(per_s), most, among, threading.Event())
    if not more:
        changes.begun.set()
    signal.signal(signal.SIGUSR1, lambda *_: changes.begun.set())

    def open_service() -> FleetService:
        stage = Stage(many(int(devices)))
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
