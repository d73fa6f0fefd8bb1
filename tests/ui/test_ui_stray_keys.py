"""What is typed for a dialog never acts on the list behind it, whether the dialog opens, opens late or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from terminal_demo import FOREIGN, demo, truth
from terminal_fixture import Terminal
from updeck.ui.stray_keys import ANSWERED_S, RUN_S, StrayKeys

TOKEN = f"{FOREIGN} 11.8.0\r"
"""Begins with the keys of acknowledge, poll and clear, and holds those of mark and next."""


def marks(terminal: Terminal) -> str:
    """Return what the header said last about marks."""
    found = terminal.text.rfind(" marked")
    return terminal.text[found - 1 : found]


@pytest.mark.parametrize("key", ["X", "S", "D"])
def test_a_token_typed_with_the_key_of_its_dialog_leaves_list_and_device_alone(tmp_path: Path, key: str) -> None:
    """X opens its dialog; S and D do not apply to the device."""
    with demo(tmp_path) as terminal:
        terminal.send(" ")
        terminal.until(lambda seen: "1 marked" in seen.text)
        terminal.until_quiet()
        before = len(terminal.text)
        terminal.send(key + TOKEN)
        terminal.until_quiet(1.0)
        terminal.send("\x1b")
        terminal.until_quiet()
        said = terminal.text[before:]
        for opened in ("Acknowledge", "Plan a rollout", "choose a file", "Fetch to", "sorted by", "asking "):
            assert opened not in said
        terminal.send("u")
        terminal.until(lambda seen: f"Upload to {FOREIGN}" in seen.text or "start it, or un-init" in seen.text)
        assert truth(terminal)["resets"] == 0


def test_letters_are_stray_while_a_dialog_opens_and_while_the_run_goes_on() -> None:
    keys = StrayKeys()
    assert not keys.take(10.0, "a", busy=False)
    keys.begin()
    assert keys.take(20.0, "a", busy=True)
    assert not keys.take(20.0, None, busy=True), "arrows move on"
    assert keys.take(20.0 + RUN_S / 2, "r", busy=False), "the flow ended without a dialog, the typing goes on"
    assert not keys.take(20.0 + 2 * RUN_S, "1", busy=False)


def test_letters_count_again_once_a_flow_asks_nothing_more() -> None:
    keys = StrayKeys()
    keys.begin()
    keys.answered(30.0)
    assert keys.take(30.0 + ANSWERED_S / 2, "1", busy=True), "another dialog of the flow may open"
    assert not keys.take(30.0 + ANSWERED_S + RUN_S, "1", busy=True)


def test_a_token_typed_after_a_refused_key_is_stray_to_its_end() -> None:
    keys = StrayKeys()
    keys.refused(5.0, "ar11-fra-dc1")
    assert keys.take(4.9, "a", busy=False), "pressed before the refusal was known"
    assert keys.take(5.3, "r", busy=False)
    assert keys.take(5.6, "-", busy=False)
    assert not keys.take(5.6 + RUN_S, "-", busy=False)


def test_another_key_after_a_refused_one_counts_at_once() -> None:
    keys = StrayKeys()
    keys.refused(5.0, "ar11-fra-dc1")
    assert not keys.take(5.1, "X", busy=False)
    assert not keys.take(5.2, "a", busy=False)
