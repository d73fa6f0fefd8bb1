"""Which key does what: the registry's own keys with the inventory's table `[keys]` over them.

One map and one queue of keys, instead of bindings along a focus chain: so letters that arrive in one burst
with `/` can never be taken for keys (`security.md`, confirmation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from updeck.errors import ConfigError
from updeck.text import clean
from updeck.toml_table import nearest
from updeck.ui.actions import ACTIONS, Action

__all__ = ["Keymap", "is_modifier", "key_name", "shown_key"]

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


class Keymap:
    """The keys of all actions. Raises `ConfigError` for an unknown id, no key, or one key for two actions."""

    def __init__(self, changes: Mapping[str, str] | None = None, actions: Sequence[Action] = ACTIONS) -> None:
        changes = changes or {}
        known = [action.id for action in actions]
        for wrong in changes.keys() - set(known):
            hint = nearest(wrong, known)
            raise ConfigError(
                f'[keys] has no action "{clean(wrong, 80)}"',
                advice=f'did you mean "{hint}"?' if hint else None,
            )
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
            raise ConfigError(
                f'[keys] gives "{key}" to both {other.id} and {action.id}',
                advice="give one of them another key",
            )
        self._actions[key] = action

    def action(self, key: str) -> Action | None:
        """Return what `key` does, if anything."""
        return self._actions.get(key)

    def keys(self, action_id: str) -> tuple[str, ...]:
        """Return the keys of an action, the first one first, as they are written for a person."""
        return tuple(shown_key(key) for key in self._keys[action_id])


def _canonical(action_id: str, key: str) -> str:
    name = _ALIASES.get(key.lower(), key)
    named = len(name) > 1 and name.isascii() and name.replace("+", "").replace("_", "").isalnum() and name.islower()
    if not named and (len(name) != 1 or not name.isprintable()):
        raise ConfigError(
            f'[keys] {clean(action_id, 80)}: "{clean(key, 40)}" is no key',
            advice='use one character, or a name such as "enter", "f5" or "ctrl+t"',
        )
    return name
