"""What planned rollouts need a person for, as keys that stay the same while the need does. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from updeck.rollout.gate import awaits_promotion, fenced, window_in_force
from updeck.rollout.progress import RolloutState
from updeck.rollout.standing import armed
from updeck.ui.rollout_sight import Sight

__all__ = ["Needs", "needs_of"]


def needs_of(sights: Iterable[Sight], acknowledged: Collection[str]) -> frozenset[tuple[str, str]]:
    """Return (rollout, need) for each: the gate, a promotion, the fence, the window's end, an engine that died.

    Devices in `acknowledged` are left out; those that are held ask for a person themselves.
    """
    return frozenset((sight.id, need) for sight in sights if not sight.over for need in _of(sight, acknowledged))


def _of(sight: Sight, acknowledged: Collection[str]) -> Iterable[str]:
    record, plan = sight.record, sight.plan
    if sight.orphaned:
        yield "engine"
    if sight.state is RolloutState.STOPPED_BY_GATE:
        yield "gate"
    if awaits_promotion(record, plan, sight.now):
        yield f"promote {sight.next_wave}"
    window = window_in_force(record, plan)
    if window is not None and sight.now >= window.closes_at and sight.state is RolloutState.PAUSED:
        yield "window"
    for member in record.members:
        if armed(member) and fenced(member, record, plan) is not None and member.device not in acknowledged:
            yield f"fence {member.device} {member.attempt.number}"


class Needs:
    """Tells new needs from those that a person was told of; what is there at the first look is not new."""

    def __init__(self) -> None:
        self.present: frozenset[tuple[str, str]] = frozenset()
        self._looked = False

    @property
    def rollouts(self) -> int:
        """How many rollouts need a person."""
        return len({rollout for rollout, _ in self.present})

    def grow(self, present: frozenset[tuple[str, str]]) -> bool:
        """Take in what is needed now; returns whether something is that was not before."""
        new = present - self.present
        told, self.present, self._looked = self._looked, present, True
        return told and bool(new)
