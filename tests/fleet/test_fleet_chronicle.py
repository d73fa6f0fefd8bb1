"""How a change of a device reads in the activity, whoever of several processes saw it."""

from __future__ import annotations

from pathlib import Path

import pytest

from updeck.clock import SystemClock
from updeck.fleet.chronicle import observe
from updeck.journal.models import Actor, Json
from updeck.journal.store import Journal

ACTOR = Actor(1000, "mk", "jump1", "ui", 4711, "boot", "1")


def seen(reach: str, state: str | None, error: str | None = None) -> dict[str, Json]:
    """Return what is kept of a poll; `state` is the last that the process has read, however old."""
    return {"reach": reach, "error": error, "state": state, "description": None}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.open(tmp_path / "state", actor=ACTOR, clock=SystemClock())


def test_an_outage_is_told_once_though_each_process_remembers_another_state_behind_it(journal: Journal) -> None:
    steps = (
        seen("OK", "RUNNING"),
        seen("UNREACHABLE", "RUNNING", "connection refused"),
        seen("UNREACHABLE", None, "connection refused"),
        seen("UNREACHABLE", "INITIALIZED", "no answer"),
        seen("OK", "IDLE"),
        seen("OK", "INITIALIZING"),
        seen("AUTH", "INITIALIZING", "401"),
        seen("UNREACHABLE", "INITIALIZING", "connection refused"),
    )
    for at, step in enumerate(steps):
        observe("ar11-fra-dc1", float(at), step, journal)
    assert [one.text for one in journal.events()] == [
        "UNREACHABLE: connection refused",
        "answers again, IDLE",
        "IDLE → INITIALIZING",
        "AUTH: 401",
        "UNREACHABLE: connection refused",
    ]
    journal.close()
