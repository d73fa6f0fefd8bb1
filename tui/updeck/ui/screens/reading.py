"""The base of screens that are read: a title, a text that scrolls, and the keys that apply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen

from updeck.ui.actions import Action
from updeck.ui.ink import EMPTY, Ink, Line, fit_line, line
from updeck.ui.keymap import is_modifier, key_name, shown_key
from updeck.ui.layout import Place
from updeck.ui.line_edit import LineEdit
from updeck.ui.lines.footer import whole_keys
from updeck.ui.widgets.canvas import Canvas
from updeck.ui.widgets.notice import Notice
from updeck.ui.widgets.text_pane import TextPane

if TYPE_CHECKING:
    from updeck.ui.app import UpdeckApp
    from updeck.ui.screens.help import Page

__all__ = ["ReadingScreen"]

_MARGIN = 1


class ReadingScreen(Screen[None], inherit_bindings=False):
    """Shows `text(width)` under `title_line()`, and under `ABOVE` lines that stand still.

    Moving keys scroll, back and quit close; `/` narrows where `FILTERS`.
    """

    AUTO_FOCUS, LOOKS_UP_KEYS = "", True
    FILTERS = False
    FOLLOWS = False
    ABOVE = 0

    def __init__(self, deck: UpdeckApp) -> None:
        super().__init__()
        self.deck = deck
        self.words = ""
        self._edit: LineEdit | None = None
        self._title = Canvas(deck.glyphs, widget_id="title")
        self._above = Canvas(deck.glyphs, widget_id="above")
        self._pane = TextPane(deck.glyphs, widget_id="text", follows=self.FOLLOWS)
        self._notice_line = Notice(deck.glyphs, widget_id="notice")
        self._keys = Canvas(deck.glyphs, widget_id="keys")
        self._notice: Line = EMPTY

    def on_screen_resume(self) -> None:
        """Hear keys again that no dialog takes any more."""
        self.deck.strays.answered(Message().time)

    def title_line(self, width: int) -> Line:
        """Return what stands above the text, in `width` cells; what is longer is cut."""
        raise NotImplementedError

    def above(self, width: int) -> Sequence[Line]:
        """Return what stands still between title and text, `ABOVE` lines."""
        return ()

    def text(self, width: int) -> Sequence[Line]:
        """Return the whole text, laid out for `width` cells."""
        raise NotImplementedError

    def keys_line(self) -> Line:
        """Return the keys that apply."""
        return self.deck.keys_line(["back"])

    def help_page(self) -> Page | None:
        """Return what the help key shows here; None leaves the key to `act`."""
        return None

    def act(self, action: Action) -> None:
        """Do an action that is not about reading; says that it is none here unless a screen knows better."""
        self.say(line((f"{action.footer or action.label}: back to the devices first", Ink.DIM)))

    def compose(self) -> ComposeResult:
        """Mount the parts."""
        yield from (self._title, self._above, self._pane, self._notice_line, self._keys)

    def on_resize(self, event: events.Resize) -> None:
        """Lay the text out anew."""
        width, height = event.size
        room = max(1, width - 2 * _MARGIN)
        self._title.place(Place(_MARGIN, 0, room, 1))
        self._above.place(Place(_MARGIN, 1, room, self.ABOVE) if self.ABOVE else None)
        self._pane.place(Place(_MARGIN, 1 + self.ABOVE, room, max(1, height - 3 - self.ABOVE)))
        self._notice_line.place(Place(_MARGIN, height - 2, room, 1))
        self._keys.place(Place(0, height - 1, width, 1))
        self.draw()

    def draw(self) -> None:
        """Draw what changed."""
        self._title.show((fit_line(self.title_line(self._title.cells), self._title.cells),))
        self._above.show(self.above(self._above.cells))
        self._pane.set_text(self.text(self._pane.cells))
        self._keys.show((whole_keys(self.keys_line(), self._keys.cells),))
        self._show_notice()

    def say(self, notice: Line) -> None:
        """Show one sentence above the keys, until the next key."""
        self._notice = notice
        self._show_notice()

    def _show_notice(self) -> None:
        if self._edit is not None:
            self._notice_line.tell(self._edit.line("/", self.deck.glyphs))
        elif self.words and not self._notice:
            self._notice_line.tell(line(("filter ", Ink.DIM), (self.words, Ink.ACCENT)))
        else:
            self._notice_line.tell(self._notice)

    def on_key(self, event: events.Key) -> None:
        """Scroll, narrow, close, or hand the key on to `act`."""
        event.stop()
        event.prevent_default()
        if is_modifier(event.key) or not self.deck.hears(self, event):
            return
        self.deck.home.lineup.touch()
        if self._edit is not None:
            self.deck.translate(event)
            self._type(self._edit, event)
            return
        action = self.deck.keymap.action(key := key_name(event.key, event.character))
        if action is None:
            back, keys = (self.deck.keymap.keys(one)[0] for one in ("back", "help"))
            told = f"{shown_key(key)} does nothing here; {keys} shows the keys, {back} goes back"
            self.say(line((told, Ink.DIM)))
            return
        self.say(EMPTY)
        self.do(action)

    def do(self, action: Action) -> None:
        """Do one action."""
        page = max(1, self._pane.rows - 1)
        rows = {"down": 1, "up": -1, "page_down": page, "page_up": -page, "first": -1_000_000, "last": 1_000_000}
        if action.id in rows:
            self._pane.scroll_lines(rows[action.id])
        elif action.id == "back" and self.words:
            self._narrow("")
        elif action.id in ("back", "quit"):
            self.deck.close(self)
        elif action.id == "filter" and self.FILTERS:
            self._edit = LineEdit(self.words)
            self._show_notice()
        elif action.id == "help" and (keys := self.help_page()) is not None:
            from updeck.ui.screens.help import HelpScreen

            self.deck.open(HelpScreen(self.deck, keys))
        else:
            self.act(action)

    def _type(self, edit: LineEdit, event: events.Key) -> None:
        if event.key in ("enter", "escape"):
            self._edit = None
            self._narrow("" if event.key == "escape" else edit.text)
        elif edit.press(event.key, event.character):
            self._narrow(edit.text)
        else:
            told = f"  {shown_key(key_name(event.key, event.character))} does nothing in a filter"
            self._notice_line.tell(line(*edit.line("/", self.deck.glyphs), (told, Ink.DIM)))

    def _narrow(self, words: str) -> None:
        self.words = words.strip()
        self.draw()
