"""The SQLite file: how it is opened, read and written, and what its errors mean in words (`rollout.md` 8).

One connection writes and one reads, each behind a lock of its own, so that a thread that reads never waits for a
commit; any thread may use either.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from updeck.errors import JournalError
from updeck.journal.schema import migrate
from updeck.paths import private_file
from updeck.text import clean

__all__ = ["BUSY_S", "Database"]

BUSY_S = 5.0
"""Seconds to wait for another process that writes."""

_LONGEST_TEXT = 1 << 24

SWITCHES = 20
"""How often to ask for WAL while others open the new file as well."""

_MEANINGS = {
    sqlite3.SQLITE_BUSY: ("is locked by another process", "try again, or find the process that hangs"),
    sqlite3.SQLITE_LOCKED: ("is locked by another process", "try again, or find the process that hangs"),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "make room"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written: the disk reports an error", "make room or check the disk"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "move it away and keep it; a new one is made"),
    sqlite3.SQLITE_NOTADB: ("is damaged or no database", "move it away and keep it; a new one is made"),
    sqlite3.SQLITE_READONLY: ("may not be written", "check the owner and mode of it and its directory"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "check the owner and mode of it and its directory"),
    sqlite3.SQLITE_PERM: ("may not be opened", "check the owner and mode of it and its directory"),
}


class Database:
    """A journal's file, open. Errors of SQLite come out as `JournalError`, a sentence that names the file."""

    def __init__(self, path: Path, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, path: Path, *, mode: int, busy_s: float = BUSY_S) -> Database:
        """Open the file at `path`, made with `mode` where it is missing, and bring it to the present schema."""
        private_file(path, mode)
        with contextlib.ExitStack() as opened, _explained(path):
            writer = opened.enter_context(contextlib.closing(_connect(path, busy_s)))
            migrate(writer, path)
            reader = opened.enter_context(contextlib.closing(_connect(path, busy_s)))
            reader.execute("PRAGMA query_only = ON")
            opened.pop_all()
            return cls(path, writer, reader)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Run a block as one write transaction; nobody else writes from its first line to its commit."""
        with self._write_lock, _explained(self.path):
            self._check_open()
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                _roll_back(self._writer)
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Run a block on one unchanging view of the file."""
        with self._read_lock, _explained(self.path):
            self._check_open()
            self._reader.execute("BEGIN")
            try:
                yield self._reader
            finally:
                _roll_back(self._reader)

    def data_version(self) -> int:
        """Return a cheap number that differs from an earlier one if anybody has committed in between."""
        with self._read_lock, _explained(self.path):
            self._check_open()
            return int(self._reader.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the file; a second time is no error."""
        with self._write_lock, self._read_lock:
            self._closed = True
            self._reader.close()
            self._writer.close()

    def _check_open(self) -> None:
        if self._closed:
            raise JournalError(f"the journal {self.path} is closed")


def _from_outside(data: bytes) -> str:
    """Return a text of the journal: where a group shares the file, others may have written it without this program."""
    return clean(data.decode("utf-8", "replace"), _LONGEST_TEXT)


def _connect(path: Path, busy_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.text_factory = _from_outside
    try:
        mode = _switch_to_wal(connection)
        if mode != "wal":
            raise JournalError(f"the journal {path} is on a file system without shared memory (mode {mode})")
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "recursive_triggers = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _switch_to_wal(connection: sqlite3.Connection) -> str:
    """Return the journal mode after asking for WAL, which fails at once for two that ask at the same moment."""
    for _ in range(SWITCHES):
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        connection.execute("BEGIN IMMEDIATE")  # waits for the other, as the switch itself does not
        connection.execute("ROLLBACK")
    return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of SQLite inside the block into `JournalError` that names `path`."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None) or 0
        meaning, advice = _MEANINGS.get(code & 0xFF, (f"refused a row or query: {error}", None))
        raise JournalError(f"the journal {path} {meaning}", advice=advice) from error
