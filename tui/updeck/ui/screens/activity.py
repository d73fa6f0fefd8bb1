"""Activity, whole: what was done and by whom, what changed; journal and log in one, to be narrowed by words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from updeck.journal.models import Event
from updeck.text import cell_width, plural
from updeck.ui.actions import Action
from updeck.ui.ink import Ink, Line, line
from updeck.ui.lines.activity import event_lines, matching
from updeck.ui.screens.reading import ReadingScreen
from updeck.ui.times import is_recent

if TYPE_CHECKING:
    from updeck.ui.app import UpdeckApp
    from updeck.ui.screens.help import Page

__all__ = ["ActivityScreen"]

_NAME_CELLS_MOST = 24

_Laid = tuple[int, bool, int, int]
"""An event by its id, whether it is recent, and the cells of a line and of a name: all that its lines depend on."""


class ActivityScreen(ReadingScreen):
    """Shows the newest event last and follows it, until somebody scrolls up."""

    FILTERS = True
    FOLLOWS = True

    def __init__(self, deck: UpdeckApp) -> None:
        super().__init__(deck)
        self._drawn: Event | None = None
        self._laid: dict[_Laid, Sequence[Line]] = {}

    def on_mount(self) -> None:
        """Follow the journal."""
        self.set_interval(self.deck.options.pace_s, self._follow)

    def _follow(self) -> None:
        events = self.deck.home.record.events
        newest = events[-1] if events else None
        if self.is_current and newest is not self._drawn:
            self._drawn = newest
            self.draw()

    def title_line(self, width: int) -> Line:
        """Return what this is, and how much of it is on view."""
        events = self.deck.home.record.events
        shown = f"{len(matching(events, self.words))} of " if self.words else ""
        return line(("Activity", Ink.STRONG), (f"  {shown}{plural(len(events), 'event')}", Ink.DIM))

    def help_page(self) -> Page:
        """Return the help of this screen."""
        from updeck.ui.screens.help import ACTIVITY

        return ACTIVITY

    def keys_line(self) -> Line:
        """Return the keys that apply."""
        return self.deck.keys_line(["back", "filter", "page_up", "page_down", "export", "help"])

    def text(self, width: int) -> Sequence[Line]:
        """Return the events in which every word of the filter stands."""
        now = self.deck.clock.wall()
        events = matching(self.deck.home.record.events, self.words)
        cells = min(_NAME_CELLS_MOST, max((cell_width(event.device or "") for event in events), default=0))
        keys = [(event.id, is_recent(event.at, now), width, cells) for event in events]
        before, self._laid = self._laid, {}
        for key, event in zip(keys, events, strict=True):
            self._laid[key] = before.get(key) or event_lines(event, width, cells, now)
        return [drawn for key in keys for drawn in self._laid[key]]

    def act(self, action: Action) -> None:
        """Close by the key that opened this."""
        if action.id == "activity":
            self.deck.close(self)
        elif action.id == "export" and not self.deck.busy:
            from updeck.ui.exports import activity_export

            made = activity_export(matching(self.deck.home.record.events, self.words))
            self.deck.export(made.title, len(made.rows), lambda: made)
        else:
            super().act(action)
