"""How much a device asks of a person, and where an operation stands: the closed sets that views are told in."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["BRIEF_CELLS", "Phase", "Tone"]

BRIEF_CELLS = 16
"""How many cells of *next* a list shows whole, however narrow it is."""


class Phase(StrEnum):
    """Where an operation stands (`contracts.md` 3)."""

    WAITING = "WAITING"
    CHECKING = "CHECKING"
    TRANSFERRING = "TRANSFERRING"
    VALIDATING = "VALIDATING"
    INITIALIZING = "INITIALIZING"
    ARMED = "ARMED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    REBOOTING = "REBOOTING"
    PROVING = "PROVING"
    HELD = "HELD"
    ENDED = "ENDED"


class Tone(StrEnum):
    """How much a line asks of a person: nothing, moving by itself, good news, a decision, perhaps, now."""

    REST = "rest"
    MOVING = "moving"
    GOOD = "good"
    READY = "ready"
    MAY = "may"
    NEEDS = "needs"
