"""The manual page: the committed file is what the program says of itself, whole, and clean for its formatters."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

from command_tree import COMMANDS
from updeck.cli.exits import MEANINGS, Exit
from updeck.cli.main import main, root
from updeck.cli.manual import manual_page
from updeck.cli.roff import sentences
from updeck.ui.actions import ACTIONS
from updeck.ui.keymap import shown_key

TOP = Path(__file__).parents[2]
PAGE = TOP / "tui/share/man/man1/updeck.1"
SOURCE = manual_page(root)
ESCAPES = ((r"\-", "-"), (r"\(aq", "'"), (r"\(dq", '"'), (r"\(ga", "`"), (r"\(ti", "~"), (r"\(ha", "^"), (r"\e", "\\"))


def plain(source: str) -> str:
    """Return a page's words as a reader sees them, all in one line."""
    without = re.sub(r"\\f[BIR]|\\&", "", source)
    for escape, sign in ESCAPES:
        without = without.replace(escape, sign)
    return " ".join(without.split())


TEXT = plain(SOURCE)


def test_the_committed_page_is_the_one_that_the_program_makes() -> None:
    assert PAGE.read_text(encoding="ascii") == SOURCE, "updeck --man >tui/share/man/man1/updeck.1 makes it anew"


def test_the_wheel_brings_it_where_man_looks() -> None:
    wheel = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["shared-data"] == {str(PAGE.relative_to(TOP)): "share/man/man1/updeck.1"}


def test_the_program_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--man"]) == 0
    assert capsys.readouterr().out == SOURCE


@pytest.mark.parametrize("path", [path for path, command in COMMANDS.items() if not command.hidden])
def test_every_command_stands_in_it_with_its_options(path: str) -> None:
    command = COMMANDS[path]
    assert path in TEXT
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.opts[0] in TEXT
            assert " ".join((option.help or "").replace("`", "").split()).removesuffix(".") in TEXT
    for block in (command.help or "").split("\n\n"):
        if "\b" not in block and path != "updeck":  # what it is for stands in the description
            assert " ".join(block.replace("`", "").split()) in TEXT


def test_no_hidden_command_stands_in_it() -> None:
    hidden = [path for path, command in COMMANDS.items() if command.hidden]
    assert hidden == ["updeck rollout engine"]
    assert not any(path in TEXT for path in hidden)


def test_every_key_and_every_exit_code_stand_in_it() -> None:
    for action in ACTIONS:
        about = f"{action.label}: {action.help}" if action.help else action.label
        keys = ", ".join(map(shown_key, (action.key, *action.also)))
        assert f".TP {keys} ({action.id}) {about[0].upper()}{about[1:]}." in TEXT
    assert set(MEANINGS) == set(Exit)
    for code, meaning in MEANINGS.items():
        assert f".TP {code.value} {meaning[0].upper()}{meaning[1:]}.".replace("`", "") in TEXT


def test_the_readme_tells_the_same_exit_codes() -> None:
    table = [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    assert "\n".join(table) in (TOP / "README.md").read_text(encoding="utf-8")


def test_no_line_is_taken_for_a_request_that_is_none() -> None:
    requests = {row.split(" ")[0] for row in SOURCE.splitlines() if row.startswith((".", "'"))}
    assert requests == {".TH", ".SH", ".SS", ".PP", ".TP", ".RS", ".RE", ".EX", ".EE", ".br", ".nr", ".nh", ".ad"}
    assert SOURCE.count(".RS") == SOURCE.count(".RE")


@pytest.mark.parametrize(
    "words", [("mandoc", "-Tlint", "-W", "style"), ("groff", "-man", "-ww", "-Tutf8", "-rCHECKSTYLE=3", "-z")]
)
def test_formatters_find_nothing_to_say(words: tuple[str, ...]) -> None:
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    done = subprocess.run([*words, str(PAGE)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_text_that_begins_like_a_request_stays_text() -> None:
    assert sentences(".so /etc/passwd") == [r"\&.so /etc/passwd"]
    assert sentences(r"a\*b é") == [r"a\e*b \[u00E9]"]
