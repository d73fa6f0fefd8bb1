"""Completion in real shells: a person presses tab, and what the inventory and the journal know is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from rollout_desk import RolloutDesk
from shell import Shell
from terminal_fixture import SOURCE, Terminal, on_terminal
from updeck.simulator.serving import Simulator

Bench = Callable[..., Awaitable[tuple[Simulator, Shell]]]

INVENTORY = """
[devices.ar11-fra-dc1]
url = "https://127.0.0.1:1"
tags = ["prod", "night"]
[devices.ar11-fra-dc2]
url = "https://127.0.0.1:2"
site = "fra"
[devices.br7-osl]
url = "https://127.0.0.1:3"
"""
START = {
    "bash": ("bash", "--norc", "-i"),
    "zsh": ("zsh", "-f", "-i"),
}
TEACH = {
    "bash": 'PS1="$ "; bind "set bell-style none"; eval "$(updeck completion bash)"; echo learn""ed\n',
    "zsh": 'PS1="$ "; autoload -U compinit && compinit -u; eval "$(updeck completion zsh)"; echo learn""ed\n',
}

_PRINTED = re.compile(r"[\r\n]@([^\r\n]*)[\r\n]")


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """Put `updeck` on the path and an inventory in its place; the devices of it would refuse any connection."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("updeck", "updeck.pyz"):
        (programs / name).write_text(f'#!/bin/sh\nPYTHONPATH={SOURCE} exec {sys.executable} -m updeck "$@"\n')
        (programs / name).chmod(0o755)
    (tmp_path / "fleet.toml").write_text(INVENTORY)
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "UPDECK_CONFIG": str(tmp_path),
        "UPDECK_STATE": str(tmp_path / "state"),
    }


def installed(shell: str) -> str:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed here")
    return path


@pytest.fixture(params=["bash", "zsh"])
def terminal(request: pytest.FixtureRequest, environment: Mapping[str, str]) -> Iterator[Terminal]:
    shell: str = request.param
    installed(shell)
    program = f"import os; os.execvp({START[shell][0]!r}, {START[shell]!r})"
    with on_terminal("-c", program, environment=environment) as terminal:
        terminal.send(TEACH[shell])
        terminal.until(lambda seen: "learned" in seen.text)
        terminal.until_quiet()
        yield terminal


def completed(terminal: Terminal, line: str) -> str:
    """Type a line and a tab, and return the line that the shell made of it: it is made to print it."""
    before = len(terminal.text)
    terminal.send(f"{line}\t\x01echo @\n")
    terminal.until(lambda seen: _PRINTED.search(seen.text, before) is not None)
    found = _PRINTED.search(terminal.text, before)
    assert found is not None
    return found.group(1).rstrip()


def test_tab_completes_commands_devices_and_the_words_of_a_selector(terminal: Terminal) -> None:
    assert completed(terminal, "updeck upd") == "updeck update"
    assert completed(terminal, "updeck update sta") == "updeck update start"
    assert completed(terminal, "updeck update start br") == "updeck update start br7-osl"
    assert completed(terminal, "updeck update start x --confirm br") == "updeck update start x --confirm br7-osl"
    assert completed(terminal, "updeck status tag:ni") == "updeck status tag:night"
    assert completed(terminal, "updeck status br7-osl,site:f") == "updeck status br7-osl,site:fra"
    assert completed(terminal, "~/bin/updeck.pyz journal br").endswith("bin/updeck.pyz journal br7-osl")
    terminal.send("updeck images list ar11-fra-\t\t\t")
    terminal.until(lambda seen: "ar11-fra-dc1" in seen.text and "ar11-fra-dc2" in seen.text)


def test_tab_completes_files_where_a_file_is_meant(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "new-image.iso").touch()
    assert completed(terminal, "updeck images upload ~/new").endswith("/new-image.iso")


def test_a_broken_inventory_completes_nothing_and_complains_of_nothing(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text("[devices\n")
    assert completed(terminal, "updeck update start br") == "updeck update start br"
    assert "fleet.toml" not in terminal.text


def asked(environment: Mapping[str, str], line: str) -> list[str]:
    """Return what the bash script gets to choose from."""
    done = subprocess.run(
        [sys.executable, "-m", "updeck"],
        env={**environment, "PYTHONPATH": str(SOURCE), "_UPDECK_COMPLETE": "bash_complete", "COMP_LINE": line},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return [row.partition(",")[2] for row in done.stdout.splitlines() if row]


def test_another_inventory_on_the_line_is_the_one_that_counts(environment: Mapping[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[devices.elsewhere]\nurl = "https://127.0.0.1:1"\n')
    assert asked(environment, f"updeck --fleet {other} status el") == ["elsewhere"]
    assert asked(environment, f"updeck status --fleet {other} el") == ["elsewhere"]


def test_what_stands_before_the_last_word_is_kept(environment: Mapping[str, str]) -> None:
    assert asked(environment, "updeck status 'tag:prod !site:f") == ["tag:prod !site:fra"]


def test_without_a_journal_none_is_made(environment: Mapping[str, str], tmp_path: Path) -> None:
    assert asked(environment, "updeck rollout show ") == []
    assert not (tmp_path / "state").exists()


async def test_the_ids_of_rollouts_come_from_the_journal(
    bench: Bench, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    simulator, shell = await bench(devices=1)
    desk = RolloutDesk(simulator, shell, tmp_path)
    try:
        rollout = await desk.detached(await desk.plan("--until", "staged"))
        assert asked({**environment, "UPDECK_STATE": str(shell.state)}, "updeck rollout pause 0") == [rollout]
    finally:
        desk.end_engines()


def test_fish_completes_with_what_each_word_is(environment: Mapping[str, str]) -> None:
    fish = installed("fish")
    script = 'updeck completion fish | source; complete -C "updeck update start ar"'
    done = subprocess.run(
        [fish, "--no-config", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["ar11-fra-dc1\thttps://127.0.0.1:1", "ar11-fra-dc2\thttps://127.0.0.1:2"]
    assert done.stderr == ""
