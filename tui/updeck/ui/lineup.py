"""Which devices are on view, in which order, with cursor and marks. The cursor and the marks belong to devices.

Calm under change (`design.md` 5): new views are taken in at once, but rows come, go and change places only when no
key was pressed for three seconds, or when a person asked for another order or filter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from updeck.fleet.tone import Tone

if TYPE_CHECKING:
    from updeck.fleet.views import DeviceView

__all__ = ["CALM_S", "CHANGED_S", "THAW_S", "Lineup", "Sort", "attention"]

CALM_S = 3.0
"""Seconds after a key during which no row changes its place."""

SETTLE_S = 3.0
"""Least seconds between two times that rows change places by themselves."""

CHANGED_S = 600.0
"""Seconds for which a change of state is marked, unless somebody looks at the device before."""

THAW_S = 300.0
"""Seconds after which a frozen view thaws."""


class Sort(StrEnum):
    """The orders to choose from; the value stands in the header."""

    ATTENTION = "needs a person"
    NAME = "name"
    STATE = "state"
    VERSION = "version"
    SITE = "site"
    SEEN = "seen"


_ATTENTION = {Tone.NEEDS: 0, Tone.MAY: 1, Tone.READY: 2, Tone.MOVING: 3}
_AT_REST = 4
_NEVER = float("-inf")
_DIGITS = re.compile(r"(\d+)")


def attention(view: DeviceView) -> int:
    """Return how early a device stands in the list; what was acknowledged leaves the top."""
    return _AT_REST if view.acknowledged else _ATTENTION.get(view.next.tone, _AT_REST)


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Return a key by which `br2` comes before `br10`."""
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in _DIGITS.split(name) if part)


def _version(view: DeviceView) -> tuple[int, tuple[int, int, int, str]]:
    from updeck.device.versions import Version  # no version is known before the first paint

    parsed = Version.parse(view.version or "")
    return (1, (0, 0, 0, "")) if parsed is None else (0, parsed.release)


_KEYS: dict[Sort, Callable[[DeviceView], tuple[object, ...]]] = {
    Sort.ATTENTION: lambda view: (attention(view),),
    Sort.NAME: lambda view: (natural(view.name),),
    Sort.STATE: lambda view: (str(view.reach), view.state or "", natural(view.name)),
    Sort.VERSION: lambda view: (_version(view), natural(view.name)),
    Sort.SITE: lambda view: (view.site is None, view.site or "", natural(view.name)),
    Sort.SEEN: lambda view: (0.0 if view.reading is None else view.reading.at, natural(view.name)),
}

Select: TypeAlias = "Callable[[Sequence[DeviceView]], Iterable[DeviceView]]"
"""Picks the devices that a filter shows."""


class Lineup:
    """The rows of the device list. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._views: dict[str, DeviceView] = {}
        self._shown: tuple[str, ...] = ()
        self._rows: dict[str, int] = {}
        self._select: Select | None = None
        self._last_key = self._settled_at = _NEVER
        self._untidy = False
        self._frozen_at: float | None = None
        self._looked: dict[str, float] = {}
        self.sort = Sort.ATTENTION
        self.reversed = False
        self.cursor: str | None = None
        self.marks: frozenset[str] = frozenset()

    @property
    def shown(self) -> tuple[str, ...]:
        """The devices on view, from the top."""
        return self._shown

    @property
    def filtered(self) -> bool:
        """Whether a filter is in force."""
        return self._select is not None

    @property
    def size(self) -> int:
        """How many devices there are in all."""
        return len(self._views)

    @property
    def current(self) -> DeviceView | None:
        """The device under the cursor."""
        return None if self.cursor is None else self._views.get(self.cursor)

    @property
    def row(self) -> int:
        """The row of the cursor, counted from 0; 0 where there is none."""
        return self._rows.get(self.cursor or "", 0)

    @property
    def frozen(self) -> bool:
        """Whether the view stands still; it thaws by itself."""
        return self._frozen_at is not None and self._clock() - self._frozen_at < THAW_S

    @property
    def marked(self) -> tuple[DeviceView, ...]:
        """The marked devices on view, in the order of the rows."""
        return tuple(self._views[name] for name in self._shown if name in self.marks)

    @property
    def hidden_marks(self) -> int:
        """How many marks the filter hides."""
        return sum(1 for name in self.marks if name not in self._rows)

    def view(self, name: str) -> DeviceView:
        """Return the view of a device as it is to be drawn."""
        return self._views[name]

    def views(self) -> tuple[DeviceView, ...]:
        """Return all views, in the order of the inventory."""
        return tuple(self._views.values())

    def row_of(self, name: str) -> int | None:
        """Return the row of a device, None where it is not on view."""
        return self._rows.get(name)

    def newly_needing(self, fresh: Iterable[DeviceView]) -> bool:
        """Whether a newer view asks for a person and its last did not; what does so from the first on is not new."""
        return any(
            view.next.tone is Tone.NEEDS
            and not view.acknowledged
            and (known := self._views.get(view.name)) is not None
            and known.reach is not None
            and known.next.tone is not Tone.NEEDS
            for view in fresh
        )

    def look_at(self, name: str, now: float) -> None:
        """Note that a person has a device before them at `now`, our wall clock."""
        self._looked[name] = now

    def changed(self, name: str, now: float) -> bool:
        """Whether a device changed of late and nobody has looked at it since. `now` is our wall clock."""
        at = self._views[name].changed_at
        return at is not None and now - at < CHANGED_S and self._looked.get(name, _NEVER) < at

    @property
    def touched(self) -> bool:
        """Whether any key was pressed yet: before, nobody has looked at anything."""
        return self._last_key != _NEVER

    def touch(self) -> None:
        """Note that a key was pressed."""
        self._last_key = self._clock()

    def take(self, views: Iterable[DeviceView]) -> None:
        """Take newer views in. Where they stand is settled later."""
        for view in views:
            self._views[view.name] = view
            self._untidy = True

    def refresh(self, views: Iterable[DeviceView]) -> None:
        """Take in views that differ from those known in their times only; no row moves for that."""
        for view in views:
            if view.name in self._views:
                self._views[view.name] = view

    def arrange_roster(self, names: Sequence[str]) -> None:
        """Keep exactly these devices, in this order."""
        self._views = {name: self._views[name] for name in names if name in self._views}
        self.marks = frozenset(name for name in self.marks if name in self._views)
        self._looked = {name: at for name, at in self._looked.items() if name in self._views}
        self._arrange(keep_cursor=False)

    def settle(self) -> bool:
        """Put rows in their order if the person rests; returns whether any row changed its place."""
        now = self._clock()
        if not self._untidy or self.frozen or now - self._last_key < CALM_S or now - self._settled_at < SETTLE_S:
            return False
        self._settled_at = now
        return self._arrange(keep_cursor=True)

    def choose_sort(self, sort: Sort) -> None:
        """Take another order."""
        self.sort = sort
        self._arrange(keep_cursor=True)

    def reverse(self) -> None:
        """Turn the order round."""
        self.reversed = not self.reversed
        self._arrange(keep_cursor=True)

    def choose_filter(self, select: Select | None) -> None:
        """Show what `select` picks; None shows all."""
        self._select = select
        self._arrange(keep_cursor=False)

    def freeze(self) -> None:
        """Let the view stand still."""
        self._frozen_at = self._clock()

    def thaw(self) -> None:
        """Let the view follow again."""
        self._frozen_at = None

    def move(self, rows: int) -> None:
        """Move the cursor by rows, as far as there are any."""
        self.go(self.row + rows)

    def go(self, row: int) -> None:
        """Put the cursor on a row, the nearest there is."""
        if self._shown:
            self.cursor = self._shown[min(max(row, 0), len(self._shown) - 1)]

    def seek(self, step: int) -> bool:
        """Put the cursor on the next device (`step` 1) or the one before (-1) that needs a person, round the end."""
        count = len(self._shown)
        for distance in range(1, count + 1):
            name = self._shown[(self.row + step * distance) % count]
            if self._views[name].needs_me:
                self.cursor = name
                return True
        return False

    def toggle_mark(self) -> None:
        """Mark the device under the cursor, or take its mark away."""
        if self.cursor is not None:
            self.marks = self.marks ^ {self.cursor}

    def mark_shown(self) -> None:
        """Mark every device on view."""
        self.marks = self.marks | set(self._shown)

    def clear_marks(self) -> None:
        """Take every mark away, the hidden ones too."""
        self.marks = frozenset()

    def _arrange(self, *, keep_cursor: bool) -> bool:
        self._untidy = False
        views = self.views()
        picked = views if self._select is None else tuple(self._select(views))
        if keep_cursor and self._select is not None and self.cursor in self._rows:
            picked = self._with_cursor(picked)
        ordered = sorted(picked, key=_KEYS[self.sort], reverse=self.reversed)
        row = 0 if self._last_key == _NEVER else self.row
        shown = tuple(view.name for view in ordered)
        changed = shown != self._shown
        self._shown = shown
        self._rows = {name: index for index, name in enumerate(shown)}
        if self.cursor not in self._rows or self._last_key == _NEVER:
            self.cursor = None  # until the first key, the cursor waits at the top
            self.go(row)
        return changed

    def _with_cursor(self, picked: tuple[DeviceView, ...]) -> tuple[DeviceView, ...]:
        """Keep the device under the cursor on view until the cursor leaves it, whatever the filter says now."""
        current = self.current
        if current is None or any(view.name == current.name for view in picked):
            return picked
        return (*picked, current)
