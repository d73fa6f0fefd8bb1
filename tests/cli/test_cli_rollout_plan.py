"""`updeck rollout plan`: what a rollout would do to each device, in words and as a file, by reading alone."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from shell import Shell
from updeck.errors import UsageError
from updeck.rollout.plan import Limits, Plan, Promotion, Source, Via
from updeck.rollout.plan_document import read_plan
from updeck.rollout.quantities import parse_duration, parse_rate
from updeck.simulator.images import write_image
from updeck.simulator.options import Scenario
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]

NEW = "11.12.0 #40000"
URL = "https://images.example/new.iso?token=hidden"
SHA = "ab" * 32


def image_in(room: Path) -> tuple[str, str]:
    path = room / "new.iso"
    return str(path), write_image(path, NEW, 200_000)


def made(path: Path) -> Plan:
    return read_plan(path.read_text(), "plan.json")


def sent(simulator: Simulator) -> set[str]:
    """Return the calls that devices were asked for, but logins."""
    truths: list[Any] = [simulator.truth(name) for name in simulator.names]
    calls = [call for truth in truths for call in truth["requests"]]
    return {call["method"] for call in calls if "token" not in call["path"] and "login" not in call["path"]}


async def test_a_plan_is_shown_written_and_sends_nothing_but_gets(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=4)
    file, sha256 = image_in(tmp_path)
    words = ["--image", file, "--version", NEW, "--waves", "1,50%,100%", "--max-parallel", "2", "--ticket", "CHG-7"]
    done = await shell.run("rollout", "plan", "*", *words, "-o", str(tmp_path / "plan.json"))
    assert done.code == 0, done.err
    plan = made(tmp_path / "plan.json")
    assert tuple(device.name for device in plan.devices) == tuple(simulator.names)
    assert [device.wave for device in plan.devices] == [1, 2, 3, 3]
    assert len({device.serial for device in plan.devices if device.serial}) == 4
    assert (plan.image.sha256, plan.image.size_bytes, plan.image.location) == (sha256, 200_000, file)
    assert plan.limits == Limits(max_parallel=2, max_transfers=8)
    assert (plan.promote, plan.via, plan.ticket) == (Promotion.MANUAL, Via.PUSH, "CHG-7")
    lines = done.out.splitlines()
    assert [line.split()[:2] for line in lines[1:5]] == [[str(device.wave), device.name] for device in plan.devices]
    assert all(line.endswith("upload, init, start") for line in lines[1:5])
    assert "limit   stops at failure number 1" in lines
    assert lines[-2:] == [f"digest  {plan.digest}", f"code    {plan.code}"]
    assert f"--confirm {plan.code}" in done.err
    assert sent(simulator) == {"GET"}


async def test_the_json_answer_is_the_plan_with_what_was_foreseen(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=2)
    done = await shell.run("rollout", "plan", "*", "--image", URL, "--sha256", SHA, "--version", NEW, "--json")
    assert done.code == 0, done.err
    plan = read_plan(done.out, "stdout")
    assert (plan.image.source, plan.via, plan.image.location) == (Source.URL, Via.FETCH, URL)
    assert [row["name"] for row in done.json["outlook"]] == list(simulator.names)
    assert {row["text"] for row in done.json["outlook"]} == {"fetch, init, start"}
    assert {"name", "result", "reason", "blocking"} == set(done.json["outlook"][0]["checks"][0])
    shown = await shell.run("rollout", "plan", "*", "--image", URL, "--sha256", SHA, "--version", NEW)
    assert "images.example" in shown.out
    assert "hidden" not in shown.out


async def test_a_version_alone_takes_the_image_that_is_there(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=2)
    first, second = simulator.names
    file, sha256 = image_in(tmp_path)
    assert (await shell.run("images", "upload", file, first)).code == 0
    done = await shell.run("rollout", "plan", "*", "--version", NEW, "-o", str(tmp_path / "plan.json"))
    assert done.code == 0, done.err
    plan = made(tmp_path / "plan.json")
    assert (plan.image.source, plan.image.sha256) == (Source.PRESENT, sha256)
    assert any(first in line and line.endswith("init, start") for line in done.out.splitlines())
    assert any(second in line and "skipped: image: no VALID image" in line for line in done.out.splitlines())
    done = await shell.run("rollout", "plan", second, "--version", NEW)
    assert done.code == 5, done.out


async def test_devices_that_cannot_take_part_are_told_why(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=12, scenario=Scenario.MIXED)
    file, _ = image_in(tmp_path)
    done = await shell.run("rollout", "plan", "*", "--image", file, "--version", NEW, "--json")
    assert done.code == 0, done.err
    fates = {row["name"]: (row["fate"], row["text"]) for row in done.json["outlook"]}
    assert set(fates) == set(simulator.names)
    for name in simulator.names:
        state = str(simulator.truth(name)["state"])
        fate, text = fates[name]
        if state.startswith("FAILED"):
            assert fate == "skipped"
            assert state in text
        elif state != "IDLE":
            assert fate == "waits"
            assert state in text
    assert {fate for fate, _ in fates.values()} == {"acts", "skipped", "waits"}


async def test_where_nobody_answers_the_plan_is_made_and_the_exit_code_says_so(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text('[devices.dead]\nurl = "https://127.0.0.1:9"\n')
    shell = Shell(tmp_path, tmp_path / "state")
    file, _ = image_in(tmp_path)
    done = await shell.run("rollout", "plan", "dead", "--image", file, "--version", NEW, "-o", str(tmp_path / "p.json"))
    assert done.code == 1
    assert "waits: UNREACHABLE" in done.out
    assert made(tmp_path / "p.json").devices[0].serial == ""


BAD: list[tuple[list[str], str]] = [
    (["nobody", "--version", NEW], "no device is named nobody"),
    (["*"], "Missing option '--version'"),
    (["*", "--version", NEW, "--image", "https://x.example/y"], "an image behind a URL needs its SHA-256"),
    (["*", "--version", NEW, "--image", "ftp://x.example/y", "--sha256", SHA], "is no http or https URL"),
    (["*", "--version", NEW, "--image", "missing.iso"], "does not exist"),
    (["*", "--version", NEW, "--sha256", "12"], "is no SHA-256"),
    (["*", "--version", NEW, "--via", "fetch"], "does not get there by fetch"),
    (["*", "--version", NEW, "--waves", "1,50%"], "the waves leave out 1 of 2 devices"),
    (["*", "--version", NEW, "--canary", "0"], "0 is not in the range"),
    (["*", "--version", NEW, "--max-failures", "-1"], "-1 is not in the range"),
    (["*", "--version", NEW, "--max-failures", "10%"], "is not a valid integer"),
    (["*", "--version", NEW, "--window", "2026-12-01T22:00/2026-12-02T04:00"], "needs its time zone"),
    (["*", "--version", NEW, "--tz", "UTC"], "belong to a window"),
    (
        ["*", "--version", NEW, "--window", "2025-12-01T22:00/2025-12-02T04:00", "--tz", "UTC"],
        "the window ended at 2025-12-02 04:00 UTC",
    ),
    (["*", "--version", NEW, "-o", "missing/plan.json"], "there is no directory missing; create it or name another"),
    (["*", "--version", NEW, "--bake", "soon"], "is no duration"),
    (["*", "--version", NEW, "--limit-rate", "fast"], "is no rate"),
    (["*", "--version", NEW, "--version-path", "missing.toml"], "cannot read missing.toml"),
    (["*", "--version", NEW, "--ticket", "\x1b[2J"], "has a control or invisible character"),
]


async def test_a_version_that_spells_none_is_said_to_be_taken_as_it_is_by_its_code(bench: Bench) -> None:
    _, shell = await bench(devices=1)
    done = await shell.run("rollout", "plan", "*", "--version", "newest")
    assert '"newest" is no version such as 11.8.0 #28924' in done.err
    assert "whoever confirms the code takes it as it is" in done.err
    assert "is no version such as" not in (await shell.run("rollout", "plan", "*", "--version", NEW)).err


async def test_bad_terms_are_refused_in_one_sentence(bench: Bench) -> None:
    _, shell = await bench(devices=2)
    for words, said in BAD:
        done = await shell.run("rollout", "plan", *words)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), (words, done.err)
        assert said in done.err, (words, done.err)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("50MB/s", 50_000_000),
        ("500kB/s", 500_000),
        ("1GiB/s", 1 << 30),
        ("2.5M", 2_500_000),
        ("1000", 1000),
        ("7 B/s", 7),
    ],
)
def test_a_rate_is_in_bytes(text: str, rate: int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0", "fast", "-1MB/s", "50Mb/s", "50iB/s", "1e9", "50MB/h"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_rate(text)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400)])
def test_a_duration_is_in_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "30 minutes", "-1m", "1w", "1.5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


async def test_what_the_version_path_does_not_support_is_skipped(bench: Bench, tmp_path: Path) -> None:
    _, shell = await bench(devices=2)
    file, _ = image_in(tmp_path)
    path = tmp_path / "path.toml"
    path.write_text('"1.0.0" = ["1.1.0"]\n')
    path.chmod(0o600)
    words: list[Any] = ["--image", file, "--version", NEW, "--version-path", str(path)]
    done = await shell.run("rollout", "plan", "*", *words, "-o", str(tmp_path / "plan.json"))
    assert done.code == 5, done.err
    assert "is not among the supported updates" in done.out
    assert json.loads((tmp_path / "plan.json").read_text())["version_path"] == [["1.0.0", "1.1.0"]]
