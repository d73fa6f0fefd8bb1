"""Intents and outcomes as the system's log gets them: datagrams on its real socket, where this host has none."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from journal_bench import BASELINE, URL
from updeck.clock import SystemClock
from updeck.journal.actor import this_actor
from updeck.journal.models import Op, Outcome
from updeck.journal.store import Journal

LOG = Path("/dev/log")


@pytest.fixture
def system_log() -> Iterator[socket.socket]:
    """Be the system's log."""
    if LOG.exists() or LOG.is_symlink() or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root, and only where no system log runs, can be the system's log")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as log:
        log.bind(str(LOG))
        log.settimeout(10)
        try:
            yield log
        finally:
            with suppress(OSError):
                LOG.unlink()


def test_each_intent_and_outcome_goes_to_the_systems_log(system_log: socket.socket, tmp_path: Path) -> None:
    clock = SystemClock()
    with closing(Journal.open(tmp_path / "state", actor=this_actor("cli"), clock=clock)) as journal:
        rollout = journal.begin_manual("ar11-fra", Op.INIT, url=URL)
        baseline = replace(BASELINE, observed_at=clock.wall())
        permit = journal.intend(rollout.id, "ar11-fra", Op.INIT, baseline=baseline)
        journal.outcome(permit.intent_id, Outcome.ACCEPTED, status=204, error=None)
    lines: list[str] = []
    while len(lines) < 2:
        line = system_log.recv(4096).decode()
        lines += [line] if rollout.id in line else []  # other tests log too
    sent, came = lines
    assert re.match(rf"<13>.* updeck\[{os.getpid()}\]: intent={permit.intent_id} op=init device=ar11-", sent), sent
    assert f"uid={os.getuid()}" in sent
    assert "outcome=accepted status=204" in came
