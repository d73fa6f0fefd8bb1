"""The command line: one module per command group.

It never imports Textual, and httpx only where a command needs it.
"""

from __future__ import annotations

import os
import sys

from updeck import __version__

__all__ = ["COMPLETION_VARIABLE", "run"]

COMPLETION_VARIABLE = "_UPDECK_COMPLETE"
"""What a completion script sets when it asks this program; click answers it before anything else."""


def run() -> int:
    """Run the process's command line and return its exit code (`contracts.md` 2)."""
    _open_what_is_closed()
    if sys.argv[1:] == ["--version"]:  # asked by scripts, and so answered without loading a command
        sys.stdout.write(f"updeck {__version__}\n")
        return 0
    if not sys.argv[1:] and COMPLETION_VARIABLE not in os.environ:  # the screen, for which click has nothing to parse
        from updeck.cli.invocation import Invocation, ended
        from updeck.cli.opening import open_screen
        from updeck.cli.output import Output

        out = Output.standard()
        return ended(out, lambda: open_screen(Invocation(out)))
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
