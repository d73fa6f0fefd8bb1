"""When the list is drawn for what changes by itself."""

from __future__ import annotations

from updeck.ui.pacing import LINES_PER_S, MOST_S, Pacing


def test_nothing_is_drawn_where_nothing_changed() -> None:
    assert not Pacing().due(0.0, changed=False)


def test_a_change_after_a_rest_is_drawn_at_once() -> None:
    pacing = Pacing()
    assert pacing.due(0.0, changed=True)
    pacing.drew(0.0, 1)
    assert pacing.due(0.25, changed=True)


def test_after_many_lines_a_change_waits_and_is_not_forgotten() -> None:
    pacing = Pacing()
    pacing.drew(0.0, 30)
    assert not pacing.due(30 / LINES_PER_S - 0.01, changed=True)
    assert pacing.due(30 / LINES_PER_S, changed=False), "it was told before"
    pacing.drew(30 / LINES_PER_S, 0)
    assert not pacing.due(9.0, changed=False), "it is drawn now"


def test_no_change_waits_longer_than_the_most() -> None:
    pacing = Pacing()
    pacing.drew(0.0, 10_000)
    assert pacing.due(MOST_S, changed=True)
