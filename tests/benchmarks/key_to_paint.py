"""Key to paint at 1000 devices: at rest beside a Textual DataTable of as many rows, and under 100 changes a second.

Call: `python tests/benchmarks/key_to_paint.py [PRESSES]`. From the write of a key to the first byte that answers it, on
terminals of 120x40; CPU is what the thread that draws has used until then (Linux tells it). At rest both programs are
pressed in turn; the ratios are those of the medians, of time and of CPU. Under load about three cells on view change by
themselves each second: one answer in a hundred may be such a change.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from terminal_fixture import Terminal, on_terminal

KEYS = (
    ("cursor", ("j", "k")),
    ("scroll", ("\x1b[6~", "\x1b[5~")),
    ("ends", ("\x1b[F", "\x1b[H")),
    ("sort", ("O", "O")),
    ("mark", (" ", " ")),
    ("filter", ("/", "s", "1", "\x7f", "\x7f", "\r")),
)
DEVICES = "1000"
REST_S = 0.3


class Answer(NamedTuple):
    """What the answer to a key took, in milliseconds."""

    wall: float
    cpu: float


def drawing_cpu_ms(terminal: Terminal) -> float:
    """Return what the first thread of a program has used so far."""
    pid = terminal.process.pid
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e6


def answer(terminal: Terminal, key: str) -> Answer:
    """Press a key, and return what it took to paint; then let all come to rest."""
    before, cpu = len(terminal.written), drawing_cpu_ms(terminal)
    began = time.monotonic()
    terminal.send(key)
    while len(terminal.written) == before and time.monotonic() - began < 5:
        terminal.read(0.0005)
    took = Answer((time.monotonic() - began) * 1000, drawing_cpu_ms(terminal) - cpu)
    terminal.read(REST_S)
    return took


def pressed(terminals: Sequence[Terminal], keys: Sequence[str], presses: int) -> list[list[Answer]]:
    """Press the keys in turn, each in every program, until there are so many answers of each; return them."""
    answers: list[list[Answer]] = [[] for _ in terminals]
    while len(answers[0]) < presses:
        for key in keys:
            for own, terminal in zip(answers, terminals, strict=True):
                own.append(answer(terminal, key))
    return answers


def figures(answers: Sequence[Answer]) -> tuple[float, float, float]:
    """Return median and p99 of the time, and the median of CPU."""
    walls = sorted(one.wall for one in answers)
    p99 = walls[min(len(walls) - 1, int(len(walls) * 0.99))]
    return statistics.median(walls), p99, statistics.median(one.cpu for one in answers)


def settled(terminal: Terminal, mark: str) -> None:
    """Wait until a program shows what it has."""
    terminal.until(lambda seen: mark in seen.text)
    terminal.read(2.0)


def main() -> None:
    """Measure at rest beside the table, then under load."""
    presses = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with (
        on_terminal("ui_child.py", DEVICES, "1", "0") as ours,
        on_terminal("benchmarks/table_child.py", DEVICES, "0") as table,
    ):
        settled(ours, "1000 idle")
        settled(table, "ar11-s00-0001")
        print(f"at rest   {'updeck: ms':>12}{'p99':>7}{'CPU':>7}{'DataTable: ms':>16}{'p99':>7}{'CPU':>7}   ratios")
        for name, keys in KEYS:
            one, other = (figures(own) for own in pressed((ours, table), keys, presses))
            row = f"{one[0]:12.1f}{one[1]:7.1f}{one[2]:7.1f}{other[0]:16.1f}{other[1]:7.1f}{other[2]:7.1f}"
            print(f"{name:10}{row}   {one[0] / other[0]:.2f}, {one[2] / other[2]:.2f}", flush=True)
    with on_terminal("ui_child.py", DEVICES, "1", "100") as busy:
        settled(busy, "1000 idle")
        print(f"\n100 changes/s {'ms':>8}{'p99':>7}{'CPU':>7}   (goal 5 and 35 ms)")
        for name, keys in KEYS:
            median, p99, cpu = figures(pressed((busy,), keys, presses)[0])
            print(f"{name:10}{median:12.1f}{p99:7.1f}{cpu:7.1f}", flush=True)


if __name__ == "__main__":
    main()
