"""One line of text being typed: an editor without a screen, fed key by key in the order in which they came. Pure."""

from __future__ import annotations

from collections.abc import Callable

from updeck.text import clean
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, Line, line

__all__ = ["EDITING", "LineEdit"]

EDITING = frozenset(
    ("left", "right", "home", "end", "backspace", "delete", "ctrl+a", "ctrl+e", "ctrl+h", "ctrl+u", "ctrl+k", "ctrl+w")
)
"""The keys that mean something in a line of text, beside those that type."""

_LIMIT = 200


class LineEdit:
    """Text and cursor `at` which it is edited. `press` takes a key and says whether it was one for an editor.

    `limit` is the longest text in characters; `admit` turns what comes in into what may stand in the line.
    """

    def __init__(self, text: str = "", *, limit: int = _LIMIT, admit: Callable[[str, int], str] = clean) -> None:
        self.text = text
        self._limit = limit
        self._admit = admit
        self.at = len(text)
        self._keys: dict[str, Callable[[], None]] = {
            "left": lambda: self._go(self.at - 1),
            "right": lambda: self._go(self.at + 1),
            "home": lambda: self._go(0),
            "ctrl+a": lambda: self._go(0),
            "end": lambda: self._go(len(self.text)),
            "ctrl+e": lambda: self._go(len(self.text)),
            "backspace": lambda: self._cut(self.at - 1, self.at),
            "ctrl+h": lambda: self._cut(self.at - 1, self.at),
            "delete": lambda: self._cut(self.at, self.at + 1),
            "ctrl+u": lambda: self._cut(0, self.at),
            "ctrl+k": lambda: self._cut(self.at, len(self.text)),
            "ctrl+w": lambda: self._cut(self._word_start(), self.at),
        }

    def press(self, key: str, character: str | None) -> bool:
        """Take a key; returns False for one that means nothing here, such as enter."""
        if character is not None and character.isprintable():
            self.insert(character)
            return True
        edit = self._keys.get(key)
        if edit is None:
            return False
        edit()
        return True

    def insert(self, text: str) -> None:
        """Put text in at the cursor, cleaned, as far as there is room for it."""
        room = self._limit - len(self.text)
        if room > 0:
            safe = self._admit(text, room)[:room]
            self.text = self.text[: self.at] + safe + self.text[self.at :]
            self.at += len(safe)

    def line(self, prompt: str, glyphs: Glyphs, hint: str = "") -> Line:
        """Return the line as it is drawn: the prompt, the text with a caret in it, a hint while it is empty."""
        before, after = self.text[: self.at], self.text[self.at :]
        tail = (f" {hint}", Ink.DIM) if not self.text else ("", Ink.DIM)
        return line((prompt, Ink.ACCENT), before, (glyphs.caret, Ink.ACCENT), after, tail)

    def _go(self, at: int) -> None:
        self.at = min(max(at, 0), len(self.text))

    def _cut(self, start: int, end: int) -> None:
        start = max(start, 0)
        self.text = self.text[:start] + self.text[end:]
        self.at = start

    def _word_start(self) -> int:
        head = self.text[: self.at].rstrip()
        return max(head.rfind(" "), head.rfind(",")) + 1
