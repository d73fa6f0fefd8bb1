"""The help: every action of the registry with its keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from updeck.text import cell_width, pad
from updeck.ui.actions import ACTIONS, BY_ID, Action, Group
from updeck.ui.ink import EMPTY, Ink, Line, fit_line, line, width_of
from updeck.ui.keymap import Keymap

__all__ = ["HOME", "action_lines", "help_lines", "key_table"]

_KEY_CELLS = 13
_GAP = 2
_TWO_COLUMNS = 76
_LEFT = (Group.MOVE, Group.LOOK)
_RIGHT = (Group.CHOOSE, Group.ACT, Group.PROGRAM)
_PAIRS = {"page_down": "page_up", "first": "last", "pane": "pane_back", "sort": "reverse"}
HOME = (*_LEFT, *_RIGHT)
"""The groups of the fleet screen; a rollout's keys are shown where they apply."""


def help_lines(keymap: Keymap, width: int, groups: Sequence[Group] = HOME) -> tuple[Line, ...]:
    """Return the help for `width` cells: in two columns where there is room, so that 80x24 shows it all."""
    if width < _TWO_COLUMNS or groups != HOME:
        return tuple(_column(keymap, [group for group in Group if group in groups], width))
    half = (width - _GAP) // 2
    left, right = _column(keymap, _LEFT, half), _column(keymap, _RIGHT, half)
    return tuple(_beside(one, other, half) for one, other in zip_longest(left, right, fillvalue=EMPTY))


def action_lines(keymap: Keymap, width: int, action_ids: Iterable[str]) -> tuple[Line, ...]:
    """Return the keys of these actions, one a line."""
    return tuple(_entry(BY_ID[one], keymap, width) for one in action_ids)


def key_table() -> str:
    """Return every action with its keys as a table in Markdown, for the README."""
    rows = ["| key | action id | what it does |", "|---|---|---|"]
    for action in ACTIONS:
        keys = " ".join(f"`{key}`" for key in (action.key, *action.also))
        rows.append(f"| {keys} | `{action.id}` | {action.label}{': ' if action.help else ''}{action.help} |")
    return "\n".join(rows)


def _beside(left: Line, right: Line, half: int) -> Line:
    return line(*left, " " * (half - width_of(left) + _GAP), *right) if right else left


def _column(keymap: Keymap, groups: Iterable[Group], width: int) -> Sequence[Line]:
    out: list[Line] = []
    for group in groups:
        if out and width >= _TWO_COLUMNS:
            out.append(EMPTY)
        out.append(line((group.value, Ink.STRONG)))
        actions = [action for action in ACTIONS if action.group is group and action.id not in _PAIRS.values()]
        out += [_entry(action, keymap, width) for action in actions]
    return out


def _entry(action: Action, keymap: Keymap, width: int) -> Line:
    other = _PAIRS.get(action.id)
    of_both = (*keymap.keys(action.id), *(keymap.keys(other) if other else ()))
    label = f"{action.label}, {BY_ID[other].label}" if other else action.label
    drawn = line((pad(" ".join(of_both), _KEY_CELLS) + " ", Ink.KEY), (label, Ink.PLAIN))
    room = width - width_of(drawn) - 2
    if action.help and cell_width(action.help) <= room:
        return line(*drawn, (f"  {action.help}", Ink.DIM))
    return fit_line(drawn, width)
