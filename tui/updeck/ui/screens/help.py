"""The help: the keys of the screen that it was opened on, as they are in force, and what the words there mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from updeck.ui.actions import Action, Group
from updeck.ui.ink import Ink, Line, line, width_of
from updeck.ui.lines.help import HOME, action_lines, help_lines
from updeck.ui.lines.words import Topic, word_lines
from updeck.ui.screens.reading import ReadingScreen

if TYPE_CHECKING:
    from updeck.ui.app import UpdeckApp

__all__ = ["ACTIVITY", "DETAIL", "DEVICE_LOG", "FLEET", "ROLLOUT", "ROLLOUTS", "HelpScreen", "Page"]

_SCROLL = ("down", "up", "page_down", "first", "back")


@dataclass(frozen=True, slots=True)
class Page:
    """What one screen's help shows: keys by group or one by one, and the topics below them."""

    name: str
    groups: tuple[Group, ...] = ()
    actions: tuple[str, ...] = ()
    topics: tuple[Topic, ...] = ()


FLEET = Page(
    "the list of devices",
    groups=HOME,
    topics=(Topic.SIGNS, Topic.NEXT, Topic.STATES, Topic.REACH, Topic.FILTER),
)
DETAIL = Page(
    "one device",
    actions=(
        *_SCROLL,
        *("next", "upload", "fetch", "init", "start", "reset", "credentials", "acknowledge", "plan", "poll"),
        *("copy", "export", "activity", "brake", "help"),
    ),
    topics=(Topic.NEXT, Topic.STATES, Topic.REACH),
)
ACTIVITY = Page("the activity", actions=(*_SCROLL, "filter", "export", "help"), topics=(Topic.ACTIVITY,))
DEVICE_LOG = Page("the log of a device", actions=(*_SCROLL, "filter", "help"), topics=(Topic.PHASES, Topic.VERDICTS))
ROLLOUTS = Page("the rollouts", actions=(*_SCROLL, "next", "export", "brake", "help"), topics=())
ROLLOUT = Page(
    "a rollout",
    groups=(Group.ROLLOUT, Group.PROGRAM),
    actions=("view", "reset", "export", "brake"),
    topics=(Topic.PHASES, Topic.VERDICTS),
)


class HelpScreen(ReadingScreen):
    """Shows a page; closes by the key that opened it."""

    def __init__(self, deck: UpdeckApp, page: Page = FLEET) -> None:
        super().__init__(deck)
        self._page = page

    def title_line(self, width: int) -> Line:
        """Return whose keys these are."""
        short = line(("Keys", Ink.STRONG), (f" of {self._page.name}", Ink.DIM))
        whole = line(*short, ("   a key that does not apply says why", Ink.DIM))
        return whole if width_of(whole) <= width else short

    def text(self, width: int) -> Sequence[Line]:
        """Return the keys, and below them the words."""
        page, keymap = self._page, self.deck.keymap
        keys = help_lines(keymap, width, page.groups) if page.groups else ()
        single = action_lines(keymap, width, page.actions)
        return [*keys, *single, *word_lines(page.topics, width, self.deck.glyphs, keymap)]

    def keys_line(self) -> Line:
        """Return how the rest comes on view, and the way back."""
        return self.deck.keys_line(["back", "page_up", "page_down"])

    def act(self, action: Action) -> None:
        """Close by the key that opened this."""
        if action.id == "help":
            self.deck.close(self)
        else:
            super().act(action)
