"""Rollouts as lines: one in the list, the one line of the fleet screen, and a whole one with its waves. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from updeck.fleet.views import Phase
from updeck.journal.models import Op
from updeck.journal.plan_models import MemberRecord
from updeck.journal.plan_sentences import in_short
from updeck.rollout.forecast import (
    Forecast,
    fit_in_words,
    forecast,
    forecast_in_words,
    need_in_words,
    took_in_words,
)
from updeck.rollout.gate import open_wave, wave_barrier, window_in_force
from updeck.rollout.narration import needs
from updeck.rollout.plan import Goal
from updeck.rollout.progress import RolloutState, next_in_words
from updeck.rollout.standing import GOOD_VERDICTS, ended, gate_of, phase_of, stops_at
from updeck.rollout.summary import Summary
from updeck.text import cell_width, fit, pad, plural
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, Line, Span, fit_line, join, line, text_of, width_of
from updeck.ui.lines.signs import sign_of_phase, sign_of_rollout, sign_of_verdict
from updeck.ui.lines.wave_chart import wave_chart
from updeck.ui.rollout_sight import Sight
from updeck.ui.times import age, date_and_time, lasted, minute, minute_and_zone, rate, time_of_day

__all__ = ["Row", "facts_lines", "fleet_line", "list_head", "list_rows", "member_rows"]

_STATE_INKS = {
    RolloutState.WAITING_FOR_PROMOTION: Ink.MAY,
    RolloutState.STOPPED_BY_GATE: Ink.NEEDS,
    RolloutState.PAUSED: Ink.MAY,
    RolloutState.ENDED: Ink.DIM,
    RolloutState.ABORTED: Ink.DIM,
}
_ID, _STATE, _SHORT_STATE, _CREATED, _DONE, _SHORT_DONE = 13, 23, 11, 16, 9, 7
_SHORT_PHASE, _PHASE, _PROGRESS, _SINCE = 19, 22, 16, 4
_NAME_LEAST, _NAME_MOST = 8, 24
_NORMAL, _WIDE = 76, 100
"""Cells from which on there is room for the longest verdict, and for times and rates."""

_BAR = 20
_DOT, _SMALL_DOT = Span("  ·  ", Ink.DIM), Span(" · ", Ink.DIM)
_INDENT = line(" ")
_LEAD = 2


_BUILD = re.compile(r" #[0-9]+")
_CLAUSE = re.compile(r"(?<=[;,] )(?![^()]*\))|(?= \()")
"""Where a sentence may end early: after a comma or semicolon that stands in no parentheses, and before these."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list; `key` is what the cursor can stand on, None for a title between.

    The one that `stays` remains on top when what stands above the list is scrolled away.
    """

    key: str | None
    line: Line
    stays: bool = False


def list_head(width: int) -> Line:
    """Return the titles over the list of rollouts."""
    state, cells = (_STATE, _DONE) if width >= _NORMAL else (_SHORT_STATE, _SHORT_DONE)
    words = [pad("id", _ID), pad("state", state), *([pad("created", _CREATED)] if width >= _WIDE else [])]
    return fit_line(line((" " * _LEAD + "  ".join([*words, pad("done", cells, "right"), "what"]), Ink.DIM)), width)


def list_rows(rollouts: Sequence[Summary], width: int, glyphs: Glyphs) -> list[Row]:
    """Return a line per rollout, in the order given."""
    return [Row(one.id, fit_line(_listed(one, width, glyphs), width - _LEAD)) for one in rollouts]


def _listed(one: Summary, width: int, glyphs: Glyphs) -> Line:
    state = one.state
    done, cells, state_cells, word = f"{one.ended} of {one.devices}", _DONE, _STATE, state.word
    if width < _NORMAL:
        done, cells, state_cells = done.replace(" of ", "/"), _SHORT_DONE, _SHORT_STATE
        word = "PROMOTE?" if state is RolloutState.WAITING_FOR_PROMOTION else word
    created = pad(date_and_time(one.created_at), _CREATED) + "  " if width >= _WIDE else ""
    ink = Ink.NEEDS if one.orphaned else _STATE_INKS.get(state, Ink.PLAIN)
    stands = f"{glyphs.failed} NO ENGINE" if one.orphaned else f"{sign_of_rollout(state, glyphs)} {word}"
    drawn = line(
        (pad(in_short(one.id), _ID) + "  ", Ink.PLAIN),
        (pad(stands, state_cells) + "  ", ink),
        (created, Ink.DIM),
        (pad(done, cells, "right") + "  ", Ink.PLAIN),
    )
    verdicts = f"   {one.verdicts}" if one.verdicts != "no verdict" else ""
    brief = _BUILD.sub("", one.title)
    tries = [((what, Ink.PLAIN), (told, Ink.DIM)) for told in (verdicts, "") for what in (one.title, brief)]
    room = width - _LEAD - width_of(drawn)
    return line(*drawn, *next((one for one in tries if width_of(line(*one)) <= room), tries[-1]))


def fleet_line(sights: Sequence[Sight], width: int) -> Line:
    """Return the one line of the fleet screen about unfinished rollouts; one without its engine comes first."""
    left = sorted((sight for sight in sights if not sight.over), key=lambda one: not one.orphaned)
    if not left:
        return ()
    sight = left[0]
    more = f"  and {plural(len(left) - 1, 'rollout')} more" if len(left) > 1 else ""
    done = f"{sum(map(ended, sight.record.members))} of {len(sight.record.members)} done"
    name = line((" rollout ", Ink.DIM), (in_short(sight.id), Ink.PLAIN), ("  ", Ink.DIM))
    if sight.orphaned:
        said = f"{done}, and no engine drives it: R opens it, p there resumes it"
        return fit_line(line(*name, (said, Ink.NEEDS), (more, Ink.DIM)), width)
    words = next_in_words(sight.record, sight.plan, sight.now)
    waits = [line((words, _STATE_INKS[sight.state]))] if sight.state in _STATE_INKS else []
    expected = forecast(sight.record, sight.plan, sight.now)
    told = [line(done), *waits, *_outlook(sight, expected, brief=True)]
    tries = [line(*head, *join(parts, _SMALL_DOT), (more, Ink.DIM)) for head, parts in ((name, told), (_INDENT, told))]
    brief = [line(done), *(line((text_of(one).split(" (")[0], _STATE_INKS[sight.state])) for one in waits)]
    brief += [one for one in told[len(brief) :] if not text_of(one).startswith("window ends")]
    last = line(*_INDENT, *join(brief, _SMALL_DOT), (more, Ink.DIM))
    return next((one for one in tries if width_of(one) <= width), fit_line(last, width))


def _outlook(sight: Sight, expected: Forecast, *, brief: bool = False) -> list[Line]:
    """Return when the last is back, when the window ends and when a person is needed, as far as that is known."""

    def clock(at: float) -> str:
        return minute(at, sight.now)

    window = window_in_force(sight.record, sight.plan)
    ends = f"window ends {minute_and_zone(window.closes_at)}" if window and sight.now < window.closes_at else ""
    now = expected.need is not None and expected.need.at <= sight.now
    need = need_in_words(expected, sight.now, clock, why=now or not brief)
    last, fits = forecast_in_words(expected, clock), fit_in_words(expected)
    took = took_in_words(expected.took)
    if sight.plan.until is Goal.STAGED:
        last = ""  # nothing goes down, so nothing comes back
    if brief:
        last, took = last.split(", ")[0] if expected.last_back else "no estimate yet" if last else "", ""
        fits = fits if expected.left_out else ""
        need = "" if sight.state in _STATE_INKS else need
    told = [
        (need, Ink.MAY if now else Ink.PLAIN),
        (last, Ink.PLAIN),
        (fits, Ink.MAY if expected.left_out else Ink.DIM),
        (ends, Ink.DIM),
        (took, Ink.DIM),
    ]
    return [line(one) for one in (told[1:] + told[:1] if brief else told) if one[0]]


def facts_lines(sight: Sight, expected: Forecast, width: int) -> list[Line]:
    """Return what stands above the devices: what comes next, and how the gate, the engine and the goal stand."""
    record, plan = sight.record, sight.plan
    gate = gate_of(record, plan)
    first = _first(sight, width)
    done = f"{sum(map(ended, record.members))} of {len(record.members)} done"
    stops = stops_at(gate.limit, len(record.members))
    if plan.until is Goal.STAGED and gate.limit >= len(record.members):
        stops = "nothing goes down, and one failure stops no other"
    gate_words = ("reopen it with a new limit and a reason", Ink.NEEDS) if gate.closed else (stops, Ink.DIM)
    limits = [] if sight.over or gate_words[0] in text_of(first) else [line(gate_words)]
    outlook = _outlook(sight, expected)
    third = _as_fit(outlook, width)
    further = [part for part in outlook if part not in third]
    second = _as_fit([line(done), *limits, line(_engine(sight)), *further], width)
    below = join(third, _DOT)
    if width_of(below) > width:
        below = tuple(span._replace(text=span.text.partition(" (")[0]) for span in below)
    return [first, fit_line(join(second, _DOT), width), fit_line(below, width)]


def _first(sight: Sight, width: int) -> Line:
    """Return what the rollout does or waits for, clause by clause as far as there is room."""
    words = next_in_words(sight.record, sight.plan, sight.now)
    ink = Ink.NEEDS if sight.orphaned else _STATE_INKS.get(sight.state, Ink.STRONG)
    clauses = [(clause, ink) for clause in _CLAUSE.split(words)]
    if sight.orphaned:
        clauses.insert(0, ("no engine drives it: p resumes it; ", Ink.NEEDS))
    if sight.left_to_people:
        clauses.insert(0, ("only a person can go on, then p; ", Ink.MAY))
    while len(clauses) > 1 and width_of(_ended(clauses)) > width:
        clauses.pop()
    return fit_line(_ended(clauses), width)


def _ended(clauses: Sequence[tuple[str, Ink]]) -> Line:
    """Join clauses, without the sign that led to the next one."""
    last, ink = clauses[-1]
    return line(*clauses[:-1], (last.rstrip(" ,;"), ink))


def _as_fit(parts: Sequence[Line], width: int) -> list[Line]:
    """Return what fits into one line, the first first: what comes later is left out whole rather than cut."""
    shown: list[Line] = []
    for part in parts:
        if not shown or width_of(join([*shown, part], _DOT)) <= width:
            shown.append(part)
    return shown


def _engine(sight: Sight) -> tuple[str, Ink]:
    by = sight.record.row.leased_by
    if sight.record.row.lease_alive and by is not None:
        return f"engine {by.pid} on {by.host}", Ink.DIM
    if sight.orphaned:
        return "no engine drives it", Ink.NEEDS
    return "its engine starts" if sight.starting else "no engine needed now", Ink.DIM


@dataclass(frozen=True, slots=True)
class _Widths:
    """How wide the columns are, and the last wave that is open."""

    name: int
    phase: int
    progress: int
    reached: int

    @classmethod
    def of(cls, sight: Sight, width: int) -> _Widths:
        longest = max((cell_width(one.device) for one in sight.record.members), default=0)
        name = min(max(longest, _NAME_LEAST), _NAME_MOST)
        progress = _PROGRESS if width >= _WIDE else 0
        reached = open_wave(sight.record, sight.plan, sight.now)
        return cls(name, _PHASE if width >= _NORMAL else _SHORT_PHASE, progress, reached)


def member_rows(sight: Sight, expected: Forecast, width: int, glyphs: Glyphs) -> list[Row]:
    """Return the chart of the waves, the titles of the columns, and a line per device under a title per wave."""
    widths = _Widths.of(sight, width)
    rows = [Row(None, drawn) for drawn in wave_chart(sight, expected, width, glyphs)]
    rows.append(Row(None, _member_head(widths), stays=True))
    ordered = sorted(sight.record.members, key=lambda one: (one.wave, one.position))
    for wave, group in groupby(ordered, key=lambda one: one.wave):
        members = list(group)
        rows.append(Row(None, fit_line(_wave(wave, members, sight, width, glyphs), width)))
        rows += [Row(one.device, fit_line(_member(one, sight, widths, glyphs), width - _LEAD)) for one in members]
    return rows


def _member_head(widths: _Widths) -> Line:
    words = [pad("name", widths.name), pad("phase", widths.phase)]
    words += [pad("progress", widths.progress)] if widths.progress else []
    return line((" " * _LEAD + "  ".join([*words, pad("for", _SINCE, "right"), "what, or why"]), Ink.DIM))


def _wave(wave: int, members: Sequence[MemberRecord], sight: Sight, width: int, glyphs: Glyphs) -> Line:
    """Return the title of a wave: what keeps it from opening is told before its bar is long."""
    done = sum(map(ended, members))
    good = sum(_ink(one) is Ink.DIM and ended(one) for one in members)
    title, barrier = f"wave {wave} of {sight.plan.waves}  ", _barrier(wave, sight)
    told = f"  {done} of {len(members)} done  {barrier}"
    cells = max(0, min(_BAR, len(members), width - cell_width(title) - cell_width(told)))
    if not cells:
        told = f"{done}/{len(members)}  {barrier}"
    filled, fine = round(cells * done / len(members)), round(cells * good / len(members))
    return line(
        (title, Ink.STRONG),
        (glyphs.filled * fine, Ink.ACCENT),
        (glyphs.filled * max(0, filled - fine), Ink.NEEDS),
        (glyphs.empty * (cells - max(filled, fine)), Ink.DIM),
        (told, Ink.DIM),
    )


def _barrier(wave: int, sight: Sight) -> str:
    """Return what keeps a wave from opening, without the name of the wave; its devices need not say it again."""
    if wave <= open_wave(sight.record, sight.plan, sight.now):
        return ""
    return (wave_barrier(wave, sight.record, sight.plan, sight.now) or "").removeprefix(f"wave {wave} ")


def _member(member: MemberRecord, sight: Sight, widths: _Widths, glyphs: Glyphs) -> Line:
    end = member.attempt.end
    if end is None or end.verdict is None:
        phase = phase_of(member)
        word = f"{sign_of_phase(phase, glyphs)} {phase.value}"
    else:
        word = f"{sign_of_verdict(end.verdict, glyphs)} {end.verdict.value}"
    if member.attempt.number > 1:
        again = f" #{member.attempt.number}"
        word = fit(word, widths.phase - len(again)).rstrip() + again
    progress = pad(_progress(member), widths.progress) + "  " if widths.progress else ""
    return line(
        (pad(member.device, widths.name) + "  ", Ink.DIM if end is not None and _ink(member) is Ink.DIM else Ink.PLAIN),
        (pad(word, widths.phase) + "  ", _ink(member)),
        (progress, Ink.PLAIN),
        (pad(_for(member, sight.now), _SINCE, "right") + "  ", Ink.DIM),
        (_why(member, sight, widths.reached), Ink.DIM if _ink(member) is not Ink.NEEDS else Ink.PLAIN),
    )


def _why(member: MemberRecord, sight: Sight, reached: int) -> str:
    end, resolve = member.attempt.end, member.attempt.resolve
    if end is None:
        todo = needs(member, sight.record, sight.plan, sight.now)
        return "" if member.wave > reached and todo.startswith("wave ") else todo
    if resolve is not None:
        return f"resolved as {resolve.verdict.value} by {resolve.actor.user}: {resolve.reason}; {end.reason}"
    undone = member.attempt.undone
    since = f"un-initialized {time_of_day(undone.at, sight.now)} by {undone.actor.user}; " if undone else ""
    todo = needs(member, sight.record, sight.plan, sight.now)
    return since + (f"{end.reason} ({todo})" if todo else end.reason)


def _ink(member: MemberRecord) -> Ink:
    end, resolve = member.attempt.end, member.attempt.resolve
    if end is not None:
        verdict = end.verdict if resolve is None else resolve.verdict
        return Ink.DIM if verdict is None or verdict in GOOD_VERDICTS else Ink.NEEDS
    match phase_of(member):
        case Phase.HELD:
            return Ink.NEEDS
        case Phase.ARMED:
            return Ink.READY
        case Phase.WAITING:
            return Ink.DIM
    return Ink.MAY if member.soft else Ink.PLAIN


def _progress(member: MemberRecord) -> str:
    moved = member.transfer
    if ended(member) or moved is None or not moved.total_bytes or phase_of(member) is not Phase.TRANSFERRING:
        return ""
    took = moved.at - moved.started_at
    words = f"{100 * moved.sent_bytes / moved.total_bytes:.0f} %"
    return f"{words}  {rate(moved.sent_bytes / took)}" if took > 0 else words


def _for(member: MemberRecord, now: float) -> str:
    """Return how long the present attempt took, to the second or minute, or has taken so far."""
    sent = [intent.at for intent in member.attempt.intents if intent.op is not Op.DELETE]
    if not sent:
        return ""
    end = member.attempt.end
    return age(now - sent[0]) if end is None else lasted(end.at - sent[0])
