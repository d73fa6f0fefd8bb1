"""Watches programs that a test runs: where they connect, what they read of the directory that they are started in, and
whether a secret shows anywhere outside their memory.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

CORE = "kanari7xq"
CANARY = f" \"{CORE}' %41\\ <[/b]> {{x}} ñ漢\u0301 $HOME;"
"""A password of odd characters, the first a blank; whatever plain, quoted or escaped form it takes holds `CORE`."""

_HOOK = """
import json, os, sys
log, around = os.environ["LOOKOUT"], os.environ["LOOKOUT_AROUND"]
def _told(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        where = arguments[1]
        if not isinstance(where, tuple):  # a socket of this machine, or one that is connected
            return
        where = [str(part) for part in where]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"):
        where = [str(part) for part in arguments[:2]]
    elif event in ("open", "os.listdir", "os.scandir") and not isinstance(arguments[0], int):
        where = [os.path.abspath(os.fsdecode(arguments[0] or "."))]
        if not f"{where[0]}/".startswith(f"{around}/"):
            return
    else:
        return
    with open(log, "a") as file:
        file.write(json.dumps([event, where]) + "\\n")
sys.addaudithook(_told)
"""


_KEYRING = """
from pathlib import Path
from keyring.backend import KeyringBackend
class CanaryKeyring(KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        return Path({path!r}).read_text().split("\\n")[0]
    def set_password(self, service, username, password):
        raise NotImplementedError
"""


@cache
def traces(secret: str = CANARY, username: str = "admin") -> tuple[bytes, ...]:
    """Return what betrays the secret in any form: its core, and what is constant in base64 at each alignment."""
    found = [CORE.encode()]
    for text in (secret.encode(), f"{username}:{secret}".encode(), json.dumps(secret).encode()):
        for shift in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                found += [encode(b"x" * shift + text)[4:-4][:24]]
    return tuple(found)


_BAITS = (
    ".env",
    ".netrc",
    ".updeck/fleet.toml",
    "fleet.toml",
    "updeck.toml",
    "config.toml",
    "pyproject.toml",
    "keyringrc.cfg",
    "updeck.tcss",
    "sitecustomize.py",
    "usercustomize.py",
    "updeck/__init__.py",
    "textual/__init__.py",
    "click.py",
    "json.py",
    "httpx.py",
    "keyring.py",
    "sqlite3.py",
    "tomllib.py",
    "asyncio.py",
)
"""What a program may take for its own where it looks for that in the directory that it is started in."""
LONGEST_BYTES = 1 << 20


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, LONGEST_BYTES)
    finally:
        os.close(file)


class Lookout:
    """A directory with a hook that every Python started with `environment` loads, and a watch over processes.

    `around` is a directory to start programs in, full of what they must not read.
    """

    def __init__(self, directory: Path) -> None:
        self._log = directory / "connects"
        self._hooks = directory / "hooks"
        self._hooks.mkdir()
        self.temporary = directory / "tmp"
        self.temporary.mkdir()
        (self._hooks / "sitecustomize.py").write_text(_HOOK)
        self.around = directory / "around"
        for bait in _BAITS:
            path = self.around / bait
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("raise SystemExit('read from the working directory')\n")
        self.betrayed: set[str] = set()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make a program watched."""
        paths = [str(self._hooks), str(Path(__file__).parent.parent / "tui")]
        return {
            "PYTHONPATH": os.pathsep.join(paths),
            "LOOKOUT": str(self._log),
            "LOOKOUT_AROUND": str(self.around),
            "TMPDIR": str(self.temporary),
        }

    def keep_in_keyring(self, secret: Path) -> dict[str, str]:
        """Return the variables that give a program a keyring, in which what this file holds is kept for everybody."""
        (self._hooks / "canary_keyring.py").write_text(_KEYRING.format(path=str(secret)))
        return {"PYTHON_KEYRING_BACKEND": "canary_keyring.CanaryKeyring"}

    def read_around(self) -> list[str]:
        """Return what was read of the directory `around`."""
        return [f"{event} {where[0]}" for event, where in self._told() if not event.startswith("socket.")]

    def _told(self) -> list[tuple[str, list[str]]]:
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [json.loads(line) for line in lines]

    def strangers(self, *ports: int) -> list[str]:
        """Return the connects and look-ups that were not for these ports of 127.0.0.1; at least one was for them."""
        told = [(event, where) for event, where in self._told() if event.startswith("socket.")]
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
                for process in os.scandir("/proc"):
                    if not process.name.isdigit() or int(process.name) == os.getpid():
                        continue
                    with suppress(OSError):
                        if mine not in (environment := _read(f"{process.path}/environ")):
                            continue
                        words = _read(f"{process.path}/cmdline")
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
