"""`updeck journal`: what was done, by whom, and what changed (`rollout.md` 8)."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime

import click

from updeck.cli.command import Invocation, command
from updeck.cli.completing import selector_words
from updeck.cli.exits import Exit
from updeck.cli.session import fleet_of, possible_names
from updeck.cli.tables import event_table
from updeck.clock import SystemClock
from updeck.errors import UsageError
from updeck.fleet.documents import event_row
from updeck.journal.actor import this_actor
from updeck.journal.store import Journal
from updeck.paths import state_dir
from updeck.text import clean

__all__ = ["journal", "since_seconds"]

MOST = 1_000_000

_AGO = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@command()
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...", shell_complete=selector_words)
@click.option("--since", metavar="TIME", help='Only what is newer: "2026-12-01T22:00:00Z", "2026-12-01", "90m", "2d".')
def journal(invocation: Invocation, *, selectors: tuple[str, ...], since: str | None) -> Exit:
    """Show what was done, by whom, and what changed."""
    clock = SystemClock()
    after = None if since is None else since_seconds(since, clock.wall())
    names = possible_names(fleet_of(invocation), selectors) if selectors else None
    with closing(Journal.open(state_dir(), actor=this_actor("cli"), clock=clock)) as kept:
        events = kept.events(devices=names, since=after, limit=MOST)
    if invocation.json:
        invocation.out.document({"events": [event_row(event) for event in events]})
    else:
        invocation.out.lines(event_table(events))
    return Exit.GOOD


def since_seconds(text: str, now: float) -> float:
    """Return Unix seconds for a time (UTC where it names no zone), or for how long ago; raises `UsageError`."""
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        when = datetime.fromisoformat(text.strip())
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(
            f'"{clean(text, 60)}" is no time', advice='write it as 2026-12-01T22:00:00Z, 2026-12-01, "90m" or "2d"'
        ) from None
