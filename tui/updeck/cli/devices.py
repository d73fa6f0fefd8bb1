"""`updeck devices`: the inventory, and whether its devices can be reached, trusted and logged in to."""

from __future__ import annotations

from pathlib import Path

import click

from updeck.cli.command import CommandGroup, Invocation, command
from updeck.cli.completing import device_names, selector_words
from updeck.cli.exits import Exit, rolled_up
from updeck.cli.login import log_in
from updeck.cli.session import fleet_of, looked_at, one_device
from updeck.cli.tables import check_table, device_table
from updeck.cli.trust import trust_devices
from updeck.device.models import Reach
from updeck.fleet.addresses import device_url
from updeck.fleet.device_csv import parse_devices
from updeck.fleet.documents import check_row, device_row
from updeck.fleet.inventory import DeviceEntry, check_label, check_name, load_fleet
from updeck.fleet.inventory_edit import add_device, add_devices, remove_device
from updeck.fleet.inventory_file import fleet_exists
from updeck.text import clean, plural
from updeck.toml_table import read_config_text

__all__ = ["devices"]


@click.group(cls=CommandGroup)
def devices() -> None:
    """The inventory, and trust and login of its devices."""


@command(devices, name="list")
def list_(invocation: Invocation) -> Exit:
    """Show the inventory; no device is asked."""
    fleet = fleet_of(invocation)
    if invocation.json:
        invocation.out.document({"devices": [device_row(entry) for entry in fleet.devices]})
    else:
        invocation.out.lines(device_table(fleet.devices))
    return Exit.GOOD


@command(devices, reads=False)
@click.argument("name")
@click.argument("url")
@click.option("--tag", "tags", multiple=True, metavar="T", help="A tag; may be given several times.")
@click.option("--site", metavar="S", help="Where it stands.")
def add(invocation: Invocation, *, name: str, url: str, tags: tuple[str, ...], site: str | None) -> Exit:
    """Add a device to the inventory; makes one where there is none."""
    invocation.forbid_when_read_only("devices add")
    entry = DeviceEntry(
        name=check_name(name),
        url=device_url(url),
        tags=tuple(dict.fromkeys(check_label(tag) for tag in tags)),
        site=None if site is None else check_label(site),
    )
    fleet = add_device(invocation.fleet, entry)
    invocation.out.say(f"{entry.name} is added to {fleet.path}; next: `updeck devices trust {entry.name}`")
    return Exit.GOOD


@command(devices, reads=False)
@click.argument("name", shell_complete=device_names)
def remove(invocation: Invocation, *, name: str) -> Exit:
    """Take a device out of the inventory."""
    invocation.forbid_when_read_only("devices remove")
    fleet = remove_device(invocation.fleet, name)
    invocation.out.say(f"{name} is removed from {fleet.path}")
    return Exit.GOOD


@command(devices, name="import", reads=False)
@click.argument("file", type=click.Path(path_type=Path), metavar="CSV")
def import_(invocation: Invocation, *, file: Path) -> Exit:
    """Add the devices of a table to the inventory, all or none.

    The first line names the columns: name,url,tags,site,pair (the last three may be left out). Several tags stand in
    one cell with spaces between them. The inventory's comments stay.
    """
    invocation.forbid_when_read_only("devices import")
    known = load_fleet(invocation.fleet).devices if fleet_exists(invocation.fleet) else ()
    entries = parse_devices(read_config_text(file), clean(file), known)
    fleet = add_devices(invocation.fleet, entries)
    added = plural(len(entries), "device")
    invocation.out.say(f"{added} added to {fleet.path}; next: `updeck`, where * and c trust and log in to all")
    return Exit.GOOD


@command(devices)
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...", shell_complete=selector_words)
def check(invocation: Invocation, *, selectors: tuple[str, ...]) -> Exit:
    """Try reach, trust, login and service of devices."""
    views = looked_at(invocation, fleet_of(invocation), selectors)
    if invocation.json:
        invocation.out.document({"devices": [check_row(view) for view in views]})
    else:
        invocation.out.lines(check_table(views))
    return rolled_up(Exit.GOOD if view.reach is Reach.OK else Exit.FAILED for view in views)


@command(devices)
@click.argument("selectors", nargs=-1, required=True, metavar="SELECTOR...", shell_complete=selector_words)
@click.option("--accept", metavar="sha256:HEX", help="The fingerprint that is to be trusted.")
@click.option(
    "--fingerprints",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Fingerprints to be trusted: a line NAME sha256:HEX each.",
)
def trust(invocation: Invocation, *, selectors: tuple[str, ...], accept: str | None, file: Path | None) -> Exit:
    """Show certificates, and pin the accepted ones.

    Nothing is accepted by itself: exit code 5 where a certificate is not the trusted one.
    """
    return trust_devices(invocation, selectors, accept=accept, file=file)


@command(devices, reads=False)
@click.argument("name", shell_complete=device_names)
def login(invocation: Invocation, *, name: str) -> Exit:
    """Test the login of a device.

    A keyring that the inventory names keeps the password.
    """
    fleet = fleet_of(invocation)
    return log_in(invocation, fleet, one_device(fleet, name))
