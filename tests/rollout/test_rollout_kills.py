"""Engines killed at random moments: a short run each time, the long one with `UPDECK_KILLS=300`."""

from __future__ import annotations

import os
from pathlib import Path
from random import randrange

from rollout.kill_harness import kill_engines


async def test_killed_engines_send_nothing_twice_and_each_device_reaches_its_verdict(tmp_path: Path) -> None:
    kills = int(os.environ.get("UPDECK_KILLS", "6"))
    seed = int(os.environ.get("UPDECK_SEED", str(randrange(1 << 31))))
    tally = await kill_engines(kills, seed, tmp_path)
    assert tally.kills == kills, tally
    assert tally.wrong == [], tally
