"""One device as one row: fixed columns, so that a change repaints a cell and never moves another. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from updeck.device.states import Reach, UpdateState
from updeck.fleet.tone import BRIEF_CELLS, Tone
from updeck.text import cell_width, fit_ends, pad
from updeck.ui.ink import Ink, Line, ink_of, line
from updeck.ui.lineup import Sort
from updeck.ui.times import age

if TYPE_CHECKING:
    from updeck.fleet.views import DeviceView
    from updeck.ui.glyphs import Glyphs

__all__ = ["Columns", "alone", "head", "row", "sign_of_reach", "sign_of_state", "state_words"]

_GAP = "  "
_LEAD = 3
_STATE, _SEEN = 17, 4
_SHORT_VERSION, _FULL_VERSION = 8, 15
_SITE = 8
_NAME_LEAST, _NAME_MOST = 8, 28
_NEXT_LEAST, _NEXT_GOOD, _NEXT_MOST = BRIEF_CELLS, 28, 46


class Columns(NamedTuple):
    """Widths in cells; 0 leaves a column out. They depend on the room and the names, never on what is going on."""

    name: int
    state: int
    version: int
    site: int
    next: int
    seen: int

    @property
    def left(self) -> int:
        """How many cells stand before the column *next*, which moves most and is painted apart."""
        widths = (self.name, self.state, self.version, self.site)
        return _LEAD + sum(width + len(_GAP) for width in widths if width)

    @classmethod
    def for_width(cls, width: int, names: Iterable[str]) -> Columns:
        """Share `width` cells out: name and next first, then the short version, then the build, then the site."""
        longest = max((cell_width(name) for name in names), default=0)
        name = min(max(longest, _NAME_LEAST), _NAME_MOST)
        room = width - _LEAD - len(_GAP) - _STATE - len(_GAP) - 1 - _SEEN - 1
        if room - name < _NEXT_LEAST:
            name = max(_NAME_LEAST, room - _NEXT_LEAST)
        room -= name
        version = site = 0
        if room - _SHORT_VERSION - len(_GAP) >= _NEXT_LEAST:
            version = _SHORT_VERSION
            room -= version + len(_GAP)
        if version and room - (_FULL_VERSION - _SHORT_VERSION) >= _NEXT_GOOD:
            room -= _FULL_VERSION - version
            version = _FULL_VERSION
        if room - _SITE - len(_GAP) >= _NEXT_GOOD:
            site = _SITE
            room -= site + len(_GAP)
        return cls(name, _STATE, version, site, max(0, min(room, _NEXT_MOST)), _SEEN)


def head(columns: Columns, sort: Sort, *, reverse: bool, glyphs: Glyphs) -> Line:
    """Return the titles of the columns; the one that the rows are sorted by carries an arrow."""
    arrow = glyphs.falling if reverse else glyphs.rising

    def title(text: str, width: int, by: Sort, align: str = "left") -> str:
        return pad(f"{text} {arrow}" if sort is by else text, width, align)

    return line(
        (" " * _LEAD, Ink.DIM),
        (title("name", columns.name, Sort.NAME) + _GAP, Ink.DIM),
        (title("state", columns.state, Sort.STATE) + _GAP, Ink.DIM),
        (title("version", columns.version, Sort.VERSION) + _GAP if columns.version else "", Ink.DIM),
        (title("site", columns.site, Sort.SITE) + _GAP if columns.site else "", Ink.DIM),
        (title("next", columns.next, Sort.ATTENTION) + " ", Ink.DIM),
        (title("seen", columns.seen, Sort.SEEN, "right"), Ink.DIM),
    )


def row(
    view: DeviceView,
    columns: Columns,
    glyphs: Glyphs,
    now: float,
    *,
    cursor: bool = False,
    marked: bool = False,
    changed: bool = False,
) -> tuple[Line, Line]:
    """Return the row of a device, before the column *next* and from there on.

    `now` is our wall clock; `changed` marks what became another of late; what is stale is dim and shows its age. A red
    `!` stands behind a name of which nothing proves who answers (`security.md`, TLS).
    """
    stale = view.reach is not None and view.stale(now)
    body = Ink.DIM if stale else Ink.PLAIN
    attention = ink_of(view.next.tone)
    acknowledged = view.acknowledged
    if acknowledged or (stale and attention is Ink.PLAIN):
        attention = Ink.DIM
    sign, word = state_words(view, glyphs)
    version = _short(view.version or "", columns.version)
    seen = age(now - view.reading.at) if stale and view.reading is not None else ""
    left = line(
        (glyphs.cursor if cursor else " ", Ink.ACCENT),
        (glyphs.mark if marked else " ", Ink.ACCENT),
        (glyphs.changed if changed else " ", Ink.STRONG),
        (pad(fit_ends(view.name, columns.name), columns.name), Ink.STRONG if cursor else body),
        ("!", Ink.NEEDS) if view.entry.insecure else (" ", body),
        (" ", body),
        (pad(f"{sign} {word}", columns.state), attention),
        (_GAP, body),
        (pad(version, columns.version) + _GAP if columns.version else "", body),
        (pad(view.site or "", columns.site) + _GAP if columns.site else "", Ink.DIM),
    )
    room = columns.next if seen else columns.next + 1 + columns.seen  # what is fresh has no age: its words go on there
    words = pad(_words(view, room, acknowledged=acknowledged), room)
    right = line((words, attention), (f" {pad(seen, columns.seen, 'right')}" if seen else "", Ink.DIM))
    return left, right


def _words(view: DeviceView, room: int, *, acknowledged: bool) -> str:
    """Return what is next as a list with that room can say it, and whether somebody has taken note of it."""
    text, brief = view.next.text, view.next.brief
    if not acknowledged:
        return text if not brief or cell_width(text) <= room else brief
    tries = [f"{one}, acknowledged" for one in (text, brief) if one]
    return next((one for one in tries if cell_width(one) <= room), "acknowledged")


def alone(view: DeviceView | None, glyphs: Glyphs) -> Line:
    """Return what stands for the whole list where there is room for one line: the device under the cursor."""
    more = (" 60x15 shows more", Ink.DIM)
    if view is None:
        return line(more)
    ink = ink_of(view.next.tone)
    told = (f"  {' '.join(state_words(view, glyphs))}  {view.next.text}", ink)
    return line(" ", (view.name, Ink.STRONG), told, " ", more)


def _short(version: str, width: int) -> str:
    return version.split(" #")[0] if cell_width(version) > width else version


_AWAY = {
    Reach.UNREACHABLE: "unreachable",
    Reach.AUTH: "no login",
    Reach.UNSUPPORTED: "unsupported",
    Reach.TRUST: "certificate",
    Reach.IDENTITY: "another box",
    Reach.GARBLED: "not understood",
}


def state_words(view: DeviceView, glyphs: Glyphs) -> tuple[str, str]:
    """Return the sign and the word of a device's state: its own as it spells it, or why it cannot be read.

    While an operation of ours is watched, its last state stays: a box that reboots is expected to be away.
    """
    if view.reach is None:
        return glyphs.unasked, ""
    unknown = view.reach is Reach.GARBLED and view.reading is not None and not view.reading.update.known
    if view.reach is not Reach.OK and not (view.expected_away or unknown):
        return sign_of_reach(view.reach, glyphs), _AWAY[view.reach]
    state = view.state or ""
    if state == UpdateState.IDLE and view.next.tone is Tone.MOVING:
        return glyphs.moving, state
    return sign_of_state(state, glyphs), state


def sign_of_reach(reach: Reach, glyphs: Glyphs) -> str:
    """Return the sign of why a device cannot be read."""
    return glyphs.barred if reach in (Reach.TRUST, Reach.IDENTITY) else glyphs.away


def sign_of_state(state: str, glyphs: Glyphs) -> str:
    """Return the sign of what a device says of itself."""
    match state:
        case UpdateState.IDLE:
            return glyphs.resting
        case UpdateState.INITIALIZING | UpdateState.RUNNING:
            return glyphs.moving
        case UpdateState.INITIALIZED:
            return glyphs.ready
        case UpdateState.FAILED_GRACEFUL | UpdateState.FAILED_CRITICAL:
            return glyphs.failed
    return glyphs.unknown
