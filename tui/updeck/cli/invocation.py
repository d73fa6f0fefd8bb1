"""What was asked of every command alike, and how a command line ends.

Without click, because `updeck` alone, which opens the screen, has nothing to parse.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from updeck.cli.exits import Exit, exit_of_error
from updeck.cli.output import Output
from updeck.errors import ReadOnly, UpdeckError, fault_in_words
from updeck.text import clean

__all__ = ["Invocation", "ended"]


class Invocation:
    """What was asked of every command alike, collected from before and after the command's name."""

    def __init__(self, out: Output) -> None:
        self.out = out
        self.fleet: Path | None = None
        self.read_only = self.json = self.mouse = False
        self.slow_line: bool | None = None

    def forbid_when_read_only(self, what: str) -> None:
        """Raise `ReadOnly` where the program was told to change nothing."""
        if self.read_only:
            raise ReadOnly(f"{what} changes something, and --read-only was given", advice="nothing was changed")


def ended(out: Output, work: Callable[[], Exit | None]) -> int:
    """Do the work of a command line, and return its exit code; whatever it raises becomes one sentence."""
    try:
        return int(work() or Exit.GOOD)
    except KeyboardInterrupt:
        out.complain("interrupted")
        return Exit.INTERRUPTED
    except UpdeckError as error:
        out.complain(error)
        return exit_of_error(error)
    except OSError as error:
        where = f"{clean(error.filename)}: " if error.filename else ""
        out.complain(f"{where}{clean(error.strerror or error)}")
        return Exit.USAGE
    except Exception as error:
        out.complain(f"{fault_in_words(error)}; what was sent to devices goes on")
        return Exit.FAILED
