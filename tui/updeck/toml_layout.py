"""Where the keys of a TOML text stand, which its parsed values do not tell: for errors and for edits. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Statement", "statements"]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_DOTTED = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_BEGIN = re.compile(rf"(?:\s|\#[^\n]*)*(?P<all>\[\[?[ \t]*(?P<header>{_DOTTED})[ \t]*\]\]?|(?P<key>{_DOTTED})[ \t]*=)")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""{1,3}'
    r"|'''.*?'''{1,3}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*|[\[{]|[\]}]|\n",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One `[header]` or one `key = value`.

    `path` is whole, from the root. `start` and `end` are offsets of whole lines, the comment behind the value
    included; `line` counts from 1.
    """

    path: tuple[str, ...]
    is_header: bool
    start: int
    end: int
    line: int


def statements(text: str) -> Iterator[Statement]:
    """Yield the statements of a valid TOML text in order; of an invalid one, those before the first doubt."""
    table: tuple[str, ...] = ()
    line, counted, position = 1, 0, 0
    while begin := _BEGIN.match(text, position):
        start = begin.start("all")
        line += text.count("\n", counted, start)
        counted = start
        position = _end_of_value(text, begin.end())
        header = begin["header"]
        path = table + _dotted_path(begin["key"]) if header is None else _dotted_path(header)
        table = table if header is None else path
        yield Statement(path, header is not None, text.rfind("\n", 0, start) + 1, position, line)


def _dotted_path(dotted: str) -> tuple[str, ...]:
    if '"' not in dotted and "'" not in dotted:
        return tuple(part.strip() for part in dotted.split("."))
    node: object = tomllib.loads(f"{dotted} = 0")
    path: list[str] = []
    while isinstance(node, dict):
        ((key, node),) = node.items()
        path.append(key)
    return tuple(path)


def _end_of_value(text: str, start: int) -> int:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            return token.end()
    return len(text)
