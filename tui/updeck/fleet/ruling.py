"""The values that judging works with: what a poll saw, the timers so far, and what is to be said of an operation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from updeck.device.models import Image, Reach, Update
from updeck.fleet.views import Phase, Reading
from updeck.journal.models import Intent, Outcome, Verdict
from updeck.settings import Patience

__all__ = ["Ending", "Patience", "Ruling", "Seen", "Timers", "out_of_time", "outcome_unknown", "past", "running"]

ENOUGH_POLLS = 5
"""A timer may fire only after this many polls in its phase, good or not (`rollout.md` 5)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one poll saw. `monotonic` in seconds; update and images only where `reach` is OK or the state unknown."""

    monotonic: float
    reach: Reach
    update: Update | None = None
    images: tuple[Image, ...] = ()
    sw_version: str = ""

    @classmethod
    def of(cls, monotonic: float, reach: Reach, reading: Reading | None) -> Seen:
        """Build from a poll's result; a reading counts only when this very poll was good."""
        if reach is not Reach.OK or reading is None:
            return cls(monotonic, reach)
        version = "" if reading.info is None else reading.info.sw_version
        return cls(monotonic, reach, reading.update, reading.images, version)


@dataclass(frozen=True, slots=True)
class Timers:
    """Patience so far, in monotonic seconds; `attempt_polls` counts since this process watches.

    `elapsed_s` and `polls` belong to the present situation.
    """

    last_at: float
    attempt_s: float = 0.0
    attempt_polls: int = 0
    situation: str = ""
    elapsed_s: float = 0.0
    polls: int = 0
    proven_polls: int = 0
    proven_since: float | None = None

    def tick(self, situation: str, now: float) -> Timers:
        """Return the timers after a poll that saw `situation`; a change restarts the situation's own."""
        passed = max(0.0, now - self.last_at)
        attempt = replace(self, last_at=now, attempt_s=self.attempt_s + passed, attempt_polls=self.attempt_polls + 1)
        if situation != self.situation:
            return replace(attempt, situation=situation, elapsed_s=0.0, polls=1)
        return replace(attempt, elapsed_s=self.elapsed_s + passed, polls=self.polls + 1)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of an attempt; the verdict is None for operations that have none."""

    verdict: Verdict | None
    reason: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to be said of an operation after a poll; `soft` when its soft limit has passed."""

    phase: Phase
    text: str
    soft: bool = False
    ending: Ending | None = None

    def ended(self, verdict: Verdict | None, reason: str) -> Ruling:
        """Return this ruling as a final one."""
        return replace(self, phase=Phase.ENDED, ending=Ending(verdict, reason))


def running(phase: Phase, text: str, *, soft: bool = False) -> Ruling:
    """Return a ruling for an operation that goes on."""
    return Ruling(phase, text, soft)


def out_of_time(timers: Timers, limit_s: float) -> bool:
    """Whether the whole attempt has taken too long: enough time since the intent *and* enough polls."""
    return timers.attempt_s >= limit_s and timers.attempt_polls >= ENOUGH_POLLS


def past(timers: Timers, limit_s: float, *, polls: int = ENOUGH_POLLS) -> bool:
    """Whether a limit has passed: enough time in the present situation *and* enough polls in it."""
    return timers.elapsed_s >= limit_s and timers.polls >= polls


def outcome_unknown(intent: Intent) -> bool:
    """Whether nobody knows if the device took the call: no outcome recorded, or recorded as unknown."""
    return intent.outcome is None or intent.outcome.outcome is Outcome.UNKNOWN
