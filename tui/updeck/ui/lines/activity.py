"""Activity: one line per event, the newest last. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from updeck.journal.models import Event
from updeck.text import pad
from updeck.ui.ink import Ink, Line, line, spread, width_of
from updeck.ui.times import time_of_day

__all__ = ["event_line", "matching"]

_TIME_CELLS = 8
_INKS = {"state": Ink.DIM, "end": Ink.STRONG}


def event_line(event: Event, width: int, name_cells: int, now: float) -> Line:
    """Return an event in one line of `width` cells; 0 name cells leave the device out. `now` is our wall clock."""
    at = pad(time_of_day(event.at, now), _TIME_CELLS if now - event.at < 20 * 3600 else 16)
    device = pad(event.device or "", name_cells) + "  " if name_cells else ""
    whole = line((f"{at}  ", Ink.DIM), (device, Ink.PLAIN), (event.text, _INKS.get(event.kind, Ink.PLAIN)))
    by = line((f"by {event.actor.user}", Ink.DIM)) if event.actor.user and event.kind != "state" else ()
    return spread(whole, by, width) if by and width_of(whole) + width_of(by) + 2 <= width else whole


def matching(events: Iterable[Event], words: str) -> list[Event]:
    """Return the events in which every word stands: in the device's name, the text or the user."""
    wanted = words.casefold().split()
    return [event for event in events if all(word in _haystack(event) for word in wanted)]


def _haystack(event: Event) -> str:
    return f"{event.device or ''} {event.text} {event.kind} {event.actor.user}".casefold()
