"""Sharing a rate among uploads, without a clock of its own."""

from __future__ import annotations

from updeck.fleet.pace import Pace


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_all_uploads_together_keep_the_rate() -> None:
    time = Time()
    pace = Pace(1000.0, monotonic=time)
    assert [pace.take(500), pace.take(500), pace.take(1000)] == [0.5, 1.0, 2.0]
    time.now += 1.5
    assert pace.take(500) == 1.0


def test_a_rest_is_not_saved_up() -> None:
    time = Time()
    pace = Pace(1000.0, monotonic=time)
    pace.take(1000)
    time.now += 3600
    assert pace.take(1000) == 1.0
