"""Sixty mixed devices in three waves with a canary, by command line, where `UPDECK_LONG=1` asks for it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from rollout_desk import NEW, RolloutDesk
from shell import Shell
from simulation import StartSimulator
from updeck.simulator.options import Scenario

LONG = bool(os.environ.get("UPDECK_LONG"))
WAVE_S = 900.0
ROUNDS = 200
"""Ends a test that would go on for ever."""


@pytest.mark.skipif(not LONG, reason="only where UPDECK_LONG asks for the long run")
async def test_sixty_mixed_devices_end_as_their_truth_warrants(
    simulator: StartSimulator, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    served = await simulator(devices=60, scenario=Scenario.MIXED, speed=100.0)
    one = RolloutDesk(served, Shell(served.fleet_path.parent, tmp_path / "state"), tmp_path)
    request.addfinalizer(one.end_engines)
    healthy = [name for name in served.names if not served.device(name).blueprint.traits]
    fails, has_no_effect = healthy[5], healthy[-1]
    served.fault(fails, "run_failure_graceful")
    served.fault(has_no_effect, "no_effect")
    planned = await one.plan("--canary", "2", "--waves", "25%,100%", "--promote", "manual")
    rollout = await one.detached(planned)
    asked: list[str] = []
    for _ in range(ROUNDS):
        await _looked_on(one, rollout)
        shown = await one.shown(rollout)
        if shown["state"] == "ENDED":
            break
        asked += await _asked_for(one, rollout, shown)
    assert shown["state"] == "ENDED", shown["state"]
    assert asked.count("promote") == 2
    assert "reopen" in asked
    verdicts = {device["name"]: device["verdict"] for device in shown["devices"]}
    assert set(verdicts) == set(served.names)
    assert verdicts[fails] == "FAILED_GRACEFUL"
    assert verdicts[has_no_effect] == "NO_EFFECT"
    for name, verdict in verdicts.items():
        truth = served.truth(name)
        assert (verdict == "SUCCESS") is (truth["version"] == NEW), (name, verdict, truth["version"])
        assert len(one.posts(name, "/update/start")) <= 1
    assert all(verdicts[name] == "SUCCESS" for name in healthy if name not in (fails, has_no_effect)), verdicts
    table = (await one.ask("show", rollout)).out
    assert all(name in table for name in served.names)


async def _looked_on(one: RolloutDesk, rollout: str) -> None:
    """Look on until the engine leaves, however long a wave takes."""
    attached = await one.shell.start("rollout", "attach", rollout)
    async with asyncio.timeout(WAVE_S):
        await attached.communicate()


async def _asked_for(one: RolloutDesk, rollout: str, shown: dict[str, object]) -> list[str]:
    """Do what a person would who is needed, and return what that was."""
    devices = shown["devices"]
    assert isinstance(devices, list)
    held = [device["name"] for device in devices if device["phase"] == "HELD" and device["verdict"] is None]
    if shown["state"] == "STOPPED_BY_GATE":
        await one.ask("reopen", rollout, "--max-failures", "60", "--reason", "looked at")
        return ["reopen"]
    if held:
        await one.leave_out(rollout, held)
        return ["skip"]
    if shown["state"] == "WAITING_FOR_PROMOTION":
        await one.ask("promote", rollout)
        return ["promote"]
    return []
