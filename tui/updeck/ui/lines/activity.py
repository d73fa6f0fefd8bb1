"""Activity: one line per event, the newest last. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, overload

from updeck.text import pad
from updeck.ui.facts import hang
from updeck.ui.ink import Ink, Line, fit_line, join, line, spread, width_of
from updeck.ui.times import is_recent, time_of_day

if TYPE_CHECKING:
    from updeck.journal.models import Event

__all__ = ["EventLines", "event_line", "event_lines", "matching"]

_TIME_CELLS, _DATE_CELLS = 8, 16
_INKS = {"state": Ink.DIM, "end": Ink.STRONG}


def event_line(event: Event, width: int, name_cells: int, now: float) -> Line:
    """Return an event in one line of `width` cells, cut with `…`; 0 name cells leave the device out.

    `now` is our wall clock.
    """
    whole = join([_when_and_where(event, name_cells, now), _what(event)])
    by = _by(event)
    return spread(whole, by, width) if by and width_of(whole) + width_of(by) + 2 <= width else fit_line(whole, width)


class EventLines(Sequence[Line]):
    """One line of `width` cells for each event, drawn as it is looked at: of thousands a pane shows a dozen."""

    def __init__(self, events: Sequence[Event], width: int, name_cells: int, now: float) -> None:
        self._events = events
        self._width = width
        self._name_cells = name_cells
        self._now = now

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, at: int) -> Line: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Line]: ...
    def __getitem__(self, at: int | slice) -> Line | Sequence[Line]:
        if isinstance(at, slice):
            return [self._line(event) for event in self._events[at]]
        return self._line(self._events[at])

    def _line(self, event: Event) -> Line:
        return event_line(event, self._width, self._name_cells, self._now)


def event_lines(event: Event, width: int, name_cells: int, now: float) -> Sequence[Line]:
    """Return an event whole, over as many lines as it takes; what follows the first stands beneath its text."""
    lead = line(*_when_and_where(event, name_cells, now), "  ")
    told = join([_what(event), _by(event)])
    if width_of(lead) + width_of(told) <= width:
        return [event_line(event, width, name_cells, now)]
    return hang(lead, told, width_of(lead), width)


def _when_and_where(event: Event, name_cells: int, now: float) -> Line:
    at = pad(time_of_day(event.at, now), _TIME_CELLS if is_recent(event.at, now) else _DATE_CELLS)
    device = "  " + pad(event.device or "", name_cells) if name_cells else ""
    return line((at, Ink.DIM), (device, Ink.PLAIN))


def _what(event: Event) -> Line:
    return line((event.text, _INKS.get(event.kind, Ink.PLAIN)))


def _by(event: Event) -> Line:
    return line((f"by {event.actor.user}", Ink.DIM)) if event.actor.user and event.kind != "state" else ()


def matching(events: Iterable[Event], words: str) -> list[Event]:
    """Return the events in which every word stands: in the device's name, the text or the user."""
    wanted = words.casefold().split()
    return [event for event in events if all(word in _haystack(event) for word in wanted)]


def _haystack(event: Event) -> str:
    return f"{event.device or ''} {event.text} {event.kind} {event.actor.user}".casefold()
