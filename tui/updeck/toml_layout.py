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
    included; `value_start` and `value_end` those of the value alone, which a header has not. `line` counts from 1.
    """

    path: tuple[str, ...]
    is_header: bool
    start: int
    value_start: int
    value_end: int
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
        value_start, value_end, position = _value(text, begin.end())
        header = begin["header"]
        path = table + _dotted_path(begin["key"]) if header is None else _dotted_path(header)
        table = table if header is None else path
        line_start = text.rfind("\n", 0, start) + 1
        yield Statement(path, header is not None, line_start, value_start, value_end, position, line)


def _dotted_path(dotted: str) -> tuple[str, ...]:
    if '"' not in dotted and "'" not in dotted:
        return tuple(part.strip() for part in dotted.split("."))
    node: object = tomllib.loads(f"{dotted} = 0")
    path: list[str] = []
    while isinstance(node, dict):
        ((key, node),) = node.items()
        path.append(key)
    return tuple(path)


def _value(text: str, start: int) -> tuple[int, int, int]:
    """Return where the value behind `start` begins and ends, and where its statement ends."""
    depth = 0
    value_end = end = len(text)
    for token in _TOKEN.finditer(text, start):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        elif depth <= 0 and token[0][0] in "#\n":
            value_end = min(value_end, token.start())
            if token[0] == "\n":
                end = token.end()
                break
    value = text[start:value_end]
    return start + len(value) - len(value.lstrip()), start + len(value.rstrip()), end
