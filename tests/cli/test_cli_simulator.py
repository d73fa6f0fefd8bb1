"""`updeck simulator` as a process: ready when all listeners are up, gone when told, the same again when restarted."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, tmp_path / "state")


def serve(shell: Shell, *words: str) -> tuple[str, ...]:
    return ("simulator", "serve", "--devices", "2", "--fleet-out", str(shell.config / "fleet.toml"), *words)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_ready_serves_and_ends_cleanly(shell: Shell, number: signal.Signals) -> None:
    process = await shell.start(*serve(shell))
    line = await shell.line(process, bool)
    assert line.startswith("ready http://127.0.0.1:")
    done = await shell.run("status", "--json")
    assert done.code == 0, done.err
    assert [row["state"] for row in done.json["devices"]] == ["IDLE", "IDLE"]
    process.send_signal(number)
    ended = await shell.end(process)
    assert (ended.code, ended.err) == (0, "")


async def test_started_again_it_serves_the_same_devices(shell: Shell) -> None:
    seen: list[tuple[str, str]] = []
    for _ in range(2):
        process = await shell.start(*serve(shell, "--http"))
        line = await shell.line(process, bool)
        seen.append((line, (await shell.run("devices", "list")).out))
        process.send_signal(signal.SIGTERM)
        await shell.end(process)
    assert seen[0] == seen[1]


async def test_a_temporary_one_ends_with_whoever_holds_its_stdin(shell: Shell) -> None:
    room = shell.config / "updeck-demo-x"
    room.mkdir()
    process = await shell.start(
        "simulator", "serve", "--devices", "1", "--temporary", "--fleet-out", str(room / "fleet.toml")
    )
    await shell.line(process, bool)
    assert room.is_dir()
    done = await shell.end(process)
    assert (done.code, done.err) == (0, "")
    assert not room.exists()


async def test_only_a_directory_of_a_demo_is_removed(shell: Shell) -> None:
    done = await shell.run(*serve(shell, "--temporary"))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert shell.config.is_dir()


async def test_an_image_is_written_with_its_sum_beside_it(shell: Shell) -> None:
    path = shell.config / "new.iso"
    done = await shell.run("simulator", "image", str(path), "--version", "11.8.0 #28924", "--size", "2MiB")
    assert done.code == 0, done.err
    assert path.stat().st_size == 2 << 20
    assert path.with_name("new.iso.sha256").read_text().endswith("new.iso\n")
