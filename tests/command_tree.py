"""The command tree of the program, every command by the words that name it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from updeck.cli.main import root


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Return every command and group with the words that name it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, f"{path} {name}")


COMMANDS = dict(commands(root, "updeck"))
