"""The base of screens with a list: a cursor that belongs to what it stands on, never to a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from updeck.ui.actions import Action
from updeck.ui.ink import Ink, Line, line
from updeck.ui.lines.rollouts import Row
from updeck.ui.screens.reading import ReadingScreen

if TYPE_CHECKING:
    from updeck.ui.app import UpdeckApp

__all__ = ["RowScreen"]


class RowScreen(ReadingScreen):
    """Shows `listed(width)`; moving keys go from row to row past the titles between. `at` is the key of the cursor."""

    def __init__(self, deck: UpdeckApp, at: str | None = None) -> None:
        super().__init__(deck)
        self.at = at
        self._place = 0
        self._revealed: tuple[str | None, int] | None = None

    def listed(self, width: int) -> Sequence[Row]:
        """Return the rows in their order."""
        raise NotImplementedError

    def text(self, width: int) -> Sequence[Line]:
        """Return the rows, with the cursor where it is; where its own is gone it stays at the same height."""
        rows = self.listed(width)
        keys = [row.key for row in rows if row.key is not None]
        if keys and self.at not in keys:
            self.at = keys[min(self._place, len(keys) - 1)]
        if self.at in keys:
            self._place = keys.index(self.at)
        self._pane.stays = next((at for at, row in enumerate(rows) if row.stays), None)
        return [self._drawn(row) for row in rows]

    def _drawn(self, row: Row) -> Line:
        if row.key is None:
            return row.line
        here = row.key == self.at
        return line((self.deck.glyphs.cursor if here else " ", Ink.ACCENT), (" ", Ink.PLAIN), *row.line)

    def draw(self) -> None:
        """Draw what changed, with the cursor on view."""
        super().draw()
        self._reveal()

    def _reveal(self) -> None:
        index = next((at for at, row in enumerate(self.listed(self._pane.cells)) if row.key == self.at), None)
        if index is None or self._revealed == (self.at, self._pane.rows):
            return
        self._revealed = (self.at, self._pane.rows)
        self._pane.reveal(0 if self._place == 0 else index, index)

    def do(self, action: Action) -> None:
        """Move the cursor, or do what the base does."""
        page = max(1, self._pane.rows - 1)
        steps = {"down": 1, "up": -1, "page_down": page, "page_up": -page, "first": -1_000_000, "last": 1_000_000}
        if action.id not in steps:
            super().do(action)
            return
        keys = [row.key for row in self.listed(self._pane.cells) if row.key is not None]
        if keys:
            self.at = keys[max(0, min(self._place + steps[action.id], len(keys) - 1))]
            self.draw()
            self.moved()

    def moved(self) -> None:
        """Draw what depends on where the cursor is."""
