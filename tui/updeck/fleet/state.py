"""The one state that views read: the newest view of every device, and which ones changed since a reader last looked.

Written by the fleet's thread, read by any. A reader keeps the sequence number of its last look and draws only what is
newer, so a hundred changes a second cost one repaint (`design.md` 6).
"""

from __future__ import annotations

import sys
import threading
from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from operator import attrgetter
from typing import TypeAlias

from updeck.device.models import Reach
from updeck.fleet.views import DeviceView, Reading

__all__ = ["CHANGES_MOST", "TRAIL_MOST", "Change", "FleetState", "Step"]

CHANGES_MOST = 500
"""Changes of all devices together that are kept in memory, the newest."""

TRAIL_MOST = 30
"""Changes of one device that are kept in memory; the journal keeps all that a process may record."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a device became at a time (our wall clock): whether it answered, and its state."""

    at: float
    reach: Reach
    state: str | None
    version: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One device that became another than it was; `number` counts from 1 on."""

    number: int
    device: str
    before: Step
    now: Step


_What: TypeAlias = tuple[Reach, str | None, str | None, str | None]
"""A step without its time."""

_WHATS_MOST = 1024
"""Of how many things that devices were it is remembered that one was so, the newest."""


@lru_cache(maxsize=_WHATS_MOST)
def _alike(what: _What) -> _What:
    """Return what any device was before, where one was just so: a fleet goes through the same few dozen things."""
    return what


@dataclass(slots=True)
class _Trail:
    """The newest steps of one device, oldest first. What it was before, or another was, is kept once."""

    ats: array[float] = field(default_factory=lambda: array("d"))
    whats: list[_What] = field(default_factory=list)

    def add(self, at: float, what: _What) -> None:
        """Keep one more step, in place of the oldest where there are many."""
        if len(self.whats) == TRAIL_MOST:
            del self.ats[0], self.whats[0]
        self.ats.append(at)
        self.whats.append(_alike(what))

    def steps(self) -> tuple[Step, ...]:
        """Return them whole."""
        return tuple(Step(at, *what) for at, what in zip(self.ats, self.whats, strict=True))


class FleetState:
    """Views by name in the order of the inventory, with a sequence number per change. Safe to share among threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._views: dict[str, DeviceView] = {}
        self._changed_at: dict[str, int] = {}
        self._sequence = 0
        self._roster = 0
        self._troubles: dict[str, str] = {}
        self._trails: dict[str, _Trail] = {}
        self._changes: deque[Change] = deque(maxlen=CHANGES_MOST)
        self._counted = 0

    @property
    def trouble(self) -> str | None:
        """What is wrong with ourselves (journal full, an error of ours), in one sentence; None when all is well."""
        with self._lock:
            return next(iter(self._troubles.values()), None)

    def report(self, source: str, trouble: str | None) -> None:
        """Say what is wrong with a part of ourselves (`journal`, a device's name), or with None that it is over."""
        with self._lock:
            if self._troubles.get(source) == trouble:
                return
            if trouble is None:
                self._troubles.pop(source, None)
            else:
                self._troubles[source] = trouble
            self._sequence += 1

    @property
    def names(self) -> tuple[str, ...]:
        """The devices in the order of the inventory."""
        with self._lock:
            return tuple(self._views)

    @property
    def roster(self) -> int:
        """A number that grows when devices come or go."""
        return self._roster

    def view(self, name: str) -> DeviceView | None:
        """Return the newest view of a device, None when it is not (any more) in the fleet."""
        return self._views.get(name)

    def views(self) -> tuple[DeviceView, ...]:
        """Return the newest view of every device."""
        with self._lock:
            return tuple(self._views.values())

    def put(self, view: DeviceView) -> None:
        """Store a view; one that differs from the last only in when it was read is no change to draw."""
        with self._lock:
            known = self._views.get(view.name)
            view = self._dated(known, view)
            self._views[view.name] = view
            if known is not None and _same(known, view):
                return
            self._sequence += 1
            self._changed_at[view.name] = self._sequence
            if known is None:
                self._roster += 1

    def trail(self, name: str) -> tuple[Step, ...]:
        """Return what a device went through while we looked, oldest first, at most `TRAIL_MOST` steps."""
        with self._lock:
            trail = self._trails.get(name)
            return () if trail is None else trail.steps()

    def seen_changes(self, after: int = 0) -> tuple[Change, ...]:
        """Return the changes with a higher number, oldest first, as far back as they are kept."""
        with self._lock:
            return tuple(change for change in self._changes if change.number > after)

    def _dated(self, known: DeviceView | None, view: DeviceView) -> DeviceView:
        """Return the view with the time of its last change, and keep that change."""
        if view.reach is None:
            return view
        new = known is None or known.reach is None
        if known is None or (known.reach, known.state) != (view.reach, view.state):
            at = view.attempted_at or 0.0
            self._step(view.name, at, (view.reach, _once(view.state), _once(view.version), _once(view.error)))
            return view if new else replace(view, changed_at=at)
        return view if view.changed_at == known.changed_at else replace(view, changed_at=known.changed_at)

    def _step(self, name: str, at: float, what: _What) -> None:
        """Keep what a device became, and the change where it was something else before."""
        trail = self._trails.setdefault(name, _Trail())
        if trail.whats:
            self._counted += 1
            before = Step(trail.ats[-1], *trail.whats[-1])
            self._changes.append(Change(self._counted, name, before, Step(at, *what)))
        trail.add(at, what)

    def arrange(self, names: Iterable[str]) -> None:
        """Keep exactly these devices, in this order; unknown names are left out until their first `put`."""
        with self._lock:
            kept = {name: self._views[name] for name in names if name in self._views}
            if list(kept) == list(self._views):
                return
            self._views = kept
            self._trails = {name: self._trails[name] for name in kept if name in self._trails}
            self._changed_at = {name: self._changed_at[name] for name in kept}
            self._sequence += 1
            self._roster += 1

    def changes_since(self, sequence: int) -> tuple[int, frozenset[str]]:
        """Return the present sequence number and the names whose view is newer than `sequence` (0: all)."""
        with self._lock:
            if sequence == self._sequence:
                return sequence, frozenset()
            changed = frozenset(name for name, at in self._changed_at.items() if at > sequence)
            return self._sequence, changed


def _once(text: str | None) -> str | None:
    """Return a text that is in memory once, as a thousand devices go through the same over and over for days."""
    return None if text is None else sys.intern(text)


def _all_but(kind: type[DeviceView | Reading], *unseen: str) -> attrgetter[tuple[object, ...]]:
    return attrgetter(*(field.name for field in fields(kind) if field.name not in unseen))


_of_view = _all_but(DeviceView, "reading", "attempted_at")
_of_reading = _all_but(Reading, "at", "clock_offset_s", "info_at", "latency_s")


def _same(known: DeviceView, view: DeviceView) -> bool:
    """Whether two views differ in nothing but when they were read, and how long that took."""
    if _of_view(known) != _of_view(view):
        return False
    if known.reading is None or view.reading is None:
        return known.reading is view.reading
    return _of_reading(known.reading) == _of_reading(view.reading)
