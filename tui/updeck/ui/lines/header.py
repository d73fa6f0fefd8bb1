"""The header: whose fleet this is, how it stands, and what the view does just now. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from updeck.device.states import Reach, UpdateState
from updeck.text import plural
from updeck.ui.ink import Ink, Line, fit_line, join, line, width_of
from updeck.ui.lineup import Sort
from updeck.ui.times import minute_and_zone

if TYPE_CHECKING:
    from updeck.fleet.views import DeviceView

__all__ = ["Standing", "checked", "header", "label_ink", "name_and_label", "standing"]


class Standing(NamedTuple):
    """What the header tells of the fleet and of the view. `counts` are (how many, of what, ink), gravest first."""

    fleet_name: str
    label: str
    devices: int
    needing: int
    counts: tuple[tuple[int, str, Ink], ...]
    stale: int
    insecure: int = 0
    acknowledged: int = 0
    marked: int = 0
    hidden_marks: int = 0
    shown: int | None = None
    sort: Sort = Sort.ATTENTION
    read_only: bool = False
    frozen: bool = False
    braked: bool = False


_WORDS: tuple[tuple[str, Ink], ...] = (
    ("failed", Ink.NEEDS),
    ("certificate", Ink.NEEDS),
    ("login", Ink.NEEDS),
    ("other box", Ink.NEEDS),
    ("unreachable", Ink.MAY),
    ("not understood", Ink.MAY),
    ("unsupported", Ink.MAY),
    ("unknown", Ink.MAY),
    ("ready", Ink.READY),
    ("running", Ink.PLAIN),
    ("initializing", Ink.PLAIN),
    ("idle", Ink.DIM),
    ("asking", Ink.DIM),
)

_OF_STATE = {
    UpdateState.IDLE: "idle",
    UpdateState.INITIALIZING: "initializing",
    UpdateState.INITIALIZED: "ready",
    UpdateState.RUNNING: "running",
    UpdateState.FAILED_GRACEFUL: "failed",
    UpdateState.FAILED_CRITICAL: "failed",
}


def _word(view: DeviceView) -> str:
    match view.reach:
        case None:
            return "asking"
        case Reach.TRUST:
            return "certificate"
        case Reach.AUTH:
            return "login"
        case Reach.IDENTITY:
            return "other box"
        case Reach.UNREACHABLE if not view.expected_away:
            return "unreachable"
        case Reach.GARBLED if view.reading is None or view.reading.update.known:
            return "not understood"
        case Reach.UNSUPPORTED:
            return "unsupported"
    state = view.state or ""
    return _OF_STATE[UpdateState(state)] if state in UpdateState.__members__ else "unknown"


def standing(fleet_name: str, label: str, views: Iterable[DeviceView], now: float) -> Standing:
    """Count a fleet. `now` is our wall clock."""
    seen = list(views)
    counted = Counter(_word(view) for view in seen)
    return Standing(
        fleet_name=fleet_name,
        label=label,
        devices=len(seen),
        needing=sum(view.needs_me for view in seen),
        counts=tuple((counted[word], word, ink) for word, ink in _WORDS if counted[word]),
        stale=sum(view.reading is not None and view.stale(now) for view in seen),
        insecure=sum(view.entry.insecure for view in seen),
        acknowledged=sum(view.acknowledged for view in seen),
    )


def label_ink(label: str) -> Ink:
    """Return the ink of a fleet's label: production and demo never look alike."""
    return {"PRODUCTION": Ink.PRODUCTION, "DEMO": Ink.DEMO}.get(label.upper(), Ink.LAB)


def name_and_label(fleet_name: str, label: str) -> Line:
    """Return whose fleet this is, and what it is: a mistake in production begins with not seeing that."""
    drawn = line((fleet_name, Ink.STRONG))
    return line(*drawn, " ", (f" {label} ", label_ink(label))) if label else drawn


def header(seen: Standing, width: int) -> Line:
    """Return the header in at most `width` cells; a count that does not fit is left out, the least grave first."""
    shown = plural(seen.devices, "device")
    if seen.shown is not None:
        shown = f"{seen.shown} of {shown}"
    view = [line((text, Ink.ACCENT)) for text in _view_words(seen)]
    if seen.braked:
        view.insert(0, line(("ALL STARTS PAUSED", Ink.NEEDS)))
    counts = [line((f"{count} {word}", ink)) for count, word, ink in seen.counts]
    if seen.insecure:
        red = sum(ink is Ink.NEEDS for _, _, ink in seen.counts)
        counts.insert(red, line((f"{seen.insecure} insecure", Ink.NEEDS)))
    if seen.needing:
        counts.insert(0, line((f"{seen.needing} need{'s' if seen.needing == 1 else ''} you", Ink.STRONG)))
    if seen.acknowledged:
        counts.append(line((f"{seen.acknowledged} acknowledged", Ink.DIM)))
    if seen.stale:
        counts.append(line((f"{seen.stale} stale", Ink.DIM)))
    first = [line(" ", *name_and_label(seen.fleet_name, seen.label)), line(shown)]
    taken: list[Line] = []
    for count in counts:
        if width_of(join([*first, *taken, count, *view])) <= width:
            taken.append(count)
    if seen.needing and counts[0] not in taken:
        first[1] = counts[0]  # who needs a person says more than how many there are
    return fit_line(join([*first, *taken, *view]), width)


def _view_words(seen: Standing) -> Iterable[str]:
    if seen.marked:
        hidden = f", {seen.hidden_marks} hidden" if seen.hidden_marks else ""
        yield f"{seen.marked} marked{hidden}"
    if seen.read_only:
        yield "READ-ONLY"
    if seen.frozen:
        yield "FROZEN"


def checked(at: float | None) -> Line:
    """Return when the newest answer came: the one thing that moves while all rests, once a minute."""
    return () if at is None else line((f"checked {minute_and_zone(at)} ", Ink.DIM))
