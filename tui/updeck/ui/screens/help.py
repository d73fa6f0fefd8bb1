"""The help, made from the registry of actions and the keys in force."""

from __future__ import annotations

from collections.abc import Sequence

from updeck.ui.actions import Action
from updeck.ui.ink import Ink, Line, line
from updeck.ui.lines.help import help_lines
from updeck.ui.screens.reading import ReadingScreen

__all__ = ["HelpScreen"]


class HelpScreen(ReadingScreen):
    """Shows every key."""

    def title_line(self) -> Line:
        """Return what this is."""
        return line(("Keys", Ink.STRONG), ("   a key that does not apply says why", Ink.DIM))

    def text(self, width: int) -> Sequence[Line]:
        """Return the table of keys."""
        return help_lines(self.deck.keymap, width)

    def act(self, action: Action) -> None:
        """Close by the key that opened this."""
        if action.id == "help":
            self.deck.close(self)
        else:
            super().act(action)
