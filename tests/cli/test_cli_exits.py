"""Which exit code stands for what (`contracts.md` 2)."""

from __future__ import annotations

from itertools import permutations

import pytest

from updeck import errors
from updeck.cli.exits import Exit, exit_of_error, exit_of_verdict, rolled_up
from updeck.journal.models import Verdict

ORDER = [Exit.JOURNAL, Exit.REVIEW, Exit.GATE, Exit.FAILED, Exit.BLOCKED, Exit.GOOD]


def test_of_several_exits_the_first_of_6_3_4_1_5_counts() -> None:
    assert [int(exit_) for exit_ in ORDER] == [6, 3, 4, 1, 5, 0]
    for first in range(len(ORDER)):
        for mixture in permutations(ORDER[first:], 3):
            if ORDER[first] in mixture:
                assert rolled_up(mixture) is ORDER[first]


def test_nothing_asked_is_good() -> None:
    assert rolled_up([]) is Exit.GOOD


def test_not_awaited_gives_way_to_whatever_went_wrong() -> None:
    assert rolled_up([Exit.GOOD, Exit.NOT_AWAITED]) is Exit.NOT_AWAITED
    assert rolled_up([Exit.NOT_AWAITED, Exit.FAILED]) is Exit.FAILED


@pytest.mark.parametrize(
    ("verdict", "exit_"),
    [
        (Verdict.SUCCESS, 0),
        (Verdict.ALREADY_INSTALLED, 0),
        (Verdict.STAGED, 0),
        (Verdict.INITIALIZED, 0),
        (Verdict.SKIPPED, 0),
        (Verdict.ABORTED_BEFORE_START, 0),
        (Verdict.NOT_STARTED, 1),
        (Verdict.WRONG_TARGET, 1),
        (Verdict.FAILED_GRACEFUL, 1),
        (Verdict.FAILED_CRITICAL, 1),
        (Verdict.NO_EFFECT, 1),
        (Verdict.TRANSFER_FAILED, 1),
        (Verdict.REVIEW, 3),
        (None, 0),
    ],
)
def test_every_verdict_has_its_exit(verdict: Verdict | None, exit_: int) -> None:
    assert exit_of_verdict(verdict) == exit_


@pytest.mark.parametrize(
    ("error", "exit_"),
    [
        (errors.UsageError("x"), 2),
        (errors.ConfigError("x"), 2),
        (errors.SecretError("x"), 2),
        (errors.LocalFileError("x"), 2),
        (errors.Unreachable("x"), 1),
        (errors.Refused("x", status=409, error_id="E"), 1),
        (errors.Blocked("x"), 5),
        (errors.ReadOnly("x"), 5),
        (errors.JournalError("x"), 6),
        (errors.LeaseLost("x"), 6),
        (errors.Interrupted("x"), 130),
    ],
)
def test_every_error_has_its_exit(error: errors.UpdeckError, exit_: int) -> None:
    assert exit_of_error(error) == exit_
