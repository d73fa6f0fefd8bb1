"""What the statements of the schema share: closed sets, strictness, and tables whose rows never change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

__all__ = ["STRICT", "frozen", "one_of"]

STRICT = "STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""
"""What makes a table strict, where SQLite knows it."""


def one_of(words: Sequence[str]) -> str:
    """Return a closed set as SQL takes it behind IN."""
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


def frozen(tables: Iterable[str]) -> tuple[str, ...]:
    """Return the triggers that keep the rows of some tables as they are."""
    return tuple(
        f"CREATE TRIGGER {table}_never_{verb} BEFORE {event} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
        for table in tables
        for verb, event in (("change", "UPDATE"), ("go", "DELETE"))
    )
