"""A bad line between a terminal and a program: `slow_line.py [--rate B] [--delay S] [--buffer B] -- COMMAND…`.

The command runs on a pseudo-terminal of its own. What it writes, and what is typed for it, passes at so many bytes a
second and arrives so much later, as over two hops of SSH. What waits for the line is bounded: once that is full nothing
more is read, and the program's writes block, as they do behind a full socket.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import math
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import tty
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from updeck.ui.glyphs import first_environment

__all__ = ["Line", "LineSpec", "Relay"]

PIECE_BYTES = 65536
TICK_S = 0.01
"""A line gives out what has arrived so often, at the most."""


class LineSpec(NamedTuple):
    """A line: bytes a second each way, seconds for one way, and how many bytes may wait to be sent."""

    rate: float = 10_000
    delay_s: float = 0.3
    buffer_bytes: int = 16_384


class Line:
    """One direction of a line. Times are seconds of one clock that never goes back."""

    def __init__(self, spec: LineSpec) -> None:
        self._spec = spec
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._given = 0
        self._free_at = float("-inf")

    def room(self, now: float) -> int:
        """Return how many bytes may be put in now, so that no more wait to be sent than the buffer holds."""
        waiting = max(0.0, self._free_at - now) * self._spec.rate
        return max(0, self._spec.buffer_bytes - math.ceil(waiting - 1e-6))

    def put(self, data: bytes, now: float) -> None:
        """Send bytes behind those that wait."""
        begins = max(now, self._free_at)
        self._free_at = begins + len(data) / self._spec.rate
        self._pieces.append((begins, data))

    def arrival(self, now: float) -> float:
        """Return when that arrives which is sent now and has no length."""
        return max(now, self._free_at) + self._spec.delay_s

    def take(self, now: float) -> bytes:
        """Return what has arrived since the last time."""
        out = b""
        while self._pieces:
            begins, data = self._pieces[0]
            arrived = math.floor((now - self._spec.delay_s - begins) * self._spec.rate + 1e-6)
            if arrived <= self._given:
                break
            out += data[self._given : arrived]
            self._given = arrived
            if arrived < len(data):
                break
            self._pieces.popleft()
            self._given = 0
        return out

    def due(self) -> float | None:
        """Return when next something worth giving out has arrived; None where nothing is on its way."""
        if not self._pieces:
            return None
        begins, data = self._pieces[0]
        upto = min(len(data), self._given + max(1, int(self._spec.rate * TICK_S)))
        return begins + upto / self._spec.rate + self._spec.delay_s


class Relay:
    """Carries bytes between a terminal (`near_in`, `near_out`) and the near side of a program's pseudo-terminal.

    All descriptors must not block. `step` does what can be done at a time, and waits for nothing.
    """

    def __init__(self, near_in: int, near_out: int, program: int, spec: LineSpec) -> None:
        self.up, self.down = Line(spec), Line(spec)
        self.hung_up = False
        self._near_in, self._near_out, self._program = near_in, near_out, program
        self._typed = self._shown = b""
        self._sizes: deque[tuple[float, bytes]] = deque()
        self._closed = False

    def over(self) -> bool:
        """Whether the terminal is gone, or the program has closed its side and all that it wrote has arrived."""
        return self.hung_up or (self._closed and not self._shown and self.down.due() is None)

    def resize(self, size: bytes, now: float) -> None:
        """Send a change of the window, as `TIOCSWINSZ` takes it, behind the keys that were typed before."""
        self._sizes.append((self.up.arrival(now), size))

    def step(self, now: float) -> None:
        """Give out what has arrived, then take in what the buffers have room for."""
        self._typed += self.up.take(now)
        self._typed = self._typed[_write(self._program, self._typed) :]
        while self._sizes and self._sizes[0][0] <= now:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._program, termios.TIOCSWINSZ, self._sizes.popleft()[1])
        self._shown += self.down.take(now)
        self._shown = self._shown[_write(self._near_out, self._shown) :]
        if (typed := _read(self._near_in, self.up.room(now))) is None:
            self.hung_up = True
        elif typed:
            self.up.put(typed, now)
        if self._closed or self._shown:  # a terminal that takes no more holds up the line itself
            return
        if (written := _read(self._program, self.down.room(now))) is None:
            self._closed = True
        elif written:
            self.down.put(written, now)

    def wait(self, now: float) -> None:
        """Wait until there is something to do."""
        times = [at for at in (self.up.due(), self.down.due(), *(at for at, _ in self._sizes)) if at is not None]
        timeout = max(TICK_S, min(times, default=now + 1.0) - now)
        readers = [self._near_in] if self.up.room(now) else []
        readers += [self._program] if not self._closed and not self._shown and self.down.room(now) else []
        writers = [self._near_out] if self._shown else []
        with contextlib.suppress(InterruptedError):
            select.select(readers, writers, [], timeout)


def _read(descriptor: int, most: int) -> bytes | None:
    """Return up to so many bytes, none where none wait, and None where the other side is gone."""
    if most <= 0:
        return b""
    try:
        return os.read(descriptor, min(most, PIECE_BYTES)) or None
    except BlockingIOError:
        return b""
    except OSError as error:
        if error.errno == errno.EIO:
            return None
        raise


def _write(descriptor: int, data: bytes) -> int:
    """Write what is taken now, and return how much that was; what nobody can take any more counts as taken."""
    if not data:
        return 0
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        return 0
    except OSError:
        return len(data)


@contextlib.contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """Let a terminal pass every key as it is, and never block."""
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    os.set_blocking(descriptor, False)
    try:
        yield
    finally:
        os.set_blocking(descriptor, True)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _begin(command: Sequence[str], size: bytes) -> tuple[subprocess.Popen[bytes], int]:
    near, far = os.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, size)

    def settle() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    told = first_environment()  # not what Python has made of a C locale for its children
    process = subprocess.Popen(list(command), stdin=far, stdout=far, stderr=far, env=told, preexec_fn=settle)
    os.close(far)
    os.set_blocking(near, False)
    return process, near


def _size_of(descriptor: int) -> bytes:
    return fcntl.ioctl(descriptor, termios.TIOCGWINSZ, b"\0" * 8)


def run(command: Sequence[str], spec: LineSpec, size: bytes | None = None) -> int:
    """Run a command behind a line, from and to this terminal; return its exit code, 128 and more for a signal."""
    screen = sys.stdin.fileno()
    process, program = _begin(command, size or _size_of(screen))
    relay = Relay(screen, sys.stdout.fileno(), program, spec)
    if size is None:
        signal.signal(signal.SIGWINCH, lambda *_: relay.resize(_size_of(screen), time.monotonic()))
    with _raw(screen):
        while not relay.over():
            relay.wait(time.monotonic())
            relay.step(time.monotonic())
    os.close(program)  # hangs up on what still runs there
    code = process.wait()
    return 128 - code if code < 0 else code


def main() -> int:
    """Read the command line."""
    spec = LineSpec()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rate", type=float, default=spec.rate, help="bytes a second, each way")
    parser.add_argument("--delay", type=float, default=spec.delay_s, help="seconds, each way")
    parser.add_argument("--buffer", type=int, default=spec.buffer_bytes, help="bytes that may wait for the line")
    parser.add_argument("--cols", type=int, help="width of the inner terminal, with --rows; else that of this one")
    parser.add_argument("--rows", type=int)
    parser.add_argument("command", nargs="+")
    told = parser.parse_args()
    size = struct.pack("HHHH", told.rows, told.cols, 0, 0) if told.cols and told.rows else None
    return run(told.command, LineSpec(told.rate, told.delay, told.buffer), size)


if __name__ == "__main__":
    sys.exit(main())
