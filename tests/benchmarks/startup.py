"""First paint after exec beside a bare Textual app, and `--version` beside `python -c pass`: medians of pairs.

Call: `python tests/benchmarks/startup.py [RUNS]`. Harlequin is measured too where its command is on the path.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from terminal_fixture import SOURCE, Terminal, on_terminal

BARE = (
    "from textual.app import App\n"
    "from textual.widgets import Static\n"
    "class Bare(App[None]):\n"
    "    def compose(self):\n"
    "        yield Static('painted')\n"
    "Bare().run(mouse=False)\n"
)


def first_paint_s(*words: str, mark: str, room: str) -> float:
    """Return the seconds from exec until `mark` stands on the screen."""
    began = time.monotonic()
    environment = {"UPDECK_CONFIG": room, "UPDECK_STATE": f"{room}/state", "HOME": room}

    def painted(seen: Terminal) -> bool:
        return mark.encode() in seen.written

    with on_terminal(*words, environment=environment) as terminal:
        while not painted(terminal):
            terminal.read(0.002)
        return time.monotonic() - began


def run_s(*words: str) -> float:
    """Return the seconds that a command takes."""
    began = time.monotonic()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env={"PYTHONPATH": str(SOURCE)})
    return time.monotonic() - began


def main() -> None:
    """Measure pair by pair, so that a busy machine slows both alike."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as room:
        (Path(room) / "fleet.toml").write_text('[devices.ar11-x]\nurl = "http://127.0.0.1:9"\n')
        ours, bare, version, nothing = [], [], [], []
        for _ in range(runs):
            bare.append(first_paint_s("-c", BARE, mark="painted", room=room))
            ours.append(first_paint_s("-m", "updeck", mark="fleet", room=room))
            nothing.append(run_s("-c", "pass"))
            version.append(run_s("-m", "updeck", "--version"))
        ratios = [one / other for one, other in zip(ours, bare, strict=True)]
        above = [one - other for one, other in zip(version, nothing, strict=True)]
        middle = statistics.median
        print(f"first paint    updeck {middle(ours):.3f} s   bare Textual {middle(bare):.3f} s", end="   ")
        print(f"ratio {middle(ratios):.2f} (goal 1.15)")
        print(f"--version      updeck {middle(version):.3f} s   python -c pass {middle(nothing):.3f} s", end="   ")
        print(f"above it {middle(above) * 1000:.0f} ms (goal 60)")
        if harlequin := shutil.which("harlequin"):
            program = f"import os; os.execv({harlequin!r}, ['harlequin'])"
            slow = middle(first_paint_s("-c", program, mark="Catalog", room=room) for _ in range(runs))
            print(f"harlequin {slow:.3f} s   ratio {middle(ours) / slow:.2f} (goal 0.3)")


if __name__ == "__main__":
    main()
