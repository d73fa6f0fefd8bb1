"""`updeck completion`: the script with which a shell completes commands, options, devices and rollouts."""

from __future__ import annotations

import click

from updeck.cli import COMPLETION_VARIABLE
from updeck.cli.command import Invocation, command
from updeck.cli.exits import Exit
from updeck.cli.shells import SHELLS

__all__ = ["completion"]


@command(reads=False)
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(context: click.Context, invocation: Invocation, *, shell: str) -> Exit:
    """Print the completion script of a shell.

    It completes devices and selectors from the inventory and rollouts from the journal, without asking a device.

    \b
      eval "$(updeck completion bash)"       in ~/.bashrc
      eval "$(updeck completion zsh)"        in ~/.zshrc, after compinit
      updeck completion fish | source        in ~/.config/fish/config.fish
    """
    invocation.out.line(SHELLS[shell](context.find_root().command, {}, "updeck", COMPLETION_VARIABLE).source().strip())
    return Exit.GOOD
