"""The command line: one module per command group.

It never imports Textual, and httpx only where a command needs it.
"""

from __future__ import annotations

import os
import sys

from updeck import __version__

__all__ = ["run"]


def run() -> int:
    """Run the process's command line and return its exit code (`contracts.md` 2)."""
    _open_what_is_closed()
    if sys.argv[1:] == ["--version"]:  # asked by scripts, and so answered without loading a command
        sys.stdout.write(f"updeck {__version__}\n")
        return 0
    from updeck.cli.main import main

    return main()


def _open_what_is_closed() -> None:
    """Let standard streams that the caller closed (`>&-`) lead nowhere.

    Otherwise the next file that is opened, such as the journal, becomes descriptor 1 or 2, and what a child prints
    lands in it.
    """
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is not None:
            continue
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere == descriptor:
            os.set_inheritable(nowhere, True)  # noqa: FBT003
        else:
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
        setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
