"""A button of one line: no frame, no hover, no press animation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from updeck.text import cell_width

__all__ = ["PushButton"]


class PushButton(Widget, can_focus=True):
    """Shows `[ label ]`; enter or space presses it, left and right move to its neighbours."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "press", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    @dataclass
    class Pressed(Message):
        """The button was pressed."""

        button: PushButton

        @property
        def control(self) -> PushButton:
            return self.button

    def __init__(self, label: str, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._label = label

    @property
    def label(self) -> str:
        """The words on the button; setting them changes its width."""
        return self._label

    @label.setter
    def label(self, label: str) -> None:
        if label != self._label:
            self._label = label
            self.refresh(layout=True)

    def get_content_width(self, container: object, viewport: object) -> int:
        """Return the cells that label and brackets take."""
        return cell_width(self._label) + 4

    def render(self) -> Content:
        """Draw the label in brackets, which hold without any colour."""
        return Content(f"[ {self._label} ]")

    def action_press(self) -> None:
        """Tell the screen."""
        self.post_message(self.Pressed(self))

    def on_click(self) -> None:
        """Press by mouse, where one was asked for."""
        self.action_press()
