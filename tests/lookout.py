"""Watches programs that a test runs: where they connect, and whether a secret shows anywhere outside their memory."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CORE = "kanari7xq"
CANARY = f" \"{CORE}' %41\\ <[/b]> {{x}} ñ漢\u0301 $HOME;"
"""A password of odd characters, the first a blank; whatever plain, quoted or escaped form it takes holds `CORE`."""

_HOOK = """
import json, os, sys
def _told(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        where = arguments[1] if event == "socket.connect" else arguments[:2]
        line = json.dumps([event, [str(part) for part in where] if isinstance(where, tuple) else [str(where)]])
        with open(os.environ["LOOKOUT"], "a") as file:
            file.write(line + "\\n")
sys.addaudithook(_told)
"""


def traces(secret: str = CANARY, username: str = "admin") -> tuple[bytes, ...]:
    """Return what betrays the secret in any form: its core, and what is constant in base64 at each alignment."""
    found = [CORE.encode()]
    for text in (secret.encode(), f"{username}:{secret}".encode(), json.dumps(secret).encode()):
        for shift in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                found += [encode(b"x" * shift + text)[4:-4][:24]]
    return tuple(found)


class Lookout:
    """A directory with a hook that every Python started with `environment` loads, and a watch over processes."""

    def __init__(self, directory: Path) -> None:
        self._log = directory / "connects"
        self._hooks = directory / "hooks"
        self._hooks.mkdir()
        self.temporary = directory / "tmp"
        self.temporary.mkdir()
        (self._hooks / "sitecustomize.py").write_text(_HOOK)
        self.betrayed: set[str] = set()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make a program watched."""
        paths = [str(self._hooks), str(Path(__file__).parent.parent / "tui")]
        return {"PYTHONPATH": os.pathsep.join(paths), "LOOKOUT": str(self._log), "TMPDIR": str(self.temporary)}

    def strangers(self, *ports: int) -> list[str]:
        """Return the connects and look-ups that were not for these ports of 127.0.0.1; at least one was for them."""
        told = [json.loads(line) for line in self._log.read_text().splitlines()]
        known = {("127.0.0.1", str(port)) for port in ports}
        assert any(tuple(where[:2]) in known for _, where in told), "the hook sees nothing"
        return [f"{event} {where}" for event, where in told if tuple(where[:2]) not in known]

    @contextmanager
    def watching(self, given_to: Collection[bytes] = ()) -> Iterator[None]:
        """Look at arguments and environment of every watched process all the while.

        The command lines named were given the secret in their environment by the test itself.
        """
        over = threading.Event()

        def look() -> None:
            mine = f"LOOKOUT={self._log}".encode()
            while not over.wait(0.02):
                for process in Path("/proc").iterdir():
                    if not process.name.isdigit() or int(process.name) == os.getpid():
                        continue
                    with suppress(OSError):
                        environment, words = (process / "environ").read_bytes(), (process / "cmdline").read_bytes()
                        if mine not in environment:
                            continue
                        searched = words if words.removesuffix(b"\0") in given_to else environment + words
                        if any(trace in searched for trace in traces()):
                            self.betrayed.add(words.replace(b"\0", b" ").decode("utf-8", "replace"))

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def files_with(secret: str, *directories: Path) -> list[str]:
    """Return the files that hold a trace of the secret."""
    files = [path for directory in directories for path in directory.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(trace in path.read_bytes() for trace in traces(secret))]
