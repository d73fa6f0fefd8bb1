"""All planned rollouts that this journal knows, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from updeck.rollout.summary import Summary, summary_of
from updeck.text import plural
from updeck.ui.actions import Action
from updeck.ui.ink import Ink, Line, line
from updeck.ui.lines.rollouts import Row, list_head, list_rows
from updeck.ui.screens.rollout import RolloutScreen
from updeck.ui.screens.rows import RowScreen

if TYPE_CHECKING:
    from updeck.ui.app import UpdeckApp
    from updeck.ui.screens.help import Page

__all__ = ["RolloutsScreen"]

_BEING_READ = "the journal is being read"


class RolloutsScreen(RowScreen):
    """`enter` opens the one under the cursor."""

    ABOVE = 1

    def __init__(self, deck: UpdeckApp) -> None:
        super().__init__(deck)
        self._drawn_version = -1

    def on_mount(self) -> None:
        """Follow the journal."""
        self.deck.rollouts.listing = True
        self.deck.home.look()
        self.set_interval(self.deck.options.pace_s, self._follow)

    def on_unmount(self) -> None:
        """Have no more read than is shown."""
        self.deck.rollouts.listing = False

    def _follow(self) -> None:
        if self.is_current and self.deck.rollouts.version != self._drawn_version:
            self._drawn_version = self.deck.rollouts.version
            self.draw()

    def _rollouts(self) -> Sequence[Summary]:
        """Return what is listed; before all were read, those that are known."""
        log = self.deck.rollouts
        if log.listed is not None:
            return log.listed
        return [summary_of(record, plan, self.deck.clock.wall()) for record, plan in log.found.values()]

    def title_line(self, width: int) -> Line:
        """Return what this is, and how many there are."""
        listed = self._rollouts()
        return line(("Rollouts", Ink.STRONG), (f"  {plural(len(listed), 'rollout')}" if listed else "", Ink.DIM))

    def above(self, width: int) -> Sequence[Line]:
        """Return the titles of the columns."""
        return (list_head(width),)

    def help_page(self) -> Page:
        """Return the help of this screen."""
        from updeck.ui.screens.help import ROLLOUTS

        return ROLLOUTS

    def keys_line(self) -> Line:
        """Return the keys that apply."""
        return line((" enter", Ink.KEY), (" open it  ", Ink.DIM), *self.deck.keys_line(["back", "brake", "help"])[1:])

    def listed(self, width: int) -> Sequence[Row]:
        """Return a row per rollout."""
        none = Row(None, line((f"  {self._none()}", Ink.DIM)))
        return list_rows(self._rollouts(), width, self.deck.glyphs) or [none]

    def _none(self) -> str:
        return _BEING_READ if self.deck.rollouts.listed is None else "no rollout was planned yet"

    def act(self, action: Action) -> None:
        """Open one, or close by the key that opened this."""
        if action.id == "next" and self.at is not None:
            self.deck.open(RolloutScreen(self.deck, self.at))
        elif action.id == "next":
            self.say(line((self._none(), Ink.MAY)))
        elif action.id == "rollouts":
            self.deck.close(self)
        elif action.id == "export" and not self.deck.busy:
            from updeck.ui.exports import rollouts_export

            made = rollouts_export(self._rollouts())
            self.deck.export(made.title, len(made.rows), lambda: made)
        elif action.id == "brake":
            self.deck.home.press("brake")
        else:
            super().act(action)
