"""Which key does what: the registry's own keys with the inventory's table `[keys]` over them.

One map and one queue of keys, instead of bindings along a focus chain: so letters that arrive in one burst
with `/` can never be taken for keys (`security.md`, confirmation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase
from typing import TYPE_CHECKING

from updeck.errors import ConfigError
from updeck.text import cell_width, clean
from updeck.toml_table import nearest
from updeck.ui.actions import ACTIONS, Action

if TYPE_CHECKING:
    from updeck.fleet.inventory import Fleet
    from updeck.fleet.inventory_file import Preface

__all__ = ["KeyFault", "Keymap", "check_keys", "is_modifier", "key_name", "shown_key"]

_ALIASES = {
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "del": "delete",
    " ": "space",
}
_SHOWN = {
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
}

_IN_DIALOGS = {
    "up": "up",
    "down": "down",
    "page_up": "pageup",
    "page_down": "pagedown",
    "pane": "tab",
    "pane_back": "shift+tab",
    "back": "escape",
}
"""The actions that dialogs have too, and the keys by which these know them."""

_OTHERS_HAVE = {
    "ctrl+a": "screen takes it",
    "ctrl+b": "tmux takes it",
    "ctrl+s": "the terminal takes it",
    "ctrl+q": "the terminal takes it",
    "ctrl+z": "it stops the program",
    "ctrl+i": "a terminal sends tab for it",
    "ctrl+m": "a terminal sends enter for it",
    "ctrl+j": "some terminals send it for enter",
    "ctrl+h": "some terminals send it for backspace",
}
_NAMED = (
    *("enter", "escape", "tab", "shift+tab", "space", "backspace", "delete", "insert", "home", "end"),
    *("pageup", "pagedown", "up", "down", "left", "right"),
    *(f"f{number}" for number in range(1, 13)),
    *(key for letter in ascii_lowercase if (key := f"ctrl+{letter}") not in _OTHERS_HAVE),
)
_USE = 'use one character, or a name such as "enter", "f5" or "ctrl+t"'


def key_name(key: str, character: str | None) -> str:
    """Return the name of a pressed key: the character it prints, else Textual's name for it."""
    if character is not None and character.isprintable() and character != " ":
        return character
    return key


def is_modifier(key: str) -> bool:
    """Whether this is a modifier pressed alone, which terminals of the Kitty protocol report; it means nothing."""
    return key.endswith(("_shift", "_control", "_alt", "_super", "_hyper", "_meta", "_lock"))


def shown_key(key: str) -> str:
    """Return a key as help and footer write it."""
    return _SHOWN.get(key, key)


class KeyFault(ConfigError):
    """A line of `[keys]` that cannot be; `action_id` is its key there."""

    def __init__(self, action_id: str, problem: str, advice: str | None = None) -> None:
        super().__init__(f"[keys] {clean(action_id, 80)} {problem}", advice=advice)
        self.action_id = action_id
        self.problem = problem


def check_keys(inventory: Fleet | Preface) -> None:
    """Raise `ConfigError`, naming file and line, where the table `[keys]` of an inventory cannot be."""
    try:
        Keymap(inventory.keys)
    except KeyFault as fault:
        if inventory.source is None:
            raise
        raise inventory.source.table("keys").error(fault.action_id, fault.problem, fault.advice) from None


class Keymap:
    """The keys of all actions. Raises `KeyFault` for an unknown id, no key, or one key for two actions."""

    def __init__(self, changes: Mapping[str, str] | None = None, actions: Sequence[Action] = ACTIONS) -> None:
        changes = changes or {}
        known = [action.id for action in actions]
        for wrong in (action_id for action_id in changes if action_id not in known):
            hint = nearest(wrong, known)
            told = f"did you mean {hint}?" if hint else "the table of keys in the README has the ids"
            raise KeyFault(wrong, "is no action", told)
        self._changed = frozenset(changes)
        self._actions: dict[str, Action] = {}
        self._keys: dict[str, tuple[str, ...]] = {}
        changed_first = sorted(actions, key=lambda action: action.id not in changes)
        for action in changed_first:
            keys = (_canonical(action.id, changes[action.id]),) if action.id in changes else (action.key, *action.also)
            self._keys[action.id] = keys
            for key in keys:
                self._bind(key, action)

    def _bind(self, key: str, action: Action) -> None:
        other = self._actions.get(key)
        if other is not None:
            blamed, owner = (action, other) if action.id in self._changed else (other, action)
            raise KeyFault(blamed.id, f'takes "{key}", which is the key of {owner.id}', "give one of them another key")
        self._actions[key] = action

    def action(self, key: str) -> Action | None:
        """Return what `key` does, if anything."""
        return self._actions.get(key)

    def in_dialogs(self) -> Mapping[str, str]:
        """Return which key of dialogs each key stands for that the inventory gave to moving or to going back.

        What types a character, or means something in a line of text, stays that; the keys that dialogs have work on.
        """
        from updeck.ui.line_edit import EDITING

        own = EDITING | {"enter", "space", *_IN_DIALOGS.values()}
        given = {action_id: self._keys[action_id][0] for action_id in _IN_DIALOGS if action_id in self._changed}
        return {key: _IN_DIALOGS[one] for one, key in given.items() if len(key) > 1 and key not in own}

    def keys(self, action_id: str) -> tuple[str, ...]:
        """Return the keys of an action, the first one first, as they are written for a person."""
        return tuple(shown_key(key) for key in self._keys[action_id])


def _canonical(action_id: str, key: str) -> str:
    """Return a key as it is called when it is pressed; raises `KeyFault` for what cannot be typed everywhere."""
    name = _ALIASES.get(key.lower(), key)
    if name in _NAMED or (len(name) == 1 and name.isprintable() and cell_width(name) > 0):
        return name
    shown = clean(key, 40)
    if name in _OTHERS_HAVE:
        raise KeyFault(action_id, f'takes "{shown}", which does not arrive: {_OTHERS_HAVE[name]}', _USE)
    if name.startswith("alt+"):
        raise KeyFault(action_id, f'takes "{shown}", which over a slow line arrives as escape and a letter', _USE)
    hint = nearest(name, _NAMED)
    raise KeyFault(action_id, f'takes "{shown}", which is no key', f'did you mean "{hint}"?' if hint else _USE)
