"""However the UI ends, breaks, stops or is squeezed, the terminal is as it was before, and what went on goes on."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from terminal_fixture import Terminal, on_terminal
from terminal_stream import foreign, picture
from updeck.simulator.options import ServeOptions
from updeck.simulator.threaded import ThreadedSimulator, running_in_thread

HANG_S = 30
CHILD = ("ui_child.py", "12", "1", "0")
_MODE = re.compile(rb"\x1b\[\?(\d+)([hl])")
_AT_REST = {b"1049": b"l", b"25": b"h", b"2004": b"l", b"1004": b"l", b"7": b"h"}
_MOUSE = dict.fromkeys((b"1000", b"1003", b"1006", b"1015"), b"l")


def there(terminal: Terminal) -> bool:
    """Whether the fleet is on the screen."""
    return "12 idle" in terminal.text


def assert_given_back(terminal: Terminal, before: list[object]) -> None:
    """Whether the terminal is as it was: its settings, its modes, its title, its keys; and nothing foreign came out."""
    modes = dict(_MODE.findall(terminal.written))
    assert _AT_REST.items() <= modes.items()
    assert all(_MOUSE[mode] == modes[mode] for mode in _MOUSE.keys() & modes.keys())
    assert terminal.attributes() == before
    for taken, given in ((b"\x1b[>25u", b"\x1b[<u"), (b"\x1b[22;2t", b"\x1b[23;2t")):
        assert terminal.written.count(taken) == terminal.written.count(given)
        assert terminal.written.rfind(taken) < terminal.written.rfind(given) or taken not in terminal.written
    words = last_words(terminal)
    wiped = terminal.written.rindex(b"\x1b[2J\x1b[1;1H")
    assert re.fullmatch(rb"(?:\x1b\[\S*?[Ha-z])*", terminal.written.removesuffix(words)[wiped + 4 :])
    assert foreign(terminal.written.removesuffix(words)) == []
    assert words.decode().replace("\r\n", "").isprintable()


def last_words(terminal: Terminal) -> bytes:
    """Return what was written once the terminal was given back."""
    return re.split(rb"\x1b\[[?\d]*[a-z]", terminal.written)[-1]


def on_view(terminal: Terminal, columns: int = 120, rows: int = 40) -> list[str]:
    """Return the lines on the screen once it is at rest."""
    terminal.until_quiet()
    return picture(terminal.written, columns, rows)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_end_gives_the_terminal_back_as_it_was(number: signal.Signals) -> None:
    with on_terminal(*CHILD) as terminal:
        before = terminal.attributes()
        terminal.until(there)
        assert terminal.attributes() != before
        terminal.process.send_signal(number)
        assert terminal.until_end() == 130
        assert_given_back(terminal, before)


def test_a_quit_gives_the_mouse_back_too(tmp_path: Path) -> None:
    environment = {"UPDECK_STATE": str(tmp_path / "state"), "UPDECK_CONFIG": str(tmp_path)}
    with on_terminal("-m", "updeck", "--mouse", "http://127.0.0.1:9", environment=environment) as terminal:
        before = terminal.attributes()
        terminal.until(lambda seen: "1 device" in seen.text)
        assert b"\x1b[?1003h" in terminal.written
        terminal.send("q")
        assert terminal.until_end() == 0
        assert_given_back(terminal, before)


@pytest.mark.parametrize(
    "place", ["state", "opening", "render", "timer", "worker", "callback", "key", "screen", "title"]
)
def test_a_fault_anywhere_gives_the_terminal_back_and_keeps_no_secret(tmp_path: Path, place: str) -> None:
    with on_terminal("ui_crash_child.py", place, environment={"UPDECK_STATE": str(tmp_path)}) as terminal:
        before = terminal.attributes()
        if place in ("key", "screen"):
            terminal.until(lambda seen: "12 devices" in seen.text)
            terminal.send("?")
        assert terminal.until_end() == 1
        assert_given_back(terminal, before)
        said = last_words(terminal).decode().strip()
        assert said.startswith("updeck: the screen broke (ZeroDivisionError); what was sent to devices goes on")
        assert "\n" not in said
        assert b"canary" not in terminal.written
    assert_redacted(tmp_path)


def assert_redacted(directory: Path) -> None:
    """Whether the crash files name the place of the fault and no value."""
    reports = list(directory.glob("crash-*.txt"))
    assert reports
    for report in reports:
        status = report.stat()
        assert (status.st_mode & 0o777, status.st_uid) == (0o600, os.getuid())
        told = report.read_text()
        assert "in broken" in told
        assert "canary" not in told.replace('password = "canary-c0ffee"', "")


def test_a_stopped_ui_gives_the_terminal_back_and_takes_it_again_with_all_that_stood_there() -> None:
    with on_terminal(*CHILD) as terminal:
        before = terminal.attributes()
        terminal.until(there)
        terminal.send("j")
        seen, drawing = on_view(terminal), terminal.attributes()
        for _ in range(2):
            terminal.stop()
            terminal.until_quiet()
            assert_given_back(terminal, before)
            terminal.go_on()
            assert on_view(terminal) == seen
            assert terminal.attributes() == drawing
        assert terminal.written.rfind(b"\x1b]2;updeck\x07") > terminal.written.rfind(b"\x1b[23;2t")
        terminal.send("q")
        assert terminal.until_end() == 0
        assert_given_back(terminal, before)


def test_a_ui_that_was_stopped_behind_another_screen_paints_that_one_anew() -> None:
    with on_terminal(*CHILD) as terminal:
        terminal.until(there)
        terminal.send("?")
        seen = on_view(terminal)
        assert "un-init (reset)" in "\n".join(seen)
        terminal.stop()
        terminal.go_on()
        assert on_view(terminal) == seen
        terminal.send("?")
        assert "12 idle" in "\n".join(on_view(terminal))


def test_a_terminal_made_tiny_and_large_again_shows_what_it_showed() -> None:
    with on_terminal(*CHILD) as terminal:
        terminal.until(there)
        terminal.send("jj")
        seen = on_view(terminal)
        for columns, rows in ((20, 5), (1, 1), (60, 15), (20, 5)):
            terminal.resize(columns, rows)
            terminal.until_quiet()
        terminal.resize(120, 40)
        assert on_view(terminal) == seen
        assert foreign(terminal.written) == []


ROUNDS = int(os.environ.get("UPDECK_STUCK_ROUNDS", "10"))
"""Polls of each device, three requests each and at most one a second, while nothing is read from the terminal."""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[ThreadedSimulator]:
    """Serve a small fleet for as long as a test lasts."""
    options = ServeOptions(fleet_out=tmp_path / "fleet.toml", devices=4, seed=1, speed=600, http=True)
    with running_in_thread(options) as simulator:
        yield simulator


def asked(simulator: ThreadedSimulator) -> int:
    """Return how many requests the fleet has had."""
    count = 0
    for name in simulator.names:
        requests = simulator.truth(name)["requests"]
        assert isinstance(requests, list)
        count += len(requests)
    return count


def test_polling_goes_on_while_the_terminal_takes_no_output(fleet: ThreadedSimulator, tmp_path: Path) -> None:
    environment = {"UPDECK_STATE": str(tmp_path / "state")}
    with on_terminal("-m", "updeck", "--fleet", str(fleet.fleet_path), environment=environment) as terminal:
        terminal.until(lambda seen: "4 idle" in seen.text)
        terminal.fill("?")
        stuck, before = terminal.unread, asked(fleet)
        hang = time.monotonic() + HANG_S + ROUNDS * 2
        while asked(fleet) < before + ROUNDS * len(fleet.names):
            assert time.monotonic() < hang, "nobody polls any more"
            time.sleep(0.1)
        assert terminal.unread == stuck, "it was blocked all the time"
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(HANG_S) == 130
