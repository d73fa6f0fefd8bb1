"""The waves of a rollout over time: a bar per wave on one axis, past as recorded and future as expected. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from updeck.journal.plan_models import MemberRecord
from updeck.rollout.forecast import Forecast
from updeck.rollout.gate import open_wave
from updeck.rollout.standing import bad, ended
from updeck.text import pad
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, Line, fit_line, line
from updeck.ui.rollout_sight import Sight

__all__ = ["wave_chart"]

_CELL_S = (1, 2, 6, 12, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200)
"""Seconds that a cell may stand for: a tick, which is ten cells, is then a round time."""

_TICK = 10
_CELLS_MOST = 100
_WAVES_MOST = 6
"""How many waves are shown at once: those around the open one."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where times stand: `since` in Unix seconds is the left end, each cell is `cell_s` seconds."""

    since: float
    cell_s: int
    cells: int

    @classmethod
    def over(cls, first: float, last: float, cells: int) -> _Axis:
        """Return the finest axis that holds both; it changes only when they leave it, so that it stands still."""
        for cell_s in _CELL_S:
            since = first // (cell_s * _TICK) * (cell_s * _TICK)
            if last - since < cell_s * cells:
                return cls(since, cell_s, cells)
        return cls(first // 86_400 * 86_400, max(_CELL_S[-1], int((last - first) / cells) + 1), cells)

    def start(self, cell: int) -> float:
        """Return when a cell begins."""
        return self.since + cell * self.cell_s

    def cell(self, at: float) -> int:
        """Return the cell of a time."""
        return int((at - self.since) // self.cell_s)

    def labels(self) -> str:
        """Return the clock times beneath, one every ten cells."""
        form = "%H:%M" if self.cell_s * _TICK % 60 == 0 else "%H:%M:%S"
        out = ""
        for cell in range(0, self.cells, _TICK):
            label = datetime.fromtimestamp(self.start(cell), UTC).astimezone().strftime(form)
            out = pad(out, cell) + label if cell + len(label) <= self.cells else out
        return out


def wave_chart(sight: Sight, expected: Forecast, width: int, glyphs: Glyphs) -> list[Line]:
    """Return a line per wave and the axis, nothing before anything was sent.

    A wave that has ended is full, one under way is half, failures stand out at their time, and what is expected is
    dotted.
    """
    waves = _shown(sight)
    known = [one for members in waves.values() for one in _times(members)]
    if not known:
        return []
    size = max(len(f"{len(members)}") for members in waves.values())
    lead = len(f"wave {sight.plan.waves}") + 2 * size + 5
    ahead = [end for wave, (_, end) in expected.waves.items() if wave in waves]
    last = max(known) if sight.over else max(sight.now, *known, *ahead)
    axis = _Axis.over(min(known), last, max(_TICK, min(width - lead, _CELLS_MOST)))
    out: list[Line] = []
    for wave, members in waves.items():
        done = f"{sum(map(ended, members))}/{len(members)}"
        label = pad(f"wave {wave}", lead - 2 * size - 3) + pad(done, 2 * size + 1, "right") + "  "
        out.append(fit_line(line((label, Ink.PLAIN), *_bar(wave, members, sight, expected, axis, glyphs)), width))
    return [*out, fit_line(line((" " * lead + axis.labels(), Ink.DIM)), width)]


def _shown(sight: Sight) -> dict[int, list[MemberRecord]]:
    """Return the waves to be shown with their devices."""
    found: dict[int, list[MemberRecord]] = {wave: [] for wave in range(1, sight.plan.waves + 1)}
    for member in sight.record.members:
        found[member.wave].append(member)
    if len(found) <= _WAVES_MOST:
        return found
    first = min(max(1, open_wave(sight.record, sight.plan, sight.now) - 2), sight.plan.waves - _WAVES_MOST + 1)
    return {wave: found[wave] for wave in range(first, first + _WAVES_MOST)}


def _times(members: Sequence[MemberRecord]) -> list[float]:
    """Return when anything was sent to these devices, and when attempts that sent something ended."""
    attempts = [attempt for member in members for attempt in member.attempts if attempt.intents]
    sent = [intent.at for attempt in attempts for intent in attempt.intents]
    return sent + [attempt.end.at for attempt in attempts if attempt.end is not None]


def _bar(
    wave: int, members: Sequence[MemberRecord], sight: Sight, expected: Forecast, axis: _Axis, glyphs: Glyphs
) -> list[tuple[str, Ink]]:
    times = _times(members)
    over = all(map(ended, members))
    begins, ends = expected.waves.get(wave, (0.0, 0.0))
    first = axis.cell(min(times)) if times else axis.cells
    until = axis.cell(max(times) if over and times else sight.now)
    failed = {
        axis.cell(attempt.end.at)
        for member in members
        for attempt in member.attempts
        if bad(attempt) and attempt.end is not None
    }
    spans: list[tuple[str, Ink]] = []
    for cell in range(axis.cells):
        if cell in failed:
            sign = (glyphs.failed, Ink.NEEDS)
        elif first <= cell <= until:
            sign = (glyphs.filled, Ink.DIM) if over else (glyphs.busy, Ink.ACCENT)
        elif not over and ends and axis.cell(begins) <= cell <= axis.cell(ends):
            sign = (glyphs.dot, Ink.DIM)
        else:
            sign = (" ", Ink.PLAIN)
        if spans and spans[-1][1] is sign[1]:
            spans[-1] = (spans[-1][0] + sign[0], sign[1])
        else:
            spans.append(sign)
    return spans
