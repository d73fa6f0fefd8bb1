"""`updeck images`: what images devices hold, and bringing them there (`rollout.md` 6)."""

from __future__ import annotations

from pathlib import Path

import click

from updeck.cli.command import CommandGroup, Invocation, command
from updeck.cli.completing import device_names, selector_words
from updeck.cli.drive import Wish, drive
from updeck.cli.exits import Exit, rolled_up
from updeck.cli.session import fleet_of, looked_at, one_device
from updeck.cli.tables import image_table
from updeck.cli.transfer import fetch_to, upload_to
from updeck.device.models import Reach
from updeck.errors import DeviceError, UsageError
from updeck.fleet.documents import image_row, images_row
from updeck.fleet.orders import FetchOrder
from updeck.fleet.views import DeviceView
from updeck.journal.models import Op
from updeck.rollout.terms import parse_sha256

__all__ = ["images"]


@click.group(cls=CommandGroup)
def images() -> None:
    """The update images on devices."""


@command(images, name="list")
@click.argument("selectors", nargs=-1, required=True, metavar="SELECTOR...", shell_complete=selector_words)
def list_(invocation: Invocation, *, selectors: tuple[str, ...]) -> Exit:
    """Show the images on devices."""
    views = looked_at(invocation, fleet_of(invocation), selectors)
    for view in views:
        if view.reach is not Reach.OK:
            invocation.out.complain(_silence(view))
    if invocation.json:
        invocation.out.document({"devices": [images_row(view) for view in views]})
    else:
        readings = [(view.name, view.reading) for view in views if view.reading is not None]
        invocation.out.lines(image_table((name, one) for name, reading in readings for one in reading.images))
    return rolled_up(Exit.GOOD if view.reach is Reach.OK else Exit.FAILED for view in views)


@command(images)
@click.argument("device", shell_complete=device_names)
@click.argument("id", type=int)
def show(invocation: Invocation, *, device: str, id: int) -> Exit:  # noqa: A002
    """Show one image on a device."""
    fleet = fleet_of(invocation)
    (view,) = looked_at(invocation, fleet, [one_device(fleet, device)])
    if view.reading is None:
        raise _silence(view)
    found = next((image for image in view.reading.images if image.id == id), None)
    if found is None:
        held = ", ".join(str(image.id) for image in view.reading.images) or "none"
        raise UsageError(f"there is no image {id}", device=view.name, advice=f"there are: {held}")
    row = {"device": view.name, **image_row(found)}
    if invocation.json:
        invocation.out.document(row)
    else:
        invocation.out.lines([f"{key:17}  {'-' if value in (None, '') else value}" for key, value in row.items()])
    return Exit.GOOD


@command(images)
@click.argument("device", shell_complete=device_names)
@click.argument("id", type=int)
@click.option(
    "--confirm",
    required=True,
    metavar="DEVICE",
    help="The device's name once more.",
    shell_complete=device_names,
)
@click.option("--no-wait", is_flag=True, help="Return once it is accepted, with exit code 7.")
def delete(invocation: Invocation, *, device: str, id: int, confirm: str, no_wait: bool) -> Exit:  # noqa: A002
    """Delete an image from a device."""
    return drive(invocation, Wish(op=Op.DELETE, device=device, confirm=confirm, image_id=id, no_wait=no_wait))


@command(images)
@click.argument("url")
@click.argument("selectors", nargs=-1, required=True, metavar="SELECTOR...", shell_complete=selector_words)
@click.option("--sha256", metavar="HEX", help="What its publisher says of it.")
@click.option("--allow-local", is_flag=True, help="The URL may point to loopback or link-local addresses.")
@click.option("--no-wait", is_flag=True, help="Return once it is accepted, with exit code 7.")
def fetch(
    invocation: Invocation,
    *,
    url: str,
    selectors: tuple[str, ...],
    sha256: str | None,
    allow_local: bool,
    no_wait: bool,
) -> Exit:
    """Have devices fetch an image from a URL.

    Waits until it is VALID and, where --sha256 is given, proven.
    """
    order = FetchOrder(url, sha256=parse_sha256(sha256), allow_local=allow_local)
    return fetch_to(invocation, selectors, order, no_wait=no_wait)


@command(images)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("selectors", nargs=-1, required=True, metavar="SELECTOR...", shell_complete=selector_words)
@click.option("--sha256", metavar="HEX", help="What its publisher says of it; FILE.sha256 is read by itself.")
@click.option("--no-wait", is_flag=True, help="Return once it is sent, with exit code 7.")
def upload(
    invocation: Invocation, *, file: Path, selectors: tuple[str, ...], sha256: str | None, no_wait: bool
) -> Exit:
    """Upload an image to devices.

    Waits until it is VALID and its checksum is proven.
    """
    return upload_to(invocation, selectors, file, sha256=parse_sha256(sha256), no_wait=no_wait)


def _silence(view: DeviceView) -> DeviceError:
    return DeviceError(view.error or "no good answer", device=view.name)
