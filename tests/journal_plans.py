"""Planned rollouts on the bench of the journal: registered, driven and ended in a line each."""

from __future__ import annotations

from collections.abc import Sequence

from journal_bench import Bench
from updeck.journal.models import Milestone, MilestoneKind, Op, Outcome, RolloutRow, Verdict
from updeck.journal.permit import Permit
from updeck.journal.plan_models import ManualRecord, Member, RolloutRecord
from updeck.journal.store import Journal

__all__ = [
    "DIGEST",
    "PLAN",
    "A",
    "B",
    "C",
    "attempted",
    "drive",
    "end",
    "may",
    "members",
    "reach",
    "register",
    "rollouts",
    "send",
]

A, B, C = "ar11-a", "ar11-b", "ar11-c"
PLAN = '{"until":"updated"}'
DIGEST = "ab" * 32


def rollouts(
    journal: Journal, *, kinds: Sequence[str] = ("plan",), limit: int = 100
) -> list[RolloutRecord | ManualRecord]:
    """Return the newest rollouts of some kinds whole, newest first."""
    return journal.rollouts_of(list(journal.marks(kinds=kinds, limit=limit)))


def may(record: RolloutRecord) -> str | None:
    """Forbid nothing."""
    return None


def members(*names: str, mates: Sequence[str] = (), wave: int = 1) -> list[Member]:
    """Return members of one wave; each has the others of `mates` in its pair."""
    return [
        Member(name, wave, f"https://{name}", f'{{"serial":"{name}"}}', tuple(one for one in mates if one != name))
        for name in names
    ]


def register(journal: Journal, *names: str, mates: Sequence[str] = ()) -> RolloutRow:
    """Register a plan that nobody drives yet."""
    return journal.register_plan(PLAN, DIGEST, members(*(names or (A, B)), mates=mates))


def drive(journal: Journal, *names: str, mates: Sequence[str] = ()) -> str:
    """Register a plan that this process drives, and return its id."""
    rollout = register(journal, *names, mates=mates)
    assert journal.take_over(rollout.id) is not None
    return rollout.id


def send(
    bench: Bench, journal: Journal, rollout: str, device: str, op: Op, *, attempt: int = 1, try_: int = 1
) -> Permit:
    """Intend a call that nothing forbids."""
    baseline = bench.baseline()
    return journal.intend(rollout, device, op, attempt=attempt, try_=try_, baseline=baseline, allow=may)


def reach(journal: Journal, rollout: str, device: str, *, attempt: int = 1, at: int = 1_700_000_100) -> Milestone:
    """Record an INITIALIZED, and return it."""
    journal.milestone(
        rollout, device, MilestoneKind.INITIALIZED, attempt=attempt, last_state_time=at, target_version="11.8.0"
    )
    found = journal.record(device).initialized
    assert found is not None
    return found


def end(
    journal: Journal, rollout: str, device: str, verdict: Verdict, *, attempt: int = 1, op: Op | None = None
) -> None:
    """Record the end of an attempt."""
    journal.end(
        rollout,
        device,
        attempt=attempt,
        op=op,
        verdict=verdict,
        reason="so it was",
        last_state_time=1_700_000_100,
        target_version="11.8.0",
    )


def attempted(
    bench: Bench,
    journal: Journal,
    rollout: str,
    device: str,
    verdict: Verdict,
    *,
    op: Op = Op.START,
    outcome: Outcome = Outcome.ACCEPTED,
    attempt: int = 1,
) -> None:
    """Record an attempt from its one call to its end."""
    permit = send(bench, journal, rollout, device, op, attempt=attempt)
    journal.outcome(permit.intent_id, outcome, status=None, error=None)
    end(journal, rollout, device, verdict, attempt=attempt, op=op)
