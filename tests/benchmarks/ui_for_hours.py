"""The UI over many devices for a long time: memory, CPU, bytes to the terminal, how late polls come.

`python tests/benchmarks/ui_for_hours.py [--minutes 60] [--devices 1000] [--rest 10] [--scenario chaos] [--speed 1]
[--watched]`, by hand; it serves the devices itself, over HTTPS. A key is pressed every ten seconds unless it is only
`--watched`. With a `--speed` of 20 the devices go through in three minutes what takes them an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.processes import cpu_s, resident_mb
from terminal_fixture import Terminal, on_terminal
from updeck.fleet.inventory import load_fleet

LOOK_EVERY_S = 10.0
LINES = 12
"""How many lines the table of a run has."""
KEPT_BYTES = 1 << 14
KEYS = ("j", "k", "j", "j", "\x1b[6~", "\x1b[5~", "O", "\t", "r", "]", "[", "v", "R", "J", "?", *["\x1b"] * 5)


async def gaps_s(control: str, names: list[str], since: float) -> list[float]:
    """Return the seconds between one poll of a device and the next, of its newest that were answered well."""
    gaps: list[float] = []
    async with aiohttp.ClientSession() as session:
        for name in names:
            async with session.get(f"{control}/truth/{name}") as answer:
                truth: dict[str, Any] = await answer.json()
            polls = [one for one in truth["requests"] if one["method"] == "GET" and one["path"].endswith("/update")]
            pairs = pairwise(one for one in polls if one["at"] >= since)
            gaps += [late["at"] - early["at"] for early, late in pairs if early["status"] == late["status"] == 200]
    return sorted(gaps)


def age_s(gaps: list[float], share: float) -> float:
    """Return the seconds that an answer on the screen is old at most for this share of the time, between such polls."""
    total, low, high = sum(gaps), 0.0, max(gaps, default=0.0)
    while high - low > 0.001:
        middle = (low + high) / 2
        older = sum(gap - middle for gap in gaps if gap > middle)
        low, high = (middle, high) if older > total * (1 - share) else (low, middle)
    return high


def stay(terminal: Terminal, serving: int, minutes: float, random: Random | None) -> None:
    """Watch for so long, and print a line for each part of it."""
    print(f"{'minutes':>8}{'UI MB':>8}{'CPU %':>8}{'B/s':>8}{'simulator CPU %':>17}")
    began = time.monotonic()
    for part in range(1, LINES + 1):
        since, used, used_there, written = time.monotonic(), cpu_s(terminal.process.pid), cpu_s(serving), 0
        while time.monotonic() - began < minutes * 60 * part / LINES:
            written += len(terminal.read(LOOK_EVERY_S if random else 1.0))
            terminal.written = terminal.written[-KEPT_BYTES:]
            if random:
                terminal.send(random.choice(KEYS))
        lasted = time.monotonic() - since
        share, there = (cpu_s(terminal.process.pid) - used) / lasted, (cpu_s(serving) - used_there) / lasted
        line = f"{(time.monotonic() - began) / 60:8.0f}{resident_mb(terminal.process.pid):8.0f}{share:8.1%}"
        print(f"{line}{written / lasted:8.0f}{there:17.1%}", flush=True)


def measure(room: Path, arguments: argparse.Namespace) -> None:
    """Serve, watch, and print the figures."""
    told = {"UPDECK_CONFIG": str(room), "UPDECK_STATE": str(room / "state"), "HOME": str(room)}
    words = ["simulator", "serve", "--devices", str(arguments.devices), "--scenario", arguments.scenario]
    words += ["--speed", str(arguments.speed), "--fleet-out", str(room / "fleet.toml")]
    serving = subprocess.Popen(
        [sys.executable, "-m", "updeck", *words], stdout=subprocess.PIPE, env={**os.environ, **told}, text=True
    )
    try:
        assert serving.stdout is not None
        control = serving.stdout.readline().split()[1]
        inventory = room / "fleet.toml"
        inventory.write_text(re.sub(r"(?m)^rest = .*$", f"rest = {arguments.rest}", inventory.read_text()))
        fleet = load_fleet(inventory)
        print(f"{arguments.devices} devices, scenario {arguments.scenario}, polled every {fleet.poll.rest:g} s at rest")
        with on_terminal("-m", "updeck", "--read-only", environment=told) as terminal:
            terminal.until(lambda seen: "checked" in seen.text)
            begun = time.time()
            stay(terminal, serving.pid, arguments.minutes, None if arguments.watched else Random(1))
            ended = terminal.process.poll()
            gaps = asyncio.run(gaps_s(control, [entry.name for entry in fleet.devices], begun + 60))
            print("the UI " + ("is alive" if ended is None else f"ended with {ended}: {terminal.text[-600:]}"))
        crashes = [path.name for path in (room / "state").glob("crash-*")]
        print(f"crash files: {', '.join(crashes) or 'none'}")
        at = [gaps[min(len(gaps) - 1, int(len(gaps) * share))] if gaps else float("nan") for share in (0.5, 0.99, 1)]
        print(f"between polls: {len(gaps)} gaps, median {at[0]:.2f} s, p99 {at[1]:.2f} s, most {at[2]:.2f} s")
        print(f"what is shown is old: median {age_s(gaps, 0.5):.2f} s, p99 {age_s(gaps, 0.99):.2f} s")
    finally:
        serving.terminate()
        serving.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--rest", type=int, default=10)
    parser.add_argument("--scenario", default="chaos")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--watched", action="store_true")
    with tempfile.TemporaryDirectory(prefix="updeck-hours-") as place:
        measure(Path(place), parser.parse_args())
