"""The footer: the keys that apply here and now. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from updeck.ui.actions import ACTIONS, Action, ActionContext, Group
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, Line, Span, line, width_of
from updeck.ui.keymap import Keymap

__all__ = ["footer", "keys_line", "whole_keys"]

_ALWAYS = ("filter", "help", "quit")
_WAY_OUT = ("back", "help")


def footer(context: ActionContext, keymap: Keymap, glyphs: Glyphs, width: int) -> Line:
    """Return the keys that apply, in at most `width` cells; filter, help and quit are the last to go."""
    offered = [action for action in ACTIONS if action.footer]
    while True:
        drawn = keys_line(offered, context, keymap, glyphs)
        spare = [action for action in offered if action.id not in _ALWAYS]
        if width_of(drawn) <= width or not spare:
            return drawn
        offered.remove(spare[-1])


def keys_line(actions: Iterable[Action], context: ActionContext, keymap: Keymap, glyphs: Glyphs) -> Line:
    """Return those keys of `actions` that apply, each with its label."""
    parts: list[tuple[str, Ink]] = []
    for action in actions:
        if _applies(action, context):
            key = glyphs.show(keymap.keys(action.id)[0])
            parts += [("  " if parts else " ", Ink.DIM), (key, Ink.KEY), (f" {_label(action, context)}", Ink.DIM)]
    return line(*parts)


def whole_keys(drawn: Line, width: int) -> Line:
    """Return as many keys of a line as stand in `width` cells with their labels; back and help are the last to go."""
    groups: list[list[Span]] = [[]]
    for span in drawn:
        if span.ink is Ink.KEY:
            groups.append([])
        groups[-1].append(span)
    while sum(width_of(tuple(group)) for group in groups) > width:
        spare = [group for group in groups[1:] if group[-1].text.strip() not in _WAY_OUT]
        if not spare:
            break
        groups.remove(spare[-1])
    return line(*(span for group in groups for span in group))


def _label(action: Action, context: ActionContext) -> str:
    several = action.group is Group.ACT and len(context.marked) > 1 and action.id in ("upload", "fetch")
    return f"{action.footer} to {len(context.marked)}" if several else action.footer or action.label


def _applies(action: Action, context: ActionContext) -> bool:
    if action.danger and context.read_only:
        return False
    return action.applicable(context) is None
