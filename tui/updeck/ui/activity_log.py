"""What the activity panes show: the newest events of the journal, taken in as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.journal.models import Event

__all__ = ["ActivityLog"]

_KEPT, _CUT = 2000, 500
_SAME_S = 120.0
"""Seconds within which two processes see the same change."""


class ActivityLog:
    """Events, the newest last. Old ones go in lots, so that a new one seldom moves all others.

    Where this process records nothing (read-only), what it saw itself stands among what others recorded; a change that
    another process recorded as well is told once.
    """

    def __init__(self) -> None:
        self._token: int | None = None
        self._last = self._seen = 0
        self.events: tuple[Event, ...] = ()

    def refresh(self, service: FleetService) -> bool:
        """Take in what is new; returns whether there was anything. Raises `JournalError`."""
        new = [*self._recorded(service), *self._unrecorded(service)]
        if not new:
            return False
        kept = tuple(sorted(_once([*self.events, *new]), key=lambda event: event.at))
        self.events = kept[-(_KEPT - _CUT) :] if len(kept) > _KEPT else kept
        return True

    def _recorded(self, service: FleetService) -> list[Event]:
        token = service.events_token()
        if token == self._token:
            return []
        self._token = token
        new = service.events(after_id=self._last)
        self._last = new[-1].id if new else self._last
        return new

    def _unrecorded(self, service: FleetService) -> list[Event]:
        new = service.unrecorded(after=self._seen)
        self._seen = -new[-1].id if new else self._seen
        return new


def _once(events: list[Event]) -> list[Event]:
    """Leave out what we saw ourselves where the record has it too."""
    if all(event.id > 0 for event in events):
        return events
    recorded = {(event.device, event.text): event.at for event in events if event.id > 0 and event.kind == "state"}
    return [
        event
        for event in events
        if event.id > 0 or abs(recorded.get((event.device, event.text), float("-inf")) - event.at) > _SAME_S
    ]
