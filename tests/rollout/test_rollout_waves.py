"""Waves: every device is in exactly one, none is empty, and shares count from the beginning."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updeck.errors import UsageError
from updeck.rollout.waves import ALL, Share, parse_waves, wave_numbers


def sizes(waves: str | None, total: int, *, canary: int | None = None) -> list[int]:
    numbers = wave_numbers(parse_waves(waves, canary=canary), total)
    assert len(numbers) == total
    return [size for _, size in sorted(Counter(numbers).items())]


@pytest.mark.parametrize(
    ("waves", "total", "expected"),
    [
        (None, 12, [12]),
        ("1,25%,100%", 60, [1, 14, 45]),
        ("1,25%,100%", 4, [1, 3]),
        ("1,25%,100%", 1, [1]),
        ("10%,50%,100%", 7, [1, 3, 3]),
        ("1, 5, 100%", 3, [1, 2]),
        ("2,5,9", 9, [2, 3, 4]),
        ("50%,3,100%", 4, [2, 1, 1]),
    ],
)
def test_shares_count_from_the_beginning(waves: str | None, total: int, expected: list[int]) -> None:
    assert sizes(waves, total) == expected


@pytest.mark.parametrize(
    ("waves", "canary", "expected"),
    [(None, 2, [2, 58]), ("25%,100%", 1, [1, 14, 45]), ("1,25%,100%", 1, [1, 14, 45]), (None, 60, [60])],
)
def test_a_canary_is_a_wave_before_the_others(waves: str | None, canary: int, expected: list[int]) -> None:
    assert sizes(waves, 60, canary=canary) == expected


@pytest.mark.parametrize(
    "waves", ["", "1,", "0", "0%", "101%", "-1", "1.5", "x", "1;2", "%", "٣", "1,1", "50%,25%,100%", "5,3"]
)
def test_what_makes_no_waves_is_refused(waves: str) -> None:
    with pytest.raises(UsageError):
        parse_waves(waves)


@pytest.mark.parametrize(("waves", "canary"), [(None, 0), (None, -1), ("1,100%", 2)])
def test_a_canary_that_is_none_is_refused(waves: str | None, canary: int) -> None:
    with pytest.raises(UsageError):
        parse_waves(waves, canary=canary)


def test_waves_that_leave_somebody_out_are_refused() -> None:
    with pytest.raises(UsageError, match="leave out 3 of 12 devices; let the last one be 100%"):
        wave_numbers(parse_waves("1,75%"), 12)


shares = st.one_of(st.builds(Share, st.integers(1, 300)), st.builds(Share, st.integers(1, 100), percent=st.just(True)))


@given(st.lists(shares, max_size=6), st.integers(1, 250))
def test_every_device_is_in_exactly_one_wave_and_no_wave_is_empty(found: list[Share], total: int) -> None:
    numbers = wave_numbers((*found, ALL), total)
    assert len(numbers) == total
    assert list(numbers) == sorted(numbers)
    assert set(numbers) == set(range(1, numbers[-1] + 1))
