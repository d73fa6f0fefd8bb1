"""Where the parts of the fleet screen stand: three layouts by width, and a single line below the floor. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from updeck.ui.actions import Pane

__all__ = ["FLOOR", "Part", "Place", "Shape", "lay_out"]

FLOOR = (60, 15)
"""Columns and rows below which only one line of status stays, and what is said of a key."""

WIDE, MIDDLE = 120, 80
_LIST_LEAST, _LIST_MOST = 79, 116
_CHECKED_CELLS = 20


class Shape(StrEnum):
    """The layouts of `design.md` 5."""

    WIDE = "wide"
    STACKED = "stacked"
    SINGLE = "single"
    LINE = "line"


class Part(StrEnum):
    """What is placed; the panes carry the names of `Pane`. `NEXT` is the right part of `DEVICES`."""

    HEADER = "header"
    ROLLOUT = "rollout"
    CHECKED = "checked"
    HEAD = "head"
    DEVICES = "devices"
    NEXT = "next"
    BAR = "bar"
    STATUS = "status"
    IMAGES_TITLE = "images_title"
    IMAGES = "images"
    RULE = "rule"
    ACTIVITY = "activity"
    NOTICE = "notice"
    FOOTER = "footer"


class Place(NamedTuple):
    """A rectangle in cells."""

    x: int
    y: int
    width: int
    height: int


def lay_out(
    width: int, height: int, *, pane: Pane, lower: Pane, rollout: bool = False
) -> tuple[Shape, Mapping[Part, Place]]:
    """Return the layout for a terminal; what is not in it is not shown.

    `pane` is the one in use, and the only one below 80 columns; `lower` stands beneath the list below 120. With a
    `rollout` there is one line more, beneath the header.
    """
    if rollout and width >= FLOOR[0] and height >= FLOOR[1]:
        shape, places = _laid_out(width, height - 1, pane, lower)
        moved = {part: place._replace(y=place.y + 1) if place.y else place for part, place in places.items()}
        return shape, {**moved, Part.ROLLOUT: Place(0, 1, width, 1)}
    if width < FLOOR[0] or height < FLOOR[1]:
        line = {Part.HEADER: Place(0, 0, width, 1)}
        return Shape.LINE, line | ({Part.NOTICE: Place(0, height - 1, width, 1)} if height > 1 else {})
    return _laid_out(width, height, pane, lower)


def _laid_out(width: int, height: int, pane: Pane, lower: Pane) -> tuple[Shape, Mapping[Part, Place]]:
    checked = min(_CHECKED_CELLS, width // 3)
    edges = {
        Part.HEADER: Place(0, 0, width - checked, 1),
        Part.CHECKED: Place(width - checked, 0, checked, 1),
        Part.NOTICE: Place(0, height - 2, width, 1),
        Part.FOOTER: Place(0, height - 1, width, 1),
    }
    if width >= WIDE:
        return Shape.WIDE, edges | _wide(width, height)
    if width >= MIDDLE:
        return Shape.STACKED, edges | _stacked(width, height, lower)
    return Shape.SINGLE, edges | _single(width, height, pane)


def _wide(width: int, height: int) -> dict[Part, Place]:
    activity = max(4, min(12, height // 5))
    body = height - 3 - 1 - activity
    left = max(_LIST_LEAST, min(width * 3 // 5, _LIST_MOST))
    right = width - left - 3
    images = max(4, body // 3)
    return {
        Part.HEAD: Place(0, 1, left, 1),
        Part.DEVICES: Place(0, 2, left, body - 1),
        Part.BAR: Place(left, 1, 1, body),
        Part.STATUS: Place(left + 2, 1, right, body - images - 1),
        Part.IMAGES_TITLE: Place(left + 2, 1 + body - images - 1, right, 1),
        Part.IMAGES: Place(left + 2, 1 + body - images, right, images),
        Part.RULE: Place(0, 1 + body, width, 1),
        Part.ACTIVITY: Place(1, 2 + body, width - 2, activity),
    }


def _stacked(width: int, height: int, lower: Pane) -> dict[Part, Place]:
    space = height - 5
    beneath = max(7, min(space * 2 // 5, 18))
    above = space - beneath
    return {
        Part.HEAD: Place(0, 1, width, 1),
        Part.DEVICES: Place(0, 2, width, above),
        Part.RULE: Place(0, 2 + above, width, 1),
        Part(lower.value): Place(1, 3 + above, width - 2, beneath),
    }


def _single(width: int, height: int, pane: Pane) -> dict[Part, Place]:
    if pane is Pane.DEVICES:
        return {Part.HEAD: Place(0, 1, width, 1), Part.DEVICES: Place(0, 2, width, height - 4)}
    return {
        Part.RULE: Place(0, 1, width, 1),
        Part(pane.value): Place(1, 2, width - 2, height - 4),
    }
