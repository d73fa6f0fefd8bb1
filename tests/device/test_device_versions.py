"""Versions compare as numbers, builds only when both have one (`rollout.md` 4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updeck.device.versions import Version, compare, newer, same_version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("11.6.0 #23947", Version(11, 6, 0, "", 23947)),
        ("11.11.1a", Version(11, 11, 1, "a")),
        ("11.10", Version(11, 10)),
        ("11.10b", Version(11, 10, 0, "b")),
        ("  11.8.0#28924 ", Version(11, 8, 0, "", 28924)),
        ("11.8.0A", Version(11, 8, 0, "a")),
    ],
)
def test_a_version_is_read_in_every_spelling_that_devices_use(text: str, version: Version) -> None:
    assert Version.parse(text) == version


@pytest.mark.parametrize(
    "text", ["", "11", "N/A", "v11.8", "11.8.0.1", "11.8.0 28924", "11.8.0ab", "１１.８", "1" * 9 + ".0"]
)
def test_what_is_no_version_parses_to_none(text: str) -> None:
    assert Version.parse(text) is None


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("11.10", "11.9", 1),
        ("11.9.9", "11.10.0", -1),
        ("11.8.0", "11.8", 0),
        ("11.11.1a", "11.11.1", 1),
        ("11.11.1b", "11.11.1a", 1),
        ("11.8.0 #28924", "11.8.0", 0),
        ("11.8.0 #28924", "11.8.0 #28925", -1),
        ("11.8.0 #9", "11.8.0 #10", -1),
        ("12.0 #1", "11.99.99z #999999", 1),
        ("rolling", "rolling", 0),
        ("rolling", "Rolling", None),
        ("rolling", "11.8.0", None),
    ],
)
def test_versions_compare_as_numbers(left: str, right: str, expected: int | None) -> None:
    assert compare(left, right) == expected


def test_only_a_sure_difference_is_newer() -> None:
    assert newer("11.8.0", "11.6.0")
    assert not newer("11.6.0", "11.8.0")
    assert not newer("11.8.0 #28924", "11.8.0")
    assert not newer("rolling", "11.8.0")


def test_a_build_on_one_side_only_does_not_part_versions() -> None:
    assert same_version("11.8.0 #28924", "11.8.0")
    assert not same_version("11.8.0 #28924", "11.8.0 #1")
    assert not same_version("11.8.0", "rolling")


_SPELLED = st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}(\.[0-9]{1,2})?[a-c]?( #[0-9]{1,5})?", fullmatch=True)


@given(_SPELLED, _SPELLED)
def test_comparing_the_other_way_round_gives_the_opposite(left: str, right: str) -> None:
    forth, back = compare(left, right), compare(right, left)
    assert forth is not None
    assert back is not None
    assert forth == -back


@given(st.text(), st.text())
def test_no_text_makes_a_comparison_fail(left: str, right: str) -> None:
    assert compare(left, left) == 0
    assert compare(left, right) in (-1, 0, 1, None)
