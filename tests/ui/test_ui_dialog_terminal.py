"""Dialogs on a real pseudo-terminal, over simulated devices: what they cost, and what a burst of keys cannot do."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from terminal_demo import FOREIGN, demo, truth
from terminal_fixture import Terminal

DIALOGS = (
    ("X", FOREIGN, f"Un-init: {FOREIGN}"),
    ("I", "state:IDLE", "Init: "),
    ("u", "state:IDLE", "Upload to "),
    ("f", "state:IDLE", "Fetch to "),
    ("n", "state:IDLE", "Plan a rollout to 1 device"),
)
"""The key of each dialog, a filter that leads to a device which it is for, and how its title begins."""


def shows(title: str, terminal: Terminal) -> bool:
    return title in terminal.picture


def hides(title: str, terminal: Terminal) -> bool:
    return title not in terminal.picture


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
def test_each_dialog_costs_half_of_12_kb_to_open_and_an_eighth_of_40_to_close(
    tmp_path: Path, columns: int, rows: int
) -> None:
    with demo(tmp_path, columns, rows) as terminal:
        for key, selector, title in DIALOGS:
            terminal.send(f"/\x15{selector}\r")
            terminal.until_quiet()
            before = len(terminal.written)
            terminal.send(key)
            terminal.until(partial(shows, title))
            terminal.until_quiet()
            opened = len(terminal.written)
            terminal.send("\x1b")
            terminal.until(partial(hides, title))
            terminal.until_quiet()
            assert opened - before <= 6_000, title
            assert len(terminal.written) - opened <= 5_000, title


def test_a_letter_typed_into_a_dialog_costs_little(tmp_path: Path) -> None:
    with demo(tmp_path) as terminal:
        terminal.send("X")
        terminal.until(lambda seen: "and press enter" in seen.text)
        terminal.until_quiet()
        before = len(terminal.written)
        terminal.send("a")
        terminal.until_quiet()
        assert 0 < len(terminal.written) - before <= 500


def test_what_is_typed_ahead_of_a_dialog_confirms_nothing(tmp_path: Path) -> None:
    with demo(tmp_path) as terminal:
        assert truth(terminal)["resets"] == 0
        terminal.send(f"X{FOREIGN}\r")
        terminal.until_quiet(1.0)
        assert truth(terminal)["resets"] == 0


def test_a_bracketed_paste_confirms_nothing_and_the_same_keys_typed_do(tmp_path: Path) -> None:
    with demo(tmp_path) as terminal:
        terminal.send("X")
        terminal.until(lambda seen: "and press enter" in seen.text)
        terminal.until_quiet()
        terminal.send(f"\x1b[200~{FOREIGN}\r\x1b[201~")
        terminal.until(lambda seen: "a paste confirms nothing" in seen.text)
        assert truth(terminal)["resets"] == 0
        terminal.send(f"{FOREIGN}\r")
        terminal.until(lambda seen: "un-init (reset) accepted" in seen.text)
        assert truth(terminal)["resets"] == 1
