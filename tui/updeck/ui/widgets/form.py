"""Lines of text that a person types, all in one widget: a burst of keys lands in the line where it was meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from updeck.text import cell_width, fit, pad
from updeck.ui.facts import LABEL_WIDTH
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink
from updeck.ui.line_edit import LineEdit
from updeck.ui.theme import DEFAULT_THEME, PALETTES

__all__ = ["Entry", "Form"]

LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a form. `key` names it in the program, `caption` on the screen.

    A `secret` is shown as marks and kept as it was typed. With `takes_paste` off a bracketed paste changes nothing
    (`security.md`, confirmation). A `quiet` line shows its hint in place of a cursor while it is empty.
    """

    key: str
    caption: str
    value: str = ""
    hint: str = ""
    secret: bool = False
    takes_paste: bool = True
    quiet: bool = False


class Form(Widget, can_focus=True):
    """Enter, tab and the arrows go from line to line; at its ends the keys pass on to the screen.

    Textual moves the focus between widgets behind the keys that are under way, so a password typed quickly could
    show up in the field before it; within one widget no key can overtake. Keys stamped before `hears_from` (the
    clock of `Message.time`) are dropped.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"form--value"}

    @dataclass
    class Changed(Message):
        """A person changed a line."""

        form: Form
        key: str

        @property
        def control(self) -> Form:
            return self.form

    @dataclass
    class Submitted(Message):
        """Enter was pressed in the last line."""

        form: Form

        @property
        def control(self) -> Form:
            return self.form

    @dataclass
    class PasteRefused(Message):
        """A paste came where only typing counts."""

        form: Form

        @property
        def control(self) -> Form:
            return self.form

    def __init__(
        self, glyphs: Glyphs, entries: Sequence[Entry], *, widget_id: str = "form", disabled: bool = False
    ) -> None:
        super().__init__(id=widget_id, disabled=disabled)
        self.hears_from = 0.0
        self._glyphs = glyphs
        self._entries = tuple(entries)
        self._edits = [_edit(entry, entry.value) for entry in self._entries]
        self._at = 0
        self.styles.height = len(self._entries)

    @property
    def at(self) -> str:
        """The key of the line that is being typed in."""
        return self._entries[self._at].key

    def value(self, key: str = "") -> str:
        """Return what stands in a line; without a key, in the one that is being typed in."""
        return self._edits[self._index(key) if key else self._at].text

    def put(self, key: str, value: str) -> None:
        """Set a line, the cursor behind it; tells nobody."""
        index = self._index(key)
        self._edits[index] = _edit(self._entries[index], value)
        self._redraw(index)

    def go(self, key: str) -> None:
        """Type in this line from now on."""
        before, self._at = self._at, self._index(key)
        self._redraw(before)
        self._redraw(self._at)

    def _index(self, key: str) -> int:
        return next(index for index, entry in enumerate(self._entries) if entry.key == key)

    def _redraw(self, index: int) -> None:
        self.refresh(Region(0, index, self.size.width, 1))

    def on_key(self, event: events.Key) -> None:
        """Edit, go to another line, or let the key pass to the screen."""
        if event.time < self.hears_from:
            event.stop()
            return
        step = {"enter": 1, "tab": 1, "down": 1, "shift+tab": -1, "up": -1}.get(event.key, 0)
        if step and 0 <= self._at + step < len(self._entries):
            event.stop()
            self.go(self._entries[self._at + step].key)
        elif event.key == "enter":
            event.stop()
            self.post_message(self.Submitted(self))
        elif not step:
            self._edit(event)

    def _edit(self, event: events.Key) -> None:
        edit = self._edits[self._at]
        before = (edit.text, edit.at)
        if edit.press(event.key, event.character) and (edit.text, edit.at) != before:
            event.stop()
            self._redraw(self._at)
            if edit.text != before[0]:
                self.post_message(self.Changed(self, self.at))

    def on_paste(self, event: events.Paste) -> None:
        """Take the first line of a paste, or refuse it."""
        event.stop()
        entry, edit = self._entries[self._at], self._edits[self._at]
        if not entry.takes_paste:
            self.post_message(self.PasteRefused(self))
        elif lines := event.text.splitlines():
            edit.insert(lines[0])
            self._redraw(self._at)
            self.post_message(self.Changed(self, entry.key))

    def on_focus(self) -> None:
        """Draw the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Draw no cursor."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw caption and text of a line."""
        palette = PALETTES.get(self.app.theme, PALETTES[DEFAULT_THEME])
        entry, edit = self._entries[y], self._edits[y]
        here = self.has_focus and y == self._at
        style = self.get_component_rich_style("form--value")
        caption = Segment(pad(entry.caption, LABEL_WIDTH), palette[Ink.PLAIN if here else Ink.DIM])
        width = max(2, self.size.width - LABEL_WIDTH)
        if not edit.text and (entry.quiet or not here):
            hint = Segment(self._glyphs.show(pad(entry.hint, width)), style + Style(dim=True))
            return Strip([caption, hint])
        text = self._glyphs.ready * len(edit.text) if entry.secret else edit.text
        if not here:
            return Strip([caption, Segment(self._glyphs.show(pad(text, width)), style)])
        head, under, tail = _around(text, edit.at, width)
        cells = [(head, style), (under, style + Style(reverse=True)), (tail, style)]
        segments = [Segment(self._glyphs.show(part), look) for part, look in cells]
        return Strip([caption, *segments]).adjust_cell_length(self.size.width, style)


def _edit(entry: Entry, value: str) -> LineEdit:
    if entry.secret:
        return LineEdit(value, limit=LIMIT, admit=lambda text, room: text)
    return LineEdit(value, limit=LIMIT)


def _around(text: str, at: int, width: int) -> tuple[str, str, str]:
    """Return what stands before, under and behind the cursor, as far as `width` cells show it."""
    start = 0
    while start < at and cell_width(text[start:at]) > width - 2:
        start += 1
    head, under = text[start:at], text[at : at + 1] or " "
    left = width - cell_width(head) - cell_width(under)
    return head, under, fit(text[at + 1 :], left) if left > 0 else ""
