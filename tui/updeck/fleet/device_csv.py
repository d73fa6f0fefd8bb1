"""Devices as a table of comma-separated values: the way from a spreadsheet or another tool into the inventory. Pure.

The first line names the columns, in any order. A spreadsheet that writes semicolons is understood as well.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from updeck.errors import UsageError
from updeck.fleet.addresses import completed_url
from updeck.fleet.inventory import DeviceEntry, check_label, check_name
from updeck.text import clean
from updeck.toml_table import nearest

__all__ = ["COLUMNS", "SEEN_COLUMNS", "device_cells", "parse_devices"]

COLUMNS = ("name", "url", "tags", "site", "pair")
"""The columns that the inventory takes; name and url must be there."""

SEEN_COLUMNS = ("reach", "state", "version", "target_version", "next", "observed_at", "error")
"""Further columns of an exported list of devices: what was seen, and so nothing for an inventory."""

_NEEDED = ("name", "url")
_FORMULA = re.compile(r"'(?=[=+\-@])")

T = TypeVar("T")


def device_cells(entry: DeviceEntry) -> tuple[str, ...]:
    """Return a device as the cells of `COLUMNS`; several tags stand in one cell, a space between them."""
    return (entry.name, entry.url, " ".join(entry.tags), entry.site or "", entry.pair or "")


def parse_devices(text: str, name: str, known: Iterable[DeviceEntry] = ()) -> tuple[DeviceEntry, ...]:
    """Return the devices of a table, none of which is `known` yet; `name` is what errors call the file.

    Raises `UsageError` naming the line and the column of the first thing that is wrong.
    """
    lines = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text.partition("\n")[0]))
    names = {entry.name.casefold(): f"{entry.name} of the inventory" for entry in known}
    urls = {entry.url: f"{entry.name} of the inventory" for entry in known}
    entries: list[DeviceEntry] = []
    try:
        columns = _columns(next(lines, []), name)
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            place = f"{name}, line {lines.line_num}"
            entry = _entry(_by_column(columns, cells, place), place)
            _refuse_twin(names, entry.name.casefold(), f"{place}, column name: {entry.name}", lines.line_num)
            _refuse_twin(urls, entry.url, f"{place}, column url: {entry.url}", lines.line_num)
            entries.append(entry)
    except csv.Error as error:
        raise UsageError(f"{name}, line {lines.line_num}: {clean(error)}") from None
    if not entries:
        raise UsageError(f"{name} names no device", advice="write one device a line below the header")
    return tuple(entries)


def _delimiter(header: str) -> str:
    return ";" if ";" in header and "," not in header else ","


def _columns(header: Sequence[str], name: str) -> tuple[str, ...]:
    columns = tuple(cell.strip().casefold() for cell in header)
    for column in columns:
        if column not in (*COLUMNS, *SEEN_COLUMNS):
            hint = nearest(column, COLUMNS)
            shown = clean(column, 40) or "without a name"
            advice = f"did you mean {hint}?" if hint else f"known are {', '.join(COLUMNS)}"
            raise UsageError(f"{name}, line 1: no such column: {shown}", advice=advice)
        if columns.count(column) > 1:
            raise UsageError(f"{name}, line 1: the column {column} is there twice")
    for column in _NEEDED:
        if column not in columns:
            raise UsageError(f"{name}, line 1: there is no column {column}", advice=f"begin with {','.join(COLUMNS)}")
    return columns


def _by_column(columns: Sequence[str], cells: Sequence[str], place: str) -> Mapping[str, str]:
    if len(cells) != len(columns):
        raise UsageError(f"{place}: {len(cells)} cells where the header names {len(columns)} columns")
    return {column: _bare(cell.strip()) for column, cell in zip(columns, cells, strict=True)}


def _bare(cell: str) -> str:
    """Return a cell without the marks by which an export keeps spreadsheets from seeing a formula in it."""
    return _FORMULA.sub("", cell)


def _entry(row: Mapping[str, str], place: str) -> DeviceEntry:
    def checked(column: str, check: Callable[[str], T]) -> T:
        try:
            return check(row.get(column, ""))
        except UsageError as error:
            raise UsageError(f"{place}, column {column}: {error.message}", advice=error.advice) from None

    return DeviceEntry(
        name=checked("name", check_name),
        url=checked("url", completed_url),
        tags=checked("tags", _tags),
        site=checked("site", _label),
        pair=checked("pair", _label),
    )


def _tags(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(check_label(tag) for tag in re.split(r"[\s,;]+", cell) if tag))


def _label(cell: str) -> str | None:
    return check_label(cell) if cell else None


def _refuse_twin(known: dict[str, str], key: str, place: str, line: int) -> None:
    twin = known.setdefault(key, f"line {line}")
    if twin != f"line {line}":
        raise UsageError(f"{place} is that of {twin} already", advice="nothing was imported; remove one of them")
