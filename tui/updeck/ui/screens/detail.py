"""One device in full: status, images, and what was done to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from updeck.fleet.views import DeviceView
from updeck.ui.actions import Action, Group
from updeck.ui.facts import heading
from updeck.ui.ink import EMPTY, Ink, Line, line
from updeck.ui.lines.activity import event_line
from updeck.ui.lines.images import image_blocks
from updeck.ui.lines.status import status_lines
from updeck.ui.screens.reading import ReadingScreen

if TYPE_CHECKING:
    from updeck.ui.app import UpdeckApp

__all__ = ["DetailScreen"]

_HERE_TOO = ("poll", "help", "activity")


class DetailScreen(ReadingScreen):
    """Shows the device under the list's cursor; keys that act on one device act on this one."""

    def __init__(self, deck: UpdeckApp) -> None:
        super().__init__(deck)
        self._drawn: tuple[DeviceView | None, int] | None = None

    def on_mount(self) -> None:
        """Follow the device."""
        self.set_interval(self.deck.options.pace_s, self._follow)

    def _follow(self) -> None:
        home = self.deck.home
        now = (home.lineup.current, len(home.record.events))
        if self.is_current and now != self._drawn:
            self._drawn = now
            self.draw()

    def title_line(self) -> Line:
        """Return whose fleet the device is of."""
        return self.deck.name_line()

    def keys_line(self) -> Line:
        """Return the keys that act on this device."""
        return self.deck.keys_line(["back", "next", "upload", "fetch", "init", "start", "reset", "help"])

    def text(self, width: int) -> Sequence[Line]:
        """Return all that is known of the device."""
        home, glyphs, now = self.deck.home, self.deck.glyphs, self.deck.clock.wall()
        view = home.lineup.current
        out = list(status_lines(view, width, glyphs, now))
        if view is None:
            return out
        out += heading("Images", width, glyphs.rule)
        for block in image_blocks(view, width, glyphs) or ((line(("none", Ink.DIM)),),):
            out += block
        out += heading("Activity", width, glyphs.rule)
        theirs = [event for event in home.record.events if event.device == view.name]
        out += [event_line(event, width, 0, now) for event in reversed(theirs)] or [EMPTY]
        return out

    def act(self, action: Action) -> None:
        """Do what the list would do with this device."""
        if action.id == "view":
            self.deck.close(self)
        elif action.group is Group.ACT or action.id in _HERE_TOO:
            self.deck.home.press(action.id)
        else:
            super().act(action)
