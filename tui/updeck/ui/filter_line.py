"""The filter being typed: completed by tab, and by up and down what was filtered by before. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, Line, line
from updeck.ui.keymap import shown_key
from updeck.ui.line_edit import LineEdit

if TYPE_CHECKING:
    from updeck.fleet.selectors import Subject

__all__ = ["FILTER_KEYS", "FilterLine"]

FILTER_KEYS = line(
    *((" enter", Ink.KEY), (" keeps it  ", Ink.DIM)),
    *(("esc", Ink.KEY), (" shows all  ", Ink.DIM)),
    *(("tab", Ink.KEY), (" completes  ", Ink.DIM)),
    *(("up down", Ink.KEY), (" earlier ones", Ink.DIM)),
)
_HINT = "a name, state:IDLE, tag:nyc, version:<11.8, needs:me"
_SHOWN = 12


class FilterLine:
    """A `LineEdit` with completion and history. `history` has the newest first; `subjects` are the devices there.

    What stands there already is followed by a space: the next word narrows further.
    """

    def __init__(self, text: str, history: Sequence[str], subjects: Callable[[], Iterable[Subject]]) -> None:
        self._edit = LineEdit(f"{text} " if text else "")
        self._history = ("", *(one for one in history if one != text))
        self._place = 0
        self._subjects = subjects
        self._choices: tuple[str, ...] = ()
        self.problem: str | None = None

    @property
    def text(self) -> str:
        """What is typed so far."""
        return self._edit.text

    def insert(self, text: str) -> None:
        """Put pasted text in."""
        self._edit.insert(text)

    def press(self, key: str, character: str | None) -> bool:
        """Take a key; returns whether it was one for the filter, and says so where it was none."""
        self._choices = ()
        if key == "tab":
            from updeck.fleet.completion import complete

            found = complete(self._edit.text, self._edit.at, self._subjects())
            self._put(found.text, found.at)
            self._choices = found.choices
            return True
        if key in ("up", "down"):
            if self._place == 0:
                self._history = (self._edit.text, *self._history[1:])
            self._place = min(max(self._place + (1 if key == "up" else -1), 0), len(self._history) - 1)
            self._put(self._history[self._place])
            return True
        if self._edit.press(key, character):
            return True
        self.problem = f"{shown_key(key)} does nothing in a filter"
        return False

    def _put(self, text: str, at: int | None = None) -> None:
        self._edit = LineEdit(text)
        self._edit.at = len(text) if at is None else at

    def line(self, glyphs: Glyphs) -> Line:
        """Return the line as it is drawn, with what is wrong so far, or what the word could become."""
        typed = self._edit.line(" /", glyphs, _HINT)
        if self._choices:
            more = f"  and {len(self._choices) - _SHOWN} more" if len(self._choices) > _SHOWN else ""
            return line(*typed, ("   " + "  ".join(self._choices[:_SHOWN]) + more, Ink.DIM))
        return line(*typed, (f"   {self.problem}" if self.problem else "", Ink.MAY))
