"""What the activity says of a planned rollout. Pure; the device and the actor stand beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from updeck.clock import rfc3339
from updeck.journal.models import Actor, Milestone, MilestoneKind, RolloutRow, Verdict
from updeck.journal.plan_models import ControlKind, Member
from updeck.journal.sentences import who
from updeck.text import plural

__all__ = ["aborted_before", "asked", "braked", "finished", "in_short", "reached", "registered"]


def in_short(rollout: str) -> str:
    """Return enough of a rollout's id to tell it from all others: the milliseconds of its making."""
    return rollout[:13]


def registered(rollout: RolloutRow, members: Sequence[Member]) -> str:
    """Say that a plan was confirmed and is on record."""
    waves = len({member.wave for member in members})
    return f"rollout {in_short(rollout.id)} registered: {plural(len(members), 'device')} in {plural(waves, 'wave')}"


def asked(rollout: str, kind: ControlKind, value: str | None, reason: str) -> str:
    """Say what a person asked of a rollout or, of a device, within it."""
    name = f"rollout {in_short(rollout)}"
    said = {
        ControlKind.PAUSE: f"{name} paused: nothing more is started",
        ControlKind.RESUME: f"{name} goes on",
        ControlKind.ABORT: f"{name} aborted: what has not started does not start",
        ControlKind.PROMOTE: f"{name} promoted: wave {value} may begin",
        ControlKind.REOPEN: f"{name}: goes on after a stop, failures allowed {value}",
        ControlKind.RETRY: f"attempt {value} opened",
        ControlKind.SKIP: "skipped",
        ControlKind.ADOPT: "what someone else initialized is adopted",
        ControlKind.ARM: f"let start, to {value}",
        ControlKind.RESET: "un-init (reset) asked for: back to IDLE, no start",
    }[kind]
    return f"{said}: {reason}" if reason else said


def braked(reason: str, *, on: bool) -> str:
    """Say that all rollouts were paused, or may go on."""
    said = "all rollouts paused: no init and no start is sent" if on else "rollouts are no longer paused all together"
    return f"{said}: {reason}" if reason else said


def reached(milestone: Milestone) -> str:
    """Say what an attempt has reached."""
    if milestone.kind is MilestoneKind.INITIALIZED:
        return f"INITIALIZED, target {milestone.target_version or 'not named'}"
    if milestone.checksum is None:
        return "the image is VALID; the device names no checksum"
    return f"the image is VALID, checksum {milestone.checksum[:8]}…"


def finished(rollout: str, verdicts: Mapping[Verdict, int]) -> str:
    """Say that every device of a rollout has its verdict."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    return f"rollout {in_short(rollout)} has ended: {counts or 'no verdicts'}"


def aborted_before(actor: Actor, at: float) -> str:
    """Say that nothing more can be asked of a rollout."""
    return f"the rollout was aborted at {rfc3339(at)} by {who(actor)}"
