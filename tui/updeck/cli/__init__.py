"""The command line: one module per command group.

It never imports Textual, and httpx only where a command needs it.
"""

from __future__ import annotations

__all__ = ["run"]


def run() -> int:
    """Run the process's command line and return its exit code (`contracts.md` 2)."""
    from updeck.cli.main import main

    return main()
