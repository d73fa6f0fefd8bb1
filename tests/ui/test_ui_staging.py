"""Uploads and fetches by keys as plans: an engine drives them over real sockets, whatever becomes of the terminal."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from dialog_stage import words
from flow_desk import VERSION, Desk, Open, serving
from journal_plans import rollouts
from rollout_desk import end_engines
from simulation import StartSimulator
from terminal_fixture import Terminal, on_terminal
from updeck.clock import SystemClock
from updeck.device.models import Reach
from updeck.journal.actor import this_actor
from updeck.journal.models import Verdict
from updeck.journal.plan_models import ControlKind, RolloutRecord
from updeck.journal.store import Journal
from updeck.rollout.draft import staging_plan
from updeck.rollout.plan import PlannedImage, Source
from updeck.rollout.registration import register
from updeck.rollout.standing import ended
from updeck.simulator.images import write_image
from updeck.simulator.serving import Simulator
from updeck.ui import flows
from updeck.ui.flows.asking import views_of
from updeck.ui.flows.engines import drive_on
from updeck.ui.ink import text_of
from updeck.ui.widgets.canvas import Canvas

HANG_S = 30.0


async def begin_upload(bench: Desk, names: Sequence[str], path: Path) -> None:
    """Upload a file by keys, and return once the engine has it."""
    bench.begin(lambda: flows.upload_flow(bench.app, bench.app.service, tuple(names)))
    await bench.asked("choose a file")
    await bench.type(str(path), "enter")
    await bench.asked("press y to upload")
    assert "an engine of its own, which outlives this terminal" in " ".join(words(bench.app).split())
    await bench.pilot.press("y")
    await bench.wait(lambda: bench.told != [])


def lines(bench: Desk) -> str:
    """Return what stands on the screen that is open."""
    canvases = [canvas for canvas in bench.app.screen.query(Canvas) if canvas.display]
    return "\n".join(text_of(one) for canvas in canvases for one in canvas.lines)


def only(bench: Desk) -> RolloutRecord:
    """Return the one planned rollout of the journal."""
    journal = bench.app.service.journal
    assert journal is not None
    (record,) = rollouts(journal)
    assert isinstance(record, RolloutRecord)
    return record


def sums(simulator: Simulator, name: str) -> list[str]:
    """Return the SHA-256 of what a device truly received."""
    uploads = simulator.truth(name)["uploads"]
    assert isinstance(uploads, list)
    return [one["sha256"] for one in uploads]


def states(simulator: Simulator, name: str) -> list[str]:
    """Return the states of the images that are truly on a device."""
    images = simulator.truth(name)["images"]
    assert isinstance(images, list)
    return [one["state"] for one in images]


async def test_an_upload_shows_its_progress_and_is_told_when_its_engine_is_through(desk: Open) -> None:
    async with desk() as bench:
        name = bench.simulator.names[0]
        bench.simulator.fault(name, "delay", path="/images/upload", seconds=2.0)
        path = bench.image()
        await begin_upload(bench, [name], path)
        assert "it goes on when this is quit; enter on a device shows it" in (bench.told[0] or "")
        view = await bench.until(name, lambda view: view.transfer is not None)
        assert view.transfer is not None
        assert (view.transfer.file_name, view.transfer.total_bytes) == (path.name, path.stat().st_size)
        assert view.next.text.startswith("uploads ")
        assert view.next.action == "rollouts"
        assert await flows.quit_flow(bench.app, bench.app.service), "nothing would be lost, so nothing is asked"
        await bench.wait(lambda: f"{path.name} uploaded to {name}" in bench.notice)
        assert [one.attempt.end and one.attempt.end.verdict for one in only(bench).members] == [Verdict.STAGED]
        assert sums(bench.simulator, name) == [hashlib.sha256(path.read_bytes()).hexdigest()]


async def test_an_upload_that_fails_is_told_and_stays_in_the_list(desk: Open) -> None:
    refusals = {401: "AUTH_EXPIRED_TOKEN", 403: "AUTH_FORBIDDEN", 507: None}
    async with desk(devices=len(refusals)) as bench:
        names = bench.simulator.names
        for name, (status, error_id) in zip(names, refusals.items(), strict=True):
            fault = {"path": "/images/upload", "status": status, "error_id": error_id, "error_text": "no"}
            bench.simulator.fault(name, "status", **fault)
            await bench.until(name, lambda view: view.state == "IDLE")
        await begin_upload(bench, names, bench.image())
        for name in names:
            await bench.until(name, lambda view: view.next.text == "last: TRANSFER_FAILED")
            assert states(bench.simulator, name) == []
            calls = bench.simulator.device(name).record.requests()
            assert len([call for call in calls if call.path.endswith("/images/upload")]) == 1
        await bench.wait(lambda: "TRANSFER_FAILED: upload was refused: no (" in bench.notice)
        await bench.pilot.press("R")
        await bench.wait(lambda: "ENDED" in lines(bench))
        await bench.pilot.press("enter")
        await bench.wait(lambda: all(f"refused: no ({status})" in lines(bench) for status in refusals))


async def test_more_uploads_than_places_wait_for_their_turn_in_words(desk: Open) -> None:
    async with desk(devices=5) as bench:
        names = bench.simulator.names
        for name in names:
            bench.simulator.fault(name, "delay", path="/images/upload", seconds=600.0)
            await bench.until(name, lambda view: view.state == "IDLE")
        bench.begin(lambda: flows.upload_flow(bench.app, bench.app.service, names))
        await bench.asked("choose a file")
        await bench.type(str(bench.image()), "enter")
        await bench.asked("press y to upload to 5 devices")
        await bench.pilot.press("y")

        def standing() -> list[str]:
            views = [bench.app.service.state.view(name) for name in names]
            return ["" if view is None else view.next.text for view in views]

        waits = ("waits for its turn to send the image", "4 transfers under way, the limit is")

        def four_and_one() -> bool:
            texts = standing()
            return sum(text.startswith("uploads") for text in texts) == 4 and any(
                text.startswith(waits) for text in texts
            )

        await bench.wait(four_and_one)


async def test_two_uploads_by_hand_keep_to_one_limit_and_the_next_goes_once_one_has_arrived(desk: Open) -> None:
    async with desk(devices=5) as bench:
        names, journal = bench.simulator.names, bench.app.service.journal
        assert journal is not None
        image = bench.image()  # once: who writes it anew changes it while the first engine reads it
        for name in names:
            bench.simulator.fault(name, "delay", path="/images/upload", times=1, seconds=600.0)
            await bench.until(name, lambda view: view.state == "IDLE")
        for batch in (names[:3], names[3:]):
            bench.told.clear()
            bench.begin(lambda batch=batch: flows.upload_flow(bench.app, bench.app.service, batch))  # type: ignore[misc]
            await bench.asked("choose a file")
            await bench.type(str(image), "enter")
            await bench.asked(f"press y to upload to {len(batch)} devices")
            await bench.pilot.press("y")
            await bench.wait(lambda: bench.told != [])

        def words_of(name: str) -> str:
            view = bench.app.service.state.view(name)
            return "" if view is None else view.next.text

        def sending() -> list[str]:
            return [name for name in names if words_of(name).startswith("uploads")]

        def waiting() -> list[str]:
            return [name for name in names if words_of(name) == "4 transfers under way, the limit is 4"]

        await bench.wait(lambda: len(sending()) == 4 and len(waiting()) == 1)
        (last,) = waiting()
        assert last in names[3:]
        assert len(rollouts(journal)) == 2
        first = next(one for one in rollouts(journal) if isinstance(one, RolloutRecord) and len(one.members) == 3)
        await asyncio.to_thread(journal.control, first.row.id, ControlKind.ABORT)
        await bench.wait(lambda: words_of(last).startswith("uploads"))


async def test_an_abort_breaks_an_upload_off(desk: Open) -> None:
    async with desk() as bench:
        name = bench.simulator.names[0]
        bench.simulator.fault(name, "delay", path="/images/upload", seconds=600.0)
        await begin_upload(bench, [name], bench.image())
        await bench.until(name, lambda view: view.transfer is not None)
        journal = bench.app.service.journal
        assert journal is not None
        journal.control(only(bench).row.id, ControlKind.ABORT)
        await bench.wait(lambda: f"{name}: ABORTED_BEFORE_START" in bench.notice)
        assert all(map(ended, only(bench).members))


async def test_a_fetch_with_its_sum_is_a_plan_that_ends_proven(desk: Open) -> None:
    async with desk() as bench:
        name = bench.simulator.names[0]
        path = bench.image()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        async with serving(path) as url:
            bench.begin(lambda: flows.fetch_flow(bench.app, bench.app.service, (name,)))
            await bench.asked("type the URL")
            await bench.type(url, "enter")
            await bench.type(digest)
            await bench.pilot.press("tab", "tab")
            await bench.asked("watched until its image is proven")
            await bench.asked("press y to fetch")
            await bench.pilot.press("y")
            await bench.wait(lambda: f"{path.name} fetched by {name}" in bench.notice)
        (member,) = only(bench).members
        assert member.attempt.end is not None
        assert member.attempt.end.verdict is Verdict.STAGED
        assert states(bench.simulator, name) == ["VALID"]


async def test_a_password_that_the_ui_took_out_of_the_environment_reaches_the_engine(desk: Open) -> None:
    async with desk(password='{ env = "CANARY" }') as bench:
        assert "CANARY" not in os.environ
        name = bench.simulator.names[0]
        await bench.until(name, lambda view: view.reach is Reach.OK)
        await begin_upload(bench, [name], bench.image())
        await bench.wait(lambda: f"uploaded to {name}" in bench.notice)


async def test_an_engine_that_lacks_a_password_has_it_asked_for(desk: Open) -> None:
    async with desk(password="{ prompt = true }") as bench:
        name = bench.simulator.names[0]
        await bench.until(name, lambda view: view.reach is Reach.AUTH)
        digest, resume = registered(bench, name)
        bench.begin(resume)
        await bench.asked(f"Log in to {name}")
        await bench.pilot.press("escape")
        await bench.wait(lambda: "no engine was started" in bench.notice)
        bench.begin(resume)
        await bench.asked(f"Log in to {name}")
        await bench.type(bench.simulator.password, "enter")
        await bench.wait(lambda: bench.told == ["driven"])
        await bench.wait(lambda: all(map(ended, only(bench).members)))
        assert sums(bench.simulator, name) == [digest]


async def test_a_rejected_password_that_an_engine_can_read_by_itself_keeps_it_from_nothing_else(desk: Open) -> None:
    async with desk(password='{ command = ["echo", "wrong"] }') as bench:
        name = bench.simulator.names[0]
        await bench.until(name, lambda view: view.reach is Reach.AUTH)
        _, resume = registered(bench, name)
        bench.begin(resume)
        await bench.asked(f"Log in to {name}")
        await bench.pilot.press("escape")
        await bench.wait(lambda: bench.told == ["driven"])
        await bench.wait(lambda: only(bench).members[0].phase == "HELD")
        assert sums(bench.simulator, name) == []


def registered(bench: Desk, name: str) -> tuple[str, Callable[[], Awaitable[str | None]]]:
    """Register an upload that no engine drives; return the file's sum, and what starts one as a key does."""
    service, path = bench.app.service, bench.image()
    assert service.journal is not None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    meant = PlannedImage(VERSION, Source.FILE, digest, path.stat().st_size, str(path))
    row = register(staging_plan(meant, views_of(service, [name]), at_once=1), service.fleet, service.journal)

    async def resume() -> str | None:
        await drive_on(bench.app, service, row.id)
        return "driven"

    return digest, resume


async def test_a_version_that_spells_none_is_taken_only_after_a_second_yes(desk: Open) -> None:
    async with desk() as bench:
        name = bench.simulator.names[0]
        path = bench.image()
        bench.begin(lambda: flows.upload_flow(bench.app, bench.app.service, (name,)))
        await bench.asked("choose a file")
        await bench.type(str(path), "enter")
        await bench.asked("press y to upload")
        await bench.pilot.press("tab", "tab", "ctrl+u")
        await bench.asked("type the version that the file holds")
        await bench.type("newest", "enter")
        await bench.asked("press y to upload")
        await bench.pilot.press("y")
        await bench.asked('"newest" is no version such as')
        assert bench.told == []
        await bench.pilot.press("y")
        await bench.wait(lambda: bench.told != [])
        assert '"newest"' in only(bench).plan


@pytest.mark.parametrize("end", ["hang up", "kill"])
async def test_an_upload_outlives_its_terminal(simulator: StartSimulator, tmp_path: Path, end: str) -> None:
    served = await simulator(devices=1)
    (name,) = served.names
    image, state = tmp_path / "update-11.8.0-28924.iso", tmp_path / "state"
    write_image(image, version=VERSION, size_bytes=2_000_000, corrupt=False)
    served.fault(name, "delay", path="/images/upload", seconds=3.0)

    def by_keys() -> None:
        environment = {"UPDECK_STATE": str(state), "UPDECK_CONFIG": str(tmp_path / "config")}
        command = ("-m", "updeck", "--fleet", str(served.fleet_path))
        with on_terminal(*command, columns=80, rows=24, environment=environment) as terminal:
            upload_by_keys(terminal, image)
            if end == "kill":
                os.killpg(terminal.process.pid, signal.SIGKILL)
            else:
                terminal.hang_up()
            terminal.process.wait(HANG_S)

    try:
        await asyncio.to_thread(by_keys)
        assert states(served, name) != ["VALID"], "the upload was to be under way when the terminal went"
        assert await asyncio.to_thread(attach, state) == 0
        assert states(served, name) == ["VALID"]
        assert sums(served, name) == [hashlib.sha256(image.read_bytes()).hexdigest()]
    finally:
        end_engines(state)


def attach(state: Path) -> int:
    """Look on from another terminal until the rollout has ended; return the exit code."""
    with closing(Journal.open(state, actor=this_actor("cli"), clock=SystemClock())) as journal:
        (record,) = rollouts(journal)
    command = (sys.executable, "-m", "updeck", "rollout", "attach", record.row.id)
    environment = {**os.environ, "UPDECK_STATE": str(state)}
    return subprocess.run(command, env=environment, timeout=HANG_S, check=False).returncode


def upload_by_keys(terminal: Terminal, image: Path) -> None:
    """Upload to the device under the cursor until it is under way."""
    terminal.until(lambda seen: "choose image" in seen.text)
    terminal.send("u")
    terminal.until(lambda seen: "choose a file" in seen.text)
    terminal.until_quiet()
    terminal.send(f"{image}\r")
    terminal.until(lambda seen: "press y to upload" in seen.text)
    terminal.until_quiet()
    terminal.send("y")
    terminal.until(lambda seen: "uploads " in seen.text)
