"""The demo on a pseudo-terminal, and what truly happened to one of its devices."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from terminal_fixture import Terminal, on_terminal

FOREIGN = "ar11-par-br1"
"""A device that someone else initialized: it may be reset, by its typed name."""


@contextmanager
def demo(directory: Path, columns: int = 80, rows: int = 24) -> Iterator[Terminal]:
    """Run the demo until its list is at rest, the cursor on the device that someone else initialized."""
    told = {"TMPDIR": str(directory)}
    words = ("-m", "updeck", "demo", "--seed", "1")
    with on_terminal(*words, columns=columns, rows=rows, environment=told) as terminal:
        terminal.until(lambda seen: "someone else's init" in seen.text)
        terminal.send(f"/{FOREIGN}\r")
        terminal.until_quiet()
        yield terminal


def truth(terminal: Terminal) -> dict[str, object]:
    """Ask the simulator what was really done to the device."""
    found = re.search(r"http://127\.0\.0\.1:\d+", terminal.text)
    assert found is not None
    with urllib.request.urlopen(f"{found.group()}/truth/{FOREIGN}", timeout=10) as answer:
        told = json.load(answer)
    assert isinstance(told, dict)
    return told
