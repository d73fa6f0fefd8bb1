"""A JSON document of ours, read strictly: every key known, every type right, nothing twice (`security.md`, plan).

Errors are `ConfigError` and name the file and the key; a document that somebody edited is refused, never guessed at.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NoReturn, TypeVar

from updeck.errors import ConfigError
from updeck.text import clean
from updeck.toml_table import nearest

__all__ = ["Document", "parse_document"]

TEXT_LIMIT = 2_000

_WORDS = {bool: "true or false", int: "a whole number", str: "text", list: "a list", dict: "an object"}

EnumT = TypeVar("EnumT", bound=StrEnum)
T = TypeVar("T")


class Document:
    """One object of the document. `where` is how errors call it, such as `plan.json: limits`."""

    def __init__(self, values: Mapping[str, object], where: str) -> None:
        self._values = values
        self._where = where

    def only(self, required: Collection[str], optional: Collection[str] = ()) -> None:
        """Refuse the first key that is not known, and the first that is missing."""
        known = (*required, *optional)
        for key in self._values:
            if key not in known:
                hint = nearest(key, known)
                advice = f"did you mean {hint}?" if hint else None
                raise ConfigError(f"{self._where}: unknown key {clean(key, 80)}", advice=advice)
        missing = [key for key in required if key not in self._values]
        if missing:
            raise ConfigError(f"{self._where}: {missing[0]} is missing")

    def text(self, key: str) -> str:
        """Return one line of text that can be shown as it is."""
        return self._text(key, self._of_type(key, str))

    def optional_text(self, key: str) -> str | None:
        """Return text, None for null."""
        return None if self._values[key] is None else self.text(key)

    def choice(self, key: str, choices: type[EnumT]) -> EnumT:
        """Return the member of an enum that the text names."""
        word = self.text(key)
        if word not in {choice.value for choice in choices}:
            self._wrong(key, f"must be one of {', '.join(choices)}")
        return choices(word)

    def flag(self, key: str) -> bool:
        """Return a truth value."""
        return self._of_type(key, bool)

    def count(self, key: str, least: int, most: int = 1 << 53) -> int:
        """Return a whole number from `least` to `most`."""
        value = self._of_type(key, int)
        if not least <= value <= most:
            self._wrong(key, f"must be from {least} to {most}")
        return value

    def optional_count(self, key: str, least: int, most: int = 1 << 53) -> int | None:
        """Return a whole number, None for null."""
        return None if self._values[key] is None else self.count(key, least, most)

    def part(self, key: str) -> Document:
        """Return the object under a key."""
        return Document(self._of_type(key, dict), self._at(key))

    def optional_part(self, key: str) -> Document | None:
        """Return the object under a key, None for null."""
        return None if self._values[key] is None else self.part(key)

    def parts(self, key: str) -> tuple[Document, ...]:
        """Return a list of objects."""
        found = []
        for index, value in enumerate(self._of_type(key, list)):
            where = f"{self._at(key)}[{index}]"
            if not isinstance(value, dict):
                raise ConfigError(f"{where} must be an object")
            found.append(Document(value, where))
        return tuple(found)

    def optional_pairs(self, key: str) -> tuple[tuple[str, str], ...] | None:
        """Return a list of pairs of texts, None for null."""
        if self._values[key] is None:
            return None
        found = []
        for item in self._of_type(key, list):
            if not isinstance(item, list) or len(item) != 2 or not all(isinstance(word, str) for word in item):
                self._wrong(key, "must be a list of pairs of texts")
            found.append((self._text(key, item[0]), self._text(key, item[1])))
        return tuple(found)

    def _at(self, key: str) -> str:
        return f"{self._where}: {key}" if ": " not in self._where else f"{self._where}.{key}"

    def _wrong(self, key: str, problem: str) -> NoReturn:
        raise ConfigError(f"{self._at(key)} {problem}")

    def _of_type(self, key: str, wanted: type[T]) -> T:
        value = self._values[key]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            self._wrong(key, f"must be {_WORDS[wanted]}")
        return value

    def _text(self, key: str, value: str) -> str:
        if clean(value, TEXT_LIMIT) != value:
            self._wrong(key, "is too long, or has a control or invisible character")
        return value


def parse_document(text: str, name: str) -> Document:
    """Return the root object of a JSON text; `name` is what errors call the file."""
    name = clean(name)

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ConfigError(f"{name}: a key stands twice in one object")
        return found

    def never(constant: str) -> NoReturn:
        raise ConfigError(f"{name}: {constant} is no number")

    try:
        value: object = json.loads(text, object_pairs_hook=once, parse_constant=never)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{name}, line {error.lineno}, column {error.colno}: this is no JSON") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{name}: a number is too long, or the nesting too deep") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{name}: this is no JSON object")
    return Document(value, name)
