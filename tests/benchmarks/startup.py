"""From exec to the first paint, beside a bare Textual app and harlequin; `--version` beside `python -c pass`.

Call: `python tests/benchmarks/startup.py [RUNS] [updeck.pyz]`. Every round starts each program once, on a terminal of
120x40, so that a busy machine slows all alike. CPU is user and system time of the process until its first picture has
been read. Harlequin is started where its command is on the path, and `updeck.pyz`, unpacked before, where one is named.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from terminal_fixture import SOURCE, on_terminal

BARE = (
    "from textual.app import App\n"
    "from textual.widgets import Static\n"
    "class Bare(App[None]):\n"
    "    def compose(self):\n"
    "        yield Static('painted')\n"
    "Bare().run(mouse=False)\n"
)
PREFACE = 'label = "LAB"\n[ui]\ntheme = "dark"\n[defaults]\ntags = ["prod"]\nsite = "fra"\n'
MANY = "updeck, 1000 devices"
COMPARED = (
    ("updeck", "bare Textual", "1.15"),
    (MANY, "bare Textual", "1.15"),
    ("updeck", "harlequin", "0.3"),
    ("updeck --version", "python -c pass", "60 ms more"),
    ("updeck.pyz", "updeck, the script", ""),
)
"""What is measured beside what, and the goal for the ratio."""


class Cost(NamedTuple):
    """What a start took, in milliseconds."""

    cpu: float
    wall: float


def children_cpu_s() -> float:
    """Return the CPU seconds of all processes that have ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def paint(*words: str, mark: str, room: Path, **environment: str | None) -> Callable[[], Cost]:
    """Return what measures the time until `mark` stands on the screen of `python WORDS`."""
    told = {"UPDECK_CONFIG": str(room), "UPDECK_STATE": str(room / "state"), "HOME": str(room), **environment}

    def measure() -> Cost:
        cpu, wall = children_cpu_s(), time.monotonic()
        with on_terminal(*words, environment=told) as terminal:
            while mark.encode() not in terminal.written:
                assert terminal.process.poll() is None, terminal.text
                terminal.read(0.002)
            wall = time.monotonic() - wall
        return Cost((children_cpu_s() - cpu) * 1000, wall * 1000)

    return measure


def run(*words: str) -> Callable[[], Cost]:
    """Return what measures a command that ends by itself."""

    def measure() -> Cost:
        cpu, wall = children_cpu_s(), time.monotonic()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env={"PYTHONPATH": str(SOURCE)})
        return Cost((children_cpu_s() - cpu) * 1000, (time.monotonic() - wall) * 1000)

    return measure


def exec_words(path: str) -> tuple[str, str]:
    """Return the arguments with which Python becomes another program."""
    return "-c", f"import os; os.execv({path!r}, [{path!r}])"


def starts(room: Path, onefile: str | None) -> dict[str, Callable[[], Cost]]:
    """Return what is to be started, over inventories that are made in `room`."""
    for name, count in (("one", 1), ("many", 1000)):
        (room / name).mkdir()
        devices = (f'[devices.ar11-s{one:04}]\nurl = "http://127.0.0.1:{1000 + one}"\n' for one in range(count))
        (room / name / "fleet.toml").write_text(PREFACE + "".join(devices))
    one = room / "one"
    found = {
        "bare Textual": paint("-c", BARE, mark="painted", room=one),
        "updeck": paint("-m", "updeck", mark="fleet", room=one),
        MANY: paint("-m", "updeck", mark="fleet", room=room / "many"),
        "python -c pass": run("-c", "pass"),
        "updeck --version": run("-m", "updeck", "--version"),
    }
    if harlequin := shutil.which("harlequin"):
        found["harlequin"] = paint(*exec_words(harlequin), mark="Catalog", room=one, PYTHONPATH=None)
    script = Path(sys.executable).with_name("updeck")
    if onefile is not None and script.exists():
        packed = paint(str(Path(onefile).absolute()), mark="fleet", room=one, PYTHONPATH=None)
        packed()  # it unpacks
        found["updeck, the script"] = paint(str(script), mark="fleet", room=one, PYTHONPATH=None)
        found["updeck.pyz"] = packed
    return found


def main() -> None:
    """Start everything in turn, round by round, and print two tables."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as room:
        measured = starts(Path(room), sys.argv[2] if len(sys.argv) > 2 else None)
        costs: dict[str, list[Cost]] = {name: [] for name in measured}
        for _ in range(runs):
            for name, measure in measured.items():
                costs[name].append(measure())
    middle = statistics.median
    print(f"{f'{runs} rounds, ms':22}{'CPU, least':>12}{'CPU, median':>13}{'wall, median':>14}")
    for name, own in costs.items():
        least = min(cost.cpu for cost in own)
        print(
            f"{name:22}{least:12.0f}{middle(cost.cpu for cost in own):13.0f}{middle(cost.wall for cost in own):14.0f}"
        )
    print(f"\n{'ratio':22}{'of CPU, least':>15}{'of CPU':>8}{'of wall':>9}   (of the last two, medians within a round)")
    for one, other, goal in COMPARED:
        pairs = list(zip(costs.get(one, ()), costs.get(other, ()), strict=False))
        if not pairs:
            continue
        lowest = min(own.cpu for own, _ in pairs) / min(peer.cpu for _, peer in pairs)
        cpu, wall = (middle(own[at] / peer[at] for own, peer in pairs) for at in (0, 1))
        print(f"{one:22}{lowest:15.2f}{cpu:8.2f}{wall:9.2f}   beside {other}{f' (goal {goal})' if goal else ''}")


if __name__ == "__main__":
    main()
