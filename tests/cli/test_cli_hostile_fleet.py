"""Every command over a fleet that is hostile in all it says: piped, as JSON, on a terminal, and into a closed pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import pytest

import forked
from command_tree import COMMANDS
from hostile_fleet import HostileFleet, hostile_fleet
from terminal_fixture import SOURCE, on_terminal
from terminal_stream import Emulator

HANG_S = 120
AT_ONCE = 3
MARKED = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
BAD = "\x1b]0;owned\x07\x9b2J\u202e\udc9b[/x]"
Words = tuple[str, ...]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileFleet]:
    """Serve the fleet in which all is hostile; nothing of these tests changes what it says."""
    with hostile_fleet(tmp_path_factory.mktemp("hostile")) as served:
        yield served


def reading(fleet: HostileFleet) -> list[Words]:
    """Return every command that reads, and so answers in JSON too."""
    device, id_ = fleet.simulator.with_trait("foreign_init"), fleet.rollout
    return [
        ("status",),
        ("status", "needs:me,state:IDLE"),
        ("devices", "list"),
        ("devices", "check"),
        ("devices", "trust", "stranger"),
        ("images", "list", "*"),
        ("images", "show", device, "2"),
        ("journal",),
        ("rollout", "list", "--all"),
        ("rollout", "show", id_),
        ("rollout", "report", id_),
        ("rollout", "plan", "*", "--version", "11.8.0 #28924"),
        ("config", "show"),
        ("config", "path"),
        ("config", "validate"),
    ]


ELSEWHERE = {
    "demo": "test_cli_terminal",
    "simulator image": "test_cli_simulator",
    "simulator serve": "test_cli_simulator",
}
"""Commands that make what they speak of themselves; the module is where they are tested."""


def acting(fleet: HostileFleet) -> list[Words]:
    """Return every command that acts, and bad input; most of it is refused, in words in which foreign text stands."""
    device, id_, other = fleet.simulator.with_trait("foreign_init"), fleet.rollout, fleet.simulator.names[0]
    return [
        ("devices", "login", device),
        ("devices", "add", BAD, "http://127.0.0.1:1"),
        ("devices", "add", "x", f"http://{BAD}"),
        ("devices", "import", str(fleet.image)),
        ("devices", "remove", BAD),
        ("completion", BAD),
        ("images", "delete", device, "99", "--confirm", device),
        ("images", "upload", str(fleet.image), "raw"),
        ("images", "upload", str(fleet.image) + BAD, device),
        ("images", "fetch", f"http://127.0.0.1:1/{BAD}", device),
        ("update", "init", device, "--confirm", device),
        ("update", "start", device, "--confirm", device, "--expect-target", BAD),
        ("update", "reset", device, "--confirm", BAD),
        ("rollout", "plan", BAD, "--version", "1", "--ticket", BAD),
        ("rollout", "run", str(fleet.image), "--confirm", BAD),
        ("rollout", "pause", id_),
        ("rollout", "resolve", id_, other, "FAILED_CRITICAL", "--reason", BAD),
        ("rollout", "skip", id_, BAD, "--reason", BAD),
        ("rollout", "adopt", id_, other, "--reason", BAD),
        ("rollout", "retry", id_, other, "--reason", BAD),
        ("rollout", "reopen", id_, "--max-failures", "9", "--reason", BAD),
        ("rollout", "promote", id_),
        ("rollout", "abort", id_),
        ("rollout", "attach", id_),
        ("rollout", "resume", BAD),
        ("rollout", "engine", BAD),
        ("rollout", "report", BAD),
        ("status", BAD),
        ("status", "--fleet", BAD),
        (BAD,),
    ]


def test_every_command_is_among_them(fleet: HostileFleet) -> None:
    ran = [" ".join(words) + " " for words in (*reading(fleet), *acting(fleet))]
    paths = [path.removeprefix("updeck ") for path, one in COMMANDS.items() if not isinstance(one, click.Group)]
    left_out = {path for path in paths if not any(line.startswith(path + " ") for line in ran)}
    assert left_out == set(ELSEWHERE)


def run(fleet: HostileFleet, words: Words, stdout: int = subprocess.PIPE) -> tuple[Words, int, bytes, bytes]:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "updeck", *words],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": str(SOURCE), **fleet.environment},
        timeout=HANG_S,
        check=False,
    )
    return words, done.returncode, done.stdout or b"", done.stderr


def run_all(fleet: HostileFleet, commands: list[Words]) -> list[tuple[Words, int, bytes, bytes]]:
    """Run commands, a few at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda words: run(fleet, words), commands))


def assert_tame(words: Words, written: bytes, extra: str = "\n") -> None:
    """Whether nothing was written that could drive a terminal."""
    foreign = {one for one in written.decode() if one not in extra and unicodedata.category(one) in MARKED}
    assert not foreign, (words, sorted(map(ascii, foreign)))
    assert b"Traceback" not in written, (words, written)
    assert b"fault in updeck" not in written, (words, written)


def test_no_command_lets_anything_through_a_pipe(tmp_path: Path) -> None:
    seen = b""
    with hostile_fleet(tmp_path) as fleet:  # its own, for what acts changes what a rollout says
        for words, code, out, err in run_all(fleet, [*reading(fleet), *acting(fleet)]):
            assert_tame(words, out + err)
            assert code in (0, 1, 2, 3, 4, 5, 6), (words, code, err)
            assert out or err, words
            seen += out + err
    assert seen.decode().count("␛") > 100, "it must have been shown to have been tamed"


def test_every_answer_in_json_is_one_object_in_ascii(fleet: HostileFleet) -> None:
    for words in reading(fleet):
        done = forked.run((*words, "--json"), {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **fleet.environment})
        out, err = done.stdout, done.stderr
        assert_tame(words, out + err)
        assert out.isascii(), words
        assert isinstance(json.loads(out), dict), words
        assert all(text.isprintable() for text in texts(json.loads(out))), words


def texts(value: object) -> Iterator[str]:
    """Yield every text within JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def test_no_command_fails_loudly_when_nobody_reads_on(fleet: HostileFleet) -> None:
    def into_closed(words: Words) -> tuple[Words, int, bytes, bytes]:
        near, far = os.pipe()
        os.close(near)
        try:
            return run(fleet, words, stdout=far)
        finally:
            os.close(far)

    commands = [*reading(fleet)[::3], ("rollout", "report", fleet.rollout), ("--help",), ("completion", "bash")]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for words, code, _, err in pool.map(into_closed, commands):
            assert_tame(words, err)
            assert b"Broken pipe" not in err, (words, err)
            assert b"Exception ignored" not in err, (words, err)
            assert code in (0, 1, 2, 3, 4, 5), (words, code, err)


@pytest.mark.parametrize(
    ("words", "columns"),
    [
        (("status",), ("name", "state", "version", "target", "next")),
        (("images", "list", "*"), ("device", "id", "state", "version", "progress", "checksum", "description")),
        (("devices", "check"), ("name", "reach", "tls", "version", "identity")),
    ],
    ids=lambda value: value[0],
)
def test_columns_are_aligned_on_a_terminal_and_nothing_else_comes_out(
    fleet: HostileFleet, words: Words, columns: Words
) -> None:
    wide = 1200
    with on_terminal("-m", "updeck", *words, columns=wide, rows=60, environment=fleet.environment) as terminal:
        terminal.until_end()
    assert_tame(words, terminal.written, "\r\n")
    screen = Emulator(wide, 60)
    for line in terminal.written.split(b"\r\n"):
        screen.feed(line.rpartition(b"\r")[2] + b"\r\n")
    lines = screen.lines()
    top = next(number for number, line in enumerate(lines) if line.startswith(columns[0] + " "))
    starts = [lines[top].index(column) for column in columns if column not in ("id", "progress")]
    rows = [line for line in lines[top + 1 :] if line.startswith(fleet.names)]
    assert len(rows) >= 5
    for row in rows:
        for start in starts[1:]:
            assert row[start - 2 : start] == "  ", row[:200]
            assert row[start] != " ", row[:200]


@pytest.mark.parametrize("words", [("journal",), ("rollout", "show"), ("rollout", "report"), ("devices", "trust")])
def test_nothing_drives_the_terminal_of_a_person_who_looks(fleet: HostileFleet, words: Words) -> None:
    more = {"show": (fleet.rollout,), "report": (fleet.rollout,), "trust": ("stranger",)}.get(words[-1], ())
    with on_terminal("-m", "updeck", *words, *more, environment=fleet.environment) as terminal:
        terminal.until_end()
    assert_tame(words, terminal.written, "\r\n")
    assert "␛" in terminal.text


def test_the_report_of_a_rollout_keeps_foreign_text_in_its_cells(fleet: HostileFleet) -> None:
    _, code, out, _ = run(fleet, ("rollout", "report", fleet.rollout))
    assert code == 0
    lines = out.decode().splitlines()
    assert "CHG \\[b\\]\\=1+1\\|\\`x\\`" in out.decode()
    for live in ("[/x]", "[@click", "http://", "<img"):
        assert not any(live in line for line in lines), live
