"""What counts as a change for a log: each is told once, and a transfer that goes on is none."""

from __future__ import annotations

from dataclasses import replace

from fleet_fixture import device, image
from updeck.cli.tables import change_line, status_table
from updeck.cli.watch import Changes, shape, whole
from updeck.device.models import Reach
from updeck.fleet.views import Next, Tone


def test_only_what_changed_is_told() -> None:
    changes = Changes(shape)
    a, b = device("a", now=100.0), device("b", now=100.0)
    assert changes.news([a, b]) == ([a, b], [])
    assert changes.news([device("a", now=110.0), b]) == ([], []), "another answer that says the same"
    failed = device("a", "FAILED_GRACEFUL")
    assert changes.news([failed, b]) == ([failed], [])
    assert changes.news([b]) == ([], ["a"])
    assert changes.news([failed, b]) == ([failed], []), "it came back"


def test_figures_that_move_are_no_change_for_a_line_but_for_json() -> None:
    first = device("a", images=(image(1, "UPLOADING", progress=40.0),))
    first = replace(first, next=Next("uploads 40 %, 0:31 left", Tone.MOVING))
    later = replace(first, next=Next("uploads 41 %, 0:30 left", Tone.MOVING))
    lines, documents = Changes(shape), Changes(whole)
    assert [lines.news([one])[0] for one in (first, later)] == [[first], []]
    assert [documents.news([one])[0] for one in (first, later)] == [[first], [later]]
    other = replace(later, error="timed out", reach=Reach.UNREACHABLE)
    assert lines.news([other])[0] == [other]


def test_what_was_never_asked_is_not_told() -> None:
    assert Changes(shape).news([device("a", reach=None)]) == ([], [])


def test_a_line_tells_what_a_device_needs_and_why_it_did_not_answer() -> None:
    away = replace(device("a", next_text="down since 11:59", now=102.0), reach=Reach.UNREACHABLE, error="timed out")
    assert change_line(away) == "1970-01-01T00:01:40Z  a  unreachable  11.6.0 #23947  down since 11:59 (timed out)"
    assert status_table([away])[1].endswith("  down since 11:59 (timed out)")
