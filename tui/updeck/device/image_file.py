"""An image file on this machine: what it is, its SHA-256, and what its publisher says of it.

`security.md`, image file, and `rollout.md` 6: a regular file only; each reading opens it anew and checks that
it is still the same by inode, size and modification time, at the end once more. Nothing is ever held in
memory whole.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from threading import Event

from updeck.errors import Interrupted, LocalFileError
from updeck.text import clean

__all__ = ["CHUNK_BYTES", "Checksums", "FileIdentity", "ImageFile", "publisher_sum", "suggest_version"]

CHUNK_BYTES = 1 << 19
"""How much of a file is read at a time, and held in memory by each upload.

Twice as much would not stay in a core's cache, which slows TLS; half as much makes eight uploads wait for each other.
"""

_SUM_FILE_LIMIT = 1 << 20
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
# A FIFO must not block the open, a terminal must not become ours, and Windows must not translate line ends.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_GNU_LINE = re.compile(r"\\?(?P<sum>[0-9A-Fa-f]{64})(?:[ \t]+[*]?(?P<name>.+))?")
_BSD_LINE = re.compile(r"SHA-?256 ?\((?P<name>.+)\) ?= ?(?P<sum>[0-9A-Fa-f]{64})", re.IGNORECASE)
_VERSION_IN_NAME = re.compile(
    r"(?<![0-9.])(?P<release>[0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?[a-z]?)(?![0-9a-z])"
    r"(?:[-_. ]{0,2}[#b]?(?P<build>[0-9]{3,9})(?![0-9a-z]|[-_.][0-9]))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What tells that a file is still the same: device and inode, size in bytes, modification time in ns."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileIdentity:
        """Take the identity from a `stat` result."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def is_of(self, status: os.stat_result) -> bool:
        """Whether a `stat` result is of the same file, unchanged; asked at every piece of a file that is sent."""
        return (
            status.st_mtime_ns == self.mtime_ns
            and status.st_size == self.size_bytes
            and status.st_ino == self.inode
            and status.st_dev == self.device
        )


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A regular, readable file that is not empty, as it was when `open` looked at it."""

    path: Path
    identity: FileIdentity

    @classmethod
    def open(cls, path: Path) -> ImageFile:
        """Look at the file and read its first byte; raises LocalFileError for all that cannot be sent."""
        with _opened(path) as file:
            identity = FileIdentity.of(os.fstat(file.fileno()))
            file.read(1)
        return cls(path, identity)

    @property
    def name(self) -> str:
        """The file's name, made safe to show."""
        return clean(self.path.name)

    @property
    def size_bytes(self) -> int:
        """The size that is hashed and sent."""
        return self.identity.size_bytes

    def chunks(self) -> Generator[memoryview, None, None]:
        """Read the whole file once, in pieces of at most `CHUNK_BYTES`; each holds only until the next is asked for.

        All are read into the same memory. Raises LocalFileError as soon as the file is seen to be another one,
        changed, shorter or longer than it was, and always before its last piece is handed out: a changed file is never
        sent whole.
        """
        with _opened(self.path) as file:
            left = self.size_bytes
            if not self.identity.is_of(os.fstat(file.fileno())):
                raise self._changed()
            room = memoryview(bytearray(min(CHUNK_BYTES, left)))
            while left:
                size = file.readinto(room[:left])
                if not self.identity.is_of(self.path.stat()):  # while it is open its inode is no other file's
                    raise self._changed()
                if not size:
                    raise LocalFileError(f"{self.name} ended {left} bytes early")
                left -= size
                yield room[:size]

    def _changed(self) -> LocalFileError:
        return LocalFileError(f"{self.name} changed while it was read", advice="start again when it rests")


class Checksums:
    """SHA-256 sums by path, inode, size and modification time: each file is read once per process."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, FileIdentity], str] = {}

    def known(self, file: ImageFile) -> str | None:
        """Return the sum if it was computed before."""
        return self._known.get((file.path, file.identity))

    def of(self, file: ImageFile, *, progress: Callable[[int], None] | None = None, cancel: Event | None = None) -> str:
        """Return the sum in 64 lower-case hex digits; blocks, so it belongs into a worker thread.

        `progress` is called with the bytes read so far; a set `cancel` raises Interrupted. Raises
        LocalFileError where the file cannot be read or changes meanwhile.
        """
        found = self.known(file)
        if found is not None:
            return found
        digest = hashlib.sha256()
        done = 0
        for chunk in file.chunks():
            if cancel is not None and cancel.is_set():
                raise Interrupted(f"reading {file.name} was stopped")
            digest.update(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done)
        return self._known.setdefault((file.path, file.identity), digest.hexdigest())


def publisher_sum(path: Path) -> str | None:
    """Return the SHA-256 that the publisher states in `FILE.sha256` beside the file, None where it is absent.

    Reads the formats of sha256sum, of BSD, and a bare sum. Of several lines the one that names the file
    counts; of a single line the name does not matter. Raises LocalFileError where the file is there and tells
    no sum, and where nobody can tell whether it is there: that must not pass for a publisher who states none.
    """
    beside = path.with_name(path.name + ".sha256")
    try:
        beside.lstat()
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise LocalFileError(f"{clean(beside)} cannot be read: {clean(error.strerror)}") from error
    with _opened(beside) as file:
        text = file.read(_SUM_FILE_LIMIT).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    matches = [match for line in lines if (match := _GNU_LINE.fullmatch(line) or _BSD_LINE.fullmatch(line))]
    named = {match["sum"].lower() for match in matches if _base_name(match["name"]) == path.name}
    candidates = named or {match["sum"].lower() for match in matches if len(lines) == 1}
    if len(candidates) != 1:
        raise LocalFileError(f"{clean(beside)} tells no SHA-256 sum for {clean(path.name)}")
    return candidates.pop()


def suggest_version(file_name: str) -> str | None:
    """Return the version that a file name seems to carry, such as `11.8.0 #28924`; a person confirms it."""
    match = _VERSION_IN_NAME.search(file_name)
    if match is None:
        return None
    return match["release"].lower() + (f" #{match['build']}" if match["build"] else "")


def _base_name(name: str | None) -> str | None:
    return None if name is None else re.split(r"[/\\]", name)[-1]


@contextmanager
def _opened(path: Path) -> Iterator[FileIO]:
    """Open a regular file that is not empty; every failure, also while reading, is a LocalFileError."""
    shown = clean(path)
    try:
        _check_regular(path.stat(), shown)  # opening a device could already do something
        with os.fdopen(os.open(path, _OPEN_FLAGS), "rb", buffering=0) as file:
            _check_regular(os.fstat(file.fileno()), shown)
            yield file
    except FileNotFoundError as error:
        raise LocalFileError(f"{shown} does not exist") from error
    except PermissionError as error:
        raise LocalFileError(f"{shown} cannot be read: permission denied") from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise LocalFileError(f"{shown} cannot be read: {clean(reason)}") from error


def _check_regular(status: os.stat_result, shown: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        raise LocalFileError(f"{shown} is {kinds.get(stat.S_IFMT(status.st_mode), 'a device')}, not a file")
    if status.st_size == 0:
        raise LocalFileError(f"{shown} is empty")
