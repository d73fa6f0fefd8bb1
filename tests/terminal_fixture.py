"""A program on a pseudo-terminal, of which every byte is seen."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyte

HERE = Path(__file__).parent
SOURCE = HERE.parent / "tui"
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_HANG_S = 30.0
_WRITES_IN_VAIN = ("wait_woken", "n_tty_write")
"""Where in the kernel a thread stands that waits for a terminal to take more."""


class Terminal:
    """The near side of a pseudo-terminal on which a program draws."""

    def __init__(self, process: subprocess.Popen[bytes], near: int, far: str, columns: int, rows: int) -> None:
        self.process = process
        self._near = near
        self._far = far
        self.written = b""
        self._screen = pyte.Screen(columns, rows)
        self._screen.reset_mode(pyte.modes.DECAWM >> 5, private=True)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0

    @property
    def text(self) -> str:
        """What a whole screen shows now, if one is drawn, and all that was written so far without escape sequences.

        Both, because a screen is told its changes only, and has forgotten what stood there before.
        """
        history = _ESCAPES.sub(b"", self.written).decode("utf-8", "replace")
        return f"{self.picture}\n{history}" if b"\x1b[?1049h" in self.written else history

    @property
    def picture(self) -> str:
        """What the screen shows now, of the size with which the program began."""
        self._stream.feed(self.written[self._fed :])
        self._fed = len(self.written)
        return "\n".join(self._screen.display)

    def send(self, keys: str | bytes) -> None:
        """Press keys, all in one write; as bytes where they are no UTF-8."""
        os.write(self._near, keys.encode() if isinstance(keys, str) else keys)

    def read(self, window_s: float) -> bytes:
        """Return what is written within a time."""
        out = b""
        ends = time.monotonic() + window_s
        while (left := ends - time.monotonic()) > 0 and select.select([self._near], [], [], left)[0]:
            try:
                piece = os.read(self._near, 65536)
            except OSError:  # the program closed its side
                break
            if not piece:
                break
            out += piece
        self.written += out
        return out

    def until(self, condition: Callable[[Terminal], bool]) -> None:
        """Read until a condition holds; a hang is a failure."""
        ends = time.monotonic() + _HANG_S
        while not condition(self):
            assert time.monotonic() < ends, f"it never came to that; written so far:\n{self.text[-2000:]}"
            self.read(0.05)

    def until_end(self) -> int:
        """Read until the program ends, and what it wrote last; return its exit code."""
        self.until(lambda _: self.process.poll() is not None)
        self.until_quiet(0.1)
        return self.process.wait()

    def until_quiet(self, quiet_s: float = 0.5) -> bytes:
        """Read until nothing is written for a while, and return what was."""
        out = b""
        ends = time.monotonic() + _HANG_S
        while piece := self.read(quiet_s):
            assert time.monotonic() < ends, "it never came to rest"
            out += piece
        return out

    def fill(self, keys: str = "", stuck_s: float = 3.0) -> None:
        """Fill the terminal so that it takes no more output, and press keys until the program has written in vain.

        It goes on pressing them for a while: a few pictures may wait in the program itself.
        """
        far = os.open(self._far, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(far, b"x" * 512)
        finally:
            os.close(far)
        ends = time.monotonic() + _HANG_S
        while not self._writes_in_vain():
            assert time.monotonic() < ends, "it never wrote to it"
            self.send(keys)
            select.select([], [], [], 0.05)
        ends = time.monotonic() + stuck_s
        while time.monotonic() < ends:
            self.send(keys)
            select.select([], [], [], 0.05)

    def _writes_in_vain(self) -> bool:
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/wchan")
        return any(one.read_text() in _WRITES_IN_VAIN for one in threads)

    @property
    def unread(self) -> int:
        """How many bytes wait to be read."""
        return int(struct.unpack("i", fcntl.ioctl(self._near, termios.FIONREAD, b"\0" * 4))[0])

    def attributes(self) -> list[object]:
        """Return the terminal's settings: echo, raw mode and the like."""
        return termios.tcgetattr(self._near)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, and tell the program as a terminal does."""
        fcntl.ioctl(self._near, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def stop(self) -> None:
        """Stop the program as a shell does for ctrl-Z, and wait until it stands still."""
        self.process.send_signal(signal.SIGTSTP)
        self.until(lambda _: Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")

    def go_on(self) -> None:
        """Let a stopped program go on."""
        self.process.send_signal(signal.SIGCONT)

    def hang_up(self) -> None:
        """Close the near side, as a terminal does that is gone."""
        os.close(self._near)
        self._near = -1

    def close(self) -> None:
        """End the program, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._near >= 0:
            os.close(self._near)


@contextlib.contextmanager
def on_terminal(
    *arguments: str,
    columns: int = 120,
    rows: int = 40,
    environment: Mapping[str, str | None] | None = None,
    controlling: bool = True,
    directory: Path = HERE,
) -> Iterator[Terminal]:
    """Run `python ARGUMENTS` on a pseudo-terminal; one that is not `controlling` sends no SIGHUP when it goes.

    It is started in the `directory`. A variable of the `environment` that is None is not set at all.
    """
    near, far = os.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    wanted: dict[str, str | None] = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(SOURCE),
        **(environment or {}),
    }
    told = {name: value for name, value in wanted.items() if value is not None}

    def settle() -> None:
        os.setsid()
        if controlling:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=far,
        stdout=far,
        stderr=far,
        env=told,
        cwd=directory,
        preexec_fn=settle,
    )
    name = os.ttyname(far)
    os.close(far)
    terminal = Terminal(process, near, name, columns, rows)
    try:
        yield terminal
    finally:
        terminal.close()
