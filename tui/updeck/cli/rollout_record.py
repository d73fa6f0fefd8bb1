"""The journal and its rollouts, as the commands of `updeck rollout` open and read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from updeck.cli.exits import Exit, exit_of_verdict, rolled_up
from updeck.clock import SystemClock
from updeck.journal.actor import this_actor
from updeck.journal.plan_models import RolloutRecord
from updeck.journal.store import Journal
from updeck.paths import state_dir
from updeck.rollout.leaving import held_by_phase
from updeck.rollout.plan import Plan
from updeck.rollout.standing import bad, ended, gate_of

__all__ = ["exit_of_rollout", "opened_journal"]


@contextmanager
def opened_journal() -> Iterator[Journal]:
    """Open the journal of this host for a command that sends nothing."""
    with closing(Journal.open(state_dir(), actor=this_actor("cli"), clock=SystemClock())) as journal:
        yield journal


def exit_of_rollout(record: RolloutRecord, plan: Plan) -> Exit:
    """Return the exit that a rollout stands for: REVIEW, a closed gate, failures, then devices that a person holds up.

    It is good, too, where the rest only waits for a promotion or a pause to end.
    """
    exits = [Exit.GATE] if gate_of(record, plan).closed and not _over(record) else []
    for member in record.members:
        verdict = None if member.attempt.end is None else member.attempt.end.verdict
        exits.append(exit_of_verdict(verdict) if bad(member.attempt) else Exit.GOOD)
    if held_by_phase(record):
        exits.append(Exit.BLOCKED)
    return rolled_up(exits)


def _over(record: RolloutRecord) -> bool:
    return all(map(ended, record.members))
