"""A plain Textual DataTable of devices, the peer of the benchmarks: `table_child.py ROWS CHANGES_PER_S`.

`j` and `k` move the cursor, `O` turns the order round, space marks, `/` filters by a part of the name until enter.
"""

from __future__ import annotations

import sys
from itertools import count
from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import DataTable, Static

COLUMNS = ("mark", "name", "state", "version", "next", "seen")


class Rows(DataTable[str]):
    """The table, with keys for the cursor that are letters as well."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("j", "cursor_down"),
        ("k", "cursor_up"),
        ("home", "scroll_top"),
        ("end", "scroll_bottom"),
    ]


class Table(App[None]):
    """Shows rows, and changes one cell of some of them each second."""

    CSS = "Rows { height: 1fr; }"

    def __init__(self, rows: int, changes_per_s: float) -> None:
        super().__init__()
        self._names = [f"ar11-s{row // 20:02}-{row:04}" for row in range(rows)]
        self._per_s = changes_per_s
        self._turn = count()
        self._marked: set[str] = set()
        self._filter: str | None = None
        self._turned = False

    def compose(self) -> ComposeResult:
        """Show the table and a line for the filter."""
        yield Rows(cursor_type="row")
        yield Static("")

    def on_mount(self) -> None:
        """Fill the table, and begin to change it."""
        for name in COLUMNS:
            self.query_one(Rows).add_column(name, key=name)
        self._fill("")
        if self._per_s:
            self.set_interval(0.1, self._change)

    def on_key(self, event: events.Key) -> None:
        """Filter, sort and mark as the documentation of the table shows it."""
        table = self.query_one(Rows)
        if self._filter is not None:
            self._filter = None if event.key == "enter" else self._typed(self._filter, event)
            self._fill(self._filter or "")
        elif event.character == "/":
            self._filter = ""
        elif event.character == "O":
            self._turned = not self._turned
            table.sort("name", reverse=self._turned)
        elif event.key == "space":
            name = str(table.get_row_at(table.cursor_row)[1])
            self._marked ^= {name}
            table.update_cell(name, "mark", "+" if name in self._marked else "")
        self.query_one(Static).update("" if self._filter is None else f"filter {self._filter}|")

    def _typed(self, text: str, event: events.Key) -> str:
        return text[:-1] if event.key == "backspace" else text + (event.character or "")

    def _fill(self, part: str) -> None:
        table = self.query_one(Rows)
        table.clear()
        for name in self._names:
            if part in name:
                table.add_row("+" if name in self._marked else "", name, "IDLE", "11.6.0", "choose image", "", key=name)

    def _change(self) -> None:
        table = self.query_one(Rows)
        for _ in range(round(self._per_s / 10)):
            number = next(self._turn)
            table.update_cell(self._names[number * 7 % len(self._names)], "next", f"uploads {number % 997} MB")


if __name__ == "__main__":
    Table(int(sys.argv[1]), float(sys.argv[2])).run(mouse=False)
