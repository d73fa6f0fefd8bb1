"""What a screen leaves behind when it closes."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

__all__ = ["forget_drawn"]


def forget_drawn(screen: Screen[Any]) -> None:
    """Have a screen that is about to close let go of its drawn lines; to be called within a batch of updates.

    Textual 8.2 keeps what draws a widget in a cache of 1024 colour pairs for good, and with it every line that the
    widget drew. A refresh is the public way to empty it; the batch keeps it from being drawn once more.
    """
    for widget in screen.walk_children(with_self=True):
        widget.refresh()
