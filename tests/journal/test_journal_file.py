"""The file: who may use it, what is wrong with it in words, and that what cannot be written permits nothing."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from journal_bench import DEVICE, URL, Bench, Child
from updeck.errors import ConfigError, JournalError
from updeck.journal.database import Database
from updeck.journal.file_system import file_system_of
from updeck.journal.machine import Machine, silent
from updeck.journal.models import Op, Outcome, Verdict
from updeck.journal.schema import APPEND_ONLY, STEPS, migrate
from updeck.journal.store import Journal

posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")


def open_journal(bench: Bench, *, mounts: str = "") -> Journal:
    machine = Machine(witness=silent, mounts=lambda: mounts)
    return Journal.open(bench.directory, actor=bench.actor(1), clock=bench.clock, machine=machine)


@posix
@pytest.mark.parametrize(("directory", "file"), [(None, 0o600), (0o700, 0o600), (0o2770, 0o660)])
def test_all_files_have_the_mode_of_their_directory(bench: Bench, directory: int | None, file: int) -> None:
    if directory is not None:
        bench.directory.mkdir()
        bench.directory.chmod(directory)
    before = os.umask(0o077)
    try:
        with open_journal(bench) as journal:
            journal.note("state", None, "so that there is something to write")
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in bench.directory.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"journal.db": file, "journal.db-wal": file, "journal.db-shm": file}
    assert stat.S_IMODE(bench.directory.stat().st_mode) == (directory or 0o700)


@posix
def test_a_planted_journal_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.directory.mkdir(mode=0o700)
    (tmp_path / "elsewhere.db").write_bytes(b"")
    bench.path.symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(ConfigError, match="no regular file"):
        open_journal(bench)


@posix
def test_a_directory_that_others_can_write_is_refused(bench: Bench) -> None:
    bench.directory.mkdir()
    bench.directory.chmod(0o777)
    with pytest.raises(ConfigError, match="by others"):
        open_journal(bench)
    assert list(bench.directory.iterdir()) == []


MOUNTS = """
sysfs /sys sysfs rw 0 0
/dev/vda1 / ext4 rw 0 0
srv:/home /home nfs4 rw 0 0
/dev/vdb /home/local xfs rw 0 0
srv:/a\\040b /mnt/a\\040b cifs rw 0 0
/dev/vdc /mnt/twice ext4 rw 0 0
box: /mnt/twice fuse.sshfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/updeck", "ext4"),
        ("/home/mk/.local/state/updeck", "nfs4"),
        ("/home", "nfs4"),
        ("/homeless", "ext4"),
        ("/home/local/mk", "xfs"),
        ("/mnt/a b/state", "cifs"),
        ("/mnt/twice/state", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_nearest_mount(path: str, kind: str) -> None:
    assert file_system_of(Path(path), MOUNTS) == kind


def test_without_a_mount_table_nothing_is_known() -> None:
    assert file_system_of(Path("/home"), "") == ""


@posix
@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "glusterfs"])
def test_a_network_file_system_is_refused_naming_the_variable(bench: Bench, kind: str) -> None:
    mounts = f"/dev/vda1 / ext4 rw 0 0\nsrv:/x {bench.directory.parent.resolve()} {kind} rw 0 0\n"
    with pytest.raises(JournalError, match=rf"network file system \({kind}\).*UPDECK_STATE"):
        open_journal(bench, mounts=mounts)
    assert not bench.path.exists()


@posix
def test_a_link_does_not_hide_a_network_file_system(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir(mode=0o700)
    bench.directory.symlink_to(tmp_path / "far")
    with pytest.raises(JournalError, match="nfs"):
        open_journal(bench, mounts=f"srv:/x {(tmp_path / 'far').resolve()} nfs rw 0 0\n")


def test_this_machines_own_mount_table_is_read(tmp_path: Path) -> None:
    mounts = Machine().mounts()
    assert not mounts or file_system_of(tmp_path.resolve(), mounts)


def test_a_damaged_journal_is_one_clear_sentence(bench: Bench) -> None:
    bench.directory.mkdir(mode=0o700)
    bench.path.write_bytes(b"this is no database at all, by far " * 100)
    with pytest.raises(JournalError, match="damaged or no database; move it away"):
        open_journal(bench)


def test_a_journal_damaged_inside_is_one_clear_sentence_and_permits_nothing(bench: Bench) -> None:
    with open_journal(bench) as journal:
        rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    ((page,),) = rows(bench.path, "SELECT rootpage FROM sqlite_master WHERE name = 'observations'")
    ((size,),) = rows(bench.path, "PRAGMA page_size")
    assert isinstance(page, int)
    assert isinstance(size, int)
    data = bytearray(bench.path.read_bytes())
    data[(page - 1) * size : page * size] = b"\xa5" * size
    bench.path.write_bytes(data)
    journal = bench.journal()
    bench.dead.add(1)
    assert journal.take_over(rollout.id) is not None
    with pytest.raises(JournalError, match="is damaged; move it away"):
        bench.intend(journal, rollout)
    assert bench.witnessed == []


def test_a_journal_of_a_newer_program_is_refused_and_left_alone(bench: Bench) -> None:
    open_journal(bench).close()
    with contextlib.closing(sqlite3.connect(bench.path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    before = bench.path.read_bytes()
    with pytest.raises(JournalError, match=r"newer updeck \(schema 5, this one knows 4\); use the newer program"):
        open_journal(bench)
    assert bench.path.read_bytes() == before


def test_the_database_of_another_program_is_refused_and_left_alone(bench: Bench) -> None:
    bench.directory.mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(bench.path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE passwords (word)")
    with pytest.raises(JournalError, match="no journal of updeck"):
        open_journal(bench)
    with contextlib.closing(sqlite3.connect(bench.path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("passwords",)]


@posix
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write everything")
def test_a_journal_that_may_not_be_written_is_one_clear_sentence(bench: Bench) -> None:
    open_journal(bench).close()
    bench.directory.chmod(0o500)
    try:
        with pytest.raises(JournalError, match=r"may not be|cannot be"):
            open_journal(bench)
    finally:
        bench.directory.chmod(0o700)


def test_a_closed_journal_says_so_and_can_be_closed_again(bench: Bench) -> None:
    journal = open_journal(bench)
    journal.close()
    journal.close()
    for use in (lambda: journal.record(DEVICE), lambda: journal.note("x", None, "y"), journal.change_token):
        with pytest.raises(JournalError, match="is closed"):
            use()


def test_a_locked_journal_permits_nothing_and_says_so(bench: Bench) -> None:
    journal = bench.journal(busy_s=0.0)
    rollout = journal.begin_manual(DEVICE, Op.START, url=URL)
    with contextlib.closing(sqlite3.connect(bench.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked by another process"):
            bench.intend(journal, rollout)
        assert journal.record(DEVICE).intents == ()  # reading goes on
        other.execute("ROLLBACK")
    assert bench.intend(journal, rollout)


def test_closing_a_locked_journal_is_no_error(bench: Bench) -> None:
    journal = bench.journal(busy_s=0.0)
    journal.begin_manual(DEVICE, Op.START, url=URL)
    with contextlib.closing(sqlite3.connect(bench.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        journal.close()


def test_a_full_disk_permits_nothing_and_leaves_no_half_intent(bench: Bench) -> None:
    journal, database = bench.process(1)
    with database.write() as tx:
        pages = tx.execute("PRAGMA page_count").fetchone()[0]
        tx.execute(f"PRAGMA max_page_count = {pages + 2}")
    permits = []

    def intend(number: int) -> None:
        permits.append(bench.intend(journal, journal.begin_manual(f"box-{number}", Op.START, url=URL)))

    with pytest.raises(JournalError, match="the disk is full; make room"):
        deque(map(intend, count()), maxlen=0)
    with database.read() as tx:
        intents = tx.execute("SELECT count(*) FROM intents").fetchone()[0]
        baselines = tx.execute("SELECT count(*) FROM observations").fetchone()[0]
    assert intents == baselines == len(permits) == len(bench.witnessed)


@posix
def test_a_file_that_cannot_grow_permits_nothing(bench: Bench) -> None:
    with Child(bench.directory) as child:
        rollout = child.ask(f"begin {DEVICE}")
        size = (bench.directory / "journal.db-wal").stat().st_size
        assert child.ask(f"limit {size}") == "limited"
        assert child.ask(f"intend {rollout} {DEVICE}").startswith("JournalError: the journal ")
        assert bench.journal(2).record(DEVICE).intents == ()


def test_reading_does_not_wait_for_a_thread_that_writes(bench: Bench) -> None:
    journal, database = bench.process(1)
    read = threading.Event()

    def look() -> None:
        journal.record(DEVICE)
        journal.change_token()
        read.set()

    with database.write():
        thread = threading.Thread(target=look)
        thread.start()
        assert read.wait(30.0)
    thread.join()


def test_nobody_else_writes_during_a_transaction(bench: Bench) -> None:
    _, database = bench.process(1)
    with contextlib.closing(sqlite3.connect(bench.path, timeout=0.0, isolation_level=None)) as other:
        with database.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")


def test_threads_write_in_turn_and_nothing_is_lost(bench: Bench) -> None:
    journal = bench.journal()

    def drive(number: int) -> None:
        for _ in range(10):
            bench.whole(journal, Op.INIT, Outcome.ACCEPTED, Verdict.INITIALIZED, device=f"box-{number}")

    threads = [threading.Thread(target=drive, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([event for event in journal.events(limit=1000) if event.kind == "end"]) == 60


def filled(bench: Bench) -> None:
    journal = bench.journal()
    rollout = bench.whole(journal, Op.START, Outcome.UNKNOWN, Verdict.REVIEW)
    journal.resolve(rollout.id, DEVICE, Verdict.SUCCESS, "seen")
    bench.intend(journal, journal.begin_manual("box-2", Op.UPLOAD, url=URL))


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["UPDATE {} SET rowid = rowid", "DELETE FROM {}"])
def test_rows_are_never_changed_and_never_deleted(bench: Bench, table: str, statement: str) -> None:
    filled(bench)
    with contextlib.closing(sqlite3.connect(bench.path, isolation_level=None)) as connection:
        before = connection.execute(f"SELECT * FROM {table}").fetchall()
        assert before
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement.format(table))
        assert connection.execute(f"SELECT * FROM {table}").fetchall() == before


def test_our_own_connection_cannot_replace_a_row(bench: Bench) -> None:
    filled(bench)
    _, database = bench.process(2)
    with pytest.raises(JournalError, match="append-only"), database.write() as tx:
        tx.execute("INSERT OR REPLACE INTO outcomes SELECT intent, 'refused', 409, NULL, at, actor FROM outcomes")


INTENT = "INSERT INTO intents SELECT 9, rollout, device,"
MEANINGLESS = [
    ("INSERT INTO outcomes SELECT id, 'perhaps', NULL, NULL, 0, actor FROM intents WHERE id = 2", "CHECK"),
    ("INSERT INTO outcomes SELECT id, 'refused', NULL, NULL, 0, actor FROM intents WHERE id = 1", "UNIQUE"),
    ("INSERT INTO outcomes VALUES (99, 'accepted', NULL, NULL, 0, 1)", "FOREIGN KEY"),
    (f"{INTENT} 1, 'reboot', 1, 1, 1, NULL, '{{}}', 0, actor FROM intents", "CHECK"),
    (f"{INTENT} 0, 'init', 1, 1, 1, NULL, '{{}}', 0, actor FROM intents", "CHECK"),
    (f"{INTENT} 2, 'start', 2, 1, 1, NULL, '{{}}', 0, actor FROM intents", "CHECK"),
    (f"{INTENT} 2, 'upload', 4, 1, 1, NULL, '{{}}', 0, actor FROM intents", "CHECK"),
    (f"{INTENT} 2, 'upload', 1, 1, 99, NULL, '{{}}', 0, actor FROM intents LIMIT 1", "FOREIGN KEY"),
    (f"{INTENT} attempt, op, try, 1, 1, NULL, '{{}}', 0, actor FROM intents", "UNIQUE"),
    ("INSERT INTO ends SELECT 9, id, device, 2, op, 'FINE', '', NULL, NULL, 0, actor, NULL FROM rollouts", "CHECK"),
    ("INSERT INTO ends SELECT 9, rollout, device, 1, op, NULL, '', NULL, NULL, 0, actor, NULL FROM ends", "UNIQUE"),
    (
        "INSERT INTO resolves SELECT 9, id, device, 7, 'SUCCESS', 'r', 0, actor, NULL FROM rollouts LIMIT 1",
        "FOREIGN KEY",
    ),
    ("INSERT INTO rollouts SELECT 'short', kind, device, op, url, 0, actor FROM rollouts", "CHECK"),
    ("INSERT INTO rollouts SELECT substr(id, 2) || 'x', kind, NULL, op, url, 0, actor FROM rollouts", "CHECK"),
    ("INSERT INTO holds SELECT device, id FROM rollouts WHERE device = 'box-2'", "UNIQUE"),
    ("INSERT INTO events VALUES (99, 'noon', NULL, 'x', 'y', 1)", "cannot store TEXT value"),
]


@pytest.mark.parametrize(("statement", "why"), MEANINGLESS)
def test_the_tables_refuse_rows_that_mean_nothing(bench: Bench, statement: str, why: str) -> None:
    filled(bench)
    _, database = bench.process(2)
    with pytest.raises(JournalError, match=f"refused a row or query: .*{why}"), database.write() as tx:
        tx.execute(statement)


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


LATER = (*STEPS, ("ALTER TABLE rollouts ADD COLUMN ticket TEXT", "CREATE TABLE waves (rollout TEXT)"))


def test_an_older_journal_is_brought_up_to_date_with_all_its_rows(bench: Bench) -> None:
    filled(bench)
    bench.close()
    before = rows(bench.path, "SELECT id, device FROM rollouts")
    with contextlib.closing(sqlite3.connect(bench.path, isolation_level=None)) as connection:
        migrate(connection, bench.path, LATER)
        migrate(connection, bench.path, LATER)  # the second finds nothing to do
    assert rows(bench.path, "SELECT id, device, ticket FROM rollouts") == [(*row, None) for row in before]
    assert rows(bench.path, "PRAGMA user_version") == [(len(LATER),)]
    with pytest.raises(JournalError, match="newer updeck"):
        open_journal(bench)


def test_a_migration_that_fails_leaves_the_journal_as_it_was(bench: Bench) -> None:
    filled(bench)
    bench.close()
    schema = rows(bench.path, "SELECT * FROM sqlite_master")
    with contextlib.closing(sqlite3.connect(bench.path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, bench.path, (*LATER, ("CREATE TABLE more (x)", "NO SUCH STATEMENT")))
        assert not connection.in_transaction
    assert rows(bench.path, "SELECT * FROM sqlite_master") == schema
    with open_journal(bench) as journal:
        assert journal.record(DEVICE).last_end is not None


@pytest.mark.parametrize("turn", range(12))
def test_many_that_open_a_new_journal_at_once_find_one(bench: Bench, turn: int) -> None:
    bench.directory.mkdir(mode=0o700)
    ready = threading.Barrier(8)
    failures: list[BaseException] = []

    def hurry(number: int) -> None:
        ready.wait()
        try:
            bench.journal(number).note("state", f"box-{number}", "here")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=hurry, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(bench.journal(99).events()) == 8


@pytest.mark.parametrize("pragma", [("synchronous", 2), ("foreign_keys", 1), ("journal_mode", "wal")])
def test_the_file_is_written_for_keeps(bench: Bench, pragma: tuple[str, object]) -> None:
    _, database = bench.process(1)
    with database.write() as tx:
        assert tx.execute(f"PRAGMA {pragma[0]}").fetchone()[0] == pragma[1]


def test_the_reading_connection_cannot_write(bench: Bench) -> None:
    _, database = bench.process(1)
    with pytest.raises(JournalError, match="may not be written"), database.read() as tx:
        tx.execute("INSERT INTO revision VALUES (2, 2)")


@pytest.mark.parametrize("moment", ["begin", "block", "commit"])
def test_a_transaction_that_fails_leaves_the_connection_usable(bench: Bench, moment: str) -> None:
    journal, database = bench.process(1)
    failing: dict[str, Callable[[Database], None]] = {"begin": in_begin, "block": in_block, "commit": in_commit}
    with pytest.raises((JournalError, ZeroDivisionError)):
        failing[moment](database)
    journal.note("state", None, "goes on")
    assert [event.text for event in journal.events()] == ["goes on"]


def in_begin(database: Database) -> None:
    with database.write() as tx:
        tx.execute("BEGIN")


def in_block(database: Database) -> None:
    with database.write() as tx:
        tx.execute("INSERT INTO events (at, kind, text, actor) VALUES (0, 'x', 'y', 1)")
        raise ZeroDivisionError


def in_commit(database: Database) -> None:
    with database.write() as tx:
        tx.execute("PRAGMA defer_foreign_keys = ON")
        tx.execute("INSERT INTO events (at, kind, text, actor) VALUES (0, 'x', 'y', 4711)")
