"""A running engine whose journal cannot be written: nothing is sent, it is said why, and the rollout goes on later."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rollout_desk import RolloutDesk
from shell import Shell
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="takes the room from a running process as Linux can")

ROOM_BYTES = 8 << 20


@pytest.fixture
async def desk(bench: Bench, tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[RolloutDesk]]]:
    opened: list[RolloutDesk] = []

    async def open_desk() -> RolloutDesk:
        simulator, shell = await bench(devices=1, speed=60.0)
        opened.append(RolloutDesk(simulator, shell, tmp_path))
        return opened[-1]

    yield open_desk
    for one in opened:
        one.end_engines()


async def _initializing(one: RolloutDesk) -> Process:
    """Start a rollout and return its engine when the device is INITIALIZING."""
    planned = await one.plan()
    engine = await one.shell.start(*planned.words, "--foreground")
    await one.simulator.until_state(one.simulator.names[0], "INITIALIZING")
    return engine


async def _nothing_is_sent_until(
    one: RolloutDesk, engine: Process, trouble: str, there_is_room: Callable[[], object]
) -> None:
    (name,) = one.simulator.names
    await one.shell.line(
        engine, lambda line: f"the journal {one.shell.state}/journal.db" in line and trouble in line, of_stderr=True
    )
    await one.simulator.until_state(name, "INITIALIZED")
    polls = len(_polls(one))
    await one.simulator.until(name, lambda _: len(_polls(one)) > polls + 2)
    assert one.posts(name, "/update/start") == []
    there_is_room()
    done = await one.shell.end(engine)
    assert done.code == 0, done.err
    assert done.err.count("the trouble is over") == 1, done.err
    assert trouble not in done.err, "it was said again"
    assert len(one.posts(name, "/update/init")) == len(one.posts(name, "/update/start")) == 1
    rollout = (await one.shell.run("rollout", "list", "--json")).json["rollouts"][0]["id"]
    assert await one.verdicts(rollout) == {name: "SUCCESS"}


def _polls(one: RolloutDesk) -> list[object]:
    requests: object = one.simulator.truth(one.simulator.names[0])["requests"]
    assert isinstance(requests, list)
    return [call for call in requests if call["method"] == "GET" and call["path"].endswith("/update")]


async def test_on_a_full_disk_nothing_is_sent(desk: Callable[[], Awaitable[RolloutDesk]]) -> None:
    one = await desk()
    with _small_disk(one.shell.state):
        engine = await _initializing(one)
        ballast = one.shell.state / "ballast"
        _fill(ballast)
        await _nothing_is_sent_until(one, engine, "cannot grow: the disk is full; make room", ballast.unlink)


async def test_where_a_file_may_not_grow_nothing_is_sent(desk: Callable[[], Awaitable[RolloutDesk]]) -> None:
    import resource

    one = await desk()
    engine = await _initializing(one)
    unlimited = resource.prlimit(engine.pid, resource.RLIMIT_FSIZE)
    size = (one.shell.state / "journal.db-wal").stat().st_size
    resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, (size, unlimited[1]))
    await _nothing_is_sent_until(
        one,
        engine,
        "make room or check the disk",
        lambda: resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, unlimited),
    )


async def test_while_another_process_locks_the_journal_nothing_is_sent(
    desk: Callable[[], Awaitable[RolloutDesk]],
) -> None:
    one = await desk()
    engine = await _initializing(one)
    with contextlib.closing(sqlite3.connect(one.shell.state / "journal.db", isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await _nothing_is_sent_until(one, engine, "is locked by another process", lambda: other.execute("ROLLBACK"))


@contextmanager
def _small_disk(place: Path) -> Iterator[None]:
    """Have a file system of a few megabytes at a place."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    place.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES},mode=0700", "updeck-test", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
