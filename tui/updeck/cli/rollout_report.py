"""`updeck rollout report`: what became of a rollout, for the change ticket."""

from __future__ import annotations

import click

from updeck.cli.command import Invocation, command
from updeck.cli.completing import rollout_ids
from updeck.cli.exits import Exit
from updeck.cli.rollout_record import opened_journal
from updeck.clock import SystemClock
from updeck.rollout.registration import plan_of
from updeck.rollout.report import report as make_report
from updeck.rollout.report import report_document, report_markdown

__all__ = ["report"]


@command()
@click.argument("rollout", metavar="ID", shell_complete=rollout_ids)
@click.option(
    "--format", "format_", type=click.Choice(["md", "json"]), default="md", show_default=True, help="How it is spelled."
)
def report(invocation: Invocation, *, rollout: str, format_: str) -> Exit:
    """Report what a rollout was and did.

    The plan, who confirmed it, each device before and after, and every operation.
    """
    with opened_journal() as journal:
        record = journal.rollout(rollout)
        seen = [journal.latest(member.device) for member in record.members]
    latest = {one.device: one for one in seen if one is not None}
    made = make_report(record, plan_of(record), latest, SystemClock().wall())
    if invocation.json or format_ == "json":
        invocation.out.document(report_document(made))
    else:
        invocation.out.lines(report_markdown(made).splitlines())
    return Exit.GOOD
