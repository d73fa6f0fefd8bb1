"""Whatever is wrong: the right exit code, one sentence on stderr, no traceback, nothing on stdout, nothing changed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import forked

INVENTORY = '[devices.ar11-nyc-1]\nurl = "http://127.0.0.1:9"\ntags = ["nyc"]\n'

INVENTORIES = {
    "typo": '[devices.a]\nurl = "https://10.1.2.3"\ntgas = ["x"]\n',
    "duplicate": '[devices.a]\nurl = "https://10.1.2.3"\n[devices.a]\nurl = "https://10.1.2.4"\n',
    "twin": '[devices.a]\nurl = "https://10.1.2.3"\n[devices.b]\nurl = "https://10.1.2.3:443"\n',
    "bad-url": '[devices.a]\nurl = "https://"\n',
    "no-url": "[devices.a]\n",
    "bad-name": '[devices."a b"]\nurl = "https://10.1.2.3"\n',
    "secret": '[devices.a]\nurl = "https://10.1.2.3"\npassword = "hunter2"\n',
    "wrong-type": "[poll]\nrest = true\n",
    "broken": "[devices\n",
}

NO_EVENTS = '{\n  "events": []\n}\n'

USAGE: list[tuple[str, str]] = [
    ("nonsense", "no command"),
    ("statuss", 'did you mean "status"'),
    ("devices lst", 'did you mean "list"'),
    ("devices", "add, check, import"),
    ("images --json", "delete, fetch, list"),
    ("rollout", "adopt, report; see `updeck rollout --help`"),
    ("completion", "Choose from: bash, zsh, fish"),
    ("10.1.2.3", "https://10.1.2.3"),
    ("http://", "host"),
    ("ftp://10.1.2.3", "http"),
    ("https://me:secret@10.1.2.3", "user"),
    ("status --bogus", "--bogus"),
    ("status no-such-device", "no-such-device"),
    ("status ar11-nyc-2", "did you mean ar11-nyc-1"),
    ("status tag:nvc", "nyc"),
    ("status stat:IDLE", "state"),
    ("status version:<x", "version"),
    ("status ,", "column 1"),
    ("--fleet {room}/missing.toml status", "missing.toml"),
    ("--fleet {room} status", "{room}"),
    ("--fleet {room}/binary.toml status", "binary.toml"),
    ("images list", "SELECTOR"),
    ("images show ar11-nyc-1 seven", "seven"),
    ("images show ar11-* 7", "no name of one device"),
    ("images delete ar11-nyc-1 7 --confirm other", "--confirm"),
    ("images fetch update.iso *", "no http or https URL"),
    ("images fetch http://me:secret@example.net/x *", "user name"),
    ("images fetch http://example.net/x * --sha256 abc", "64 hex digits"),
    ("images fetch http://example.net/x no-such", "no-such"),
    ("images upload {room}/missing.iso *", "does not exist"),
    ("images upload {room}/empty.iso *", "empty"),
    ("images upload {room} *", "directory"),
    ("images upload {room}/pipe *", "pipe"),
    ("images upload {room}/image.iso * --sha256 nonsense", "64 hex digits"),
    ("images upload {room}/image.iso * --sha256 {zeros}", "publisher"),
    ("images upload {room}/stated.iso *", "publisher"),
    ("images upload {room}/unstated.iso *", "unstated.iso.sha256"),
    ("images upload {room}/image.iso no-such", "no-such"),
    ("update start ar11-nyc-1 --confirm ar11-nyc-1", "--expect-target"),
    ("update start ar11-nyc-1 --expect-target 11.8.0", "--confirm"),
    ("update start ar11-nyc-1 --confirm ar11-nyc-2 --expect-target 11.8.0", "nothing was sent"),
    ("update start ar11-* --confirm ar11-* --expect-target 11.8.0", "no name of one device"),
    ("update init no-such --confirm no-such", "no-such"),
    ("devices add", "NAME"),
    ("devices add bad/name https://10.1.2.3", "bad/name"),
    ("devices add x 10.1.2.3", "https://"),
    ("devices add x https://10.1.2.3/path", "10.1.2.3/path"),
    ("devices add x https://10.1.2.3 --tag a,b", "a,b"),
    ("devices add ar11-nyc-1 https://10.1.2.3", "already"),
    ("devices remove no-such", "no-such"),
    ("devices trust ar11-nyc-1 --accept abc", "64 hex digits"),
    ("devices trust ar11-nyc-1 --fingerprints {room}/missing", "cannot read"),
    ("devices trust ar11-nyc-1 --fingerprints {room}/fingerprints", "line 2"),
    ("devices login no-such", "no-such"),
    ("devices login ar11-nyc-1", "nothing was given"),
    ("journal --since yesterday", "yesterday"),
    ("journal no-such", "no-such"),
    ("config nonsense", "no command"),
    ("simulator serve", "--fleet-out"),
    ("simulator serve --fleet-out {room}/no/such/fleet.toml", "no directory"),
    ("simulator serve --fleet-out {room}/sim.toml --devices 0", "--devices"),
    ("simulator serve --fleet-out {room}/sim.toml --speed nan", "--speed"),
    ("simulator serve --fleet-out {room}/sim.toml --scenario storm", "storm"),
    ("simulator serve --fleet-out {room}/sim.toml --devices 1 --port-base {taken}", "{taken}"),
    ("simulator serve --fleet-out {room}/fleet.toml", "fleet.toml"),
    ("--json simulator serve --fleet-out {room}/sim.toml", "--json"),
    ("simulator image {room}/new.iso --version 11.8.0 --size big", "size"),
    ("simulator image {room}/new.iso --version 11.8.0 --size 3", "bytes"),
    ("simulator image {room}/no/such/new.iso --version 11.8.0 --size 1MB", "new.iso"),
    ("demo --devices 0", "--devices"),
    ("demo --speed -1", "--speed"),
    ("", "updeck status"),
    ("--json", "updeck status --json"),
    ("http://127.0.0.1:9", "updeck status"),
    ("http://127.0.0.1:9 --json", "--json"),
]

BLOCKED: list[tuple[str, str]] = [
    ("--read-only devices add x https://10.1.2.3", "--read-only"),
    ("--read-only devices remove ar11-nyc-1", "--read-only"),
    ("images upload {room}/image.iso * --read-only", "--read-only"),
    ("images fetch http://example.net/x * --read-only", "--read-only"),
    ("update reset ar11-nyc-1 --confirm ar11-nyc-1 --read-only", "--read-only"),
    ("images fetch http://127.0.0.1/x *", "--allow-local"),
    ("images fetch http://[::ffff:127.0.0.1]/x *", "--allow-local"),
]


@pytest.fixture(scope="module")
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def room(tmp_path: Path) -> Path:
    (tmp_path / "fleet.toml").write_text(INVENTORY)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.iso").touch()
    for name in ("image.iso", "stated.iso", "unstated.iso"):
        (tmp_path / name).write_bytes(b"not what it says")
    (tmp_path / "stated.iso.sha256").write_text(f"{'0' * 64}  stated.iso\n")
    (tmp_path / "unstated.iso.sha256").write_text("see the web page\n")
    (tmp_path / "fingerprints").write_text("# ours\nar11-nyc-1\n")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def run(room: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "", "UPDECK_CONFIG": str(room), "UPDECK_STATE": str(room / "state"), "LANG": "C.UTF-8"}
    done = forked.run(arguments, environment)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def assert_one_sentence(done: subprocess.CompletedProcess[str], code: int, words: str) -> None:
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("updeck: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert "␊" not in done.stderr
    assert words in done.stderr


def files(room: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in room.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("code", "line", "words"), [*((2, *case) for case in USAGE), *((5, *case) for case in BLOCKED)]
)
def test_bad_input_gets_one_sentence_and_changes_nothing(
    room: Path, taken: int, code: int, line: str, words: str
) -> None:
    given = {"room": str(room), "zeros": "0" * 64, "taken": str(taken)}
    before = files(room)
    done = run(room, *(word.format(**given) for word in line.split()))
    assert_one_sentence(done, code, words.format(**given))
    assert "secret" not in done.stderr
    assert files(room) == before


@pytest.mark.parametrize("name", INVENTORIES)
def test_a_bad_inventory_is_named_by_file_and_line(room: Path, name: str) -> None:
    (room / "fleet.toml").write_text(INVENTORIES[name])
    done = run(room, "config", "validate")
    assert_one_sentence(done, 2, f"{room / 'fleet.toml'}, line ")
    assert "hunter2" not in done.stderr
    if name == "typo":
        assert "line 3" in done.stderr
        assert "tags" in done.stderr


def test_without_an_inventory_it_is_said_how_to_make_one(tmp_path: Path) -> None:
    assert_one_sentence(run(tmp_path, "status"), 2, "updeck devices add")


def test_a_hostile_argument_reaches_the_terminal_as_marks_only(room: Path) -> None:
    done = run(room, "status", "\x1b]0;owned\x07\x9b31m")
    assert_one_sentence(done, 2, "␛]0;owned␇")
    assert not {"\x1b", "\x07", "\x9b"} & set(done.stderr)


@pytest.mark.parametrize(
    ("closed", "data"), [("<&-", NO_EVENTS), (">&-", ""), ("2>&-", NO_EVENTS), ("<&- >&- 2>&-", "")]
)
def test_streams_that_the_caller_closed_change_no_exit_code_and_are_no_traceback(
    room: Path, closed: str, data: str
) -> None:
    command = f'"{sys.executable}" -m updeck journal --json {closed}'
    environment = {**os.environ, "UPDECK_CONFIG": str(room), "UPDECK_STATE": str(room / "state")}
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, data, "")
