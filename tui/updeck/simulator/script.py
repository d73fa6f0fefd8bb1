"""What happens during init, run and validation, as tables of moments; the device plays them, nothing here waits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = [
    "INIT_S",
    "RUN_S",
    "VALIDATE_S",
    "Cue",
    "Ending",
    "Moment",
    "init_script",
    "run_script",
    "validation_script",
]

INIT_S = 120.0
"""Device time of init, in seconds, before it is divided by the speed (`contracts.md` 4)."""

RUN_S = 600.0
"""Device time of a run."""

VALIDATE_S = 45.0
"""Device time of the validation of an image."""

PACKAGES = 7

FIRST_DOWN, LAST_UP = 0.42, 0.8
"""Between which shares of a run the box goes down and comes up."""


class Cue(Enum):
    """What happens at a moment."""

    SAY = "the description changes"
    DOWN = "the box goes down"
    UP = "the box comes up"
    INSTALL = "the new version is on the disk"
    END = "it is over"


class Ending(Enum):
    """How a run ends."""

    UPDATED = "updated"
    NO_EFFECT = "no effect"
    FAILED_GRACEFUL = "failed, the old version intact"
    FAILED_CRITICAL = "failed, the system modified"
    NEVER_BACK = "never back"


@dataclass(frozen=True, slots=True)
class Moment:
    """A cue at `at`, a share from 0 to 1 of the whole."""

    at: float
    cue: Cue
    text: str = ""


def validation_script() -> tuple[Moment, ...]:
    """Return what happens while an image is VALIDATING."""
    return (
        Moment(0.0, Cue.SAY, "Verifying image"),
        Moment(0.5, Cue.SAY, "Checking signature"),
        Moment(1.0, Cue.END),
    )


def init_script() -> tuple[Moment, ...]:
    """Return what happens in INITIALIZING."""
    return (
        Moment(0.0, Cue.SAY, "Unpacking image"),
        Moment(0.5, Cue.SAY, "Checking packages"),
        Moment(0.8, Cue.SAY, "Checking space on /data"),
        Moment(1.0, Cue.END),
    )


def run_script(ending: Ending, reboots: int) -> tuple[Moment, ...]:
    """Return what happens in RUNNING, with the box going down `reboots` times on the way."""
    moments = [Moment(0.0, Cue.SAY, "Unpacking image")]
    if ending is Ending.FAILED_GRACEFUL:
        return (*moments, Moment(0.2, Cue.END))
    moments += [
        Moment(0.08 + 0.04 * package, Cue.SAY, f"Installing packages ({package} of {PACKAGES})")
        for package in range(1, PACKAGES + 1)
    ]
    moments.append(Moment(FIRST_DOWN, Cue.DOWN))
    if ending is Ending.NEVER_BACK:
        return tuple(moments)
    stretch = (LAST_UP - FIRST_DOWN) / (2 * reboots - 1)
    for fall in range(1, reboots):
        up = FIRST_DOWN + (2 * fall - 1) * stretch
        moments += [Moment(up, Cue.UP), Moment(up, Cue.SAY, "Migrating data"), Moment(up + stretch, Cue.DOWN)]
    if ending is Ending.UPDATED:
        moments.append(Moment(LAST_UP, Cue.INSTALL))
    moments += [Moment(LAST_UP, Cue.UP), Moment(LAST_UP, Cue.SAY, "Starting services"), Moment(1.0, Cue.END)]
    return tuple(moments)
