"""The help, made from the registry of actions and the keys in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from updeck.ui.actions import Action, Group
from updeck.ui.ink import Ink, Line, line
from updeck.ui.lines.help import HOME, help_lines
from updeck.ui.screens.reading import ReadingScreen

if TYPE_CHECKING:
    from updeck.ui.app import UpdeckApp

__all__ = ["HelpScreen"]


class HelpScreen(ReadingScreen):
    """Shows every key of these groups; without any, those of the fleet screen."""

    def __init__(self, deck: UpdeckApp, groups: Sequence[Group] = HOME) -> None:
        super().__init__(deck)
        self._groups = tuple(groups)

    def title_line(self) -> Line:
        """Return what this is."""
        return line(("Keys", Ink.STRONG), ("   a key that does not apply says why", Ink.DIM))

    def text(self, width: int) -> Sequence[Line]:
        """Return the table of keys."""
        return help_lines(self.deck.keymap, width, self._groups)

    def act(self, action: Action) -> None:
        """Close by the key that opened this."""
        if action.id == "help":
            self.deck.close(self)
        else:
            super().act(action)
