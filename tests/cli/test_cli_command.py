"""Options that stand before or after the command, and words that are no command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from updeck.cli.main import main

INVENTORY = """\
label = "LAB"

[devices.ar11-nyc-1]
url = "https://10.1.2.3"
tags = ["nyc", "prod"]
site = "nyc"
pair = "nyc-a"

[devices.ar11-nyc-2]
url = "https://10.1.2.4:8443"
"""


@pytest.fixture(autouse=True)
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UPDECK_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("UPDECK_STATE", str(tmp_path / "state"))
    path = tmp_path / "other.toml"
    path.write_text(INVENTORY)
    return path


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> object:
    assert main(arguments) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("place", range(3))
def test_common_options_stand_before_or_after_the_command(
    inventory: Path, capsys: pytest.CaptureFixture[str], place: int
) -> None:
    words = ["devices", "list"]
    for option in (["--json"], ["--fleet", str(inventory)]):
        words[place:place] = option
    assert answer(capsys, *words) == {
        "devices": [
            {
                "name": "ar11-nyc-1",
                "url": "https://10.1.2.3",
                "site": "nyc",
                "tags": ["nyc", "prod"],
                "pair": "nyc-a",
            },
            {"name": "ar11-nyc-2", "url": "https://10.1.2.4:8443", "site": None, "tags": [], "pair": None},
        ]
    }


def test_options_on_both_sides_of_the_command_add_up(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--fleet", str(inventory), "devices", "--read-only", "list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["devices"]) == 2


def test_read_only_leaves_the_inventory_as_it_is(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["devices", "add", "x", "https://10.9.9.9"], ["devices", "remove", "ar11-nyc-1"]):
        assert main(["--read-only", "--fleet", str(inventory), *words]) == 5
        assert "--read-only" in capsys.readouterr().err
    assert inventory.read_text() == INVENTORY


def test_a_device_is_added_and_removed_with_the_comments_kept(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory.write_text("# ours\n" + INVENTORY)
    fleet = ["--fleet", str(inventory)]
    assert main([*fleet, "devices", "add", "x", "https://10.9.9.9", "--tag", "a", "--tag", "b", "--site", "s"]) == 0
    capsys.readouterr()
    rows = answer(capsys, *fleet, "--json", "devices", "list")
    assert isinstance(rows, dict)
    assert rows["devices"][-1] == {
        "name": "x",
        "url": "https://10.9.9.9",
        "site": "s",
        "tags": ["a", "b"],
        "pair": None,
    }
    assert main([*fleet, "devices", "remove", "x"]) == 0
    assert inventory.read_text().rstrip() == "# ours\n" + INVENTORY.rstrip()


def test_the_first_device_makes_the_inventory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "add", "first", "https://10.1.1.1"]) == 0
    capsys.readouterr()
    rows = answer(capsys, "devices", "list", "--json")
    assert isinstance(rows, dict)
    assert [row["name"] for row in rows["devices"]] == ["first"]
    assert (tmp_path / "config" / "fleet.toml").stat().st_mode & 0o777 == 0o600


def test_config_path_tells_where_things_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "config", "path", "--json") == {
        "fleet": str(tmp_path / "config" / "fleet.toml"),
        "state": str(tmp_path / "state"),
    }


def test_config_show_tells_where_each_value_came_from(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--fleet", str(inventory)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["label"].split() == ["label", "LAB", f"{inventory},", "line", "1"]
    assert lines["poll.rest"].split() == ["poll.rest", "10", "built", "in"]
    assert lines["devices.ar11-nyc-1.site"].endswith("line 6")


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in ("demo", "status", "devices", "images", "update", "journal", "config", "completion", "simulator"):
        assert f"\n  {name} " in text


def test_a_fault_of_our_own_is_one_sentence_without_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> Path:
        raise TypeError("hunter2")

    monkeypatch.setattr("updeck.cli.config.state_dir", broken)
    assert main(["config", "path"]) == 1
    said = capsys.readouterr().err
    assert "TypeError" in said
    assert "hunter2" not in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_a_script_that_asks_this_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"_UPDECK_COMPLETE={shell}_complete" in capsys.readouterr().out
