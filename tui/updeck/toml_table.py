"""Strict TOML: tables that name the file, the line and the nearest key for whatever is wrong with them.

A `Table` hands out typed values only, so nothing past it is untyped, and every error is a `ConfigError` of
one sentence. No error quotes a value: it may be a password in the wrong place (`security.md`, secrets).
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import sys
import tomllib
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path

from updeck.errors import ConfigError
from updeck.text import clean

__all__ = ["Table", "nearest", "parse_toml", "read_config_text"]

FILE_LIMIT_BYTES = 8 << 20
"""Largest configuration file that is read."""

TEXT_LIMIT = 1_000
"""Longest text value, in characters."""

_POSITION = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


class _Source:
    """The text of one file, and on which line each key stands."""

    def __init__(self, name: str, text: str) -> None:
        self.name = clean(name)
        self._text = text

    def line_of(self, path: Sequence[str]) -> int:
        """Return the line of a key, or of the nearest table around it; lines count from 1."""
        for size in range(len(path), 0, -1):
            line = self._lines.get(tuple(path[:size]))
            if line is not None:
                return line
        return 1

    @cached_property
    def _lines(self) -> Mapping[tuple[str, ...], int]:
        from updeck.toml_layout import statements  # only what is wrong needs its line

        lines: dict[tuple[str, ...], int] = {}
        for statement in statements(self._text):
            for size in range(1, len(statement.path) + 1):
                lines.setdefault(statement.path[:size], statement.line)
        return lines


class Table:
    """One table of a file, read key by key; `over` puts it before another that it inherits from.

    Readers return None for an absent key and raise `ConfigError` for a value of the wrong type.
    """

    def __init__(self, source: _Source, path: tuple[str, ...], values: Mapping[str, object]) -> None:
        self._source = source
        self._path = path
        self._values = values
        self._behind: Table | None = None

    def over(self, behind: Table) -> Table:
        """Return this table with `behind` answering for the keys that it lacks."""
        table = Table(self._source, self._path, self._values)
        table._behind = behind
        return table

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of this table itself, in the order of the file."""
        return tuple(self._values)

    def __contains__(self, key: str) -> bool:
        """Whether the key stands in this table or in the one behind it."""
        return key in self._owner(key)._values

    def only(self, known: Collection[str]) -> None:
        """Refuse the first key that is not among `known`, naming the nearest one."""
        for key in self._values:
            if key not in known:
                where = f"in [{_dotted(self._path)}]" if self._path else "at the top"
                hint = nearest(key, known)
                advice = f"did you mean {hint}?" if hint else f"known are {', '.join(sorted(known))}"
                raise self._error_at(key, f"unknown key {clean(key, 80)} {where}", advice)

    def error(self, key: str, problem: str, advice: str | None = None) -> ConfigError:
        """Return the error `FILE, line N: KEY problem; advice` for a key of this table."""
        return self._owner(key)._error_here(key, problem, advice)

    def origin(self, key: str) -> str | None:
        """Return `line N`, for an inherited value `line N, [defaults]`, for an absent one None."""
        owner = self._owner(key)
        if key not in owner._values:
            return None
        inherited = "" if owner is self else f", [{_dotted(owner._path)}]"
        return f"line {owner._source.line_of((*owner._path, key))}{inherited}"

    def is_text(self, key: str) -> bool:
        """Whether the value is text, for keys that take text or a table."""
        return isinstance(self._value(key), str)

    def text(self, key: str) -> str | None:
        """Return one line of text; what cannot be shown as it is, is refused."""
        value = self._value(key)
        return None if value is None else self._as_text(key, value)

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts."""
        value = self._value(key)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self._wrong_type(key, "a list of texts", value)
        return tuple(self._as_text(key, item) for item in value)

    def choice(self, key: str, options: Sequence[str]) -> str | None:
        """Return a text that is one of `options`."""
        value = self.text(key)
        if value is None or value in options:
            return value
        hint = nearest(value, options)
        advice = f"did you mean {hint}?" if hint else None
        raise self.error(key, f"must be one of {', '.join(options)}", advice)

    def flag(self, key: str) -> bool | None:
        """Return a truth value."""
        value = self._value(key)
        if value is None or isinstance(value, bool):
            return value
        raise self._wrong_type(key, "true or false", value)

    def number(self, key: str, least: float, most: float) -> float | None:
        """Return a finite number from `least` to `most`."""
        value = self._value(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong_type(key, "a number", value)
        if not least <= value <= most:
            raise self.error(key, f"must be from {least:g} to {most:g}")
        return float(value)

    def count(self, key: str, least: int, most: int) -> int | None:
        """Return a whole number from `least` to `most`."""
        value = self._value(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong_type(key, "a whole number", value)
        if not least <= value <= most:
            raise self.error(key, f"must be from {least} to {most}")
        return value

    def table(self, key: str) -> Table:
        """Return the table under a key, an empty one when the key is absent."""
        owner = self._owner(key)
        value = owner._values.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong_type(key, "a table", value)
        return Table(owner._source, (*owner._path, key), value)

    def _owner(self, key: str) -> Table:
        if key in self._values or self._behind is None:
            return self
        return self._behind._owner(key)

    def _value(self, key: str) -> object:
        return self._owner(key)._values.get(key)

    def _as_text(self, key: str, value: object) -> str:
        if not isinstance(value, str):
            raise self._wrong_type(key, "text", value)
        if len(value) > TEXT_LIMIT:
            raise self.error(key, f"is longer than {TEXT_LIMIT} characters")
        if clean(value, TEXT_LIMIT) != value:
            raise self.error(key, "has a control or invisible character")
        return value

    def _wrong_type(self, key: str, wanted: str, value: object) -> ConfigError:
        return self.error(key, f"must be {wanted}, not {_kind(value)}")

    def _error_here(self, key: str, problem: str, advice: str | None) -> ConfigError:
        return self._error_at(key, f"{_dotted((*self._path, key))} {problem}", advice)

    def _error_at(self, key: str, sentence: str, advice: str | None) -> ConfigError:
        line = self._source.line_of((*self._path, key))
        return ConfigError(f"{self._source.name}, line {line}: {sentence}", advice=advice)


def nearest(word: str, known: Collection[str]) -> str | None:
    """Return the known word that `word` was most likely meant to be, None when none is near."""
    folded = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(word[:80].casefold(), list(folded), n=1)
    return folded[found[0]] if found else None


def parse_toml(text: str, name: str) -> Table:
    """Return the root table of `text`; `name` is what errors call the file.

    A syntax error names line and column; what has no known position (a number of thousands of digits, a
    nesting without end) names the file alone.
    """
    text = text.replace("\r\n", "\n")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(str(error), text, name) from None
    except (ValueError, RecursionError, OverflowError):
        raise ConfigError(f"{name} is no usable TOML: a value is too large or too deeply nested") from None
    return Table(_Source(name, text), (), values)


def _syntax_error(message: str, text: str, name: str) -> ConfigError:
    found = _POSITION.search(message)
    sentence = _POSITION.sub("", message)
    if found and found[1]:
        line, column = int(found[1]), int(found[2])
    else:
        line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    if sentence.startswith(("Cannot overwrite", "Cannot declare", "Duplicate", "Cannot mutate")):
        sentence = "this name stands twice"
    return ConfigError(f"{name}, line {line}, column {column}: {sentence[:1].lower()}{sentence[1:]}")


def read_config_text(path: Path) -> str:
    """Return the text of a configuration file that nobody else can change (it can name commands to run).

    Refused: no regular file, another owner than us or root, writable by group or others, larger than 8 MiB,
    not UTF-8. Symbolic links are followed; what they lead to is checked.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(f"{path} is no regular file")
            _refuse_foreign_hands(path, status)
            data = file.read(FILE_LIMIT_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {(error.strerror or 'error').lower()}") from None
    if len(data) > FILE_LIMIT_BYTES:
        raise ConfigError(f"{path} is larger than {FILE_LIMIT_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8 text", advice="save the file as UTF-8") from None


def _refuse_foreign_hands(path: Path, status: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    if status.st_uid not in (0, os.geteuid()):
        owner = f"{path} belongs to another user (uid {status.st_uid})"
        raise ConfigError(owner, advice="use a file of your own, or of root")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigError(f"{path} can be changed by others (mode {mode:04o})", advice=f"chmod go-w {path}")


def _without_waiting(path: str, flags: int) -> int:
    """Open at once even where the path turns out to be a FIFO."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _dotted(path: Sequence[str]) -> str:
    return clean(".".join(path), 120)


def _kind(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case datetime() | date() | time():
            return "a date or time"
        case _:
            return "a table"
