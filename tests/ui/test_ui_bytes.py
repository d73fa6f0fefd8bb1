"""What the UI costs a thin line, counted on a pseudo-terminal with 1000 devices (`design.md` 6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from every_screen import DIALOGS
from terminal_fixture import Terminal, on_terminal
from terminal_stream import Token, picture, tokens
from updeck.ui.launch import SLOW_PACE_S, UiOptions
from updeck.ui.pacing import LINES_PER_S

SIZES = [pytest.param(80, 24, id="80x24"), pytest.param(120, 40, id="120x40")]
SPEED = 20
MINUTE_S = 60 / SPEED
SLOW: Mapping[str, str] = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}


@contextmanager
def fleet(
    columns: int,
    rows: int,
    *words: str,
    environment: Mapping[str, str] | None = None,
    speed: int = 1,
    answers: Mapping[bytes, str] | None = None,
) -> Iterator[Terminal]:
    """Run the UI over 1000 devices until it is at rest; the terminal `answers` what it is asked."""
    arguments = ("ui_child.py", "1000", str(speed), *(words or ("0",)))
    with on_terminal(*arguments, columns=columns, rows=rows, environment=environment) as terminal:
        for question, answer in (answers or {}).items():
            terminal.until(lambda seen, question=question: question in seen.written)  # type: ignore[misc]
            terminal.send(answer)
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


class Steps(NamedTuple):
    """What was written in steps of a counted clock: before the first, and in each; `picture` stood there last."""

    first: bytes
    each: tuple[bytes, ...]
    picture: str


def steps(columns: int, rows: int, *words: str, environment: Mapping[str, str] | None = None) -> Steps:
    """Run the UI in steps over 1000 devices; the same steps cost the same bytes each time."""
    told = environment or {}
    with on_terminal("ui_steps_child.py", *words, columns=columns, rows=rows, environment=told) as terminal:
        assert terminal.until_end() == 0, terminal.text[-2000:]
        written = terminal.written
    pieces = [b""]
    for token in tokens(written):
        if token == Token("stray", "\x07"):
            pieces.append(b"")
        else:
            pieces[-1] += token.text.encode()
    first, *each, _ = pieces
    return Steps(first, tuple(each), "\n".join(picture(b"".join(pieces[:-1]), columns, rows)))


@pytest.mark.parametrize(("columns", "rows"), [pytest.param(80, 24, id="80x24", marks=pytest.mark.long), SIZES[1]])
def test_a_hundred_changes_a_second_cost_at_most_600_bytes_a_second(columns: int, rows: int) -> None:
    seen = steps(columns, rows, "changes", "100", "1000", "10")
    assert "uploads" in seen.picture
    assert 0 < sum(map(len, seen.each)) <= 10 * 600


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_hundred_changes_a_second_that_are_all_on_view_cost_no_more_and_less_over_a_slow_line(
    columns: int, rows: int
) -> None:
    lines, pace_s = rows - 16, UiOptions().pace_s
    fast = steps(columns, rows, "changes", "100", str(lines), "10")
    costs = [len(step) for step in fast.each]
    assert len(costs) == (10 + 2) / pace_s
    in_two_seconds = round(2 / pace_s)
    assert max(sum(costs[at : at + in_two_seconds]) for at in range(len(costs))) <= 2 * 600
    assert max(costs[1:]) <= lines * 16 + 100, "three digits and their place for each line, and a turn of the minute"
    assert sum(1 for cost in costs if cost) <= 10 * min(1 / pace_s, LINES_PER_S / lines) + 1
    slow = steps(columns, rows, "changes", "100", str(lines), "10", environment=SLOW)
    assert len(slow.each) == (10 + 2) / SLOW_PACE_S
    most = 0.5 if columns == 80 else 0.75  # with many lines on view their pace is slow already
    assert 0 < sum(map(len, slow.each)) <= most * sum(costs)
    for seen in (fast, slow):
        assert "uploads 999 MB" in seen.picture, "the last change is shown, however seldom it draws"


DIALOG_MOST = {80: (3_000, 3_000), 120: (4_500, 6_000)}
"""What a dialog may cost to open, and to be left with the list of 1000 devices behind it drawn again."""


@pytest.mark.parametrize(("columns", "rows"), SIZES)
@pytest.mark.parametrize(
    "names", [pytest.param(("start",), id="start"), pytest.param(tuple(DIALOGS), id="all", marks=pytest.mark.long)]
)
def test_a_dialog_costs_less_than_half_of_12_kb_to_open_and_a_sixth_of_40_to_close(
    tmp_path: Path, names: tuple[str, ...], columns: int, rows: int
) -> None:
    each = steps(columns, rows, "dialogs", str(tmp_path), *names).each
    costs = {name: (len(each[2 * at]), len(each[2 * at + 1])) for at, name in enumerate(names)}
    assert len(each) == 2 * len(names)
    assert b"Start" in each[2 * names.index("start")]
    opening, closing = DIALOG_MOST[columns]
    assert {
        name: cost for name, cost in costs.items() if not (500 < cost[0] <= opening and 500 < cost[1] <= closing)
    } == {}


@pytest.mark.parametrize(("columns", "rows"), [SIZES[0], pytest.param(120, 40, id="120x40", marks=pytest.mark.long)])
def test_a_dialog_opens_and_closes_as_one_picture_and_no_half_of_it_is_sent(columns: int, rows: int) -> None:
    """On a terminal that holds back what it draws until an update is whole, each picture is one update."""
    with fleet(columns, rows, answers={b"\x1b[?2026$p": "\x1b[?2026;2$y"}) as terminal:
        for key in ("Y", "\x1b"):
            whole = cost(terminal, key)
            written = terminal.written[-whole:]
            updates = re.findall(rb"\x1b\[\?2026h(.*?)\x1b\[\?2026l", written, re.DOTALL)
            assert len(updates[0]) > 0.9 * whole, "the first thing that is seen is the whole of it"


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
