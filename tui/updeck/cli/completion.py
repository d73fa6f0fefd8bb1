"""`updeck completion`: the script with which a shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from updeck.cli.command import Invocation, command
from updeck.cli.exits import Exit

__all__ = ["completion"]

VARIABLE = "_UPDECK_COMPLETE"
"""What the script sets when it asks this program; click answers it before anything else."""


@command(reads=False)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, invocation: Invocation, *, shell: str) -> Exit:
    """Print the completion script of a shell.

    Put `eval "$(updeck completion bash)"` into the shell's start file.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    invocation.out.line(kind(context.find_root().command, {}, "updeck", VARIABLE).source().strip())
    return Exit.GOOD
