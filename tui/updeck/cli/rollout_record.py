"""The journal and its rollouts, as the commands of `updeck rollout` open and read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from updeck.cli.exits import Exit, exit_of_verdict, rolled_up
from updeck.clock import SystemClock
from updeck.fleet.views import Phase
from updeck.journal.actor import this_actor
from updeck.journal.plan_models import RolloutRecord
from updeck.journal.store import Journal
from updeck.paths import state_dir
from updeck.rollout.narration import phase_of
from updeck.rollout.plan import Plan
from updeck.rollout.progress import RolloutState, state_of
from updeck.rollout.standing import armed, bad, down, ended, gate_of, transferring

__all__ = ["exit_of_rollout", "only_people_can_go_on", "opened_journal"]

_FOR_A_PERSON = (RolloutState.PAUSED, RolloutState.WAITING_FOR_PROMOTION, RolloutState.STOPPED_BY_GATE)


@contextmanager
def opened_journal() -> Iterator[Journal]:
    """Open the journal of this host for a command that sends nothing."""
    with closing(Journal.open(state_dir(), actor=this_actor("cli"), clock=SystemClock())) as journal:
        yield journal


def exit_of_rollout(record: RolloutRecord, plan: Plan) -> Exit:
    """Return the exit that a rollout stands for: REVIEW before a closed gate, that before failures."""
    exits = [Exit.GATE] if gate_of(record, plan).closed and not _over(record) else []
    for member in record.members:
        verdict = None if member.attempt.end is None else member.attempt.end.verdict
        exits.append(exit_of_verdict(verdict) if bad(member.attempt) else Exit.GOOD)
    return rolled_up(exits)


def only_people_can_go_on(record: RolloutRecord, plan: Plan, now: float) -> bool:
    """Whether an engine had nothing left to do: all ended, or the rest is before init and waits for a person."""
    left = [member for member in record.members if not ended(member)]
    if any(down(member) or armed(member) or transferring(member) for member in left):
        return False
    held = all(phase_of(member) is Phase.HELD for member in left)
    return held or state_of(record, plan, now) in _FOR_A_PERSON


def _over(record: RolloutRecord) -> bool:
    return all(map(ended, record.members))
