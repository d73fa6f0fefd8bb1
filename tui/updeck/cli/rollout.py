"""`updeck rollout`: goals for a fleet, carried out by an engine that outlives the terminal (`contracts.md` 2)."""

from __future__ import annotations

import click

from updeck.cli.command import LazyGroup

__all__ = ["rollout"]


@click.group(
    cls=LazyGroup,
    lazy={
        "plan": "updeck.cli.rollout_plan:plan",
        "run": "updeck.cli.rollout_run:run",
        "list": "updeck.cli.rollout_show:list_",
        "show": "updeck.cli.rollout_show:show",
        "attach": "updeck.cli.rollout_run:attach",
        "pause": "updeck.cli.rollout_control:pause",
        "resume": "updeck.cli.rollout_run:resume",
        "promote": "updeck.cli.rollout_control:promote",
        "abort": "updeck.cli.rollout_control:abort",
        "reopen": "updeck.cli.rollout_control:reopen",
        "retry": "updeck.cli.rollout_control:retry",
        "skip": "updeck.cli.rollout_control:skip",
        "resolve": "updeck.cli.rollout_control:resolve",
        "adopt": "updeck.cli.rollout_control:adopt",
        "report": "updeck.cli.rollout_report:report",
        "engine": "updeck.cli.rollout_engine:engine",
    },
)
def rollout() -> None:
    """Bring many devices to a version, in waves. It stops when too much goes wrong."""
