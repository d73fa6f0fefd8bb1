"""Which sign stands before the word of a state, so that no state is told by its colour alone. Pure."""

from __future__ import annotations

from updeck.fleet.orders import Result
from updeck.fleet.views import Phase
from updeck.journal.models import GOOD_VERDICTS, Verdict
from updeck.rollout.outlook import Fate
from updeck.rollout.progress import RolloutState
from updeck.ui.glyphs import Glyphs

__all__ = ["sign_of_fate", "sign_of_phase", "sign_of_result", "sign_of_rollout", "sign_of_verdict"]


def sign_of_phase(phase: Phase, glyphs: Glyphs) -> str:
    """Return the sign of where a device stands in a rollout."""
    match phase:
        case Phase.WAITING | Phase.ENDED:
            return glyphs.resting
        case Phase.TRANSFERRING:
            return glyphs.sending
        case Phase.ARMED:
            return glyphs.ready
        case Phase.HELD:
            return glyphs.barred
    return glyphs.moving


def sign_of_verdict(verdict: Verdict, glyphs: Glyphs) -> str:
    """Return the sign of how an attempt ended."""
    match verdict:
        case Verdict.INITIALIZED:
            return glyphs.ready
        case Verdict.SKIPPED | Verdict.NOT_STARTED | Verdict.ABORTED_BEFORE_START:
            return glyphs.resting
        case Verdict.REVIEW:
            return glyphs.unknown
    return glyphs.valid if verdict in GOOD_VERDICTS else glyphs.failed


def sign_of_rollout(state: RolloutState, glyphs: Glyphs) -> str:
    """Return the sign of how a rollout stands."""
    match state:
        case RolloutState.RUNNING:
            return glyphs.moving
        case RolloutState.WAITING_FOR_PROMOTION:
            return glyphs.ready
        case RolloutState.PAUSED:
            return glyphs.barred
        case RolloutState.STOPPED_BY_GATE | RolloutState.ABORTED:
            return glyphs.failed
        case RolloutState.ENDED:
            return glyphs.valid
    return glyphs.resting


def sign_of_result(result: Result, glyphs: Glyphs) -> str:
    """Return the sign of what a check found."""
    match result:
        case Result.OK:
            return glyphs.valid
        case Result.FAIL:
            return glyphs.failed
        case Result.ERROR:
            return glyphs.unknown
    return glyphs.dot


def sign_of_fate(fate: Fate, glyphs: Glyphs) -> str:
    """Return the sign of what a plan will do to a device."""
    match fate:
        case Fate.ACTS:
            return glyphs.arrow
        case Fate.THERE:
            return glyphs.valid
        case Fate.WAITS:
            return glyphs.resting
    return glyphs.barred
