"""A plain Textual DataTable of devices, the peer of the benchmarks: `table_child.py ROWS CHANGES_PER_S`."""

from __future__ import annotations

import sys
from itertools import count

from textual.app import App, ComposeResult
from textual.widgets import DataTable

COLUMNS = ("name", "state", "version", "next", "seen")


class Table(App[None]):
    """Shows rows, and changes one cell of some of them each second."""

    def __init__(self, rows: int, changes_per_s: float) -> None:
        super().__init__()
        self._count = rows
        self._per_s = changes_per_s
        self._turn = count()

    def compose(self) -> ComposeResult:
        """Show the table alone."""
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        """Fill the table, and begin to change it."""
        table = self.query_one(DataTable)
        for name in COLUMNS:
            table.add_column(name, key=name)
        for row in range(self._count):
            table.add_row(f"ar11-s{row:04}", "IDLE", "11.6.0", "choose image", "", key=str(row))
        if self._per_s:
            self.set_interval(0.1, self._change)

    def _change(self) -> None:
        table = self.query_one(DataTable)
        for _ in range(round(self._per_s / 10)):
            number = next(self._turn)
            table.update_cell(str(number * 7 % self._count), "next", f"uploads {number % 997} MB")


if __name__ == "__main__":
    Table(int(sys.argv[1]), float(sys.argv[2])).run(mouse=False)
