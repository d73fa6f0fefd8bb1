"""Bytes to the terminal per scenario, beside htop, top, btop and a plain Textual DataTable, in one run.

Call: `python tests/benchmarks/screen_bytes.py [SECONDS]`; peers that are not installed are left out.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from terminal_fixture import Terminal, on_terminal

SIZES = ((80, 24), (120, 40))
DEVICES, PER_S = "1000", "100"
KEYS = (("down", "\x1b[B"), ("page down", "\x1b[6~"), ("end", "\x1b[F"))
SCREENS = (("detail", "v"), ("activity", "J"), ("rollouts", "R"), ("help", "?"), ("palette", "\x10"))
WIDTH = 13


def settled(terminal: Terminal) -> int:
    """Wait until a program has drawn itself; return what that cost."""
    terminal.until(lambda seen: len(seen.written) > 500)
    terminal.until_quiet(0.5)
    return len(terminal.written)


def cost(terminal: Terminal, keys: str) -> int:
    """Return what keys cost until all is at rest."""
    before = len(terminal.written)
    give_up_at = time.monotonic() + 5
    terminal.send(keys)
    while len(terminal.written) == before and time.monotonic() < give_up_at:
        terminal.read(0.05)
    terminal.until_quiet(0.5)
    return len(terminal.written) - before


def a_second(terminal: Terminal, seconds: float) -> float:
    """Return the bytes that a program writes a second."""
    began = time.monotonic()
    written = len(terminal.read(seconds))
    return written / (time.monotonic() - began)


def ours(size: tuple[int, int], seconds: float, environment: Mapping[str, str]) -> dict[str, float]:
    """Count the UI over 1000 devices."""
    figures: dict[str, float] = {}
    with on_terminal("ui_child.py", DEVICES, "1", "0", columns=size[0], rows=size[1], environment=environment) as still:
        still.until(lambda seen: "1000 idle" in seen.text)
        figures["start"] = settled(still)
        figures["at rest, B/s"] = a_second(still, seconds)
        for name, keys in KEYS:
            figures[name] = cost(still, keys)
        for name, key in SCREENS:
            figures[f"{name} opened"] = cost(still, key)
            figures[f"{name} closed"] = cost(still, "\x1b")
        figures["filter, a key"] = (cost(still, "/") + cost(still, "s") + cost(still, "1")) / 3
    words = ("ui_child.py", DEVICES, "1", PER_S)
    with on_terminal(*words, columns=size[0], rows=size[1], environment=environment) as busy:
        busy.until(lambda seen: "1000 idle" in seen.text)
        busy.read(4.0)
        figures["100 changes/s, B/s"] = a_second(busy, seconds)
    return figures


def table(size: tuple[int, int], seconds: float) -> dict[str, float]:
    """Count Textual's own table with as many rows and changes."""
    figures: dict[str, float] = {}
    child = str(Path(__file__).with_name("table_child.py"))
    with on_terminal(child, DEVICES, "0", columns=size[0], rows=size[1]) as still:
        figures["start"] = settled(still)
        figures["at rest, B/s"] = a_second(still, seconds)
        for name, keys in KEYS:
            figures[name] = cost(still, keys)
    with on_terminal(child, DEVICES, PER_S, columns=size[0], rows=size[1]) as busy:
        busy.until(lambda seen: len(seen.written) > 500)
        busy.read(4.0)
        figures["100 changes/s, B/s"] = a_second(busy, seconds)
    return figures


def monitor(words: tuple[str, ...], size: tuple[int, int], seconds: float) -> dict[str, float]:
    """Count a monitor of processes that draws once a second; it changes by itself, so there is no rest."""
    program = f"import os; os.execvp({words[0]!r}, {words!r})"
    with on_terminal("-c", program, columns=size[0], rows=size[1]) as terminal:
        terminal.until(lambda seen: len(seen.written) > 500)
        terminal.read(0.5)
        start = len(terminal.written)
        return {"start": start, "100 changes/s, B/s": a_second(terminal, seconds)}


def report(size: tuple[int, int], found: Mapping[str, Mapping[str, float]]) -> None:
    """Print one table: a line per scenario, a column per program."""
    print(f"\n{size[0]}x{size[1]}, bytes{'':10}" + "".join(f"{name:>{WIDTH}}" for name in found))
    for scenario in found["updeck"]:
        figures = (one.get(scenario) for one in found.values())
        print(f"{scenario:22}" + "".join(f"{'' if one is None else f'{one:,.0f}':>{WIDTH}}" for one in figures))


def main() -> None:
    """Measure all programs at both sizes."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    os.environ.setdefault("HOME", "/")
    for size in SIZES:
        found = {
            "updeck": ours(size, seconds, {}),
            "slow line": ours(size, seconds, {"SSH_TTY": "/dev/pts/9"}),
            "no colour": ours(size, seconds, {"NO_COLOR": "1"}),
            "DataTable": table(size, seconds),
        }
        for words in (("htop", "-d", "10"), ("top", "-d", "1"), ("btop", "--utf-force")):
            if shutil.which(words[0]):
                found[words[0]] = monitor(words, size, seconds)
        report(size, found)
    print("\nhtop, top and btop draw the processes of this machine once a second (btop: every two)")


if __name__ == "__main__":
    main()
