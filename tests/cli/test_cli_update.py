"""One device updated by command line alone, and all that must not be sent."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from shell import Shell
from updeck.simulator.images import write_image
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]

NEW = "11.8.0 #28924"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "update-11.8.0.iso"
    write_image(path, NEW, 300_000)
    return path


def sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def staged(shell: Shell, image: Path, name: str) -> None:
    done = await shell.run("images", "upload", str(image), name)
    assert done.code == 0, done.err


async def initialized(shell: Shell, image: Path, name: str) -> None:
    await staged(shell, image, name)
    done = await shell.run("update", "init", name, "--confirm", name)
    assert done.code == 0, done.err


def start(name: str, target: str = "11.8.0") -> tuple[str, ...]:
    return ("update", "start", name, "--confirm", name, "--expect-target", target)


async def test_a_device_is_updated_by_commands_alone(bench: Bench, image: Path) -> None:
    simulator, shell = await bench()
    name = simulator.names[0]
    done = await shell.run("images", "upload", str(image), name, "--json")
    assert (done.code, done.json["devices"][0]["verdict"]) == (0, "STAGED"), done.err
    done = await shell.run("update", "init", name, "--confirm", name, "--json")
    assert (done.code, done.json["devices"][0]["verdict"]) == (0, "INITIALIZED"), done.err
    done = await shell.run(*start(name), "--json")
    assert done.code == 0, done.err
    assert done.json == {
        "devices": [
            {
                "name": name,
                "op": "start",
                "outcome": "accepted",
                "verdict": "SUCCESS",
                "reason": "proven 11.8.0",
                "error": None,
            }
        ]
    }
    truth = simulator.truth(name)
    assert (truth["inits"], truth["starts"], truth["version"]) == (1, 1, NEW)
    assert isinstance(truth["uploads"], list)
    assert [(upload["bytes"], upload["sha256"]) for upload in truth["uploads"]] == [(300_000, sum_of(image))]

    done = await shell.run("images", "delete", name, "1", "--confirm", name)
    assert done.code == 0, done.err
    assert simulator.truth(name)["images"] == []
    texts = [event["text"] for event in (await shell.run("journal", name, "--json")).json["events"]]
    assert any("start ended SUCCESS" in text for text in texts)


async def test_another_target_than_the_expected_one_is_never_started(bench: Bench, image: Path) -> None:
    simulator, shell = await bench()
    name = simulator.names[0]
    await initialized(shell, image, name)
    done = await shell.run(*start(name, "11.9.0"))
    assert done.code == 5
    assert done.err.count("\n") == 1
    assert "not 11.9.0" in done.err
    assert simulator.truth(name)["starts"] == 0


async def test_a_start_in_the_wrong_state_is_blocked_before_anything_is_sent(bench: Bench) -> None:
    simulator, shell = await bench()
    name = simulator.names[0]
    done = await shell.run(*start(name))
    assert (done.code, done.err.count("\n")) == (5, 1)
    assert "IDLE" in done.err
    done = await shell.run("update", "reset", name, "--confirm", name)
    assert done.code == 5
    done = await shell.run("update", "init", name, "--confirm", name)
    assert done.code == 5
    assert "no VALID image" in done.err
    assert not [request for request in requests(simulator, name) if request["method"] == "POST"]


def requests(simulator: Simulator, name: str) -> list[dict[str, object]]:
    """Return what the device was asked, logins left out."""
    asked = simulator.truth(name)["requests"]
    assert isinstance(asked, list)
    return [request for request in asked if "system_update" in request["path"]]


async def test_a_start_whose_answer_was_lost_is_watched_on_and_not_sent_again(bench: Bench, image: Path) -> None:
    simulator, shell = await bench()
    name = simulator.names[0]
    await initialized(shell, image, name)
    simulator.fault(name, "reset_after", path="/update/start", times=1)
    simulator.fault(name, "late_start", seconds=3.0)
    done = await shell.run(*start(name), "--no-wait", "--json")
    assert done.code == 3, "nobody knows yet"
    assert done.json["devices"][0]["outcome"] == "unknown"
    done = await shell.run(*start(name, "11.9.0"))
    assert done.code == 5, "another target is no watching on"
    done = await shell.run(*start(name))
    assert done.code == 0, done.err
    assert "not sent again" in done.err
    assert simulator.truth(name)["starts"] == 1


async def test_what_is_not_awaited_ends_with_7_and_can_be_awaited_later(bench: Bench, image: Path) -> None:
    simulator, shell = await bench()
    name = simulator.names[0]
    await staged(shell, image, name)
    init = ("update", "init", name, "--confirm", name)
    done = await shell.run(*init, "--no-wait")
    assert done.code == 7
    done = await shell.run(*init)
    assert done.code in (0, 5), "ended meanwhile, or watched to its end"
    await simulator.until_state(name, "INITIALIZED")
    assert simulator.truth(name)["inits"] == 1


async def test_a_refusal_by_the_device_is_a_failure(bench: Bench, image: Path) -> None:
    simulator, shell = await bench()
    name = simulator.names[0]
    await staged(shell, image, name)
    simulator.fault(name, "status", path="/update/init", times=1, status=409)
    done = await shell.run("update", "init", name, "--confirm", name, "--json")
    assert done.code == 1
    assert (done.json["devices"][0]["outcome"], done.json["devices"][0]["verdict"]) == ("refused", "NOT_STARTED")


async def test_a_failed_run_is_a_failure(bench: Bench, image: Path) -> None:
    simulator, shell = await bench()
    name = simulator.names[0]
    await initialized(shell, image, name)
    simulator.fault(name, "run_failure_graceful")
    done = await shell.run(*start(name), "--json")
    assert (done.code, done.json["devices"][0]["verdict"]) == (1, "FAILED_GRACEFUL")
    done = await shell.run("status", name)
    assert done.code == 1
    done = await shell.run("update", "reset", name, "--confirm", name)
    assert done.code == 0, done.err
    assert (await shell.run("status", name)).code == 0


async def test_of_two_valid_images_one_has_to_be_named(bench: Bench, image: Path, tmp_path: Path) -> None:
    simulator, shell = await bench()
    name = simulator.names[0]
    other = tmp_path / "other.iso"
    write_image(other, "11.9.0", 200_000)
    await staged(shell, image, name)
    await staged(shell, other, name)
    init = ("update", "init", name, "--confirm", name)
    done = await shell.run(*init)
    assert done.code == 5
    assert "11.9.0" in done.err
    done = await shell.run(*init, "--expect-target", "11.8.0", "--json")
    assert done.code in (0, 1), done.err
    target = simulator.truth(name)["target_version"]
    verdict = done.json["devices"][0]["verdict"]
    assert verdict == ("INITIALIZED" if target == NEW else "WRONG_TARGET")


async def test_an_interrupted_wait_goes_on_and_is_watched_to_its_verdict_by_the_next_command(
    bench: Bench, image: Path
) -> None:
    simulator, shell = await bench()
    name = simulator.names[0]
    await initialized(shell, image, name)
    simulator.fault(name, "late_start", seconds=1.0)
    process = await shell.start(*start(name))
    await shell.line(process, lambda line: "start accepted" in line, of_stderr=True)
    process.send_signal(signal.SIGINT)
    done = await shell.end(process)
    assert done.code == 130
    assert "start was sent at" in done.err
    assert f"updeck status --watch {name}" in done.err
    watching = await shell.start("status", "--watch", name)
    await shell.line(watching, lambda line: f"proven {NEW}" in line)
    watching.send_signal(signal.SIGINT)
    assert (await shell.end(watching)).code == 130
    assert simulator.truth(name)["starts"] == 1


async def test_a_dead_device_has_failed_and_is_not_blocked(bench: Bench, image: Path) -> None:
    simulator, shell = await bench()
    dead, alive = simulator.names[:2]
    simulator.fault(dead, "refuse", seconds=600.0)
    done = await shell.run("images", "upload", str(image), dead, alive, "--json")
    assert done.code == 1
    rows = {row["name"]: row for row in done.json["devices"]}
    assert rows[alive]["verdict"] == "STAGED"
    assert (rows[dead]["outcome"], rows[dead]["verdict"]) == (None, None)
    assert "refused" in rows[dead]["error"]
    done = await shell.run("update", "init", dead, "--confirm", dead)
    assert done.code == 1


async def test_an_image_that_is_there_is_not_sent_again(bench: Bench, image: Path) -> None:
    simulator, shell = await bench()
    name = simulator.names[0]
    await staged(shell, image, name)
    done = await shell.run("images", "upload", str(image), name)
    assert done.code == 0
    assert "already" in done.out
    assert len(requests_of(simulator, name, "/images/upload")) == 1


def requests_of(simulator: Simulator, name: str, path: str) -> list[dict[str, object]]:
    return [request for request in requests(simulator, name) if str(request["path"]).endswith(path)]


async def test_a_damaged_image_ends_in_a_failure(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench()
    damaged = tmp_path / "damaged.iso"
    write_image(damaged, NEW, 300_000, corrupt=True)
    done = await shell.run("images", "upload", str(damaged), simulator.names[0], "--json")
    assert (done.code, done.json["devices"][0]["verdict"]) == (1, "TRANSFER_FAILED")


async def test_a_checksum_that_the_device_reports_wrongly_is_a_failure(bench: Bench, image: Path) -> None:
    simulator, shell = await bench()
    name = simulator.names[0]
    simulator.fault(name, "wrong_checksum")
    done = await shell.run("images", "upload", str(image), name, "--json")
    assert (done.code, done.json["devices"][0]["verdict"]) == (1, "TRANSFER_FAILED")
