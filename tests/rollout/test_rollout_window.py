"""The window: read from words, in its own zone, over the changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updeck.errors import UsageError
from updeck.rollout.window import Moment, Window, parse_window

BERLIN = "Europe/Berlin"


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def window(text: str, last_start: str | None = None, tz: str = BERLIN) -> Window:
    return parse_window(text, tz=tz, last_start=last_start)


def test_a_window_is_what_its_zone_says() -> None:
    found = window("2026-12-01T22:00/2026-12-02T04:00", "03:00")
    assert found.opens_at == utc("2026-12-01T21:00")
    assert found.closes_at == utc("2026-12-02T03:00")
    assert found.last_start_at == utc("2026-12-02T02:00")
    assert found.describe() == (
        "2026-12-01 22:00 CET to 2026-12-02 04:00 CET (Europe/Berlin), last start 2026-12-02 03:00 CET"
    )


@pytest.mark.parametrize(
    ("now", "moment", "said"),
    [
        ("2026-12-01T20:59", Moment.BEFORE, "the window opens at 2026-12-01 22:00 CET"),
        ("2026-12-01T21:00", Moment.OPEN, None),
        ("2026-12-02T01:59", Moment.OPEN, None),
        ("2026-12-02T02:00", Moment.LATE, "the last start was at 2026-12-02 03:00 CET"),
        ("2026-12-02T03:00", Moment.OVER, "the window ended at 2026-12-02 04:00 CET"),
    ],
)
def test_a_moment_lies_before_in_late_or_after(now: str, moment: Moment, said: str | None) -> None:
    found = window("2026-12-01T22:00/2026-12-02T04:00", "03:00")
    assert (found.at(utc(now)), found.refusal(utc(now))) == (moment, said)


@pytest.mark.parametrize(
    ("last_start", "expected"),
    [
        (None, "2026-12-02T04:00"),
        ("04:00", "2026-12-02T04:00"),
        ("00:00", "2026-12-02T00:00"),
        ("23:30", "2026-12-01T23:30"),
    ],
)
def test_the_last_start_is_the_last_such_time_before_the_window_closes(last_start: str | None, expected: str) -> None:
    found = window("2026-12-01T22:00/2026-12-02T04:00", last_start)
    assert found.last_start == datetime.fromisoformat(expected)


def test_a_night_on_which_the_clocks_go_forward_is_an_hour_shorter() -> None:
    found = window("2026-03-28T22:00/2026-03-29T04:00")
    assert found.closes_at - found.opens_at == 5 * 3600


def test_a_night_on_which_the_clocks_go_back_is_an_hour_longer() -> None:
    found = window("2026-10-24T22:00/2026-10-25T04:00")
    assert found.closes_at - found.opens_at == 7 * 3600


def test_a_time_that_comes_twice_is_read_so_that_the_window_is_shorter() -> None:
    assert window("2026-10-24T22:00/2026-10-25T02:30").closes_at == utc("2026-10-25T00:30")
    assert window("2026-10-25T02:30/2026-10-25T05:00").opens_at == utc("2026-10-25T01:30")
    assert window("2026-10-24T22:00/2026-10-25T05:00", "02:30").last_start_at == utc("2026-10-25T00:30")


@pytest.mark.parametrize(
    ("text", "last_start", "tz", "said"),
    [
        ("2026-12-01T22:00", None, BERLIN, "is no window"),
        ("2026-12-01T22:00/", None, BERLIN, "is no local time"),
        ("2026-12-01 22:00/2026-12-02T04:00", None, BERLIN, "is no local time"),
        ("2026-12-01T22:00Z/2026-12-02T04:00Z", None, BERLIN, "is no local time"),
        ("0001-01-01T00:00/2026-12-02T04:00", None, BERLIN, "is no local time"),
        ("2026-12-02T04:00/2026-12-01T22:00", None, BERLIN, "ends before it begins"),
        ("2026-12-02T04:00/2026-12-02T04:00", None, BERLIN, "ends before it begins"),
        ("2026-10-25T02:10/2026-10-25T02:50", None, BERLIN, "ends before it begins"),
        ("2026-12-01T22:00/2026-12-02T04:00", "21:00", BERLIN, "not within the window"),
        ("2026-12-01T22:00/2026-12-02T04:00", "22:00", BERLIN, "not within the window"),
        ("2026-12-01T22:00/2026-12-02T04:00", "3pm", BERLIN, "is no time of day"),
        ("2026-12-01T22:00/2026-12-02T04:00", "03:00:30", BERLIN, "is no time of day"),
        ("2026-12-01T22:00/2026-12-02T04:00", "03:00Z", BERLIN, "is no time of day"),
        ("2026-12-01T22:00/2026-12-02T04:00", None, "Europe/Berln", "there is no time zone"),
        ("2026-12-01T22:00/2026-12-02T04:00", None, "../../etc/passwd", "there is no time zone"),
        ("2026-12-01T22:00/2026-12-02T04:00", None, "", "there is no time zone"),
        ("2026-12-01T22:00/2026-12-02T04:00", None, None, "needs its time zone"),
        ("2026-03-29T02:30/2026-03-29T05:00", None, BERLIN, "the clocks skip it"),
    ],
)
def test_what_is_no_window_is_refused_in_one_sentence(
    text: str, last_start: str | None, tz: str | None, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        parse_window(text, tz=tz, last_start=last_start)


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(second=0, microsecond=0)),
    st.integers(30, 10_000).map(lambda minutes: timedelta(minutes=minutes)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
    st.floats(0, 1),
)
def test_a_start_is_let_through_only_between_opening_and_last_start(
    opens: datetime, length: timedelta, tz: str, share: float
) -> None:
    closes = opens + length
    try:
        found = Window(opens, closes, closes, tz)
    except UsageError:
        return
    now = found.opens_at - 3600 + share * (found.closes_at - found.opens_at + 7200)
    assert (found.refusal(now) is None) == (found.opens_at <= now < found.last_start_at)
