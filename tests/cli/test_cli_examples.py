"""Every command's help has examples, and they are command lines that the program takes."""

from __future__ import annotations

import io
import re
import shlex

import click
import pytest

from command_tree import COMMANDS
from updeck.cli.command import Invocation
from updeck.cli.examples import EXAMPLES
from updeck.cli.main import main, root
from updeck.cli.output import Output

TYPED = [(path, words) for path, examples in EXAMPLES.items() for words, _ in examples]


def parsed(words: list[str]) -> click.Context:
    """Parse a command line to its end, run nothing, and return the context of the command that it means."""
    out = Output(io.StringIO(), io.StringIO(), environ={})
    context = root.make_context("updeck", words, obj=Invocation(out))
    command: click.Command = root
    while isinstance(command, click.Group) and (rest := [*context._protected_args, *context.args]):
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        context = found.make_context(name, list(rest), parent=context)
        command = found
    return context


def test_every_command_has_an_example_and_no_example_is_of_another() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    assert all(EXAMPLES.values())


@pytest.mark.parametrize(("path", "words"), TYPED)
def test_an_example_is_a_command_line_that_parses(path: str, words: str) -> None:
    typed = shlex.split(re.split(r">>|\|", words)[0].removeprefix('eval "$(').removesuffix(')"'))
    assert typed[0] == "updeck"
    meant = parsed(typed[1:]).command_path
    assert meant.startswith(path) or path == "updeck"
    assert not isinstance(COMMANDS[path], click.Group) or path == "updeck" or meant != path


@pytest.mark.parametrize("width", [58, 78])
def test_no_list_of_commands_cuts_what_a_command_does(width: int) -> None:
    for path, group in COMMANDS.items():
        if isinstance(group, click.Group):
            shown = group.get_help(click.Context(group, info_name=path, terminal_width=width))
            assert "..." not in shown.partition("Commands:")[2].partition("Examples:")[0], path


@pytest.mark.parametrize("path", sorted(COMMANDS))
def test_the_help_shows_the_examples_whole(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*path.split()[1:], "--help"]) == 0
    shown = capsys.readouterr().out
    for words, about in EXAMPLES[path]:
        assert f"  # {about}\n  {words}\n" in shown


@pytest.mark.parametrize(
    ("words", "slow_line", "mouse"),
    [
        ("", None, False),
        ("demo", None, False),
        ("demo --fast-line", False, False),
        ("demo --mouse --slow-line", True, True),
        ("--slow-line --mouse demo", True, True),
        ("--slow-line demo --fast-line", False, False),
        ("https://10.1.2.3 --fast-line", False, False),
        ("--mouse https://10.1.2.3", None, True),
    ],
)
def test_how_the_ui_draws_can_be_told_before_and_after_what_opens_it(
    words: str, slow_line: bool | None, mouse: bool
) -> None:
    invocation = parsed(words.split()).find_object(Invocation)
    assert invocation is not None
    assert (invocation.slow_line, invocation.mouse) == (slow_line, mouse)
