"""Find an action by its name: the registry once more, for those who know the word and not the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen

from updeck.text import pad
from updeck.ui.actions import ACTIONS, Action, ActionContext, Group
from updeck.ui.ink import EMPTY, Ink, Line, fit_line, line, width_of
from updeck.ui.keymap import key_name
from updeck.ui.layout import Place
from updeck.ui.line_edit import LineEdit
from updeck.ui.widgets.canvas import Canvas
from updeck.ui.widgets.notice import Notice

if TYPE_CHECKING:
    from updeck.ui.app import UpdeckApp

__all__ = ["PaletteScreen", "found"]

_KEY_CELLS = 10


class PaletteScreen(Screen[None], inherit_bindings=False):
    """A line to type in and the actions that fit; the chosen one is done on the home screen."""

    AUTO_FOCUS = ""

    def __init__(self, deck: UpdeckApp, context: ActionContext) -> None:
        super().__init__()
        self._deck = deck
        self._here = context
        self._edit = LineEdit()
        self._chosen = 0
        self._typed = Canvas(deck.glyphs, widget_id="typed")
        self._list = Canvas(deck.glyphs, widget_id="found")
        self._whole = Notice(deck.glyphs, widget_id="notice")

    def compose(self) -> ComposeResult:
        """Mount the line, the list, and what a row has no room for."""
        yield from (self._typed, self._list, self._whole)

    def on_resize(self, event: events.Resize) -> None:
        """Take the whole screen."""
        width, height = event.size
        self._typed.place(Place(1, 0, max(1, width - 2), 1))
        self._list.place(Place(0, 2, width, max(1, height - 3)))
        self._whole.place(Place(0, height - 1, width, 1))
        self.draw()

    def _help(self) -> None:
        from updeck.ui.screens.help import HelpScreen

        self._deck.open(HelpScreen(self._deck))

    def _do_chosen(self) -> None:
        actions = found(self._edit.text)
        if actions:
            self._deck.home.press(actions[self._chosen].id)

    def draw(self) -> None:
        """Draw what changed."""
        actions = found(self._edit.text)
        self._chosen = min(self._chosen, max(0, len(actions) - 1))
        self._typed.show((self._edit.line("action: ", self._deck.glyphs, "enter does it, esc leaves"),))
        width = self._list.cells
        self._whole.tell(self._cut(actions[self._chosen], width) if actions else EMPTY, indent=3)
        height = max(1, self._list.rows - max(0, self._whole.rows - 1))
        top = max(0, self._chosen - height + 1)
        rows = [self._row(action, width, chosen=at == self._chosen) for at, action in enumerate(actions)]
        self._list.show(rows[top : top + height] or (line(("   no action is called that", Ink.DIM)),))

    def _cut(self, action: Action, width: int) -> Line:
        """Return what is told of the chosen action, where its row cannot tell it whole."""
        told = action.applicable(self._here) or action.help
        return line((f"   {told}", Ink.DIM)) if width_of(self._whole_row(action)) > width - 1 else EMPTY

    def _row(self, action: Action, width: int, *, chosen: bool) -> Line:
        return fit_line(self._whole_row(action, chosen=chosen), width - 1)

    def _whole_row(self, action: Action, *, chosen: bool = True) -> Line:
        reason = action.applicable(self._here)
        marker = (self._deck.glyphs.cursor if chosen else " ", Ink.ACCENT)
        keys = pad(self._deck.keymap.keys(action.id)[0], _KEY_CELLS)
        label = (pad(action.label, 26), Ink.DIM if reason else Ink.STRONG if chosen else Ink.PLAIN)
        return line(marker, "  ", (keys, Ink.KEY), label, (f"  {reason or action.help}", Ink.DIM))

    def on_key(self, event: events.Key) -> None:
        """Type, choose, or leave."""
        event.stop()
        event.prevent_default()
        if not self._deck.hears(self):
            return
        match event.key:
            case "escape":
                self._deck.close(self)
            case "enter":
                self._deck.close(self, then=self._do_chosen)
            case "up" | "down":
                self._chosen = max(0, self._chosen + (1 if event.key == "down" else -1))
                self.draw()
            case key:
                name = key_name(key, event.character)
                if name in self._deck.keymap.keys("palette") and not event.is_printable:
                    self._deck.close(self)
                elif name in self._deck.keymap.keys("help") and not self._edit.text:
                    self._help()
                elif self._edit.press(key, event.character):
                    self._chosen = 0
                    self.draw()


def found(typed: str) -> list[Action]:
    """Return the actions whose words begin with the words typed, in the order of the registry; moving is left out."""
    wanted = typed.casefold().split()
    actions = [action for action in ACTIONS if action.group is not Group.MOVE and action.id != "palette"]
    return [action for action in actions if all(_has(action, word) for word in wanted)]


def _has(action: Action, word: str) -> bool:
    text = f"{action.label} {action.id} {action.help}".casefold().replace("(", " ").replace(")", " ")
    return any(part.startswith(word) for part in text.split())
