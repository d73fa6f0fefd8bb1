"""The pane *Update status*: all that is known of one device, in the order in which a person asks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from updeck.device.states import Reach, UpdateState
from updeck.ui.facts import hang, heading, wrap
from updeck.ui.ink import EMPTY, Ink, Line, Span, ink_of, join, line, spread, width_of
from updeck.ui.lines.row import state_words
from updeck.ui.times import date_and_time, rate, size, span, time_of_day

if TYPE_CHECKING:
    from updeck.device.models import HistoryEntry
    from updeck.fleet.views import DeviceView, Reading
    from updeck.ui.glyphs import Glyphs

__all__ = ["status_lines", "step_line"]

_CLOCK_SLACK_S = 90


def status_lines(view: DeviceView | None, width: int, glyphs: Glyphs, now: float) -> tuple[Line, ...]:
    """Return the pane for `width` cells. `now` is our wall clock."""
    if view is None:
        return (line(("no device is on view", Ink.DIM)),)
    out: list[Line] = [*_title(view, width), *_standing(view, glyphs, width), *_trouble(view, width, now)]
    if view.reading is not None:
        out += _state(view, view.reading, width, now)
    out += _next(view, width, glyphs)
    if view.reading is not None:
        out += _history(view.reading, width, glyphs)
    out += _identity(view, width, glyphs)
    return tuple(out)


def _title(view: DeviceView, width: int) -> Iterable[Line]:
    name = line((view.name, Ink.STRONG))
    url = line((view.url, Ink.NEEDS if view.entry.insecure else Ink.DIM))
    if width_of(name) + width_of(url) + 2 <= width:
        yield spread(name, url, width)
    else:
        yield from wrap(name, width)
        yield from wrap(url, width)


def _standing(view: DeviceView, glyphs: Glyphs, width: int) -> Iterable[Line]:
    """Return version, target and steps, in one line where there is room."""
    if view.reading is None:
        return
    from updeck.device.versions import same_version  # the first picture knows no device

    target = view.reading.update.target_version
    runs = line((view.version or "version not known", Ink.PLAIN))
    if target is not None and not (view.version and same_version(target, view.version)):
        runs = line(*runs, (f" {glyphs.arrow} ", Ink.DIM), (target, Ink.STRONG))
    steps = step_line(view, glyphs)
    if width_of(runs) + width_of(steps) + 4 <= width:
        yield join([runs, steps], "    ")
    else:
        yield from wrap(runs, width)
        yield steps


def step_line(view: DeviceView, glyphs: Glyphs) -> Line:
    """Return the steps of an update with the present one by its own name: `idle ─ init ─ ● INITIALIZED ─ run`."""
    sign, word = state_words(view, glyphs)
    state = view.state or ""
    here = (f"{sign} {word}" if word == state else f"{glyphs.away} {state}", ink_of(view.next.tone))
    if state in _FAILED or state not in _STEPS:
        return line(here)
    parts: list[tuple[str, Ink]] = []
    for step, short in _STEPS.items():
        if parts:
            parts.append((f" {glyphs.rule} ", Ink.RULE))
        parts.append(here if step == state else (short, Ink.DIM))
    return line(*parts)


_STEPS = {
    UpdateState.IDLE: "idle",
    UpdateState.INITIALIZING: "init",
    UpdateState.INITIALIZED: "ready",
    UpdateState.RUNNING: "run",
}
_FAILED = (UpdateState.FAILED_GRACEFUL, UpdateState.FAILED_CRITICAL)


def _state(view: DeviceView, reading: Reading, width: int, now: float) -> Iterable[Line]:
    description = reading.update.state_description
    told = line(f"“{description}”") if description else EMPTY
    since = view.state_since
    when = line((f"since {time_of_day(since, now)}", Ink.DIM)) if since is not None else EMPTY
    old = line((f"last answer {time_of_day(reading.at, now)}", Ink.DIM)) if view.stale(now) else EMPTY
    whence = join([when, _by_whom(view, reading, now), old], Span(", ", Ink.DIM))
    together = join([told, whence], "   ")
    if width_of(together) <= width:
        yield together
        return
    for part in (told, whence):
        yield from wrap(part, width) if part else ()


def _by_whom(view: DeviceView, reading: Reading, now: float) -> Line:
    record = view.record
    if record.rollout is not None and record.intents:
        intent = record.intents[-1]
        return line((f"{intent.op.words} by {intent.actor.user} {time_of_day(intent.at, now)}", Ink.DIM))
    if reading.update.state == UpdateState.INITIALIZED:
        from updeck.fleet.rules import Ownership, ownership  # not loaded before the first paint

        if ownership(reading, record) is Ownership.FOREIGN or record.last_init is None:
            return line(("init by someone else", Ink.NEEDS))
        return line((f"init by {record.last_init.actor.user}", Ink.DIM))
    return EMPTY


def _trouble(view: DeviceView, width: int, now: float) -> Iterable[Line]:
    if view.error:
        since = "" if view.failing_since is None else f" (since {time_of_day(view.failing_since, now)})"
        yield from wrap(line((f"{view.error}{since}", ink_of(view.next.tone))), width)
    if view.entry.insecure:
        yield from wrap(line(("insecure: nothing proves who answers", Ink.NEEDS)), width)
    offset = None if view.reading is None else view.reading.clock_offset_s
    if offset is not None and abs(offset) > _CLOCK_SLACK_S:
        way = "ahead" if offset > 0 else "behind"
        yield from wrap(line((f"its clock is {span(abs(offset))} {way}", Ink.MAY)), width)


def _next(view: DeviceView, width: int, glyphs: Glyphs) -> Iterable[Line]:
    yield EMPTY
    key = ("  enter", Ink.KEY) if view.next.action is not None else ("", Ink.KEY)
    yield from wrap(line(("next  ", Ink.DIM), (view.next.text, ink_of(view.next.tone)), key), width)
    transfer = view.transfer
    if transfer is not None:
        speed = "" if transfer.rate_bps is None else f", {rate(transfer.rate_bps)}"
        sent = f"{size(transfer.sent_bytes)} of {size(transfer.total_bytes)}{speed}"
        yield from wrap(line((f"{glyphs.sending} {transfer.file_name}", Ink.PLAIN)), width)
        yield line((f"  {sent}", Ink.DIM))
    if view.record.acknowledged_note and view.acknowledged:
        yield from wrap(line((f"acknowledged: {view.record.acknowledged_note}", Ink.DIM)), width)


def _history(reading: Reading, width: int, glyphs: Glyphs) -> Iterable[Line]:
    yield from heading("History", width, glyphs.rule)
    entries = sorted(reading.update.history, key=_when, reverse=True)
    if not entries:
        yield line(("the device tells none", Ink.DIM))
    for entry in entries:
        at = "no time" if entry.time is None else date_and_time(entry.time)
        yield from hang(line((f"{at:<16}  ", Ink.DIM)), entry.version or "no version", 18, width)


def _when(entry: HistoryEntry) -> float:
    return float("-inf") if entry.time is None else entry.time


def _identity(view: DeviceView, width: int, glyphs: Glyphs) -> Iterable[Line]:
    info = None if view.reading is None else view.reading.info
    facts = [
        ("model", info.model if info else ""),
        ("serial", info.serial if info else ""),
        ("trust", "" if view.reach is Reach.TRUST else view.tls_note),
        ("site", view.site or ""),
        ("pair", view.pair or ""),
        ("tags", " ".join(view.tags)),
    ]
    told = [line((f"{label} ", Ink.DIM), value) for label, value in facts if value]
    if told:
        yield from heading("Device", width, glyphs.rule)
        yield from _packed(told, width)


def _packed(facts: Sequence[Line], width: int) -> Iterable[Line]:
    """Return facts side by side, none of them broken where it fits a line of its own."""
    row: Line = EMPTY
    for fact in facts:
        longer = join([row, fact], "  ")
        if row and width_of(longer) > width:
            yield row
            longer = fact
        row = longer
    yield from wrap(row, width)
