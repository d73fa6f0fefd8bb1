"""`updeck URL`: the UI for one device."""

from __future__ import annotations

import click

from updeck.cli.command import Command, drawing
from updeck.cli.exits import Exit
from updeck.cli.invocation import Invocation
from updeck.cli.opening import open_screen

__all__ = ["screen"]


@click.command(cls=Command, reads=False, hidden=True)
@click.argument("url")
@drawing
@click.pass_obj
def screen(invocation: Invocation, *, url: str) -> Exit:
    """Open the UI."""
    return open_screen(invocation, url)
