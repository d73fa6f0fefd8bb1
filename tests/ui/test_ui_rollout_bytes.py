"""What the screens of a rollout cost a thin line, counted on a pseudo-terminal (`design.md` 6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from terminal_fixture import Terminal, on_terminal

SPEED = 20
MINUTE_S = 60 / SPEED


def opened(terminal: Terminal) -> tuple[int, int]:
    """Open the list and the rollout by keys; return what each opening cost in bytes."""
    terminal.until(lambda seen: "of 60 done" in seen.text)
    terminal.until_quiet(1.0)
    before = len(terminal.written)
    terminal.send("R")
    terminal.until(lambda seen: "1 rollout" in seen.picture)
    terminal.until_quiet()
    listed = len(terminal.written)
    terminal.send("\r")
    terminal.until(lambda seen: "wave 3" in seen.picture)
    terminal.until_quiet()
    return listed - before, len(terminal.written) - listed


@pytest.mark.parametrize(("columns", "rows"), [(120, 40), (80, 24)])
def test_the_list_and_a_rollout_open_in_the_bytes_of_one_picture(tmp_path: Path, columns: int, rows: int) -> None:
    with on_terminal("ui_rollout_child.py", str(tmp_path), "60", "1", "0", columns=columns, rows=rows) as terminal:
        listed, shown = opened(terminal)
    assert 0 < listed <= 1.3 * columns * rows
    assert 0 < shown <= 1.3 * columns * rows


def test_a_rollout_in_which_nothing_changes_costs_changed_cells_only(tmp_path: Path) -> None:
    with on_terminal("ui_rollout_child.py", str(tmp_path), "60", str(SPEED), "0") as terminal:
        terminal.until(lambda seen: "of 60 done" in seen.text)
        terminal.send("R")
        terminal.until(lambda seen: "Rollouts" in seen.text)
        terminal.send("\r")
        terminal.until(lambda seen: "wave 3" in seen.text)
        terminal.read(10 * 60 / SPEED)
        first, second = terminal.read(MINUTE_S), terminal.read(MINUTE_S)
    assert len(first) + len(second) <= 250, "ages of ten boxes may turn once, and ten cells of the chart, and no more"


def test_60_devices_that_move_cost_their_changed_cells(tmp_path: Path) -> None:
    with on_terminal("ui_rollout_child.py", str(tmp_path), "60", "1", "20") as terminal:
        terminal.until(lambda seen: "of 60 done" in seen.text)
        terminal.send("R")
        terminal.until(lambda seen: "Rollouts" in seen.text)
        terminal.send("\r")
        terminal.until(lambda seen: "Unpacking image 9" in seen.text)
        moving = terminal.read(5)
    assert 0 < len(moving) <= 5 * 600
    assert b"wave 1 of 3" not in moving, "what did not change is not drawn"
