"""JSON from a device, read strictly: every bomb, trick and wrong type is `Garbled`, never a traceback.

`security.md`, answers: size and depth are checked before parsing; duplicate keys, NaN, Infinity, endless numbers, lone
surrogates and wrong types are errors that say which field and what was found there.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from updeck.errors import Garbled
from updeck.text import clean

__all__ = ["DEPTH_LIMIT", "MARKS_LIMIT", "Fields", "Json", "Odd", "items_of", "read"]

DEPTH_LIMIT = 32
"""How deep lists and objects may be nested."""

MARKS_LIMIT = 50_000
"""How many commas and brackets an answer may hold: some 10,000 values, each of which costs time in the one loop."""

_INTEGER_DIGITS = 20
_FLOAT_LENGTH = 400
_LENIENT_KEYS = frozenset({"progress"})  # `rollout.md` 6: odd progress is shown as none and decides nothing
_ABSENT = ("", "N/A")

# Possessive, and an unterminated string runs to the end: both are needed to stay linear on hostile input.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class Odd:
    """A number that JSON should not hold (NaN, Infinity, thousands of digits); `what` says which."""

    what: str


Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | Odd | None"


def read(data: bytes) -> Json:
    """Return the one JSON value that `data` spells in UTF-8; raises Garbled for anything else."""
    if sum(data.count(mark) for mark in b",[]{}") > MARKS_LIMIT:
        raise Garbled(f"the answer holds more than {MARKS_LIMIT} commas and brackets")
    if _too_deep(data):
        raise Garbled(f"the answer is nested deeper than {DEPTH_LIMIT} levels")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Garbled(f"the answer is not UTF-8 at byte {error.start}") from error
    try:
        value: Json = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=Odd
        )
    except json.JSONDecodeError as error:
        where = "empty" if not text.strip() else f"no JSON: {error.msg} at character {error.pos}"
        raise Garbled(f"the answer is {where}") from error
    return value


def _too_deep(data: bytes) -> bool:
    if data.count(b"[") + data.count(b"{") <= DEPTH_LIMIT:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", data)):
        depth = depth + 1 if bracket in b"[{" else max(0, depth - 1)
        if depth > DEPTH_LIMIT:
            return True
    return False


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            raise Garbled(f"the key {clean(key, 80)} occurs twice in one object")
        if isinstance(value, Odd) and key not in _LENIENT_KEYS:
            raise Garbled(f"{clean(key, 80)} is {value.what}")
        found[key] = value
    return found


def _integer(text: str) -> int | Odd:
    digits = len(text.lstrip("-"))
    return int(text) if digits <= _INTEGER_DIGITS else Odd(f"a number of {digits} digits")


def _float(text: str) -> float | Odd:
    if len(text) > _FLOAT_LENGTH:
        return Odd(f"a number of {len(text)} characters")
    value = float(text)
    return Odd("a number too large") if math.isinf(value) else value


def items_of(value: Json, where: str) -> list[Json]:
    """Return the list that `value` is; raises Garbled naming `where`."""
    if isinstance(value, list):
        return value
    raise Garbled(f"{where} is {_found(value)}, not a list")


class Fields:
    """One JSON object, read field by field. `where` is how errors call it, such as `items[2]`.

    Each getter returns a clean value of its type and raises Garbled naming the field and what was found.
    Fields that nobody asks for are ignored.
    """

    def __init__(self, value: Json, where: str) -> None:
        if not isinstance(value, dict):
            raise Garbled(f"{where} is {_found(value)}, not an object")
        self._values = value
        self._where = where

    def text(self, key: str, limit: int = 500) -> str:
        """Return a required string, made safe to show."""
        value = self._value(key)
        return clean(self._well_formed(key, value), limit) if isinstance(value, str) else self._wrong(key, "string")

    def optional_text(self, key: str, limit: int = 500) -> str | None:
        """Return a string made safe to show; None where it is absent, null, "" or "N/A" (`protocol.md` 2)."""
        if self._values.get(key) is None:
            return None
        text = self.text(key, limit).strip()
        return None if text in _ABSENT else text

    def secret(self, key: str) -> str:
        """Return a required string of visible ASCII as it came: a token, which must fit into a header."""
        value = self._value(key)
        if isinstance(value, str) and value and value.isascii() and value.isprintable() and " " not in value:
            return value
        raise Garbled(f"{self._where}.{key} is no string of visible ASCII characters")

    def optional_secret(self, key: str) -> str | None:
        """Return a token, None where it is absent, null or empty."""
        return self.secret(key) if self._values.get(key) else None

    def whole(self, key: str, least: int, most: int) -> int:
        """Return a required integer from `least` to `most`."""
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, int):
            return self._wrong(key, "whole number")
        if not least <= value <= most:
            raise Garbled(f"{self._where}.{key} is {value}, which is out of range")
        return value

    def optional_whole(self, key: str, least: int, most: int) -> int | None:
        """Return an integer from `least` to `most`, None where it is absent or null."""
        return None if self._values.get(key) is None else self.whole(key, least, most)

    def any_number(self, key: str) -> float | None:
        """Return a finite number, and None for whatever else stands there; never fails."""
        value = self._values.get(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def items(self, key: str) -> list[Json]:
        """Return a required list."""
        return items_of(self._value(key), f"{self._where}.{key}")

    def optional_items(self, key: str) -> list[Json]:
        """Return a list, empty where it is absent or null."""
        return [] if self._values.get(key) is None else self.items(key)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings made safe to show, empty where it is absent or null."""
        found: list[str] = []
        for index, value in enumerate(self.optional_items(key)):
            if not isinstance(value, str):
                raise Garbled(f"{self._where}.{key}[{index}] is {_found(value)}, not a string")
            found.append(clean(self._well_formed(key, value)))
        return tuple(found)

    def _value(self, key: str) -> Json:
        if key not in self._values:
            raise Garbled(f"{self._where}.{key} is missing")
        return self._values[key]

    def _well_formed(self, key: str, value: str) -> str:
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise Garbled(f"{self._where}.{key} holds half of a surrogate pair") from error
        return value

    def _wrong(self, key: str, wanted: str) -> NoReturn:
        raise Garbled(f"{self._where}.{key} is {_found(self._values[key])}, not a {wanted}")


def _found(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f'the string "{clean(value, 40)}"'
        case int() | float():
            return f"the number {value}"
        case Odd():
            return value.what
        case list():
            return "a list"
        case dict():
            return "an object"
