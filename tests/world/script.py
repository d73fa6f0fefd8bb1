"""A history to be lived through: what the plan is, how each device behaves, what goes wrong when, and who acts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from world.device import NEW, OTHER, Run, Temper, Transfer

__all__ = ["NEW", "OTHER", "Act", "Event", "Fault", "Run", "Script", "Temper", "Transfer", "replace"]


class Fault(StrEnum):
    """What can be wrong with the way to a device, for some seconds."""

    REFUSED = "connection refused"
    RESET_BEFORE = "reset before the request"
    RESET_AFTER = "reset after the request"
    BLACK_HOLE = "no answer at all"
    BLACK_HOLE_AFTER = "no answer, but handled"
    HTML_502 = "502 in HTML"
    ERROR_500 = "500, not handled"
    REFUSAL = "409 with an error body"
    AUTH = "401"
    UNSUPPORTED = "404"
    GARBLED = "no schema"
    UNKNOWN_STATE = "a state that nobody knows"
    CERTIFICATE = "another certificate"
    IDENTITY = "another box"
    TWIN = "another box in the same state"
    STALE = "answers from a cache"
    REORDERED = "an answer that an older one overtakes"
    BROKEN_UPLOAD = "upload broken off"
    SLOW = "slow answers"
    TRUNCATED = "truncated body"
    WRONG_LENGTH = "wrong length"
    FORBIDDEN = "403"
    TOO_LARGE = "413"
    TOO_MANY = "429"
    UNAVAILABLE = "503"
    NO_ROOM = "507"
    HUGE = "huge JSON"
    DEEP = "deep JSON"
    MISSING = "missing fields"
    TYPES = "wrong types"
    ODD_PROGRESS = "NaN progress"
    DUPLICATE = "duplicate answers"


class Act(StrEnum):
    """What people, machines and strangers do."""

    FAULT = "fault"
    KILL = "kill"
    STOP = "stop"
    LOCK = "lock the journal"
    FULL = "fill the disk"
    UNPLUG = "pull out what the image is on"
    STEP = "step the wall clock"
    DEVICE_CLOCK = "step the device's clock"
    UN_INIT = "un-init"
    FOREIGN_INIT = "someone else inits"
    FOREIGN_START = "someone else starts"
    FOREIGN_RESET = "someone else resets"
    PAUSE = "pause"
    RESUME = "resume"
    BRAKE = "brake"
    RELEASE = "release the brake"
    ABORT = "abort"
    SKIP = "skip"
    ADOPT = "adopt"
    ARM = "arm"
    PROMOTE = "promote"
    REOPEN = "reopen"
    RETRY = "retry"
    RESOLVE = "resolve"


@dataclass(frozen=True)
class Event:
    """Something that happens `at` seconds after the beginning; `seconds` is how long it lasts, or by how much.

    A fault `of_calls` strikes what changes the device, and lets it be read.
    """

    at: float
    act: Act
    device: int = 0
    seconds: float = 30.0
    fault: Fault = Fault.REFUSED
    number: int = 1
    of_calls: bool = False


@dataclass(frozen=True)
class Script:
    """A whole history. `kills` are the points (see `World.point`) at which the engine of that moment dies.

    A `window` is in minutes from the beginning, less 20 s: when it opens, its last start, and when it closes.
    """

    tempers: tuple[Temper, ...] = (Temper(), Temper())
    waves: tuple[int, ...] = ()
    pairs: str = ""
    source: str = "present"
    until: str = "updated"
    fence: bool = False
    manual: bool = False
    max_parallel: int | None = None
    max_failures: int = 0
    events: tuple[Event, ...] = ()
    kills: tuple[int, ...] = ()
    back_s: float = 5.0
    read_only: bool = False
    window: tuple[int, int, int] | None = None
    bake_s: int = 0
    sites: str = ""
    max_per_site: int | None = None
    max_transfers: int | None = None
