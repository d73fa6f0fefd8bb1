"""Key to paint at 1000 devices under 100 changes a second: median and p99 per key, on a pseudo-terminal.

Call: `python tests/benchmarks/key_to_paint.py [PRESSES]`. From the write of the key to the first byte that answers
it. About three cells on view change by themselves each second: one answer in a hundred may be such a change.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from terminal_fixture import Terminal, on_terminal

KEYS = (
    ("cursor", ("j", "k")),
    ("scroll", ("\x1b[6~", "\x1b[5~")),
    ("ends", ("\x1b[F", "\x1b[H")),
    ("sort", ("O", "O")),
    ("mark", (" ", " ")),
    ("filter", ("/", "s", "1", "\x7f", "\x7f", "\x1b")),
)


def answer_ms(terminal: Terminal, key: str) -> float:
    """Return milliseconds from a key to what it paints."""
    before = len(terminal.written)
    began = time.monotonic()
    terminal.send(key)
    while len(terminal.written) == before and time.monotonic() - began < 5:
        terminal.read(0.001)
    return (time.monotonic() - began) * 1000


def main() -> None:
    """Press every key in turn, and let all come to rest in between."""
    presses = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    words = ("ui_child.py", "1000", "1", "100")
    with on_terminal(*words, columns=120, rows=40) as terminal:
        terminal.until(lambda seen: "1000 idle" in seen.text)
        terminal.read(2.0)
        print(f"{'key':8}{'median ms':>10}{'p99 ms':>10}   (goal 5 and 35)")
        for name, keys in KEYS:
            times: list[float] = []
            while len(times) < presses:
                for key in keys:
                    times.append(answer_ms(terminal, key))
                    terminal.read(0.4)
            ordered = sorted(times)
            p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
            print(f"{name:8}{statistics.median(times):>10.1f}{p99:>10.1f}", flush=True)


if __name__ == "__main__":
    main()
