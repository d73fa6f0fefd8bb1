"""An engine whose clock is ahead by some seconds: to it, the leases of others have run out."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from updeck.errors import UpdeckError
from updeck.fleet.inventory import load_fleet
from updeck.paths import state_dir
from updeck.rollout.process import EngineProcess
from updeck.rollout.standing import ended


class AheadClock:
    """The machine's clock, so many seconds ahead."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead_s = ahead_s

    def wall(self) -> float:
        return time.time() + self._ahead_s

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def main() -> None:
    rollout, ahead_s, fleet = sys.argv[1:]
    clock = AheadClock(float(ahead_s))
    try:
        record = EngineProcess(load_fleet(Path(fleet)), state_dir(), clock=clock).run(rollout)
    except UpdeckError as error:
        print(f"{type(error).__name__}: {error}")
        sys.exit(error.exit_code)
    print("ended" if all(map(ended, record.members)) else "left")


if __name__ == "__main__":
    main()
