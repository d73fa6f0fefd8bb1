"""Rollouts over a fleet in chaos, all as processes: a smoke each time, an hour and 100 devices on demand."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from random import randrange

import pytest

from rollout.soak_harness import soak

SMOKE_S, SMOKE_DEVICES = 1.0, 5
"""One rollout of few devices."""

LONG_S = 600.0
"""From how long on memory has to be flat; before, caches are still filling."""

GROWTH_MOST = 0.1


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.skipif(not any(map(os.environ.get, ("UPDECK_SOAK_S", "UPDECK_LONG"))), reason="a step of its own in CI")
async def test_rollouts_over_a_fleet_in_chaos_end_and_lie_about_nothing(tmp_path: Path) -> None:
    """`UPDECK_SOAK_S` says how long it takes, then with `UPDECK_SOAK_DEVICES` (100)."""
    wanted = os.environ.get("UPDECK_SOAK_S")
    seconds = SMOKE_S if wanted is None else float(wanted)
    devices = int(os.environ.get("UPDECK_SOAK_DEVICES", str(SMOKE_DEVICES if wanted is None else 100)))
    seed = int(os.environ.get("UPDECK_SEED", str(randrange(1 << 31))))
    findings = await soak(seconds, devices, seed, tmp_path)
    assert findings.wrong == [], str(findings)
    assert findings.waiting == [], str(findings)
    assert sum(findings.verdicts.values()) == findings.rollouts * devices > 0, str(findings)
    assert findings.verdicts["SUCCESS"] >= findings.rollouts * devices / 2, str(findings)
    if seconds >= LONG_S:
        assert findings.ui.growth < GROWTH_MOST, str(findings)
        assert findings.engine.growth < GROWTH_MOST, str(findings)
