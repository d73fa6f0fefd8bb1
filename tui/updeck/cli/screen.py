"""`updeck URL`: the UI for one device."""

from __future__ import annotations

import click

from updeck.cli.command import SLOW_LINE_HELP, Command
from updeck.cli.exits import Exit
from updeck.cli.invocation import Invocation
from updeck.cli.opening import open_screen

__all__ = ["screen"]


@click.command(cls=Command, reads=False, hidden=True)
@click.argument("url")
@click.option("--mouse", is_flag=True, help="Let the UI take the mouse.")
@click.option("--slow-line/--fast-line", default=None, help=SLOW_LINE_HELP)
@click.pass_obj
def screen(invocation: Invocation, *, url: str, mouse: bool = False, slow_line: bool | None = None) -> Exit:
    """Open the UI."""
    invocation.mouse = invocation.mouse or mouse
    invocation.slow_line = invocation.slow_line if slow_line is None else slow_line
    return open_screen(invocation, url)
