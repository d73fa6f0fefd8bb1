"""An engine that drives devices which are hostile in all they say, and what is kept and told of it afterwards."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

import forked
from hostile_fleet import TEXTS, HostileFleet, hostile_fleet
from terminal_fixture import on_terminal
from terminal_visitor import Visitor
from updeck.simulator.images import write_image
from updeck.simulator.options import Scenario

NEW = "11.12.0 #40000"
TAME = "␛"
MARKED = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
LONG = "\x1bc漢\u0301" * 170_000
"""A text of a megabyte."""

WORDS = tuple("".join(TEXTS[number::6]) for number in range(6))
"""All of the corpus, in as many texts as there are places for it."""

FAULTS: tuple[tuple[str, dict[str, object], str], ...] = (
    ("status", {"path": "/images/upload", "status": 409, "error_id": WORDS[0], "error_text": LONG}, "TRANSFER_FAILED"),
    ("status", {"path": "/update/init", "status": 409, "error_id": WORDS[1], "error_text": WORDS[1]}, "NOT_STARTED"),
    ("upload_error", {"text": WORDS[2]}, "TRANSFER_FAILED"),
    ("init_failure", {"text": WORDS[3]}, "FAILED_GRACEFUL"),
    ("run_failure_graceful", {"text": WORDS[4]}, "FAILED_GRACEFUL"),
    ("run_failure_critical", {"text": WORDS[5] + LONG}, "FAILED_CRITICAL"),
)
"""What ends one device each, in its own hostile words, and the verdict."""


@dataclass(frozen=True)
class Driven:
    """A rollout over hostile devices that has ended; `told` is all that its commands wrote."""

    fleet: HostileFleet
    names: tuple[str, ...]
    rollout: str
    before: frozenset[str]
    told: bytes


def run(fleet: HostileFleet, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end."""
    return forked.run(words, {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **fleet.environment})


def foreign(written: bytes) -> list[str]:
    """Return what could drive a terminal; bytes that are no UTF-8 fail at once."""
    return sorted({ascii(one) for one in written.decode() if one != "\n" and unicodedata.category(one) in MARKED})


def kept(journal: Path) -> Iterator[str]:
    """Yield every text in the journal that could drive a terminal."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f"SELECT * FROM {table}"):
                yield from (one for one in row if isinstance(one, str) and foreign(one.encode(errors="replace")))


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """Have a fleet driven in which every device fails in another way, saying hostile things of itself all the while."""
    room = tmp_path_factory.mktemp("hostile")
    plan = room / "plan.json"
    write_image(room / "new.iso", NEW, 100_000)
    with hostile_fleet(room, devices=8, speed=600, scenario=Scenario.CALM) as fleet:
        names, before = healed(fleet), frozenset(kept(fleet.state / "journal.db"))
        terms = ("--image", str(room / "new.iso"), "--version", NEW, "--max-failures", "9", "-o", str(plan), "--json")
        planned = run(fleet, "rollout", "plan", ",".join(names), *terms)
        assert planned.returncode == 0, planned.stderr
        for name, (kind, fault, _) in zip(names, FAULTS, strict=True):
            fleet.simulator.fault(name, kind, **fault)
        code = json.loads(planned.stdout)["code"]
        ran = run(fleet, "rollout", "run", str(plan), "--confirm", code)
        (log,) = fleet.state.glob("engine-*.log")
        told = planned.stdout + planned.stderr + ran.stdout + ran.stderr
        yield Driven(fleet, names, log.stem.removeprefix("engine-"), before, told)


def healed(fleet: HostileFleet) -> tuple[str, ...]:
    """Heal as many devices as there are faults, none of another rollout, but for what they say of themselves."""
    names = fleet.simulator.names[2:]
    for name, words in zip(names, WORDS, strict=True):
        fleet.simulator.clear_faults(name)
        for field in ("state_description", "device_name", "model"):
            fleet.simulator.fault(name, "hostile_text", field=field, text=words)
    return names


def test_nothing_that_an_engine_writes_down_or_commands_tell_of_it_drives_a_terminal(driven: Driven) -> None:
    fleet, rollout = driven.fleet, driven.rollout
    commands: list[tuple[str, ...]] = [
        ("rollout", "show", rollout),
        ("rollout", "report", rollout),
        ("rollout", "report", rollout, "--format", "json"),
        ("rollout", "list", "--all"),
        ("journal",),
        ("journal", "--json"),
        ("rollout", "show", rollout, "--json"),
    ]
    done = [run(fleet, *words) for words in commands]
    assert [one.returncode for one in done] == [0] * len(commands)
    shown = json.loads(done[-1].stdout)
    ends = {device["name"]: (device["verdict"], device["reason"]) for device in shown["devices"]}
    for name, (_, _, verdict) in zip(driven.names, FAULTS, strict=True):
        assert ends[name][0] == verdict
        assert TAME in ends[name][1], "the device's own words are the reason, made visible"
        assert len(ends[name][1]) < 1_000
    log = (fleet.state / f"engine-{rollout}.log").read_bytes()
    told = [one.stdout + one.stderr for one in done]
    for written in (driven.told, log, *told):
        assert foreign(written) == []
        assert b"Traceback" not in written
        assert len(written) < 200_000
    for written in (driven.told, log, b"".join(told)):
        assert written.decode().count(TAME) >= len(driven.names), "it must have been shown to have been tamed"
    assert set(kept(fleet.state / "journal.db")) <= driven.before


@pytest.mark.long
def test_no_screen_of_a_rollout_over_hostile_devices_lets_anything_through(driven: Driven) -> None:
    fleet = driven.fleet
    with on_terminal("-m", "updeck", "--fleet", str(fleet.inventory), environment=fleet.environment) as terminal:
        terminal.until(lambda seen: "1 insecure" in seen.text)
        visitor = Visitor(terminal, 120, 40)
        visitor.press("R", "Rollouts")
        visitor.press("k")
        visitor.press("\r", driven.names[0])
        for _ in driven.names:
            assert TAME in visitor.press("j")
        visitor.leave("Rollouts")
        visitor.leave()
        assert TAME in visitor.press("J", "Activity")
        visitor.press("\x1b[6~")
        visitor.leave()
        for name in driven.names:
            visitor.go_to(name)
            assert TAME in visitor.press("v", "esc back")
            visitor.leave()
