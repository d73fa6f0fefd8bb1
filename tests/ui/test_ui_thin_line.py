"""The terminal shows the same, cell by cell and style by style, when it gets the differences only."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st

from terminal_stream import foreign
from updeck.text import cell_width, fit, pad
from updeck.ui.thin_line import ThinLine

COLUMNS, ROWS = 20, 4
STYLES = (
    "39;49",
    "1;39;49",
    "2;39;49",
    "4",
    "7",
    "31",
    "1;33",
    "38;5;252;48;5;234",
    "1;38;5;252;48;5;234",
    "0;48;5;17",
)

SIGNS = "ab  ─✗"
WIDE = "ab 日本"


@st.composite
def paintings(draw: st.DrawFn) -> str:
    """What Textual writes for one region: places, runs of text each with its style, ends of lines."""
    drawn = ""
    for _ in range(draw(st.integers(1, 3))):
        row, column = draw(st.integers(1, ROWS)), draw(st.integers(1, COLUMNS))
        drawn += f"\x1b[{row};{column}H"
        for _ in range(draw(st.integers(1, 4))):
            text = draw(st.text(st.sampled_from(SIGNS), min_size=1)) + " " * draw(st.integers(0, COLUMNS))
            text = fit(text, COLUMNS + 1 - column)
            drawn += f"\x1b[{draw(st.sampled_from(STYLES))}m{text}\x1b[0m" if text else ""
            column += cell_width(text)
            if row < ROWS and draw(st.booleans()):
                drawn += "\r\n"
                row, column = row + 1, 1
    return drawn


@st.composite
def whole_rows(draw: st.DrawFn) -> str:
    """Rows from edge to edge with characters that take two cells, which Textual never cuts in halves."""
    drawn = ""
    for row in draw(st.lists(st.integers(1, ROWS), min_size=1, max_size=ROWS)):
        text = pad(draw(st.text(st.sampled_from(WIDE), max_size=COLUMNS)), COLUMNS)
        drawn += f"\x1b[{row};1H\x1b[{draw(st.sampled_from(STYLES))}m{text}\x1b[0m"
    return drawn


def shown(written: str) -> list[list[pyte.screens.Char]]:
    screen = pyte.Screen(COLUMNS, ROWS)
    screen.reset_mode(pyte.modes.DECAWM)
    pyte.Stream(screen).feed(written)
    return [[_seen(screen.buffer[row][column]) for column in range(COLUMNS)] for row in range(ROWS)]


def _seen(cell: pyte.screens.Char) -> pyte.screens.Char:
    """A blank shows neither the colour of its text nor whether that is bold."""
    if cell.data == " " and not (cell.reverse or cell.underscore):
        return cell._replace(fg="default", bold=False)
    return cell


@given(st.lists(paintings(), min_size=1, max_size=6) | st.lists(whole_rows(), min_size=2, max_size=4))
def test_the_terminal_shows_what_was_drawn(drawn: list[str]) -> None:
    thin = ThinLine()
    sent = thin.thin("\x1b[?1049h", COLUMNS, ROWS) + "".join(thin.thin(one, COLUMNS, ROWS) for one in drawn)
    got, wanted = shown(sent), shown("".join(drawn))
    assert [row for row in got if row not in wanted] == [row for row in wanted if row not in got]
    assert got == wanted
    assert foreign(sent.encode()) == []


@given(paintings(), paintings())
def test_what_the_terminal_forgot_is_sent_again(before: str, after: str) -> None:
    thin = ThinLine()
    thin.thin("\x1b[?1049h" + before, COLUMNS, ROWS)
    thin.forget()
    assert shown(thin.thin(after, COLUMNS, ROWS)) == shown(after)
    other = ThinLine()
    other.thin("\x1b[?1049h" + before, COLUMNS + 1, ROWS)
    assert shown(other.thin(after, COLUMNS, ROWS)) == shown(after), "another size is another terminal"


@given(paintings())
def test_what_stands_there_is_not_sent_again(drawn: str) -> None:
    thin = ThinLine()
    thin.thin(drawn, COLUMNS, ROWS)
    thin.thin(drawn, COLUMNS, ROWS)
    assert thin.thin(f"\x1b[?2026h{drawn}\x1b[?2026l", COLUMNS, ROWS) == ""


def test_a_run_that_changes_in_one_place_costs_no_more_than_that_place() -> None:
    thin = ThinLine()
    thin.thin("\x1b[2;1H\x1b[38;5;252;48;5;234mar11-fra-dc1 IDLE\x1b[0m", COLUMNS, ROWS)
    changed = "\x1b[2;1H\x1b[38;5;252;48;5;234mar11-fra-dc2 IDLE\x1b[0m"
    assert thin.thin(f"\x1b[?2026h{changed}\x1b[?2026l", COLUMNS, ROWS) == "\x1b[?2026h\x1b[2;12H2\x1b[?2026l"
    assert thin.thin(f"\x1b[?2026h{changed}\x1b[?2026l", COLUMNS, ROWS) == ""
    assert thin.thin("\x1b[2;14H\x1b[38;5;203;48;5;234mI\x1b[0m", COLUMNS, ROWS) == "\x1b[2;14H\x1b[38;5;203mI"


def test_blanks_up_to_the_edge_are_erased_where_that_looks_the_same() -> None:
    thin = ThinLine()
    thin.thin("\x1b[1;1H\x1b[39;49m" + "x" * COLUMNS + "\x1b[0m", COLUMNS, ROWS)
    blank = " " * (COLUMNS - 3)
    assert thin.thin(f"\x1b[1;1H\x1b[39;49mxxx{blank}\x1b[0m", COLUMNS, ROWS) == "\x1b[1;4H\x1b[K"
    coloured = thin.thin(f"\x1b[1;1H\x1b[48;5;17mxxx{blank}\x1b[0m", COLUMNS, ROWS)
    assert "\x1b[K" not in coloured, "not every terminal erases with a colour"


def test_what_is_no_drawing_goes_through_in_its_place() -> None:
    thin = ThinLine()
    sent = thin.thin("\x1b[1;1Ha\x1b]2;updeck\x07\x07\x1b[2;1Hb\x1b[?1049l", COLUMNS, ROWS)
    assert sent == "\x1b[1;1H\x1b[ma\x1b]2;updeck\x07\x07\x1b[2;1Hb\x1b[?1049l"


def test_what_was_only_on_the_way_to_a_picture_is_not_sent() -> None:
    thin = ThinLine()
    thin.thin("\x1b[1;1Hold\x1b[2;1Hsame", COLUMNS, ROWS)
    thin.held = True
    assert thin.thin("\x1b[1;1H   \x1b[2;1H    ", COLUMNS, ROWS) == ""
    assert thin.thin("\x1b[1;1Hnew\x1b[2;1Hsame", COLUMNS, ROWS) == ""
    thin.held = False
    assert thin.thin("", COLUMNS, ROWS) == "\x1b[1;1Hnew"


def test_what_was_kept_back_is_one_update_where_the_terminal_knows_such() -> None:
    thin = ThinLine()
    thin.thin("\x1b[1;1Hold\x1b[2;1Hold", COLUMNS, ROWS)
    thin.held = True
    assert thin.thin("\x1b[?2026h\x1b[1;1Hnew\x1b[?2026l", COLUMNS, ROWS) == ""
    assert thin.thin("\x1b[?2026h\x1b[2;1Hnew\x1b[?2026l", COLUMNS, ROWS) == ""
    thin.held = False
    assert thin.thin("", COLUMNS, ROWS) == "\x1b[?2026h\x1b[1;1Hnew\x1b[2;1Hnew\x1b[?2026l"
    assert thin.thin("\x1b[1;1Hone", COLUMNS, ROWS) == "\x1b[1;1Hone", "and no more than what was kept back"
    assert thin.thin("\x1b[?2026h\x1b[1;1Htwo\x1b[?2026l", COLUMNS, ROWS).endswith("two\x1b[?2026l")


def test_cells_of_which_nothing_is_known_are_jumped_over_and_never_drawn() -> None:
    thin = ThinLine()
    thin.thin("\x1b[1;1Hsomething", COLUMNS, ROWS)
    thin.forget()
    sent = thin.thin("\x1b[1;1Ha\x1b[1;4Hb", COLUMNS, ROWS)
    assert sent == "\x1b[1;1H\x1b[ma\x1b[2Cb", "two cells between, which may show anything, stay as they are"
