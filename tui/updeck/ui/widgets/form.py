"""The part of a dialog that takes keys: lines to fill, a remark, buttons; all in one widget."""

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

from updeck.text import cell_width, pad
from updeck.ui.facts import LABEL_WIDTH, sentence
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import EMPTY, Ink, Line
from updeck.ui.line_edit import LineEdit
from updeck.ui.theme import DEFAULT_THEME, PALETTES, Palette

__all__ = ["Button", "Entry", "Form"]

LIMIT = 2000
REMARK_LINES = 2
GAP = 2
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line to fill. `key` names it in the program, `caption` on the screen.

    A `secret` is shown as marks and kept as it was typed. With `takes_paste` off a bracketed paste changes nothing
    (`security.md`, confirmation). One that `chooses` is not typed: left and right go through its options.
    """

    key: str
    caption: str
    value: str = ""
    hint: str = ""
    secret: bool = False
    takes_paste: bool = True
    chooses: bool = False


@dataclass(frozen=True, slots=True)
class Button:
    """One thing that can be done."""

    key: str
    label: str

    @property
    def text(self) -> str:
        """The label in brackets, which hold without any colour."""
        return f"[ {self.label} ]"


class Form(Widget, can_focus=True):
    """Tab goes through lines and buttons, enter through the lines; letters typed on a button go to `typed_into`.

    It is one widget for two reasons. Textual moves the focus between widgets behind the keys that are under way, so a
    password typed quickly could show up in the line before it; within one widget no key can overtake. And a change of
    focus repaints the whole screen.

    Typing counts from `hears_from` on, submitting and pressing from `acts_from` (the clock of `Message.time`): what
    was typed for something else is dropped.
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
        self._glyphs = glyphs
        self._entries = {entry.key: entry for entry in entries}
        self._edits = {entry.key: _edit(entry, entry.value) for entry in entries}
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
        self._redraw()

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
        if self._at not in self._stops():
            self._at = self._buttons[0].key
        self._redraw()

    def give_options(self, key: str, options: Sequence[str]) -> None:
        """Set what a line that chooses can be."""
        self._options[key] = tuple(options)

    def _stops(self) -> list[str]:
        return [key for key in self._entries if key in self._open] + [button.key for button in self._buttons]

    def _redraw(self) -> None:
        """Repaint the rows that look different now, as far as they do."""
        width, height = self.size
        if len(self._drawn) != height:
            self.refresh()
            return
        for y in range(height):
            changed = _changed_cells(self._drawn[y], self._row(y))
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
                self._step(1 if event.key == "tab" else -1, self._stops())
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
        edit = self._edits[entry.key]
        before = (edit.text, edit.at)
        if edit.press(event.key, event.character) and (edit.text, edit.at) != before:
            event.stop()
            self._redraw()
            if edit.text != before[0]:
                self.post_message(self.Changed(self, entry.key))

    def _key_on_button(self, event: events.Key) -> None:
        keys = [button.key for button in self._buttons]
        if event.key in ("enter", "space"):
            event.stop()
            if event.time >= self.acts_from:
                self.post_message(self.Pressed(self, self._at))
        elif event.key in ("left", "right"):
            event.stop()
            self._step(1 if event.key == "right" else -1, keys)
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
        palette = PALETTES.get(self.app.theme, PALETTES[DEFAULT_THEME])
        width = self.size.width
        keys = list(self._entries)
        if y < len(keys):
            segments = self._entry_segments(keys[y], palette, width) if keys[y] in self._open else []
        elif y == self.size.height - 1:
            segments = self._button_segments(palette, width)
        else:
            segments = self._remark_segments(y - len(keys), palette, width)
        return Strip(segments).adjust_cell_length(width, palette[Ink.PLAIN])

    def _entry_segments(self, key: str, palette: Palette, width: int) -> list[Segment]:
        entry, edit = self._entries[key], self._edits[key]
        here = key == self._at
        style = self.get_component_rich_style("form--value")
        room = max(2, width - LABEL_WIDTH)
        caption = Segment(pad(entry.caption, LABEL_WIDTH), palette[Ink.PLAIN if here else Ink.DIM])
        shown = self._glyphs.show
        if entry.chooses:
            text = f"{self._glyphs.ready} {edit.text}" if edit.text else entry.hint
            return [caption, Segment(shown(pad(text, room)), style + Style(reverse=here))]
        if not edit.text and not here:
            return [caption, Segment(shown(pad(entry.hint, room)), style + Style(dim=True))]
        text = self._glyphs.ready * len(edit.text) if entry.secret else edit.text
        if not here:
            return [caption, Segment(shown(pad(text, room)), style)]
        head, under, tail = _around(text, edit.at, room)
        cells = [(head, style), (under, style + Style(reverse=True)), (tail, style)]
        return [caption, *(Segment(shown(part), look) for part, look in cells)]

    def _remark_segments(self, y: int, palette: Palette, width: int) -> list[Segment]:
        text, ink = self._remark
        lines: list[Line] = sentence(text, width, ink)
        drawn = lines[y] if y < len(lines) else EMPTY
        return [Segment(self._glyphs.show(span.text), palette[span.ink]) for span in drawn]

    def _button_segments(self, palette: Palette, width: int) -> list[Segment]:
        used = sum(cell_width(button.text) + GAP for button in self._buttons)
        segments = [Segment(" " * max(0, width - used), palette[Ink.PLAIN])]
        for button in self._buttons:
            here = button.key == self._at
            look = palette[Ink.STRONG] + Style(reverse=True) if here else palette[Ink.PLAIN]
            segments += [Segment(" " * GAP, palette[Ink.PLAIN]), Segment(self._glyphs.show(button.text), look)]
        return segments


def _changed_cells(old: Strip, new: Strip) -> int:
    """Return how many cells from the left have to be painted; only what is alike at the right end is saved."""
    before, now = _cells(old), _cells(new)
    if len(before) != len(now):
        return new.cell_length
    while now and before[-1] == now[-1]:
        before.pop()
        now.pop()
    return sum(cell_width(character) for character, _ in now)


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    return [(character, segment.style) for segment in strip for character in segment.text]


def _edit(entry: Entry, value: str) -> LineEdit:
    if entry.secret:
        return LineEdit(value, limit=LIMIT, admit=lambda text, room: text)
    return LineEdit(value, limit=LIMIT)


def _around(text: str, at: int, width: int) -> tuple[str, str, str]:
    """Return what stands before, under and behind the cursor, in `width` cells."""
    start = 0
    while start < at and cell_width(text[start:at]) > width - 2:
        start += 1
    head, under = text[start:at], text[at : at + 1] or " "
    left = width - cell_width(head) - cell_width(under)
    return head, under, pad(text[at + 1 :], left)
