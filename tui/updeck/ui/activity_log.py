"""What the activity panes show: the newest events of the journal, taken in as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from updeck.journal.models import Event

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService

__all__ = ["ActivityLog"]

_KEPT, _CUT = 2000, 500


class ActivityLog:
    """Events, the newest last. Old ones go in lots, so that a new one seldom moves all others."""

    def __init__(self) -> None:
        self._token: int | None = None
        self.events: tuple[Event, ...] = ()

    def refresh(self, service: FleetService) -> bool:
        """Take in what the journal has newly; returns whether there was anything. Raises `JournalError`."""
        token = service.events_token()
        if token == self._token:
            return False
        self._token = token
        last = self.events[-1].id if self.events else 0
        new = service.events(after_id=last)
        if not new:
            return False
        kept = (*self.events, *new)
        self.events = kept[-(_KEPT - _CUT) :] if len(kept) > _KEPT else kept
        return True
