"""How many rows of 1000 devices a key has formatted and drawn: those that it changes, never the list."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from textual.strip import Strip

from fleet_fixture import Stage, many
from seat import Seat, seated
from updeck.fleet.views import Next, Tone
from updeck.ui.launch import UiOptions
from updeck.ui.layout import Part
from updeck.ui.lines.row import row
from updeck.ui.widgets.canvas import Canvas

OPTIONS = UiOptions(fleet_name="bank-eu", label="LAB", pace_s=3600, rest_s=3600)
SIZES = [pytest.param((80, 24), 12, id="80x24"), pytest.param((120, 40), 27, id="120x40")]
"""Sizes, and how many rows of the list each shows."""

Drawn = Counter[str]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """Count the lines that are drawn by part, and as `rows` how many devices are formatted."""
    counted: Drawn = Counter()
    render = Canvas.render_line

    def rendering(canvas: Canvas, y: int) -> Strip:
        counted[str(canvas.id)] += 1
        return render(canvas, y)

    def formatting(*given: Any, **more: Any) -> Any:
        counted["rows"] += 1
        return row(*given, **more)

    monkeypatch.setattr(Canvas, "render_line", rendering)
    monkeypatch.setattr("updeck.ui.widgets.device_list.row", formatting)
    return counted


async def cost(seat: Seat, drawn: Drawn, *keys: str) -> Drawn:
    """Press keys; return what that had drawn."""
    await seat.pilot.pause()
    drawn.clear()
    await seat.press(*keys)
    await seat.pilot.pause()
    return Counter({part: count for part, count in drawn.items() if part != Part.CHECKED})


@pytest.mark.parametrize(("size", "rows"), SIZES)
async def test_a_key_formats_what_is_on_view_and_draws_what_it_changes(
    size: tuple[int, int], rows: int, drawn: Drawn
) -> None:
    matching = min(rows, 20)
    table = [
        ("down", {"rows": rows, "devices": 2}),
        ("up", {"rows": rows, "devices": 2}),
        ("pagedown", {"rows": rows, "devices": 2}),  # the list scrolls by half its height, and not before it must
        ("end", {"rows": rows, "devices": rows}),
        ("home", {"rows": rows, "devices": rows}),
        ("space", {"rows": rows, "devices": 1, "header": 1}),
        ("asterisk", {"rows": rows, "devices": rows - 1, "header": 1}),
        ("minus", {"rows": rows, "devices": rows, "header": 1}),
        ("slash", {"notice": 1, "footer": 1}),
        ("s", {"rows": rows, "notice": 1, "header": 1}),  # all match
        ("1", {"rows": rows, "notice": 1, "header": 1, "devices": rows}),
        ("2", {"rows": matching, "notice": 1, "header": 1, "devices": rows, "next": rows - matching}),
        (
            "escape",
            {"rows": rows, "notice": 1, "header": 1, "footer": 1, "devices": rows, "next": rows - matching},
        ),
        ("o", {"rows": rows, "notice": 1, "head": 1}),  # by state: all are alike
        ("O", {"rows": rows, "notice": 1, "head": 1, "devices": rows - 1}),
        ("right_square_bracket", {"notice": 1}),
        ("D", {"notice": 1}),
        ("W", {"notice": 1}),
    ]
    async with seated(Stage(many(1000)), size, OPTIONS) as seat:
        found = [(key, dict(await cost(seat, drawn, key))) for key, _ in table]
    assert found == [(key, {part: count for part, count in wanted.items() if count}) for key, wanted in table]


@pytest.mark.parametrize(("size", "rows"), SIZES[1:])
async def test_a_device_that_changes_has_its_own_cell_drawn_and_one_out_of_view_none(
    size: tuple[int, int], rows: int, drawn: Drawn
) -> None:
    stage = Stage(many(1000))
    async with seated(stage, size, OPTIONS) as seat:
        for place, cells in ((0, {"next": 1}), (rows - 1, {"next": 1}), (rows, {}), (999, {})):
            await seat.pilot.pause()
            drawn.clear()
            view = stage.state.view(stage.state.names[place])
            assert view is not None
            stage.state.put(replace(view, next=Next(f"uploads {place} %", Tone.REST)))
            seat.screen.show_list()
            await seat.pilot.pause()
            assert dict(drawn) == {"rows": rows, **cells}
