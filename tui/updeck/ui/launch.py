"""The way into the UI: what must be settled before Textual is imported, and one call for the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from updeck.clock import Clock
from updeck.errors import UpdeckError, UsageError
from updeck.ui.glyphs import VT, first_environment, wants_ascii

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService

__all__ = ["UiOptions", "is_colourless", "run_app"]

SLOW_PACE_S = 1.0
"""Seconds between two pictures of what changes by itself, over a slow line."""

SLOW_REST_S = 0.5
"""Seconds that the cursor rests before the detail is drawn, over a slow line: who holds a key down sees none."""


class UiOptions(NamedTuple):
    """How the UI is to look and behave.

    `fleet_name` and `label` stand in the header (`label` is PRODUCTION, LAB, DEMO, …); `pace_s` is how often
    changes are drawn, and after `rest_s` of rest the cursor's device is drawn in full. With `slow_line` (None: where
    the environment tells of SSH) both wait longer. `colours` is why the theme is not for a person to choose, if so.
    `first_run` opens the screens that lead to the first device, or to the only one.
    """

    fleet_name: str = "fleet"
    label: str = ""
    theme: str = "dark"
    colours: str | None = None
    keys: Mapping[str, str] = MappingProxyType({})
    ascii: bool = False
    mouse: bool = False
    read_only: bool = False
    pace_s: float = 0.25
    rest_s: float = 0.15
    slow_line: bool | None = None
    first_run: bool = False

    def settled(self, environment: Mapping[str, str]) -> UiOptions:
        """Return the options with what the environment says of the line, of colours and of characters."""
        over_ssh = "SSH_CONNECTION" in environment or "SSH_TTY" in environment
        slow = over_ssh if self.slow_line is None else self.slow_line
        pace_s, rest_s = (SLOW_PACE_S, SLOW_REST_S) if slow else (self.pace_s, self.rest_s)
        colours = _why_plain(environment)
        return self._replace(
            theme="ansi" if colours else self.theme,
            colours=colours,
            ascii=self.ascii or wants_ascii(environment),
            slow_line=slow,
            pace_s=pace_s,
            rest_s=rest_s,
        )


_COLOURFUL = ("alacritty", "kitty", "foot", "wezterm", "xterm-ghostty", "xterm-kitty")


def _why_plain(environment: Mapping[str, str]) -> str | None:
    if "NO_COLOR" in environment:
        return "NO_COLOR is set: there are no colours to choose from"
    return None if _many_colours(environment) else "this terminal says that it has few colours: it is drawn in its own"


def is_colourless(environment: Mapping[str, str]) -> bool:
    """Whether a terminal by its name knows no colours: a VT of old, or one that says `-m` or `-mono`."""
    term = environment.get("TERM", "")
    return term.startswith(VT) or term.endswith(("-m", "-mono"))


def _many_colours(environment: Mapping[str, str]) -> bool:
    if os.name == "nt" or environment.get("COLORTERM"):
        return True
    term = environment.get("TERM", "")
    return "256" in term or "direct" in term or term.startswith(_COLOURFUL)


def run_app(open_service: Callable[[], FleetService], options: UiOptions, *, clock: Clock | None = None) -> int:
    """Show the UI until the person quits, and return the exit code.

    `open_service` is called in a thread after the first paint, because its imports (httpx) would delay that.
    Raises `UsageError` where there is no terminal to draw on.
    """
    screen = sys.__stderr__
    if os.environ.get("TERM") == "dumb" or screen is None or not (screen.isatty() and sys.stdin.isatty()):
        raise UsageError(
            "this is no terminal that the UI can draw on", advice="`updeck status` shows the fleet as text"
        )
    os.environ.setdefault("TEXTUAL_COLOR_SYSTEM", "256")
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    if is_colourless(os.environ):
        os.environ["NO_COLOR"] = "1"
    from updeck.paths import state_dir
    from updeck.ui.app import UpdeckApp
    from updeck.ui.crash import record_crash
    from updeck.ui.terminal import Watchdog

    app = UpdeckApp(open_service, options.settled(first_environment()), clock=clock)
    watchdog = Watchdog(end=app.end_soon, farewell=app.close_service)
    with watchdog.watch(screen.fileno()):
        app.run(mouse=options.mouse)
        app.close_service()
    if app.failure is not None:
        raise app.failure
    if app.crash is not None and app.return_code:
        raise record_crash(app.crash, state_dir())
    if app.return_code is None and not watchdog.exit_code:
        raise UpdeckError("the terminal could not be read any more, and so the UI ended", advice="start it again")
    words = app.farewell()
    if words is not None:
        print(words, file=sys.stderr)
    return watchdog.exit_code or app.return_code or 0
