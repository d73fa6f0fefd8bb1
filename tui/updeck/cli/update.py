"""`updeck update`: init, start and reset of one device, watched to the end (`rollout.md` 2, 4)."""

from __future__ import annotations

from collections.abc import Callable

import click

from updeck.cli.command import CommandGroup, Invocation, command
from updeck.cli.completing import device_names
from updeck.cli.drive import Wish, drive
from updeck.cli.exits import Exit
from updeck.journal.models import Op

__all__ = ["update"]


def _options(function: Callable[..., Exit]) -> Callable[..., Exit]:
    for option in (
        click.option("--allow-insecure", is_flag=True, help="Send it although nothing proves who answers."),
        click.option("--no-wait", is_flag=True, help="Return once it is accepted, with exit code 7."),
        click.option(
            "--confirm",
            required=True,
            metavar="DEVICE",
            help="The device's name once more.",
            shell_complete=device_names,
        ),
        click.argument("device", shell_complete=device_names),
    ):
        function = option(function)
    return function


@click.group(cls=CommandGroup)
def update() -> None:
    """Init, start or un-init (reset) one device."""


@command(update)
@click.option("--expect-target", metavar="VERSION", help="The version that is meant, where several are there.")
@_options
def init(
    invocation: Invocation,
    *,
    device: str,
    confirm: str,
    expect_target: str | None,
    no_wait: bool,
    allow_insecure: bool,
) -> Exit:
    """Prepare the update and wait for INITIALIZED.

    The box may not be reachable for a while.
    """
    wish = Wish(
        op=Op.INIT,
        device=device,
        confirm=confirm,
        expect=expect_target,
        no_wait=no_wait,
        allow_insecure=allow_insecure,
    )
    return drive(invocation, wish)


@command(update)
@click.option("--expect-target", required=True, metavar="VERSION", help="The version that start is to install.")
@_options
def start(
    invocation: Invocation,
    *,
    device: str,
    confirm: str,
    expect_target: str,
    no_wait: bool,
    allow_insecure: bool,
) -> Exit:
    """Start the update and wait for the verdict: the box goes down.

    It is not reachable for a while.
    """
    wish = Wish(
        op=Op.START,
        device=device,
        confirm=confirm,
        expect=expect_target,
        no_wait=no_wait,
        allow_insecure=allow_insecure,
    )
    return drive(invocation, wish)


@command(update)
@click.option("--expect-target", metavar="VERSION", help="The target version that is to be given up.")
@_options
def reset(
    invocation: Invocation,
    *,
    device: str,
    confirm: str,
    expect_target: str | None,
    no_wait: bool,
    allow_insecure: bool,
) -> Exit:
    """Un-init (reset): back to IDLE, no reboot."""
    wish = Wish(
        op=Op.RESET,
        device=device,
        confirm=confirm,
        expect=expect_target,
        no_wait=no_wait,
        allow_insecure=allow_insecure,
    )
    return drive(invocation, wish)
