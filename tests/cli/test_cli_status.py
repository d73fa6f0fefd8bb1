"""What `status` tells is what the devices say; what `--watch` tells is what changes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shell import Done, Shell
from updeck.simulator.options import Scenario
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]

NOT_ANSWERING = {
    "unreachable": "UNREACHABLE",
    "certificate_changed": "TRUST",
    "password_expired": "AUTH",
    "other_service": "UNSUPPORTED",
}


def expected_reach(simulator: Simulator, name: str) -> str:
    traits = simulator.device(name).blueprint.traits
    return next((NOT_ANSWERING[trait] for trait in traits if trait in NOT_ANSWERING), "OK")


def as_shown(image: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: image.get(key) or None for key in ("version", "checksum")}
    return {**{key: image.get(key) for key in ("id", "state", "state_description", "progress")}, **known}


async def test_status_equals_the_truth_of_every_device(bench: Bench) -> None:
    simulator, shell = await bench(devices=12, scenario=Scenario.MIXED)
    done = await shell.run("status", "--json")
    assert done.code == 1, "a mixed fleet has boxes that do not answer"
    rows = {row["name"]: row for row in done.json["devices"]}
    assert tuple(rows) == simulator.names
    for name, row in rows.items():
        reach = expected_reach(simulator, name)
        assert row["reach"] == reach, row
        assert (row["url"], bool(row["error"])) == (simulator.url(name), reach != "OK")
        if reach == "OK":
            assert_equals_truth(row, simulator.truth(name))


def assert_equals_truth(row: Mapping[str, Any], truth: Mapping[str, Any]) -> None:
    for key in ("state", "version", "history"):
        assert row[key] == truth[key], key
    assert row["target_version"] == (truth["target_version"] or None)
    assert row["images"] == [as_shown(image) for image in truth["images"]]
    assert row["observed_at"].endswith("Z")


async def test_a_calm_fleet_is_good(bench: Bench) -> None:
    simulator, shell = await bench(devices=3)
    done = await shell.run("status")
    assert done.code == 0
    header, *lines = done.out.splitlines()
    assert header.split() == ["name", "state", "version", "target", "next"]
    assert [line.split()[:2] for line in lines] == [[name, "IDLE"] for name in simulator.names]
    assert done.err == "3 devices: 3 IDLE\n"


async def test_selectors_choose_by_what_devices_say(bench: Bench) -> None:
    simulator, shell = await bench(devices=12, scenario=Scenario.MIXED)
    done = await shell.run("status", "--json", "state:FAILED_CRITICAL")
    assert [row["name"] for row in done.json["devices"]] == [simulator.with_trait("failed_critical")]
    done = await shell.run("status", "--json", "reach:TRUST")
    assert {row["reach"] for row in done.json["devices"]} == {"TRUST"}
    done = await shell.run("status", "--json", "state:RUNNING !*")
    assert (done.code, done.json) == (0, {"devices": []})


async def test_reading_sends_gets_and_logins_only(bench: Bench) -> None:
    simulator, shell = await bench(devices=2)
    for words in (["status"], ["images", "list", "*"], ["devices", "check"]):
        assert (await shell.run(*words)).code == 0
    requests = simulator.truth(simulator.names[0])["requests"]
    assert isinstance(requests, list)
    assert {request["method"] for request in requests if "system_update" in request["path"]} == {"GET"}


@contextmanager
def pipe_without_reader() -> Iterator[int]:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


async def test_a_closed_pipe_is_calm_and_keeps_the_exit_code(bench: Bench) -> None:
    _, shell = await bench(devices=2)
    with pipe_without_reader() as stdout:
        done = await shell.end(await shell.start("status", "--json", stdout=stdout))
    assert (done.code, done.err) == (0, "")


async def test_watching_tells_changes_until_it_is_interrupted(bench: Bench) -> None:
    simulator, shell = await bench(devices=2)
    name = simulator.names[0]
    process = await shell.start("status", "--watch")
    for _ in simulator.names:
        await shell.line(process, lambda line: " IDLE " in line)
    simulator.fault(name, "refuse", seconds=600.0)
    line = await shell.line(process, lambda line: "unreachable" in line)
    assert name in line
    assert (await interrupted(shell, process)).code == 130


async def test_watching_in_json_gives_all_devices_first_and_then_what_changed(bench: Bench) -> None:
    simulator, shell = await bench(devices=2)
    process = await shell.start("--json", "status", "--watch")
    first = json.loads(await shell.line(process, bool))
    assert [(row["name"], row["state"]) for row in first["devices"]] == [(name, "IDLE") for name in simulator.names]
    simulator.fault(simulator.names[1], "refuse", seconds=600.0)
    second = json.loads(await shell.line(process, bool))
    assert [(row["name"], row["reach"]) for row in second["devices"]] == [(simulator.names[1], "UNREACHABLE")]
    assert first["at"] <= second["at"]
    assert (await interrupted(shell, process)).code == 130


async def test_a_supervisor_ends_a_watch_as_ctrl_c_does(bench: Bench) -> None:
    _, shell = await bench(devices=1)
    process = await shell.start("status", "--watch")
    await shell.line(process, lambda line: " IDLE " in line)
    process.terminate()
    done = await shell.end(process)
    assert (done.code, done.out) == (130, ""), "and what did not change was not told twice"
    assert "interrupted" in done.err


async def test_a_device_that_a_watched_state_no_longer_means_is_said_to_be_gone(bench: Bench) -> None:
    simulator, shell = await bench(devices=2)
    name = simulator.names[0]
    process = await shell.start("status", "--watch", "reach:OK")
    for _ in simulator.names:
        await shell.line(process, lambda line: " IDLE " in line)
    simulator.fault(name, "refuse", seconds=600.0)
    line = await shell.line(process, lambda line: "no longer selected" in line)
    assert line.split()[1] == name
    assert (await interrupted(shell, process)).code == 130


async def interrupted(shell: Shell, process: Process) -> Done:
    process.send_signal(signal.SIGINT)
    return await shell.end(process)


async def test_a_watch_whose_reader_went_away_ends(bench: Bench) -> None:
    _, shell = await bench(devices=2)
    with pipe_without_reader() as stdout:
        done = await shell.end(await shell.start("status", "--watch", stdout=stdout))
    assert (done.code, done.err) == (130, "")


async def test_a_watch_ends_with_its_reader_although_nothing_changes(bench: Bench) -> None:
    _, shell = await bench(devices=1)
    reading, writing = os.pipe()
    process = await shell.start("status", "--watch", stdout=writing)
    os.close(writing)
    with os.fdopen(reading) as output:
        assert " IDLE " in await asyncio.to_thread(output.readline)
    done = await shell.end(process)
    assert (done.code, done.err) == (130, "")
