"""`updeck config`: where the configuration is, what it amounts to, and whether it is right."""

from __future__ import annotations

import click

from updeck.cli.command import CommandGroup, Invocation, command
from updeck.cli.exits import Exit
from updeck.cli.output import aligned
from updeck.cli.session import fleet_of
from updeck.fleet.describe import describe_settings
from updeck.fleet.inventory_file import fleet_exists, fleet_path
from updeck.paths import state_dir
from updeck.text import clean, plural

__all__ = ["config"]


@click.group(cls=CommandGroup)
def config() -> None:
    """The configuration."""


@command(config)
def path(invocation: Invocation) -> Exit:
    """Tell where the inventory and the journal are."""
    inventory, state = fleet_path(invocation.fleet).absolute(), state_dir()
    if invocation.json:
        invocation.out.document({"fleet": clean(inventory), "state": clean(state)})
        return Exit.GOOD
    note = "" if fleet_exists(inventory) else "  (not there yet)"
    invocation.out.lines([f"fleet  {clean(inventory)}{note}", f"state  {clean(state)}"])
    return Exit.GOOD


@command(config)
def show(invocation: Invocation) -> Exit:
    """Show every setting and where it came from. Of a secret its source is shown, and no more."""
    settings = describe_settings(fleet_of(invocation))
    if invocation.json:
        invocation.out.document({"settings": [setting._asdict() for setting in settings]})
    else:
        invocation.out.lines(aligned(("key", "value", "from"), settings, widest=120))
    return Exit.GOOD


@command(config)
def validate(invocation: Invocation) -> Exit:
    """Check the inventory. An error names file, line and the nearest key."""
    from updeck.ui.keymap import check_keys

    fleet = fleet_of(invocation)
    check_keys(fleet)
    where = clean(fleet.path)
    if invocation.json:
        invocation.out.document({"fleet": where, "valid": True, "devices": len(fleet.devices)})
    else:
        invocation.out.line(f"{where} is valid: {plural(len(fleet.devices), 'device')}")
    return Exit.GOOD
