"""`updeck rollout`: goals for a fleet, carried out by an engine that outlives the terminal (`contracts.md` 2)."""

from __future__ import annotations

import click

from updeck.cli.command import LazyGroup

__all__ = ["rollout"]


@click.group(
    cls=LazyGroup,
    lazy={
        "plan": "updeck.cli.rollout_plan:plan",
    },
)
def rollout() -> None:
    """Bring many devices to a version, in waves, and stop when too much goes wrong."""
