"""Engines killed at random moments over many rollouts on real sockets, judged by what the devices truly received.

`python tests/rollout/kill_harness.py --kills 300 [--seed N]`; a short run is among the tests (`rollout.md` 9).
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, randrange
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from shell import Shell
from updeck.device.versions import same_version
from updeck.journal.models import Verdict
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.images import write_image
from updeck.simulator.options import ServeOptions
from updeck.simulator.serving import Simulator, running

NEW = "11.12.0 #40000"
SPEED = 600.0
DEVICES = 5
KILLS_A_ROLLOUT = (2, 9)
HANG_S = 120.0
UPLOAD_STALL_S = 2.0
LATEST_S = 1.6
"""How long after it drives an engine is killed at the latest."""

NOT_UPDATED = frozenset(
    {
        Verdict.NOT_STARTED,
        Verdict.WRONG_TARGET,
        Verdict.FAILED_GRACEFUL,
        Verdict.NO_EFFECT,
        Verdict.TRANSFER_FAILED,
        Verdict.ABORTED_BEFORE_START,
        Verdict.SKIPPED,
    }
)
MOST = {"/update/start": 1, "/update/init": 1, "/update/reset": 1}
FAULTS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("reset_before", {"path": "/update/start"}),
    ("reset_after", {"path": "/update/start"}),
    ("truncated", {"path": "/update/start"}),
    ("delay_after", {"path": "/update/start", "seconds": 0.7}),
    ("status", {"path": "/update/start", "status": 500}),
    ("reset_before", {"path": "/update/init"}),
    ("reset_after", {"path": "/update/init"}),
    ("delay_after", {"path": "/update/init", "seconds": 0.7}),
    ("late_start", {}),
    ("late_history", {}),
    ("no_effect", {}),
    ("wrong_target", {"version": "11.10.0"}),
    ("no_target", {}),
    ("init_failure", {}),
    ("upload_error", {}),
    ("run_failure_graceful", {}),
    ("run_failure_critical", {}),
)


@dataclass(slots=True)
class Tally:
    """What came of a run; `wrong` holds a sentence for each violation."""

    seed: int
    kills: int = 0
    rollouts: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in self.verdicts.most_common())
        judged = "; ".join(self.wrong) or "nothing wrong"
        return f"seed {self.seed}: {self.kills} kills over {self.rollouts} rollouts: {verdicts}: {judged}"


async def kill_engines(kills: int, seed: int, room: Path, *, tell: Callable[[str], None] = print) -> Tally:
    """Kill engines until so many were killed, each rollout going on to its end; return what was found."""
    tally = Tally(seed)
    image = room / "new.iso"
    write_image(image, NEW, 400_000)
    while tally.kills < kills:
        tally.rollouts += 1
        one = _Rollout(tally, Random(f"{seed} {tally.rollouts}"), room / str(tally.rollouts), image)
        await one.play(kills - tally.kills)
        tell(str(tally))
    return tally


class _Rollout:
    """One rollout over a simulated fleet of its own."""

    def __init__(self, tally: Tally, random: Random, room: Path, image: Path) -> None:
        self._tally = tally
        self._random = random
        self._room = room
        self._image = image
        self._id = ""
        self._targets: dict[str, list[str | None]] = {}

    async def play(self, kills_left: int) -> None:
        """Run it, kill its engine again and again, let it end, and judge by the truth."""
        self._room.mkdir()
        options = ServeOptions(
            fleet_out=self._room / "fleet.toml", devices=DEVICES, seed=self._random.randrange(1 << 16), speed=SPEED
        )
        async with running(options) as simulator:
            _left_alone(simulator.fleet_path)
            shell = Shell(self._room, self._room / "state")
            for name in simulator.names:
                self._watch(simulator.device(name))
                if self._random.random() < 0.5:
                    fault, fields = self._random.choice(FAULTS)
                    simulator.fault(name, fault, times=1, **fields)
            words = await self._planned(shell)
            for _ in range(min(kills_left, self._random.randint(*KILLS_A_ROLLOUT))):
                if not await self._killed(shell, words):
                    break
                words = words if words[1] == "resume" else await self._resumed(shell)
            await self._ended(shell)
            self._judge(simulator, (await shell.run("rollout", "show", self._id, "--json")).json)

    def _watch(self, device: SimulatedDevice) -> None:
        targets = self._targets.setdefault(device.name, [])
        before = device.state

        def changed() -> None:
            nonlocal before
            if device.state == "RUNNING" and before != "RUNNING":
                targets.append(device.target_version)
            before = device.state

        device.watch(changed)

    async def _planned(self, shell: Shell) -> tuple[str, ...]:
        plan = self._room / "plan.json"
        limits = self._random.choice(([], ["--max-parallel", "2"], ["--max-transfers", "1"]))
        waves = self._random.choice(([], ["--waves", "2,100%", "--promote", "auto"]))
        image = ["--image", str(self._image), "--version", NEW, "--max-failures", str(DEVICES)]
        done = await shell.run("rollout", "plan", "*", *image, *limits, *waves, "-o", str(plan), "--json")
        assert done.code == 0, done.err
        return "rollout", "run", str(plan), "--confirm", done.json["code"], "--foreground"

    async def _killed(self, shell: Shell, words: tuple[str, ...]) -> bool:
        """Start an engine and kill it at a random moment; return False when it had ended before."""
        engine = await shell.start(*words)
        assert engine.stderr is not None
        await engine.stderr.readline()  # it drives
        with suppress(TimeoutError):
            async with asyncio.timeout(self._random.uniform(0, LATEST_S)):
                await engine.wait()
        alive = engine.returncode is None
        if alive:
            engine.send_signal(signal.SIGKILL)
            self._tally.kills += 1
        await engine.communicate()
        return alive

    async def _resumed(self, shell: Shell) -> tuple[str, ...]:
        if not self._id:
            self._id = (await shell.run("rollout", "list", "--json")).json["rollouts"][0]["id"]
        return "rollout", "resume", self._id, "--foreground"

    async def _ended(self, shell: Shell) -> None:
        """Let the last engine end by itself; where it does not, its devices have no verdict."""
        engine = await shell.start(*await self._resumed(shell))
        with suppress(TimeoutError):
            async with asyncio.timeout(HANG_S):
                await engine.communicate()
        if engine.returncode is None:
            engine.send_signal(signal.SIGKILL)
            await engine.wait()

    def _judge(self, simulator: Simulator, shown: dict[str, Any]) -> None:
        for device in shown["devices"]:
            truth = simulator.truth(device["name"])
            verdict = device["verdict"]
            self._tally.verdicts[str(verdict)] += 1
            if verdict is None:
                self._wrong(device, f"it has no verdict and is {device['phase']}: {device['reason']}")
            for problem in _problems(truth, verdict, self._targets[device["name"]]):
                self._wrong(device, problem)

    def _wrong(self, device: dict[str, Any], problem: str) -> None:
        self._tally.wrong.append(f"rollout {self._tally.rollouts}, {device['name']}: {problem}")


def _left_alone(inventory: Path) -> None:
    """Have no device wait for a person, and shorten the one wait that the simulator leaves as on a real line.

    The other of a pair waits for a person where its mate ended in REVIEW, so here are no pairs.
    """
    text = re.sub(r"(?m)^pair = .*\n", "", inventory.read_text())
    assert "[patience]\n" in text
    inventory.write_text(text.replace("[patience]\n", f"[patience]\nupload_stall = {UPLOAD_STALL_S}\n"))


def _problems(truth: Mapping[str, Any], verdict: str | None, targets: list[str | None]) -> list[str]:
    found = []
    posts = [call for call in truth["requests"] if call["method"] == "POST"]
    for path, most in MOST.items():
        calls = [call for call in posts if call["path"].endswith(path)]
        if len(calls) > most:
            found.append(f"{path} was received {len(calls)} times")
        if path == "/update/start" and any(call["state"] != "INITIALIZED" for call in calls):
            found.append(f"start was received in {calls[0]['state']}")
    found += [f"it was started to {one}" for one in targets if one is None or not same_version(one, NEW)]
    updated = same_version(truth["version"], NEW)
    if verdict == Verdict.SUCCESS and not updated:
        found.append(f"SUCCESS, and it runs {truth['version']}")
    elif verdict in NOT_UPDATED and updated:
        found.append(f"{verdict}, and it runs {truth['version']}")
    return found


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=randrange(1 << 31))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="updeck-kills-") as room:
        tally = asyncio.run(kill_engines(arguments.kills, arguments.seed, Path(room)))
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(_main())
