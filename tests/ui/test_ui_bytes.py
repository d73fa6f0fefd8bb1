"""What the UI costs a thin line, counted on a pseudo-terminal (`design.md` 6)."""

from __future__ import annotations

from terminal_fixture import on_terminal

SPEED = 20
MINUTE_S = 60 / SPEED


def test_250_devices_at_rest_cost_at_most_100_bytes_a_minute() -> None:
    with on_terminal("ui_child.py", "250", str(SPEED), "0") as terminal:
        terminal.until(lambda seen: "250 idle" in seen.text and "checked" in seen.text)
        terminal.until_quiet()
        first, second = terminal.read(MINUTE_S), terminal.read(MINUTE_S)
    assert b"".join((first, second)).count(b":") <= 3, "only the minute of the newest answer may move"
    assert len(first) + len(second) <= 200
    assert first + second, "the minute that was looked at must have passed"


def test_a_cursor_move_repaints_two_names_and_then_the_detail_in_changed_lines_only() -> None:
    with on_terminal("ui_child.py", "250", "1", "0") as terminal:
        terminal.until(lambda seen: "250 idle" in seen.text)
        terminal.until_quiet()
        terminal.send("j")
        painted = terminal.until_quiet()
    assert painted
    assert len(painted) <= 400, "two names in the list, and one in the detail"
    assert painted.count(b"IDLE") == 0, "a move must not repaint whole rows"


def test_opening_and_closing_a_screen_paints_it_twice_at_the_most() -> None:
    with on_terminal("ui_child.py", "250", "1", "0") as terminal:
        terminal.until(lambda seen: "250 idle" in seen.text)
        terminal.until_quiet()
        terminal.send("?")
        assert 0 < len(terminal.until_quiet()) <= 20_000
        terminal.send("?")
        assert 0 < len(terminal.until_quiet()) <= 20_000


def test_the_first_picture_fits_the_budget() -> None:
    with on_terminal("ui_child.py", "250", "1", "0") as terminal:
        terminal.until(lambda seen: "250 idle" in seen.text)
        terminal.until_quiet()
        assert len(terminal.written) <= 64_000
