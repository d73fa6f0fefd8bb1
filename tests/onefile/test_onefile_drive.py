"""`updeck.pyz` on a bare Python: no site-packages, no home. Runs where `UPDECK_ONEFILE` names the built file."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from rollout_desk import NEW, RolloutDesk
from shell import HANG_S, Shell
from simulation import StartSimulator
from terminal_fixture import on_terminal

ONEFILE = os.environ.get("UPDECK_ONEFILE", "")
FILE = str(Path(ONEFILE).absolute())
BARE = ("-I", "-S")

pytestmark = pytest.mark.skipif(not ONEFILE, reason="UPDECK_ONEFILE names no built updeck.pyz")


@pytest.fixture
async def desk(simulator: StartSimulator, tmp_path: Path) -> RolloutDesk:
    served = await simulator(devices=2)
    shell = Shell(served.fleet_path.parent, tmp_path / "state")
    shell.program = (sys.executable, *BARE, FILE)
    shell.extra = {"HOME": "/dev/null/home", "TMPDIR": str(tmp_path), "UPDECK_CONFIG": str(served.fleet_path.parent)}
    return RolloutDesk(served, shell, tmp_path)


async def test_it_is_on_its_own(desk: RolloutDesk, tmp_path: Path) -> None:
    assert (await desk.shell.run("--version")).out.startswith("updeck ")
    assert (await desk.shell.run("--man")).out.startswith(".TH UPDECK 1 ")
    (unpacked,) = (tmp_path / f"updeck-{os.getuid()}").glob("updeck.pyz_*")
    assert not list(unpacked.rglob("aiohttp")), "the simulator is not part of it"
    assert not list(unpacked.rglob("shiv"))
    bare = [sys.executable, *BARE, "-c", "import click"]
    process = await asyncio.create_subprocess_exec(*bare, stderr=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 1, "this Python must have no packages of its own"


async def test_the_demo_says_in_one_line_what_to_install(desk: RolloutDesk) -> None:
    done = await desk.shell.run("demo")
    assert done.code == 2
    assert "pip install 'updeck[simulator]'" in done.err
    assert len(done.err.splitlines()) == 1


async def test_a_device_is_brought_to_a_version_by_hand(desk: RolloutDesk) -> None:
    name, shell = desk.simulator.names[0], desk.shell
    assert (await shell.run("status", "--json")).json["devices"][0]["state"] == "IDLE"
    for words in (
        ("images", "upload", str(desk.image), name),
        ("update", "init", name, "--confirm", name),
        ("update", "start", name, "--confirm", name, "--expect-target", NEW),
    ):
        done = await shell.run(*words)
        assert done.code == 0, done.err
    assert desk.simulator.truth(name)["version"] == NEW


async def test_an_engine_of_the_same_file_drives_a_rollout(desk: RolloutDesk) -> None:
    try:
        rollout = await desk.detached(await desk.plan())
        assert FILE in _words(await desk.engine(rollout))
        done = await desk.shell.run("rollout", "attach", rollout)
        assert done.code == 0, done.err
        assert set((await desk.verdicts(rollout)).values()) == {"SUCCESS"}
    finally:
        desk.end_engines()


async def test_the_fleet_is_drawn_and_a_dialog_opens(desk: RolloutDesk) -> None:
    environment = {**desk.shell.extra, "UPDECK_STATE": str(desk.shell.state)}

    def sit_there() -> int:
        with on_terminal(*desk.shell.program[1:], columns=80, rows=24, environment=environment) as terminal:
            terminal.until(lambda seen: all(name in seen.text for name in desk.simulator.names))
            terminal.until(lambda seen: "2 idle" in seen.text)
            terminal.send("u")
            terminal.until(lambda seen: "Upload" in seen.text)
            terminal.send("\x1b")
            terminal.until_quiet()
            terminal.send("q")
            return terminal.process.wait(HANG_S)

    assert await asyncio.to_thread(sit_there) == 0


def _words(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
