"""Whole rollouts by command line: real engines on real sockets, judged by what the devices truly are."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from rollout_desk import NEW, RolloutDesk
from shell import Shell
from updeck.simulator.options import Scenario
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]
OpenDesk = Callable[..., Awaitable[RolloutDesk]]


@pytest.fixture
async def desk(bench: Bench, tmp_path: Path) -> AsyncIterator[OpenDesk]:
    opened: list[RolloutDesk] = []

    async def open_desk(*, devices: int = 2, scenario: Scenario = Scenario.CALM, speed: float = 600.0) -> RolloutDesk:
        simulator, shell = await bench(devices=devices, scenario=scenario, speed=speed)
        opened.append(RolloutDesk(simulator, shell, tmp_path))
        return opened[-1]

    yield open_desk
    for one in opened:
        one.end_engines()


async def test_a_mixed_fleet_in_waves_ends_in_the_verdicts_that_its_truth_warrants(desk: OpenDesk) -> None:
    one = await desk(devices=12, scenario=Scenario.MIXED)
    planned = await one.plan("--waves", "1,50%,100%", "--promote", "auto", "--max-failures", "12", "--ticket", "CHG-7")
    done = await one.shell.run(*planned.words)
    rollout = done.out.splitlines()[0]
    held = await _held(one, rollout)
    while held:  # a person leaves out whoever needs one, wave by wave
        assert done.code == 5, done.err
        await one.leave_out(rollout, held)
        done = await one.shell.run("rollout", "attach", rollout)
        held = await _held(one, rollout)
    shown = await one.shown(rollout)
    assert shown["state"] == "ENDED"
    for device in shown["devices"]:
        truth = one.simulator.truth(device["name"])
        assert (device["verdict"] == "SUCCESS") is (truth["version"] == NEW), device
        assert device["verdict"] in ("SUCCESS", "SKIPPED", "FAILED_GRACEFUL", "FAILED_CRITICAL", "REVIEW", "NO_EFFECT")
    assert sum(device["verdict"] == "SUCCESS" for device in shown["devices"]) >= 5
    assert set(done.out.split()) >= {device["verdict"] for device in shown["devices"]}
    listed = (await one.shell.run("rollout", "list", "--json")).json["rollouts"]
    assert [(row["id"], row["state"], row["ticket"]) for row in listed] == [(rollout, "ENDED", "CHG-7")]
    assert set(listed[0]) == {"id", "state", "digest", "created_at", "ticket"}


async def test_a_device_that_a_rollout_does_not_have_is_a_usage_error_that_names_the_nearest(desk: OpenDesk) -> None:
    one = await desk(devices=1)
    done = await one.shell.run(*(await one.plan("--until", "staged")).words)
    rollout, (name,) = done.out.splitlines()[0], one.simulator.names
    for words in (("skip", rollout, f"{name}x"), ("resolve", rollout, f"{name}x", "SUCCESS")):
        refused = await one.shell.run("rollout", *words, "--reason", "a slip of the hand")
        assert (refused.code, refused.out) == (2, ""), refused.err
        assert refused.err.endswith(f"is named {name}x; did you mean {name}?\n")


async def _held(one: RolloutDesk, rollout: str) -> list[str]:
    return [device["name"] for device in (await one.shown(rollout))["devices"] if device["phase"] == "HELD"]


async def test_show_gives_the_agreed_json(desk: OpenDesk) -> None:
    one = await desk(devices=1)
    done = await one.shell.run(*(await one.plan()).words, "--foreground", "--json")
    assert done.code == 0, done.err
    shown = done.json
    assert set(shown) == {"id", "digest", "state", "until", "engine", "image", "gate", "devices"}
    assert set(shown["engine"]) == {"pid", "host", "alive", "seen_at"}
    assert set(shown["image"]) == {"sha256", "size", "version", "source"}
    assert shown["gate"] == {"closed": False, "reason": None}
    (device,) = shown["devices"]
    assert set(device) == {"name", "wave", "attempt", "phase", "verdict", "reason", "next", "operations"}
    assert (device["phase"], device["verdict"], device["attempt"]) == ("ENDED", "SUCCESS", 1)
    assert [(call["op"], call["try"], call["outcome"]) for call in device["operations"]] == [
        ("upload", 1, "accepted"),
        ("init", 1, "accepted"),
        ("start", 1, "accepted"),
    ]
    assert set(device["operations"][0]) == {"op", "attempt", "try", "intent_at", "outcome", "outcome_at", "error"}
    assert not (await one.shown(shown["id"]))["engine"]["alive"]
    report = (await one.ask("report", shown["id"], "--format", "json")).json
    assert report["id"] == shown["id"]
    assert (await one.ask("report", shown["id"])).out.startswith("# Rollout")


async def test_a_wrong_code_registers_nothing(desk: OpenDesk) -> None:
    one = await desk(devices=1)
    planned = await one.plan()
    done = await one.shell.run("rollout", "run", str(planned.path), "--confirm", "AAAAAAAA", "--foreground")
    assert done.code == 2
    assert "is not the code of this plan; nothing was sent" in done.err
    assert (await one.shell.run("rollout", "list", "--json")).json == {"rollouts": []}


async def test_a_plan_that_was_edited_is_refused(desk: OpenDesk) -> None:
    one = await desk(devices=1)
    planned = await one.plan()
    plan = json.loads(planned.path.read_text())
    plan["limits"]["max_failures"] = 7
    planned.path.write_text(json.dumps(plan))
    done = await one.shell.run(*planned.words, "--foreground")
    assert done.code == 2
    assert "was changed after it was made" in done.err


async def test_a_device_that_left_the_inventory_is_skipped_and_a_changed_one_refused(desk: OpenDesk) -> None:
    one = await desk(devices=2)
    stays, goes = one.simulator.names
    planned = await one.plan("--until", "staged")
    assert (await one.shell.run("devices", "remove", goes)).code == 0
    done = await one.shell.run(*planned.words, "--foreground")
    assert done.code == 0, done.err
    assert await one.verdicts(done.out.splitlines()[0]) == {stays: "STAGED", goes: "SKIPPED"}
    assert one.posts(goes, "/images") == []

    fleet = one.shell.config / "fleet.toml"
    fleet.write_text(fleet.read_text().replace(f'site = "{stays.split("-")[1]}"', 'site = "elsewhere"'))
    refused = await one.shell.run(*planned.words, "--foreground")
    assert refused.code == 5
    assert f"{stays}: the inventory differs from the plan: site elsewhere" in refused.err


async def test_a_detached_rollout_is_attached_to_and_left_again(desk: OpenDesk) -> None:
    one = await desk(devices=2, speed=250.0)
    rollout = await one.detached(await one.plan())
    watching = await one.shell.start("rollout", "attach", rollout[:13])
    await one.shell.line(watching, lambda line: "init accepted" in line, of_stderr=True)
    watching.send_signal(signal.SIGINT)
    left = await one.shell.end(watching)
    assert left.code == 130
    assert "goes on" in left.err
    done = await one.shell.run("rollout", "attach", rollout)
    assert done.code == 0, done.err
    assert set((await one.verdicts(rollout)).values()) == {"SUCCESS"}
    assert [len(one.posts(name, "/update/start")) for name in one.simulator.names] == [1, 1]


async def test_a_pause_starts_nothing_more_until_it_is_resumed(desk: OpenDesk) -> None:
    one = await desk(devices=2)
    planned = await one.plan("--waves", "1,100%")
    done = await one.shell.run(*planned.words)
    assert done.code == 0, done.err
    rollout = done.out.splitlines()[0]
    assert (await one.shown(rollout))["state"] == "WAITING_FOR_PROMOTION"
    await one.ask("pause", rollout, "--read-only")  # anyone who sees it may pause
    assert (await one.shown(rollout))["state"] == "PAUSED"
    await one.ask("promote", rollout)
    done = await one.shell.run("rollout", "attach", rollout)
    assert done.code == 0, done.err
    first, second = one.simulator.names
    assert (await one.verdicts(rollout))[second] is None
    assert one.posts(second, "/update/init") == []
    done = await one.shell.run("rollout", "resume", rollout)
    assert done.code == 0, done.err
    assert await one.verdicts(rollout) == {first: "SUCCESS", second: "SUCCESS"}


async def test_the_gate_closes_and_goes_on_when_a_person_reopens_it(desk: OpenDesk) -> None:
    one = await desk(devices=2)
    first, second = one.simulator.names
    one.simulator.fault(first, "init_failure", times=1)
    planned = await one.plan("--waves", "1,100%", "--promote", "auto")
    done = await one.shell.run(*planned.words)
    assert done.code == 4, done.err
    rollout = done.out.splitlines()[0]
    shown = await one.shown(rollout)
    assert (shown["state"], shown["gate"]["closed"]) == ("STOPPED_BY_GATE", True)
    assert first in shown["gate"]["reason"]
    assert one.posts(second, "/update/init") == []

    refused = await one.shell.run("rollout", "reopen", rollout, "--max-failures", "1", "--reason", " ")
    assert refused.code == 5
    await one.ask("reopen", rollout, "--max-failures", "1", "--reason", "its disk is old")
    done = await one.shell.run("rollout", "attach", rollout)
    assert done.code == 1, done.err
    assert await one.verdicts(rollout) == {first: "FAILED_GRACEFUL", second: "SUCCESS"}


async def test_a_failed_device_gets_another_attempt_from_a_person(desk: OpenDesk) -> None:
    one = await desk(devices=1)
    (name,) = one.simulator.names
    one.simulator.fault(name, "status", path="/update/init", status=409, times=1)
    done = await one.shell.run(*(await one.plan()).words)
    assert done.code == 1, done.err
    rollout = done.out.splitlines()[0]
    assert await one.verdicts(rollout) == {name: "NOT_STARTED"}
    await one.ask("reopen", rollout, "--max-failures", "1", "--reason", "once more")
    await one.ask("retry", rollout, name, "--reason", "the power failed")
    done = await one.shell.run("rollout", "attach", rollout)
    assert done.code == 0, done.err
    shown = await one.shown(rollout)
    assert [(one["verdict"], one["attempt"]) for one in shown["devices"]] == [("SUCCESS", 2)]
    calls = [(call["op"], call["attempt"], call["outcome"]) for call in shown["devices"][0]["operations"]]
    assert calls[1:] == [("init", 1, "refused"), ("init", 2, "accepted"), ("start", 2, "accepted")]


async def test_another_attempt_starts_what_the_first_one_initialized(desk: OpenDesk) -> None:
    one = await desk(devices=1)
    (name,) = one.simulator.names
    one.simulator.fault(name, "status", path="/update/start", status=409, times=1)
    done = await one.shell.run(*(await one.plan("--max-failures", "1")).words)
    rollout = done.out.splitlines()[0]
    assert (done.code, await one.verdicts(rollout)) == (1, {name: "NOT_STARTED"})
    await one.ask("retry", rollout, name, "--reason", "it was busy")
    done = await one.shell.run("rollout", "attach", rollout)
    assert done.code == 0, done.err
    assert await one.verdicts(rollout) == {name: "SUCCESS"}
    assert len(one.posts(name, "/update/init")) == 1


async def test_an_abort_ends_what_has_not_started(desk: OpenDesk) -> None:
    one = await desk(devices=2)
    first, second = one.simulator.names
    done = await one.shell.run(*(await one.plan("--waves", "1,100%")).words)
    rollout = done.out.splitlines()[0]
    await one.ask("abort", rollout)
    done = await one.shell.run("rollout", "attach", rollout)
    assert done.code == 0, done.err
    assert (await one.shown(rollout))["state"] == "ABORTED"
    assert await one.verdicts(rollout) == {first: "SUCCESS", second: "ABORTED_BEFORE_START"}
    assert (await one.shell.run("rollout", "pause", rollout)).code == 5


async def test_read_only_starts_no_rollout(desk: OpenDesk) -> None:
    one = await desk(devices=1)
    done = await one.shell.run(*(await one.plan()).words, "--read-only")
    assert done.code == 5
    assert (await one.shell.run("rollout", "list", "--json")).json == {"rollouts": []}


async def test_the_list_shows_single_actions_only_when_asked(desk: OpenDesk) -> None:
    one = await desk(devices=1)
    (name,) = one.simulator.names
    assert (await one.shell.run("images", "upload", str(one.image), name)).code == 0
    assert (await one.shell.run("rollout", "list", "--json")).json == {"rollouts": []}
    (row,) = (await one.shell.run("rollout", "list", "--all", "--json")).json["rollouts"]
    assert (row["state"], row["digest"], row["ticket"]) == ("ENDED", None, "")
    assert f"upload of {name}" in (await one.ask("list", "--all")).out


async def test_an_unknown_rollout_is_named(desk: OpenDesk) -> None:
    one = await desk(devices=1)
    done = await one.shell.run("rollout", "show", "01a2")
    assert done.code == 2
    assert "there is no planned rollout '01a2'" in done.err
