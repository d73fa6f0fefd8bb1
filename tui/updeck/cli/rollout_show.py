"""`updeck rollout list` and `show`: what the journal knows of planned rollouts; nothing is asked of a device."""

from __future__ import annotations

import click

from updeck.cli.command import Invocation, command
from updeck.cli.completing import rollout_ids
from updeck.cli.exits import Exit
from updeck.cli.rollout_record import opened_journal
from updeck.cli.rollout_tables import list_table, show_lines
from updeck.clock import SystemClock
from updeck.journal.plan_models import ManualRecord
from updeck.rollout.documents import list_row, manual_row, show_document
from updeck.rollout.registration import plan_of
from updeck.rollout.summary import summaries

__all__ = ["list_", "show"]

MOST = 1_000


@command(name="list")
@click.option("--all", "all_", is_flag=True, help="Also each single action, which is a rollout of its own.")
def list_(invocation: Invocation, *, all_: bool) -> Exit:
    """List rollouts, the newest first."""
    now = SystemClock().wall()
    with opened_journal() as journal:
        ids = list(journal.marks(kinds=("plan", "manual") if all_ else ("plan",), limit=MOST))
        rollouts = list(summaries(journal, ids, now))
    if invocation.json:
        rows = [manual_row(one) if isinstance(one, ManualRecord) else list_row(one) for one in rollouts]
        invocation.out.document({"rollouts": rows})
    elif rollouts:
        invocation.out.lines(list_table(rollouts))
    else:
        invocation.out.say("no rollout yet; `updeck rollout plan` makes a plan for one")
    return Exit.GOOD


@command()
@click.argument("rollout", metavar="ID", shell_complete=rollout_ids)
def show(invocation: Invocation, *, rollout: str) -> Exit:
    """Show a rollout; the beginning of its id is enough."""
    now = SystemClock().wall()
    with opened_journal() as journal:
        record = journal.rollout(rollout)
        engine = journal.engine(record.row.id)
    plan = plan_of(record)
    if invocation.json:
        invocation.out.document(show_document(record, plan, engine, now))
    else:
        invocation.out.lines(show_lines(record, plan, engine, now))
    return Exit.GOOD
