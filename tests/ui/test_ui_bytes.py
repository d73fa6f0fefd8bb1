"""What the UI costs a thin line, counted on a pseudo-terminal with 1000 devices (`design.md` 6)."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from terminal_fixture import Terminal, on_terminal

SIZES = [pytest.param(80, 24, id="80x24"), pytest.param(120, 40, id="120x40")]
SPEED = 20
MINUTE_S = 60 / SPEED
SLOW: Mapping[str, str] = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}


@contextmanager
def fleet(
    columns: int, rows: int, *words: str, environment: Mapping[str, str] | None = None, speed: int = 1
) -> Iterator[Terminal]:
    """Run the UI over 1000 devices until it is at rest."""
    arguments = ("ui_child.py", "1000", str(speed), *(words or ("0",)))
    with on_terminal(*arguments, columns=columns, rows=rows, environment=environment) as terminal:
        terminal.until(lambda seen: "1000 idle" in seen.text and "checked" in seen.text)
        terminal.until_quiet()
        yield terminal


def cost(terminal: Terminal, keys: str) -> int:
    """Press keys and return how many bytes that costs until all is at rest again."""
    before = len(terminal.written)
    terminal.send(keys)
    terminal.until(lambda seen: len(seen.written) > before)
    terminal.until_quiet()
    return len(terminal.written) - before


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_at_rest_a_minute_costs_one_clock(columns: int, rows: int) -> None:
    with fleet(columns, rows, speed=SPEED) as terminal:
        before = len(terminal.written)
        terminal.until(lambda seen: len(seen.written) > before)  # the minute has just turned
        terminal.read(0.2)
        written = terminal.read(2.4 * MINUTE_S)
    assert 0 < len(written) <= 2 * 100
    assert written.count(b"H") == 2, "two minutes have turned, and each is told at one place"


@pytest.mark.parametrize(("columns", "rows"), [pytest.param(80, 24, id="80x24", marks=pytest.mark.long), SIZES[1]])
def test_a_hundred_changes_a_second_cost_at_most_600_bytes_a_second(columns: int, rows: int) -> None:
    with fleet(columns, rows, "100", "300") as terminal:
        terminal.process.send_signal(signal.SIGUSR1)
        written = terminal.until_quiet(3.0)
    assert b"uploads" in written
    assert len(written) <= 3 * 600


@pytest.mark.parametrize(("columns", "rows"), [pytest.param(80, 24, id="80x24", marks=pytest.mark.long), SIZES[1]])
def test_a_hundred_changes_a_second_that_are_all_on_view_cost_no_more(columns: int, rows: int) -> None:
    with fleet(columns, rows, "100", "600", str(rows - 16)) as terminal:
        before, began = len(terminal.written), time.monotonic()
        terminal.process.send_signal(signal.SIGUSR1)
        terminal.until_quiet(3.0)
        lasted_s = max(6.0, time.monotonic() - began - 3.0)  # a busy machine makes the changes more slowly
        assert "uploads 599 MB" in terminal.picture, "the last change is shown"
        assert 600 < len(terminal.written) - before <= lasted_s * 600


@pytest.mark.parametrize(("columns", "rows"), [SIZES[0], pytest.param(120, 40, id="120x40", marks=pytest.mark.long)])
def test_over_a_slow_line_the_same_costs_half(columns: int, rows: int) -> None:
    costs = []
    for environment in ({}, SLOW):
        with fleet(columns, rows, "100", "300", "8", environment=environment) as terminal:
            before = len(terminal.written)
            terminal.process.send_signal(signal.SIGUSR1)
            terminal.until_quiet(3.0)
            costs.append(len(terminal.written) - before)
            assert "uploads 299 MB" in terminal.picture, "the last change is shown, however seldom it draws"
    fast, slow = costs
    assert 0 < slow <= fast / 2


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_each_key_costs_what_it_changes(columns: int, rows: int) -> None:
    screen = 4_500 if columns == 80 else 10_000
    with fleet(columns, rows) as terminal:
        assert len(terminal.written) <= 2 * screen, "the first picture"
        before = len(terminal.written)
        assert 0 < cost(terminal, "j") <= 250, "two names, and what differs in the detail"
        assert terminal.written[before:].count(b"IDLE") == 0, "a move must not repaint whole rows"
        assert cost(terminal, "\x1b[6~") <= 1_000, "a page of names"
        assert cost(terminal, "\x1b[F") <= 1_000
        assert cost(terminal, " ") <= 100, "a mark, and its count"
        assert cost(terminal, "/") <= 500
        for key in "s12":
            assert cost(terminal, key) <= 2_000
        assert cost(terminal, "\x1b") <= 3_000
        assert cost(terminal, "o") <= 1_500
        assert cost(terminal, "O") <= 1_500
        for key in ("v", "J", "R", "?", "\x10"):  # detail, activity, rollouts, help, palette
            assert cost(terminal, key) <= screen, f"opening by {key!r}"
            assert cost(terminal, "\x1b") <= screen, f"closing after {key!r}"


@pytest.mark.parametrize(("columns", "rows", "most"), [(80, 24, 4_000), (120, 40, 11_000)])
def test_without_colour_the_first_picture_costs_half(columns: int, rows: int, most: int) -> None:
    with fleet(columns, rows, environment={"NO_COLOR": "1"}) as terminal:
        assert len(terminal.written) <= most
