"""The exit codes of every command, and which one counts among several devices (`contracts.md` 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING

from updeck.errors import UpdeckError

if TYPE_CHECKING:
    from updeck.journal.models import Verdict

__all__ = ["MEANINGS", "Exit", "exit_of_error", "exit_of_verdict", "rolled_up"]


class Exit(IntEnum):
    """What a process tells its caller."""

    GOOD = 0
    FAILED = 1
    USAGE = 2
    REVIEW = 3
    GATE = 4
    BLOCKED = 5
    JOURNAL = 6
    NOT_AWAITED = 7
    INTERRUPTED = 130


MEANINGS: Mapping[Exit, str] = {
    Exit.GOOD: "good",
    Exit.FAILED: "some device failed or was unreachable",
    Exit.USAGE: "usage or configuration",
    Exit.REVIEW: "nobody can know what became of it: a person has to look",
    Exit.GATE: "a rollout stopped: more failed than its plan allows",
    Exit.BLOCKED: "blocked by checks, nothing was sent",
    Exit.JOURNAL: "the journal cannot be used, or another process drives the rollout",
    Exit.NOT_AWAITED: "accepted, not awaited (`--no-wait`)",
    Exit.INTERRUPTED: "interrupted; what was sent goes on",
}
"""What each of them says, for the manual page and the README."""

_FIRST = (
    Exit.INTERRUPTED,
    Exit.JOURNAL,
    Exit.REVIEW,
    Exit.GATE,
    Exit.FAILED,
    Exit.BLOCKED,
    Exit.USAGE,
    Exit.NOT_AWAITED,
)


def rolled_up(exits: Iterable[Exit]) -> Exit:
    """Return the one exit that stands for several: the first of 6, 3, 4, 1, 5 that occurs, then the rest."""
    occurring = frozenset(exits)
    return next((exit_ for exit_ in _FIRST if exit_ in occurring), Exit.GOOD)


def exit_of_error(error: UpdeckError) -> Exit:
    """Return the exit that an error of ours stands for."""
    return Exit(error.exit_code)


def exit_of_verdict(verdict: Verdict | None) -> Exit:
    """Return the exit that a verdict stands for; an operation that has none (delete, reset) ended well."""
    from updeck.journal.models import GOOD_VERDICTS, Verdict

    if verdict is None or verdict in GOOD_VERDICTS:
        return Exit.GOOD
    return Exit.REVIEW if verdict is Verdict.REVIEW else Exit.FAILED
