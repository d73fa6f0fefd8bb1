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
    file.write_text(f"{second} {simulator.fingerprint(second)}\n")
    file.chmod(0o666)
    done = await shell.run("devices", "trust", "*", "--fingerprints", str(file))
    assert (done.code, "can be changed by others" in done.err) == (2, True)
    assert str(simulator.fingerprint(second)) not in inventory(shell).read_text()


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


async def test_a_table_is_imported_whole_or_not_at_all(bench: Bench, tmp_path: Path) -> None:
    simulator, shell = await bench(devices=1)
    inventory(shell).write_text(f"# mind the step\n{inventory(shell).read_text()}")
    before = inventory(shell).read_text()
    table = tmp_path / "new.csv"
    table.write_text("name,url,tags\nnew-1,10.9.9.1,x y\nnew-2,https://,\n")
    done = await shell.run("devices", "import", str(table))
    assert (done.code, inventory(shell).read_text()) == (2, before)
    assert "new.csv, line 3, column url" in done.err
    table.write_text("name,url,tags\nnew-1,10.9.9.1,x y\nnew-2,10.9.9.2,\n")
    assert (await shell.run("--read-only", "devices", "import", str(table))).code == 5
    assert inventory(shell).read_text() == before
    done = await shell.run("devices", "import", str(table))
    assert (done.code, done.err.split(" added")[0]) == (0, "2 devices")
    assert inventory(shell).read_text().startswith(before), "what stood there stays, comments too"
    listed = (await shell.run("devices", "list", "--json")).json["devices"]
    assert [(row["name"], row["tags"]) for row in listed[1:]] == [("new-1", ["x", "y"]), ("new-2", [])]
    assert (await shell.run("devices", "import", str(table))).code == 2, "they are there already"
    assert simulator.names[0] == listed[0]["name"]


async def test_a_table_can_begin_an_inventory(bench: Bench, tmp_path: Path) -> None:
    _, shell = await bench(devices=1)
    table = tmp_path / "new.csv"
    table.write_text("name,url\nnew-1,10.9.9.1\n")
    done = await shell.run("devices", "import", str(table), "--fleet", str(tmp_path / "made.toml"))
    assert done.code == 0, done.err
    assert '[devices.new-1]\nurl = "https://10.9.9.1"' in (tmp_path / "made.toml").read_text()
