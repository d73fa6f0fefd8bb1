"""One rollout of many devices: memory of its engine, how polls keep their interval, passes of SHA-256 over the file.

`python tests/benchmarks/rollout_of_many.py [--devices 200] [--speed 20] [--until updated]`, by hand; it serves the
devices itself. `--speed 1 --until initialized` shows the intervals that appliances see.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

from updeck.device import image_file
from updeck.fleet.inventory import load_fleet
from updeck.simulator.images import write_image

NEW = "11.12.0 #40000"
IMAGE_BYTES = 4 << 20
MIB = 1 << 20
LOOK_EVERY_S = 20.0


def child(out: str, words: list[str]) -> int:
    """Run a command line, and add how many bytes of files it has hashed to a file."""
    import hashlib
    from types import SimpleNamespace

    from updeck.cli import run

    hashed = [0]

    class Counted:
        def __init__(self) -> None:
            self._real = hashlib.sha256()

        def update(self, data: bytes) -> None:
            hashed[0] += len(data)
            self._real.update(data)

        def hexdigest(self) -> str:
            return self._real.hexdigest()

    vars(image_file)["hashlib"] = SimpleNamespace(sha256=Counted)
    sys.argv = ["updeck", *words]
    try:
        return run()
    finally:
        with Path(out).open("a") as file:
            file.write(f"{hashed[0]}\n")


def measure(room: Path, devices: int, speed: float, until: str) -> None:
    """Serve, plan, run, and print the figures."""
    told = {**os.environ, "UPDECK_CONFIG": str(room), "UPDECK_STATE": str(room / "state")}
    serve = ["simulator", "serve", "--devices", str(devices), "--speed", str(speed)]
    serve += ["--fleet-out", str(room / "fleet.toml")]
    serving = subprocess.Popen([sys.executable, "-m", "updeck", *serve], stdout=subprocess.PIPE, env=told, text=True)
    try:
        assert serving.stdout is not None
        control = serving.stdout.readline().split()[1]
        image = room / "new.iso"
        write_image(image, NEW, IMAGE_BYTES)
        mine = [sys.executable, __file__, "--child", str(room / "hashed"), "--"]
        limits = ["--waves", "1,25%,100%", "--promote", "auto", "--max-failures", str(devices), "--until", until]
        plan = ["rollout", "plan", "*", "--image", str(image), "--version", NEW, *limits, "-o", str(room / "plan.json")]
        planned = subprocess.run([*mine, *plan, "--json"], env=told, capture_output=True, text=True, check=True)
        code = json.loads(planned.stdout)["code"]
        run = ["rollout", "run", str(room / "plan.json"), "--confirm", code, "--foreground", "--json"]
        begun = time.monotonic()
        with (room / "shown").open("w") as shown, (room / "said").open("w") as said:
            engine = subprocess.Popen([*mine, *run], env=told, stdout=shown, stderr=said)
            seen = Polls(control, _names(room))
            peak_kb = _peak_of(engine, seen)
        lasted_s = time.monotonic() - begun
        verdicts = [one["verdict"] for one in json.loads((room / "shown").read_text())["devices"]]
        hashed = sum(map(int, (room / "hashed").read_text().split()))
        gaps = sorted(seen.gaps())
        moving = load_fleet(room / "fleet.toml").poll.moving
        print(f"{devices} devices, {lasted_s:.0f} s: { ({one: verdicts.count(one) for one in set(verdicts)}) }")
        print(f"engine: at most {peak_kb / 1024:.0f} MiB resident")
        print(f"SHA-256: {hashed / IMAGE_BYTES:.2f} passes over the file, by plan and engine together")
        print(
            f"polls while INITIALIZING: interval {moving:g} s; {len(gaps)} gaps, median {_at(gaps, 0.5):.2f} s,",
            end=" ",
        )
        print(f"p99 {_at(gaps, 0.99):.2f} s, most {_at(gaps, 1.0):.2f} s")
    finally:
        serving.terminate()
        serving.wait()


def _peak_of(engine: subprocess.Popen[bytes], seen: Polls) -> int:
    """Wait for an engine's end, looking at the polls meanwhile; return the most that it had resident, in kB."""
    peak, looked_at = 0, 0.0
    while engine.poll() is None:
        try:
            status = Path(f"/proc/{engine.pid}/status").read_text()
            peak = max([peak, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
        except OSError:
            pass
        if time.monotonic() - looked_at >= LOOK_EVERY_S:
            seen.look()
            looked_at = time.monotonic()
        time.sleep(0.2)
    return peak


class Polls:
    """The polls that devices received while INITIALIZING; they forget theirs, so look often."""

    def __init__(self, control: str, names: list[str]) -> None:
        self._control = control
        self._at: dict[str, set[float]] = {name: set() for name in names}

    def look(self) -> None:
        """Take over what the devices remember."""
        for name, known in self._at.items():
            with urllib.request.urlopen(f"{self._control}/truth/{name}") as answer:
                requests: list[dict[str, Any]] = json.load(answer)["requests"]
            polls = (one for one in requests if one["method"] == "GET" and one["path"].endswith("/update"))
            known.update(one["at"] for one in polls if one["state"] == "INITIALIZING")

    def gaps(self) -> list[float]:
        """Return the seconds between one poll of a device and the next."""
        return [later - earlier for at in self._at.values() for earlier, later in pairwise(sorted(at))]


def _names(room: Path) -> list[str]:
    return [entry.name for entry in load_fleet(room / "fleet.toml").devices]


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        sys.exit(child(sys.argv[2], sys.argv[4:]))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--speed", type=float, default=20.0)
    parser.add_argument("--until", default="updated")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="updeck-many-") as place:
        measure(Path(place), arguments.devices, arguments.speed, arguments.until)
