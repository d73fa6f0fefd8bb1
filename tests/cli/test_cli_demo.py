"""The demo as a person meets it: on a terminal, with keys, and nothing left behind."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HANG_S = 60.0
FLOOD_CHARACTERS = 4_000_000
DEMO = ("demo", "--devices", "2", "--scenario", "calm")


def environment(room: Path) -> Mapping[str, str]:
    return {"PATH": "", "TMPDIR": str(room), "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": str(room)}


class Terminal:
    """The person's side of a pty."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.shown = ""

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def read_until(self, fulfilled: Callable[[str], bool]) -> None:
        """Read until what was shown so far is as asked, or until nobody writes any more."""
        while not fulfilled(self.shown):
            ready, _, _ = select.select([self._master], [], [], HANG_S)
            assert ready, f"nothing more came after {self.shown[-200:]!r}"
            try:
                chunk = os.read(self._master, 65_536)
            except OSError:  # Linux says so when the last writer is gone
                return
            self.shown += chunk.decode(errors="replace")
            assert len(self.shown) < FLOOD_CHARACTERS, "it floods the terminal"


@contextmanager
def on_terminal(room: Path, *words: str) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "updeck", *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment(room),
        start_new_session=True,
    ) as process:
        os.close(slave)
        try:
            yield Terminal(master), process
        finally:
            process.kill()
            os.close(master)


def test_the_demo_shows_devices_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with on_terminal(tmp_path, *DEMO) as (terminal, process):
        terminal.read_until(lambda shown: "DEMO" in shown and "ar11-" in shown)
        (room,) = tmp_path.glob("updeck-demo-*")
        assert (room / "update-11.8.0.iso").is_file()
        assert str(room) in terminal.shown
        terminal.type("q")
        terminal.read_until(lambda shown: "its simulator has ended" in shown)
        assert process.wait(HANG_S) == 0
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_the_demo_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "updeck", *DEMO],
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "updeck status" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
