"""Dialogs on a real pseudo-terminal, over simulated devices: what they cost, and what a burst of keys cannot do."""

from __future__ import annotations

from pathlib import Path

from terminal_demo import FOREIGN, demo, truth


def test_a_dialog_costs_at_most_12_kb_to_open_and_40_to_close(tmp_path: Path) -> None:
    with demo(tmp_path) as terminal:
        before = len(terminal.written)
        terminal.send("X")
        terminal.until(lambda seen: "and press enter" in seen.text)
        terminal.until_quiet()
        opened = len(terminal.written)
        terminal.send("a")
        terminal.until_quiet()
        typed = len(terminal.written)
        terminal.send("\x1b")
        terminal.until_quiet()
        closed = len(terminal.written)
    assert opened - before <= 12_000
    assert typed - opened <= 500
    assert closed - typed <= 40_000


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
        terminal.until(lambda seen: "reset accepted" in seen.text)
        assert truth(terminal)["resets"] == 1
