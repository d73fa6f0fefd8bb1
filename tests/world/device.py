"""A device as `rollout.md` 1 tells it, by its own truth: what it does with a call, and what becomes of that in time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

from updeck.device.models import HistoryEntry, Image, Info, Update

__all__ = ["NEW", "OLD", "OTHER", "SHA", "Device", "Run", "Temper", "Transfer"]

OLD, NEW, OTHER = "11.6.0 #23947", "11.8.0 #28924", "11.7.0 #25000"
SHA = "ab" * 32


class Run(StrEnum):
    """What becomes of a start (and, for the first two failures, of an init)."""

    WORKS = "works"
    GRACEFUL = "graceful"
    CRITICAL = "critical"
    NOTHING = "nothing"
    FALLS_BACK = "falls back"


class Transfer(StrEnum):
    """What becomes of an image that is sent or fetched."""

    WHOLE = "whole"
    BROKEN = "broken"
    INVALID = "invalid"
    WRONG = "wrong"
    UNPROVEN = "unproven"


@dataclass(frozen=True)
class Temper:
    """How a device behaves. Times in seconds of virtual time; `took` is the target that an init names."""

    took: str | None = NEW
    init: Run = Run.WORKS
    run: Run = Run.WORKS
    transfer: Transfer = Transfer.WHOLE
    broken_first: int = 9
    init_s: float = 20.0
    run_s: float = 60.0
    late_start_s: float = 0.0
    late_history_s: float = 0.0
    reboots: int = 1
    tells_version: bool = True
    was_there: bool = False
    new_certificate: bool = False
    staged: bool = True


@dataclass
class Device:
    """One box. `now` tells the world's time, `clock` that of the box; nothing happens unless it is looked at."""

    name: str
    temper: Temper
    now: Callable[[], float]
    skew_s: float = 0.0
    state: str = "IDLE"
    target: str | None = None
    version: str = OLD
    destined: str = OLD
    down: bool = False
    certificate: int = 1
    state_at: int = 0
    history: list[HistoryEntry] = field(default_factory=list)
    images: dict[int, Image] = field(default_factory=dict)
    transfers: int = 0
    foreign: bool = False
    changed_at: float = 0.0
    _coming: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.state_at = self.clock() - 1000
        self.history.append(HistoryEntry(self.clock() - 9000, OLD))
        if self.temper.was_there:
            self.history.insert(0, HistoryEntry(self.clock() - 20000, NEW))
            self.history.append(HistoryEntry(self.clock() - 30000, NEW))
        if self.temper.staged:
            self.images[1] = Image(1, "VALID", "", NEW, None, SHA)

    def clock(self) -> int:
        """Return the device's own time in Unix seconds."""
        return int(1_700_000_000 + self.now() + self.skew_s)

    @property
    def serial(self) -> str:
        return f"S-{self.name}"

    @property
    def busy(self) -> bool:
        """Whether an init or a start is under way, by the truth."""
        return self.down or self.state in ("INITIALIZING", "RUNNING")

    def update(self) -> Update:
        return Update(self.state, "", self.state_at, tuple(self.history), self.target)

    def info(self) -> Info:
        return Info(self.name, "VSCAN", self.serial, self.version if self.temper.tells_version else "")

    def live(self) -> None:
        """Let all happen that was due by now."""
        while self._coming and self._coming[0][0] <= self.now():
            heapq.heappop(self._coming)[2]()

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._coming, (self.now() + seconds, next(self._order), what))

    def init(self) -> bool:
        """Take an init; False is a 409."""
        if self.state != "IDLE" or not any(image.state == "VALID" for image in self.images.values()):
            return False
        if self.temper.init is Run.NOTHING:
            return True
        self._become("INITIALIZING")
        self.later(self.temper.init_s, self._initialized)
        return True

    def start(self) -> bool:
        if self.state != "INITIALIZED":
            return False
        self.destined = self._destiny()
        self.later(self.temper.late_start_s, self._run)
        return True

    def reset(self) -> bool:
        if self.state not in ("INITIALIZED", "FAILED_GRACEFUL", "INITIALIZING"):
            return False
        self.target = None
        self.destined = self.version
        self._become("IDLE")
        return True

    def receive(self, *, breaks: bool = False) -> Image | None:
        """Take an image in; None where the transfer broke."""
        if self.state not in ("IDLE", "FAILED_GRACEFUL"):
            return None
        self.transfers += 1
        number = max(self.images, default=0) + 1
        manner = self.temper.transfer
        if breaks or (manner is Transfer.BROKEN and self.transfers <= self.temper.broken_first):
            self.images[number] = Image(number, "UPLOADING", "", None, 40.0)
            self.later(5.0, lambda: self.images.__setitem__(number, Image(number, "UPLOAD_ERROR", "broke off")))
            return None
        self.images[number] = Image(number, "VALIDATING", "", None, 100.0)
        checksum = {Transfer.WRONG: "cd" * 32, Transfer.UNPROVEN: None}.get(manner, SHA)
        whole = Image(number, "VALID", "", NEW, None, checksum)
        ends = Image(number, "INVALID", "no image") if manner is Transfer.INVALID else whole
        self.later(10.0, lambda: self.images.__setitem__(number, ends))
        return self.images[number]

    def _become(self, state: str) -> None:
        self.state, self.state_at, self.changed_at = state, self.clock(), self.now()

    def _initialized(self) -> None:
        if self.state != "INITIALIZING":
            return
        failed = {Run.GRACEFUL: "FAILED_GRACEFUL", Run.CRITICAL: "FAILED_CRITICAL"}.get(self.temper.init)
        self.target = None if failed else self.temper.took
        self._become(failed or "INITIALIZED")

    def _destiny(self) -> str:
        return (self.target or NEW) if self.temper.run is Run.WORKS else self.version

    def _run(self) -> None:
        if self.state != "INITIALIZED":
            self.destined = self.version
            return
        if self.temper.run is Run.NOTHING:
            self._become("IDLE")
            return
        self._become("RUNNING")
        pause = self.temper.run_s / (2 * self.temper.reboots + 1)
        for turn in range(self.temper.reboots):
            self.later(pause * (2 * turn + 1), lambda: self._go(down=True))
            self.later(pause * (2 * turn + 2), lambda: self._go(down=False))
        if self.temper.new_certificate:
            self.later(pause, lambda: setattr(self, "certificate", self.certificate + 1))
        self.later(self.temper.run_s, self._end)

    def _go(self, *, down: bool) -> None:
        self.down, self.changed_at = down, self.now()

    def _end(self) -> None:
        failed = {Run.GRACEFUL: "FAILED_GRACEFUL", Run.CRITICAL: "FAILED_CRITICAL"}.get(self.temper.run)
        if failed:
            self._become(failed)
            return
        before, self.version = self.version, self.target or NEW
        entry = HistoryEntry(self.clock(), self.version)
        self._become("IDLE")
        self.target = None
        late = 0.0 if self.temper.run is Run.FALLS_BACK else self.temper.late_history_s
        self.later(late, lambda: self.history.append(entry))
        if self.temper.run is Run.FALLS_BACK:
            self.later(12.0, lambda: self._fall_back(before, entry))

    def _fall_back(self, version: str, entry: HistoryEntry) -> None:
        self.version = version
        self.history.remove(entry)
        self._become("FAILED_CRITICAL")
