"""The part of a dialog that takes keys: lines to fill, a remark, buttons; all in one widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from updeck.text import cell_width
from updeck.ui.form_rows import (
    GAP,
    REMARK_LINES,
    Button,
    Entry,
    button_row,
    changed_cells,
    entry_row,
    remark_row,
)
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink
from updeck.ui.keymap import key_name
from updeck.ui.line_edit import LineEdit
from updeck.ui.theme import palette_of

__all__ = ["Button", "Entry", "Form"]

LIMIT = 2000
NEVER = float("inf")


class Form(Widget, can_focus=True):
    """Tab goes through lines and buttons, enter through the lines; letters typed on a button go to `typed_into`.

    It is one widget for two reasons. Textual moves the focus between widgets behind the keys that are under way, so a
    password typed quickly could show up in the line before it; within one widget no key can overtake. And a change of
    focus repaints the whole screen.

    Typing counts from `hears_from` on, submitting and pressing from `acts_from` (the clock of `Message.time`): what
    was typed for something else is dropped. `takes_tab` is asked with the key of the line whether tab means something
    else there.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"form--value"}

    @dataclass
    class Changed(Message):
        """A person changed a line."""

        form: Form
        key: str

    @dataclass
    class Went(Message):
        """A person went to another line or button."""

        form: Form

    @dataclass
    class Submitted(Message):
        """Enter was pressed in the last line."""

        form: Form

    @dataclass
    class Pressed(Message):
        """A button was pressed."""

        form: Form
        key: str

    @dataclass
    class PasteRefused(Message):
        """A paste came where only typing counts."""

        form: Form

    def __init__(
        self,
        glyphs: Glyphs,
        entries: Sequence[Entry],
        buttons: Sequence[Button],
        *,
        at: str,
        typed_into: str | None = None,
        tab_passes: bool = False,
    ) -> None:
        super().__init__(id="form")
        self.hears_from = NEVER
        self.acts_from = NEVER
        self.help_key = "?"
        """The key that is no text while the keys are on a button: it asks the dialog for help."""
        self.takes_tab: Callable[[str], bool] | None = None
        self._glyphs = glyphs
        self._entries = {entry.key: entry for entry in entries}
        self._edits = {entry.key: _edit(entry, entry.value) for entry in entries}
        self._proposed: set[str] = set()
        self._options: dict[str, tuple[str, ...]] = {}
        self._open = frozenset(self._entries)
        self._buttons = tuple(buttons)
        self._remark: tuple[str, Ink] = ("", Ink.DIM)
        self._at = at
        self._typed_into = typed_into
        self._tab_passes = tab_passes
        self._drawn: dict[int, Strip] = {}
        self.styles.height = len(self._entries) + REMARK_LINES + 1

    @property
    def at(self) -> str:
        """The key of the line or button that keys go to."""
        return self._at

    @property
    def typing(self) -> bool:
        """Whether keys go to a line."""
        return self._at in self._entries

    @property
    def remark(self) -> str:
        """What is said now."""
        return self._remark[0]

    @property
    def buttons(self) -> tuple[str, ...]:
        """The labels of the buttons that are there."""
        return tuple(button.label for button in self._buttons)

    def value(self, key: str) -> str:
        """Return what stands in a line."""
        return self._edits[key].text

    def put(self, key: str, value: str) -> None:
        """Set a line, the cursor behind it; tells nobody."""
        self._edits[key] = _edit(self._entries[key], value)
        self._proposed.discard(key)
        self._redraw()

    def propose(self, key: str, value: str) -> None:
        """Set a line to what is suggested: what is typed or pasted there first takes its place."""
        self.put(key, value)
        self._proposed.add(key)

    def go(self, key: str) -> None:
        """Let keys go to this line or button."""
        self._at = key
        self._redraw()

    def say(self, text: str, ink: Ink) -> None:
        """Set the remark."""
        self._remark = (text, ink)
        self._redraw()

    def offer(self, buttons: Sequence[Button], open_entries: Sequence[str]) -> None:
        """Have these buttons and take input in these lines; keys that went elsewhere go to the first button."""
        self._buttons, self._open = tuple(buttons), frozenset(open_entries)
        if self._at not in self.stops:
            self._at = self._buttons[0].key
        self._redraw()

    def give_options(self, key: str, options: Sequence[str]) -> None:
        """Set what a line that chooses can be."""
        self._options[key] = tuple(options)

    @property
    def stops(self) -> list[str]:
        """The keys of the lines that take input and of the buttons, in the order in which tab goes through them."""
        return [key for key in self._entries if key in self._open] + [button.key for button in self._buttons]

    def _redraw(self) -> None:
        """Repaint the rows that look different now, as far as they do."""
        width, height = self.size
        if len(self._drawn) != height:
            self.refresh()
            return
        for y in range(height):
            changed = changed_cells(self._drawn[y], self._row(y))
            if changed:
                self.refresh(Region(0, y, min(changed, width), 1))

    def on_key(self, event: events.Key) -> None:
        """Type, go on, or press; what means nothing here passes on to the screen."""
        if event.key == "escape":
            return
        if event.time < self.hears_from:
            event.stop()
        elif event.key in ("tab", "shift+tab"):
            if not self._tab_passes:
                event.stop()
                if event.key == "tab" and self.takes_tab is not None and self.takes_tab(self._at):
                    return
                self._step(1 if event.key == "tab" else -1, self.stops)
        elif self.typing:
            self._key_on_entry(event, self._entries[self._at])
        else:
            self._key_on_button(event)

    def _step(self, step: int, stops: Sequence[str]) -> None:
        self.go(stops[(stops.index(self._at) + step) % len(stops)])
        self.post_message(self.Went(self))

    def _key_on_entry(self, event: events.Key, entry: Entry) -> None:
        lines = [key for key in self._entries if key in self._open]
        place = lines.index(entry.key)
        step = {"enter": 1, "down": 1, "up": -1}.get(event.key, 0)
        if step and 0 <= place + step < len(lines):
            event.stop()
            self._step(step, lines)
        elif event.key == "enter":
            event.stop()
            if event.time >= self.acts_from:
                self.post_message(self.Submitted(self))
        elif entry.chooses:
            self._choose(event, entry)
        elif not step:
            self._type(event, entry)

    def _choose(self, event: events.Key, entry: Entry) -> None:
        options = self._options.get(entry.key, ())
        step = {"left": -1, "right": 1, "space": 1}.get(event.key)
        if step is None or not options:
            return
        event.stop()
        before = self._edits[entry.key].text
        index = options.index(before) + step if before in options else min(step, 0)
        self.put(entry.key, options[index % len(options)])
        self.post_message(self.Changed(self, entry.key))

    def _type(self, event: events.Key, entry: Entry) -> None:
        if event.is_printable:
            self._make_room(entry)
        self._proposed.discard(entry.key)
        edit = self._edits[entry.key]
        before = (edit.text, edit.at)
        if edit.press(event.key, event.character) and (edit.text, edit.at) != before:
            event.stop()
            self._redraw()
            if edit.text != before[0]:
                self.post_message(self.Changed(self, entry.key))

    def _make_room(self, entry: Entry) -> None:
        """Take away what was only proposed."""
        if entry.key in self._proposed:
            self._edits[entry.key] = _edit(entry, "")
            self._proposed.discard(entry.key)

    def _key_on_button(self, event: events.Key) -> None:
        keys = [button.key for button in self._buttons]
        if event.key in ("enter", "space"):
            event.stop()
            if event.time >= self.acts_from:
                self.post_message(self.Pressed(self, self._at))
        elif event.key in ("left", "right"):
            event.stop()
            self._step(1 if event.key == "right" else -1, keys)
        elif key_name(event.key, event.character) == self.help_key:
            return
        elif event.is_printable and self._typed_into in self._open and self._typed_into is not None:
            self._at = self._typed_into
            self._type(event, self._entries[self._typed_into])

    def on_paste(self, event: events.Paste) -> None:
        """Take the first line of a paste, or refuse it."""
        event.stop()
        key = self._at if self.typing else self._typed_into
        if key is None or key not in self._open or event.time < self.hears_from:
            return
        entry = self._entries[key]
        if not entry.takes_paste or entry.chooses:
            self.post_message(self.PasteRefused(self))
        elif lines := event.text.splitlines():
            self._make_room(entry)
            self._edits[key].insert(lines[0])
            self._redraw()
            self.post_message(self.Changed(self, key))

    def on_click(self, event: events.Click) -> None:
        """Go to a line, or press a button, by mouse where one was asked for."""
        keys = list(self._entries)
        if event.y < len(keys):
            if keys[event.y] in self._open:
                self.go(keys[event.y])
        elif event.y == self.size.height - 1 and event.time >= self.acts_from:
            left = self.size.width - sum(cell_width(button.text) + GAP for button in self._buttons)
            for button in self._buttons:
                left += GAP
                if left <= event.x < left + cell_width(button.text):
                    self.go(button.key)
                    self.post_message(self.Pressed(self, button.key))
                left += cell_width(button.text)

    def render_line(self, y: int) -> Strip:
        """Draw a line to fill, a line of the remark, or the buttons."""
        self._drawn[y] = self._row(y)
        return self._drawn[y]

    def on_resize(self) -> None:
        """Forget how it looked at another size."""
        self._drawn.clear()

    def _row(self, y: int) -> Strip:
        palette = palette_of(self.app.theme)
        width = self.size.width
        keys = list(self._entries)
        segments: list[Segment] = []
        if y == self.size.height - 1:
            segments = button_row(self._buttons, self._at, width, palette)
        elif y >= len(keys):
            segments = remark_row(*self._remark, y - len(keys), width, palette)
        elif keys[y] in self._open:
            value = self.get_component_rich_style("form--value")
            key = keys[y]
            edit = self._edits[key]
            segments = entry_row(self._entries[key], edit, self._glyphs, width, palette, value, here=key == self._at)
        shown = [Segment(self._glyphs.show(text), style) for text, style, _ in segments]
        return Strip(shown).adjust_cell_length(width, palette[Ink.PLAIN])


def _edit(entry: Entry, value: str) -> LineEdit:
    if entry.secret:
        return LineEdit(value, limit=LIMIT, admit=lambda text, room: text)
    return LineEdit(value, limit=LIMIT)
