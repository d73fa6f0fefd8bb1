"""`updeck status --watch`: every change as one line, for a person or a log, until interrupted.

What did not change is never told again, and a transfer that only goes on is no change: a log of a quiet night is
empty. There is no heartbeat; whether the process lives is for its supervisor to see.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from updeck.cli.command import Invocation
from updeck.cli.exits import Exit
from updeck.cli.output import Json
from updeck.cli.session import EVERYTHING, opened
from updeck.cli.tables import change_line, gone_line
from updeck.clock import SystemClock, rfc3339
from updeck.fleet.documents import status_row
from updeck.fleet.inventory import Fleet
from updeck.fleet.selectors import Selector, resolve
from updeck.fleet.views import DeviceView
from updeck.text import plural

__all__ = ["Changes", "shape", "watch", "whole"]

WATCH_EVERY_S = 0.5

_FIGURES = re.compile(r"[\d.:]+")


class Changes:
    """What was told of each device, so that only what is new is told; `essence` is what counts as a change."""

    def __init__(self, essence: Callable[[DeviceView], object]) -> None:
        self._essence = essence
        self._told: dict[str, object] = {}

    def news(self, views: Iterable[DeviceView]) -> tuple[list[DeviceView], list[str]]:
        """Return the views that differ from what was told, and the names that are no longer among them."""
        now = {view.name: view for view in views if view.reach is not None}
        gone = [name for name in self._told if name not in now]
        for name in gone:
            del self._told[name]
        fresh: list[DeviceView] = []
        for name, view in now.items():
            essence = self._essence(view)
            if self._told.get(name) != essence:
                self._told[name] = essence
                fresh.append(view)
        return fresh, gone


def shape(view: DeviceView) -> object:
    """Return what a line tells of a device, without the figures of what only goes on."""
    return view.reach, view.state, view.version, view.error, _FIGURES.sub("", view.next.text)


def whole(view: DeviceView) -> object:
    """Return all that the JSON tells of a device but when it was seen."""
    return {**status_row(view), "observed_at": None}


def watch(invocation: Invocation, fleet: Fleet, selectors: Sequence[str]) -> Exit:
    """Tell what every selected device is, once, and then every change; the first JSON line is the whole answer."""
    selector = Selector.parse(selectors or EVERYTHING)
    names = resolve(fleet, selector)
    out = invocation.out
    changes = Changes(whole if invocation.json else shape)
    with _interrupted_by_signals(), opened(invocation, fleet, names) as session:
        state = session.service.state
        if out.interactive:
            out.say(f"watching {plural(len(names), 'device')}; one line per change, ctrl-C ends")
        sequence, begun = 0, False
        while out.has_reader():
            sequence, changed = state.changes_since(sequence)
            views = state.views()
            if changed and (begun or not invocation.json or all(view.reach is not None for view in views)):
                fresh, gone = changes.news(view for view in views if not selector.live or selector.matches(view))
                _tell(invocation, fresh, gone, first=not begun)
                begun = True
            session.follower.pause(WATCH_EVERY_S)
    return Exit.INTERRUPTED


def _tell(invocation: Invocation, fresh: Sequence[DeviceView], gone: Sequence[str], *, first: bool) -> None:
    now = SystemClock().wall()
    if not invocation.json:
        invocation.out.lines([change_line(view) for view in fresh])
        invocation.out.lines([gone_line(name, now) for name in gone])
    elif fresh or gone or first:
        document: Mapping[str, Json] = {
            "at": rfc3339(now),
            "devices": [status_row(view) for view in fresh],
            **({"gone": list(gone)} if gone else {}),
        }
        invocation.out.document(document, one_line=True)


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Let a supervisor's SIGTERM, and a terminal that goes, end the watch as ctrl-C does; `nohup` stays in force."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    known = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in known}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
