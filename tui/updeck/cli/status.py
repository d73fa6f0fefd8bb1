"""`updeck status`: what every device says now, and what it needs."""

from __future__ import annotations

from collections.abc import Iterable

import click

from updeck.cli.command import Invocation, command
from updeck.cli.completing import selector_words
from updeck.cli.exits import Exit, rolled_up
from updeck.cli.output import Json
from updeck.cli.session import fleet_of, looked_at
from updeck.cli.tables import status_table, summary
from updeck.cli.watch import watch as watch_changes
from updeck.device.models import Reach, UpdateState
from updeck.fleet.documents import status_row
from updeck.fleet.views import DeviceView

__all__ = ["exit_of_view", "status"]

_FAILED = (UpdateState.FAILED_GRACEFUL, UpdateState.FAILED_CRITICAL)


@command()
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...", shell_complete=selector_words)
@click.option("--watch", is_flag=True, help="Go on and tell every change, until interrupted.")
def status(invocation: Invocation, *, selectors: tuple[str, ...], watch: bool) -> Exit:
    """Show what devices say now, and what each needs.

    Exit code 1 where one failed or did not answer, 3 where one waits for a review. With --watch each change is one
    line with its time, fit for a log; with --json too, the first line holds all devices and each later one those
    that changed.
    """
    fleet = fleet_of(invocation)
    if watch:
        return watch_changes(invocation, fleet, selectors)
    views = looked_at(invocation, fleet, selectors)
    if invocation.json:
        invocation.out.document(_document(views))
    else:
        invocation.out.lines(status_table(views) if views else [])
        invocation.out.say(summary(views))
    return rolled_up(exit_of_view(view) for view in views)


def exit_of_view(view: DeviceView) -> Exit:
    """Return the exit that a device as it is now stands for."""
    if view.record.start_unresolved:
        return Exit.REVIEW
    return Exit.FAILED if view.reach is not Reach.OK or view.state in _FAILED else Exit.GOOD


def _document(views: Iterable[DeviceView]) -> dict[str, Json]:
    return {"devices": [status_row(view) for view in views]}
