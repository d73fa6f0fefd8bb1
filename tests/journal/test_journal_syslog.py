"""Intents and outcomes as the system's log gets them: datagrams on a socket, and what becomes of them without one."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from journal_bench import BASELINE, URL
from updeck.clock import SystemClock
from updeck.journal.actor import this_actor
from updeck.journal.machine import Machine, system_log
from updeck.journal.models import Op, Outcome
from updeck.journal.store import Journal

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="a system without such sockets")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[socket.socket]:
    """Be a system's log."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as log:
        log.bind(str(tmp_path / "log"))
        log.settimeout(10)
        yield log


def journal_logging_to(*sockets: Path, state: Path) -> Journal:
    """Open a journal on a machine whose log is one of these sockets."""
    machine = Machine(witness=partial(system_log, sockets=[str(one) for one in sockets]))
    return Journal.open(state, actor=this_actor("cli"), clock=SystemClock(), machine=machine)


def begin(journal: Journal) -> int:
    """Intend an init that is accepted, and return the intent."""
    rollout = journal.begin_manual("ar11-fra", Op.INIT, url=URL)
    baseline = replace(BASELINE, observed_at=SystemClock().wall())
    permit = journal.intend(rollout.id, "ar11-fra", Op.INIT, baseline=baseline)
    journal.outcome(permit.intent_id, Outcome.ACCEPTED, status=204, error=None)
    return permit.intent_id


def test_each_intent_and_outcome_goes_to_the_systems_log(log: socket.socket, tmp_path: Path) -> None:
    with closing(journal_logging_to(tmp_path / "none", tmp_path / "log", state=tmp_path / "state")) as journal:
        intent = begin(journal)
    sent, came = log.recv(4096).decode(), log.recv(4096).decode()
    assert re.match(rf"<13>updeck\[{os.getpid()}\]: intent={intent} op=init device=ar11-fra ", sent), sent
    assert f"uid={os.getuid()}" in sent
    assert "outcome=accepted status=204" in came


def test_a_log_that_reads_nothing_keeps_nobody_waiting(log: socket.socket, tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as other:
        other.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                other.sendto(b"full", str(tmp_path / "log"))
    with closing(journal_logging_to(tmp_path / "log", state=tmp_path / "state")) as journal:
        begin(journal)
    assert log.recv(4096) == b"full"


def test_a_log_that_is_gone_or_is_none_fails_nothing(log: socket.socket, tmp_path: Path) -> None:
    log.close()
    (tmp_path / "file").write_text("no socket")
    for number, name in enumerate(("log", "file", "none")):
        with closing(journal_logging_to(tmp_path / name, state=tmp_path / f"state-{number}")) as journal:
            begin(journal)


def test_a_real_machine_has_its_log() -> None:
    assert Machine().witness is system_log
