"""A few alternatives, one of which has to be chosen; none is at first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from updeck.ui.glyphs import Glyphs

__all__ = ["ChoiceList"]


class ChoiceList(Widget, can_focus=True):
    """Lines `( ) 11.8.0`; up and down move, enter or space chooses."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("enter,space", "choose", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """One was chosen."""

        choices: ChoiceList
        value: str

    def __init__(self, glyphs: Glyphs, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._glyphs = glyphs
        self._values: tuple[str, ...] = ()
        self._at = 0
        self.chosen: str | None = None

    def offer(self, values: Sequence[str]) -> None:
        """Show these alternatives; none is chosen, unless they are what is shown already."""
        if tuple(values) == self._values:
            return
        self._values, self._at, self.chosen = tuple(values), 0, None
        self.styles.height = len(self._values)
        self.refresh(layout=True)

    def render(self) -> Content:
        """Draw a line for each, the one under the cursor reversed."""
        lines: list[Content] = []
        for number, value in enumerate(self._values):
            sign = self._glyphs.ready if value == self.chosen else " "
            text = self._glyphs.show(f"({sign}) {value}")
            here = self.has_focus and number == self._at
            lines.append(Content.styled(text, "reverse") if here else Content(text))
        return Content("\n").join(lines)

    def action_move(self, step: int) -> None:
        """Move the cursor."""
        self._at = min(max(self._at + step, 0), len(self._values) - 1)
        self.refresh()

    def action_choose(self) -> None:
        """Choose the one under the cursor."""
        if self._values:
            self.chosen = self._values[self._at]
            self.refresh()
            self.post_message(self.Chosen(self, self.chosen))

    def on_focus(self) -> None:
        """Draw the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Draw no cursor."""
        self.refresh()
