"""`updeck status`: what every device says now, and what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from updeck.cli.command import Invocation, command
from updeck.cli.documents import status_row
from updeck.cli.exits import Exit, rolled_up
from updeck.cli.output import Json
from updeck.cli.session import EVERYTHING, fleet_of, looked_at, opened
from updeck.cli.tables import change_line, status_table, summary
from updeck.device.models import Reach, UpdateState
from updeck.fleet.inventory import Fleet
from updeck.fleet.selectors import Selector, resolve
from updeck.fleet.views import DeviceView

__all__ = ["exit_of_view", "status"]

WATCH_EVERY_S = 0.5

_FAILED = (UpdateState.FAILED_GRACEFUL, UpdateState.FAILED_CRITICAL)


@command()
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...")
@click.option("--watch", is_flag=True, help="Go on and tell every change, until interrupted.")
def status(invocation: Invocation, *, selectors: tuple[str, ...], watch: bool) -> Exit:
    """Show what devices say now, and what each needs.

    Exit code 1 where one failed or did not answer, 3 where one waits for a review.
    """
    fleet = fleet_of(invocation)
    if watch:
        return _watch(invocation, fleet, selectors)
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


def _watch(invocation: Invocation, fleet: Fleet, selectors: Sequence[str]) -> Exit:
    selector = Selector.parse(selectors or EVERYTHING)
    names = resolve(fleet, selector)
    with opened(invocation, fleet, names) as session:
        state = session.service.state
        told: dict[str, dict[str, Json]] = {}
        sequence = 0
        while not invocation.out.reader_gone:
            sequence, changed = state.changes_since(sequence)
            views = [view for view in state.views() if not selector.live or selector.matches(view)]
            if changed and not (invocation.json and any(view.reach is None for view in views)):
                _tell_changes(invocation, views, told)
            session.follower.pause(WATCH_EVERY_S)
    return Exit.INTERRUPTED


def _tell_changes(invocation: Invocation, views: Sequence[DeviceView], told: dict[str, dict[str, Json]]) -> None:
    rows = {view.name: {**status_row(view), "observed_at": None} for view in views if view.reach is not None}
    news = [view for view in views if view.name in rows and told.get(view.name) != rows[view.name]]
    gone = told.keys() - rows.keys()
    told.clear()
    told.update(rows)
    if invocation.json and (news or gone):
        invocation.out.document(_document(views), one_line=True)
    elif not invocation.json:
        invocation.out.lines([change_line(view) for view in news])
