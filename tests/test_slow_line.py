"""The bad line that screens are tried over is as slow, as late and as narrow as it says."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import sys
import termios
import time
import tty
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from slow_line import Line, LineSpec, Relay
from terminal_fixture import on_terminal

HANG_S = 30.0
SPEC = LineSpec(rate=10_000, delay_s=0.3, buffer_bytes=4_096)


def test_a_byte_arrives_after_its_turn_and_the_delay() -> None:
    line = Line(SPEC)
    line.put(b"x" * 10_000, 0.0)
    assert line.take(0.3) == b""
    assert len(line.take(0.3001)) == 1
    assert len(line.take(0.8)) == 4_999
    assert line.take(0.8) == b""
    assert len(line.take(1.2999)) == 4_999
    assert line.due() == pytest.approx(1.3)
    assert len(line.take(1.3)) == 1
    assert line.due() is None


def test_what_is_put_in_later_waits_for_what_was_there_before() -> None:
    line = Line(SPEC)
    line.put(b"a" * 1_000, 0.0)
    line.put(b"b" * 1_000, 0.05)
    assert line.take(0.4) == b"a" * 1_000
    assert line.take(0.45) == b"b" * 500
    line.put(b"c", 5.0)
    assert line.take(5.3) == b"b" * 500, "a line that was at rest begins anew"
    assert line.take(5.3001) == b"c"


def test_only_what_waits_to_be_sent_fills_the_buffer_not_what_is_on_its_way() -> None:
    line = Line(SPEC)
    assert line.room(0.0) == 4_096
    line.put(b"x" * 4_096, 0.0)
    assert line.room(0.0) == 0
    assert line.room(0.1) == 1_000
    assert line.room(0.4096) == 4_096
    assert line.take(0.4096) == b"x" * 1_096


class Ends(NamedTuple):
    """A relay between two pseudo-terminals, their other sides, and the sides that the relay has itself."""

    relay: Relay
    person: int
    program: int
    near: int
    inner: int


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Give a relay of which the test holds both ends itself: the person's and the program's."""
    person, near = os.openpty()
    inner, program = os.openpty()
    for side in (near, program):
        tty.setraw(side)
    for side in (person, near, inner, program):
        os.set_blocking(side, False)
    yield Ends(Relay(near, near, inner, SPEC), person, program, near, inner)
    for side in (person, near, inner, program):
        os.close(side)


def arrived(descriptor: int, count: int) -> bytes:
    """Return so many bytes once they have come, and what came with them: the kernel carries them on in its own time."""
    out = b""
    while len(out) < count:
        assert select.select([descriptor], [], [], HANG_S)[0], f"{len(out)} of {count} bytes came"
        out += os.read(descriptor, 65536)
    return out


def waiting(descriptor: int, count: int) -> None:
    """Wait until so many bytes can be read."""
    ends = time.monotonic() + HANG_S
    while struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4))[0] < count:
        assert time.monotonic() < ends
        select.select([], [], [], 0.001)


def test_keys_and_pictures_take_their_time_both_ways(ends: Ends) -> None:
    relay, person, program, near, inner = ends
    os.write(person, b"j" * 100)
    os.write(program, b"p" * 2_000)
    waiting(near, 100)
    waiting(inner, 2_000)
    relay.step(0.0)
    relay.step(0.305)
    assert arrived(program, 50) == b"j" * 50
    assert arrived(person, 50) == b"p" * 50
    relay.step(0.31)
    assert arrived(program, 50) == b"j" * 50
    relay.step(0.5)
    assert arrived(person, 1_950) == b"p" * 1_950


def test_a_program_that_writes_more_than_the_line_carries_is_held_up(ends: Ends) -> None:
    relay, person, program, _, inner = ends
    written, got = os.write(program, b"f" * 1_000), 0
    waiting(inner, 1_000)
    for tick in range(301):  # three seconds
        while written < 1_000_000:  # else nothing holds it up, and this would not end
            try:
                written += os.write(program, b"f" * 1_000)
            except BlockingIOError:
                break
            relay.step(tick / 100)
        relay.step(tick / 100)
        with contextlib.suppress(BlockingIOError):
            got += len(os.read(person, 65536))
    got += len(arrived(person, 27_000 - got))
    assert got == 27_000, "what the line carries in three seconds, less what is on its way"
    ahead = written - got
    assert 4_096 + 3_000 <= ahead <= 4_096 + 3_000 + 65_536, "the buffer, the way, and the kernel's own buffer"


def test_a_person_who_reads_nothing_holds_up_the_program_too(ends: Ends) -> None:
    relay, person, program, *_ = ends
    written = 0
    for tick in range(6_000):  # a minute
        with contextlib.suppress(BlockingIOError):
            written += os.write(program, b"f" * 1_000)
        relay.step(tick / 100)
    assert written <= 4_096 + 3_000 + 2 * 65_536
    assert arrived(person, 1_000)


def test_a_change_of_the_window_comes_behind_the_keys_before_it(ends: Ends) -> None:
    relay, person, program, near, _ = ends
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.write(person, b"k" * 1_000)
    waiting(near, 1_000)
    relay.step(0.0)
    relay.resize(struct.pack("HHHH", 15, 60, 0, 0), 0.0)
    relay.step(0.39)
    assert os.get_terminal_size(program) == (80, 24)
    relay.step(0.4)
    assert len(arrived(program, 1_000)) == 1_000
    assert os.get_terminal_size(program) == (60, 15)


def test_all_that_a_program_wrote_arrives_before_the_line_is_over(ends: Ends) -> None:
    _, person, _, near, _ = ends
    inner, program = os.openpty()
    tty.setraw(program)
    os.set_blocking(inner, False)
    closing = Relay(near, near, inner, SPEC)
    os.write(program, b"farewell")
    waiting(inner, 8)
    closing.step(0.0)
    os.close(program)
    closing.step(0.1)
    assert not closing.over()
    closing.step(0.5)
    assert closing.over()
    assert arrived(person, 8) == b"farewell"
    os.close(inner)


def slow(*words: str) -> tuple[str, ...]:
    return ("slow_line.py", "--rate", "1000000", "--delay", "0", *words)


def test_a_command_has_the_size_of_the_terminal_and_its_exit_code_is_passed_on() -> None:
    with on_terminal(*slow("--", "sh", "-c", "stty size; exit 7"), columns=61, rows=16) as terminal:
        assert terminal.until_end() == 7
        assert "16 61" in terminal.text


def test_a_command_that_a_signal_ends_gives_the_code_of_a_shell() -> None:
    with on_terminal(*slow("--cols", "80", "--rows", "24", "--", "sh", "-c", "stty size; kill -TERM $$")) as terminal:
        assert terminal.until_end() == 128 + 15
        assert "24 80" in terminal.text


def test_a_command_is_told_the_locale_that_the_line_was_begun_with() -> None:
    plain = {"LC_ALL": None, "LANG": "C"}
    with on_terminal(*slow("--", "sh", "-c", 'echo "<$LANG$LC_CTYPE>"'), environment=plain) as terminal:
        assert terminal.until_end() == 0
        assert "<C>" in terminal.text


def test_a_change_of_the_window_reaches_the_command() -> None:
    told = """
import os, signal
signal.signal(signal.SIGWINCH, lambda *_: print(*os.get_terminal_size(), flush=True))
print("ready", flush=True)
input()
"""
    with on_terminal(*slow("--", sys.executable, "-c", told)) as terminal:
        terminal.until(lambda seen: "ready" in seen.text)
        terminal.resize(70, 20)
        terminal.until(lambda seen: "70 20" in seen.text)
        terminal.send("\r")
        assert terminal.until_end() == 0


def test_a_terminal_that_is_gone_hangs_up_on_the_command() -> None:
    with on_terminal(*slow("--", "sh", "-c", "echo ready; exec cat")) as terminal:
        terminal.until(lambda seen: "ready" in seen.text)
        terminal.hang_up()
        terminal.process.wait(30)
        assert terminal.process.returncode in (128 + 1, -1)
