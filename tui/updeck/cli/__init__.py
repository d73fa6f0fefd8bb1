"""The command line: one module per command group.

It never imports Textual, and httpx only where a command needs it.
"""

from __future__ import annotations

import sys

from updeck import __version__

__all__ = ["run"]


def run() -> int:
    """Run the process's command line and return its exit code (`contracts.md` 2)."""
    if sys.argv[1:] == ["--version"]:  # asked by scripts, and so answered without loading a command
        sys.stdout.write(f"updeck {__version__}\n")
        return 0
    from updeck.cli.main import main

    return main()
