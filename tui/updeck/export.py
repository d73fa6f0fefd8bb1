"""Tables for other programs: CSV for a spreadsheet, JSON for a script, Markdown for a ticket. Pure.

Cells hold foreign text. It passes `clean` once more here, and then what its reader could take for more than text is
spelled out (`security.md`, reports): no cell becomes a formula, a link or markup.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from enum import StrEnum

from updeck.markdown import table
from updeck.text import clean

__all__ = ["Cell", "Format", "exported", "in_csv"]

Cell = str | int | float | bool | None
"""What stands in a table: a number stays one, None is an empty cell."""

_CELL_LIMIT = 2000
_FORMULA = re.compile(r"((?:^|[;,|])[\s\"'`]*)([=+\-@＝＋－＠﹢﹣⁺⁻₊₋−﹫﹦])")
"""What begins a formula: at the start, or behind what another locale takes for the end of a cell.

The wide signs are formulas too where a spreadsheet is set to Chinese, Japanese or Korean.
"""


class Format(StrEnum):
    """How a table is written; the value is the suffix of a file of that kind."""

    CSV = "csv"
    JSON = "json"
    MARKDOWN = "md"


def exported(header: Sequence[str], rows: Sequence[Sequence[Cell]], form: Format, *, title: str) -> str:
    """Return a table as the text of a file, ended by a line feed.

    `header` names the columns and `title` what the rows are, both in words of ours: JSON is one object that holds the
    rows as objects under `title`, Markdown has it for a heading, CSV (RFC 4180, in UTF-8) has no place for it.
    """
    match form:
        case Format.CSV:
            return _csv(header, rows)
        case Format.JSON:
            found = [dict(zip(header, map(_in_json, row), strict=True)) for row in rows]
            return json.dumps({title: found}, indent=2, allow_nan=False) + "\n"
        case Format.MARKDOWN:
            cells = [[None if cell is None else _spelled(cell) for cell in row] for row in rows]
            return "\n".join([f"# {title}", "", *table(header, cells)]) + "\n"


def in_csv(cell: Cell) -> str:
    """Return a cell as it may stand in a CSV file; an apostrophe goes before each sign that could begin a formula."""
    if cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool)):
        return "" if cell is None or not math.isfinite(cell) else str(cell)
    return _FORMULA.sub(r"\1'\2", _spelled(cell))


def _csv(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow([in_csv(name) for name in header])
    writer.writerows([in_csv(cell) for cell in row] for row in rows)
    return out.getvalue()


def _in_json(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return clean(cell, _CELL_LIMIT)
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _spelled(cell: str | float) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return clean(cell, _CELL_LIMIT)
