"""A rollout in a few words, as lists show it: what a list keeps, however many devices each rollout has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from updeck.journal.plan_models import ManualRecord, RolloutRecord
from updeck.journal.store import Journal
from updeck.rollout.leaving import orphaned
from updeck.rollout.plan import Plan
from updeck.rollout.progress import RolloutState, state_of, verdicts_in_words
from updeck.rollout.registration import plan_of
from updeck.rollout.standing import ended

__all__ = ["Summary", "summaries", "summary_of"]

_LOT = 5
"""How many rollouts are in memory at once: one of a large fleet takes megabytes."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How a rollout stood when it was read. `created_at` in Unix seconds; `ended` of `devices` have their verdict.

    `what` is the version and how far the devices are brought; `orphaned` where somebody has to resume it.
    """

    id: str
    state: RolloutState
    orphaned: bool
    digest: str
    created_at: float
    ended: int
    devices: int
    what: str
    ticket: str
    verdicts: str

    @property
    def title(self) -> str:
        """What it is, with its ticket."""
        return f"{self.what}, {self.ticket}" if self.ticket else self.what

    @property
    def over(self) -> bool:
        """Whether time alone changes nothing of this any more: only what a person records."""
        return self.ended == self.devices


def summary_of(record: RolloutRecord, plan: Plan, now: float) -> Summary:
    """Return a rollout in short, as it stands at `now` (Unix seconds)."""
    return Summary(
        id=record.row.id,
        state=state_of(record, plan, now),
        orphaned=orphaned(record, plan, now),
        digest=record.digest,
        created_at=record.row.created_at,
        ended=sum(map(ended, record.members)),
        devices=len(record.members),
        what=f"{plan.image.version} {plan.until.words}",
        ticket=plan.ticket,
        verdicts=verdicts_in_words(record),
    )


def summaries(journal: Journal, ids: Sequence[str], now: float) -> Iterator[Summary | ManualRecord]:
    """Read rollouts some at a time, in the order of their whole ids as given; a manual one is short as it is."""
    for first in range(0, len(ids), _LOT):
        for one in journal.rollouts_of(ids[first : first + _LOT]):
            yield one if isinstance(one, ManualRecord) else summary_of(one, plan_of(one), now)
