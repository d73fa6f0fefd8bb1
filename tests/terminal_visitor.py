"""Somebody who goes through the UI on a pseudo-terminal, and looks at everything that is written meanwhile."""

from __future__ import annotations

import time

from terminal_fixture import Terminal
from terminal_stream import Emulator, foreign

__all__ = ["ESCAPE", "HOME", "Visitor"]

ESCAPE, HOME = "\x1b", "q quit"
"""A key, and what stands at the foot of the home screen alone."""

HANG_S = 30


class Visitor:
    """Goes from screen to screen by keys, and looks at everything that is written meanwhile."""

    def __init__(self, terminal: Terminal, columns: int, rows: int) -> None:
        self.terminal = terminal
        self.emulator = Emulator(columns, rows)
        self.seen: list[str] = []
        self.looked = 0

    def press(self, keys: str, until: str = "") -> str:
        """Press keys, and return what is on the screen once it is at rest and shows what it should."""
        self.terminal.send(keys)
        ends = time.monotonic() + HANG_S
        while until not in (shown := self.look()):
            assert time.monotonic() < ends, f"no {until!r} in:\n{shown}"
        return shown

    def leave(self, until: str = HOME) -> None:
        """Press escape until what is meant stands there: on a busy machine two in a row may be read as one key."""
        for _ in range(HANG_S // 3):
            self.terminal.send(ESCAPE)
            waits = time.monotonic() + 3
            while time.monotonic() < waits:
                if until in self.look():
                    return
        raise AssertionError(f"no way back to {until!r} from:\n{self.look()}")

    def look(self) -> str:
        """Return what is on the screen at rest; nothing foreign may have come out, and the UI must live."""
        self.terminal.until_quiet(0.3)
        new, self.looked = self.terminal.written[self.looked :], len(self.terminal.written)
        assert foreign(new) == []
        self.emulator.feed(new)
        assert self.terminal.process.poll() is None, self.terminal.text[-2000:]
        shown = "\n".join(self.lines())
        self.seen.append(shown)
        return shown

    def lines(self) -> list[str]:
        """Return the lines on the screen, one character per cell."""
        return self.emulator.lines()

    def painted_anew(self) -> list[str]:
        """Return the lines on the screen after the whole of it was painted anew."""
        self.terminal.stop()
        self.terminal.go_on()
        self.look()
        return self.lines()

    def go_to(self, device: str) -> None:
        """Put the cursor on a device."""
        self.press(f"/\x15{device}\r", " 1 of ")
