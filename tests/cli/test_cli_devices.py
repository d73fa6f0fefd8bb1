"""Trust and login from the command line: nothing is accepted by itself, a rejected password is tried once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from shell import Shell
from updeck.simulator.options import Scenario
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]


def inventory(shell: Shell) -> Path:
    return shell.config / "fleet.toml"


async def test_a_changed_certificate_is_shown_and_not_accepted(bench: Bench) -> None:
    simulator, shell = await bench(devices=12, scenario=Scenario.MIXED)
    name = simulator.with_trait("certificate_changed")
    before = inventory(shell).read_text()
    done = await shell.run("devices", "trust", name, "--json")
    assert done.code == 5
    (row,) = done.json["devices"]
    assert row["presented"]["fingerprint"] == simulator.fingerprint(name)
    assert row["presented"]["subject"] == f"CN={name}"
    assert row["trusted"] != simulator.fingerprint(name)
    assert inventory(shell).read_text() == before
    assert simulator.truth(name)["logins"] == 0, "no credential left"


async def test_a_fingerprint_that_was_given_is_pinned(bench: Bench) -> None:
    simulator, shell = await bench(devices=12, scenario=Scenario.MIXED)
    name = simulator.with_trait("certificate_changed")
    before = inventory(shell).read_text()
    done = await shell.run("devices", "trust", name, "--accept", f"sha256:{'0' * 64}")
    assert (done.code, inventory(shell).read_text()) == (5, before)
    done = await shell.run("devices", "trust", name, "--accept", str(simulator.fingerprint(name)))
    assert done.code == 0, done.out
    assert f'pin = "{simulator.fingerprint(name)}"' in inventory(shell).read_text()
    assert (await shell.run("status", name)).code == 0
    assert (await shell.run("devices", "trust", name)).code == 0


async def test_a_file_of_fingerprints_trusts_what_it_names(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=3)
    first, second, third = simulator.names
    wrong = f"sha256:{'0' * 64}"
    text = inventory(shell).read_text()
    for name in simulator.names:
        text = text.replace(str(simulator.fingerprint(name)), wrong)
    inventory(shell).write_text(text)
    file = tmp_path / "fingerprints"
    file.write_text(f"# console, today\n{first} {simulator.fingerprint(first)}  # rack 4\n\n{second} {wrong}\n")
    done = await shell.run("devices", "trust", "*", "--fingerprints", str(file), "--json")
    assert done.code == 5
    assert [row["trust"] for row in done.json["devices"]] == [True, False, False], third
    assert [row["reach"] for row in (await shell.run("status", "--json")).json["devices"]] == ["OK", "TRUST", "TRUST"]


async def test_a_wrong_password_is_tried_once_for_the_whole_fleet(bench: Bench) -> None:
    simulator, shell = await bench(devices=4)
    password = shell.config / "fleet.password"
    password.write_text("wrong\n")
    done = await shell.run("status", "--json")
    assert done.code == 1
    assert {row["reach"] for row in done.json["devices"]} == {"AUTH"}
    tried = [simulator.truth(name)["rejected_logins"] for name in simulator.names]
    assert sorted(map(str, tried)) == ["0", "0", "0", "1"]


async def test_a_login_is_tested_with_what_is_typed(bench: Bench) -> None:
    simulator, shell = await bench(devices=2)
    name, other = simulator.names
    text = inventory(shell).read_text().replace('{ file = "fleet.password" }', "{ prompt = true }")
    inventory(shell).write_text(text)
    done = await shell.run("devices", "login", name, stdin=f"{simulator.password}\n")
    assert (done.code, done.err) == (0, f"{name}: logged in as admin\n")
    done = await shell.run("devices", "login", other, stdin="wrong\n")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert simulator.truth(other)["rejected_logins"] == 1


async def test_the_login_of_the_inventory_is_tested(bench: Bench) -> None:
    simulator, shell = await bench(devices=12, scenario=Scenario.MIXED)
    done = await shell.run("devices", "login", simulator.with_trait("failed_critical"))
    assert (done.code, "logged in as admin" in done.err) == (0, True)
    done = await shell.run("devices", "login", simulator.with_trait("password_expired"))
    assert (done.code, done.err.count("\n")) == (1, 1)


async def test_check_names_what_is_wrong_with_each_device(bench: Bench) -> None:
    simulator, shell = await bench(devices=12, scenario=Scenario.MIXED)
    done = await shell.run("devices", "check", "--json")
    assert done.code == 1
    rows = {row["name"]: row for row in done.json["devices"]}
    assert rows[simulator.with_trait("unreachable")]["reach"] == "UNREACHABLE"
    good = rows[simulator.with_trait("failed_critical")]
    assert (good["reach"], good["tls"], good["error"]) == ("OK", "pinned", None)
    changed = simulator.with_trait("certificate_changed")
    assert rows[changed]["presented"] == simulator.fingerprint(changed)
