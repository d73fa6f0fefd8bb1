"""A connection that proves nothing is named in every list, and nothing is started over it unless that is allowed."""

from __future__ import annotations

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


def mark_insecure(shell: Shell, simulator: Simulator, name: str) -> None:
    """Drop the pin of one device."""
    inventory = shell.config / "fleet.toml"
    pin = f'{{ pin = "{simulator.fingerprint(name)}" }}'
    text = inventory.read_text()
    assert pin in text
    inventory.write_text(text.replace(pin, '"insecure"'))


def requests(simulator: Simulator, name: str) -> list[dict[str, object]]:
    """Return what the device was asked, logins left out."""
    asked = simulator.truth(name)["requests"]
    assert isinstance(asked, list)
    return [request for request in asked if "system_update" in request["path"]]


async def test_every_list_names_the_devices_that_prove_nothing(bench: Bench) -> None:
    simulator, shell = await bench(devices=2)
    bad, good = simulator.names
    mark_insecure(shell, simulator, bad)
    for words in (("status",), ("devices", "list")):
        done = await shell.run(*words)
        lines = {line.split()[0]: line for line in done.out.splitlines()}
        assert lines[bad].rstrip().endswith("; insecure")
        assert "insecure" not in lines[good]
    assert "1 insecure" in (await shell.run("status")).err
    checked = {row["name"]: row["tls"] for row in (await shell.run("devices", "check", "--json")).json["devices"]}
    assert checked == {bad: "insecure", good: "pinned"}


@pytest.mark.parametrize("http", [False, True])
async def test_a_start_needs_to_be_allowed_for_the_device(bench: Bench, image: Path, http: bool) -> None:
    simulator, shell = await bench(devices=1, http=http)
    name = simulator.names[0]
    if not http:
        mark_insecure(shell, simulator, name)
    for words in (("images", "upload", str(image), name), ("update", "init", name, "--confirm", name)):
        done = await shell.run(*words)
        assert done.code == 0, done.err
    start = ("update", "start", name, "--confirm", name, "--expect-target", "11.8.0")
    done = await shell.run(*start)
    assert (done.code, done.err.count("\n")) == (5, 1)
    assert "insecure" in done.err
    assert simulator.truth(name)["starts"] == 0
    done = await shell.run(*start, "--allow-insecure")
    assert done.code == 0, done.err
    assert simulator.truth(name)["starts"] == 1


async def test_a_rollout_leaves_out_what_proves_nothing_unless_its_plan_allows_it(bench: Bench, image: Path) -> None:
    simulator, shell = await bench(devices=2)
    bad, good = simulator.names
    mark_insecure(shell, simulator, bad)
    terms = ("rollout", "plan", "*", "--image", str(image), "--version", NEW)
    plan = shell.config / "plan.json"
    done = await shell.run(*terms, "-o", str(plan), "--json")
    assert done.code == 0, done.err
    fates = {row["name"]: row["text"] for row in done.json["outlook"]}
    assert fates[bad] == "skipped: trust: the connection is insecure"
    done = await shell.run("rollout", "run", str(plan), "--confirm", done.json["code"], "--foreground")
    assert done.code == 0, done.err
    assert (simulator.truth(bad)["starts"], simulator.truth(good)["starts"]) == (0, 1)
    assert [one["method"] for one in requests(simulator, bad) if one["method"] != "GET"] == []
    allowed = await shell.run(*terms, "--allow-insecure", "-o", str(shell.config / "allowed.json"))
    lines = {line.split()[1]: line for line in allowed.out.splitlines() if len(line.split()) > 1}
    assert lines[bad].rstrip().endswith("start; insecure")
    assert "the connection is insecure, and the plan allows that" in allowed.out + allowed.err
    assert "insecure" not in lines[good]
