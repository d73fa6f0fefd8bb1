"""The terminal beneath Textual: keys that are called otherwise, its title, and what to do when it is gone.

A terminal that hangs up leaves Textual's reader spinning and its writer dead; one that takes no output leaves the
loop blocked. So a thread of our own watches, and ends the process when nothing else does (`security.md`, terminal).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

from textual import events
from textual.app import App
from textual.driver import Driver

from updeck.ui.keymap import Keymap
from updeck.ui.thin_line import ThinLine

__all__ = ["RemappedKeys", "Title", "Watchdog", "driver_with", "hung_up"]

_INTERRUPTED = 130
_END_S = 3.0
_FAREWELL_S = 0.7
_LOOK_S = 0.2
_WIPE = "\x1b[2J\x1b[1;1H"
"""Wipes the screen for terminals without a second one (`screen` as it comes): no shell goes on in our last line."""
_PUSH_TITLE, _POP_TITLE = "\x1b[22;2t", "\x1b[23;2t"


class RemappedKeys(App[None]):
    """An app in which a key of `[keys]` reaches a dialog as the key that Textual and the dialog know."""

    keymap: Keymap
    _in_dialogs: Mapping[str, str] | None = None

    async def on_event(self, event: events.Event) -> None:
        """Translate a key before it goes anywhere, unless the screen looks it up in the keymap by itself."""
        if (
            isinstance(event, events.Key)
            and not event.is_forwarded
            and not getattr(self.screen, "LOOKS_UP_KEYS", False)
        ):
            self.translate(event)
        await super().on_event(event)

    def translate(self, event: events.Key) -> None:
        """Let a key mean what it was given to, where text is typed."""
        if self._in_dialogs is None:
            self._in_dialogs = self.keymap.in_dialogs()
        event.key = self._in_dialogs.get(event.key, event.key)


class Title:
    """The terminal's title. It is told constants of ours with numbers in them, nothing from outside."""

    def __init__(self) -> None:
        self._write: Callable[[str], None] | None = None
        self._wanted = self._told = ""

    def attach(self, write: Callable[[str], None]) -> None:
        """Write to this terminal from now on; one that comes back is told the title anew."""
        self._write = write
        self.tell(self._wanted)

    def detach(self) -> None:
        """Give the terminal its own title back, if it was taken."""
        if self._write is not None and self._told:
            self._write(_POP_TITLE)
        self._write, self._told = None, ""

    def nudge(self) -> None:
        """Let the driver send what it has kept back."""
        if self._write is not None:
            self._write("")

    def tell(self, title: str) -> None:
        """Set the title if it differs from the one told last; the first time, the terminal's own is kept aside."""
        if not (title.isascii() and title.isprintable()):
            return
        self._wanted = title
        if self._write is None or title == self._told:
            return
        if not self._told:
            self._write(_PUSH_TITLE)
        self._told = title
        self._write(f"\x1b]2;{title}\x07")


def driver_with(title: Title, picture: ThinLine) -> type[Driver]:
    """Return Textual's driver for this system, with `title` attached while it draws.

    Of what is drawn, it sends what differs from the `picture` of the terminal.
    """
    if sys.platform == "win32":
        from textual.drivers.windows_driver import WindowsDriver as SystemDriver
    else:
        from updeck.ui.lasting_driver import LastingDriver as SystemDriver

    class TitledDriver(SystemDriver):
        def __init__(
            self,
            app: App[object],
            *,
            debug: bool = False,
            mouse: bool = True,
            size: tuple[int, int] | None = None,
        ) -> None:
            super().__init__(app, debug=debug, mouse=mouse, size=size)

        def write(self, data: str) -> None:
            if thinned := picture.thin(data, *_size(self._app)):
                super().write(thinned)

        def start_application_mode(self) -> None:
            super().start_application_mode()  # type: ignore[no-untyped-call]
            title.attach(self.write)

        def stop_application_mode(self) -> None:
            title.detach()
            super().write(_WIPE)
            super().stop_application_mode()

    return TitledDriver


def _size(app: App[object]) -> tuple[int, int]:
    """Return columns and rows of the terminal; where it does not know them, those that the app draws for."""
    screen = sys.__stderr__
    assert screen is not None
    try:
        columns, rows = os.get_terminal_size(screen.fileno())
    except (OSError, ValueError):
        columns = rows = 0
    return (columns, rows) if columns and rows else app.size


def hung_up(descriptor: int) -> bool:
    """Whether the terminal behind `descriptor` is gone."""
    if sys.platform == "win32":
        return False
    import termios

    try:
        termios.tcgetattr(descriptor)
    except termios.error:
        return True
    return False


class Watchdog:
    """Ends the app when the terminal is gone or the process is told to end; ends the process if the app does not.

    `end` asks the app to end and must not block; `farewell` is given a moment before the process is ended.
    """

    def __init__(self, end: Callable[[], None], farewell: Callable[[], None]) -> None:
        self._end = end
        self._farewell = farewell
        self._told = threading.Event()
        self._over = threading.Event()
        self.exit_code = 0
        """130 once the process was told to end, by a signal or a terminal that went away (`contracts.md` 2)."""

    @contextlib.contextmanager
    def watch(self, descriptor: int) -> Iterator[None]:
        """Watch while the app runs. A signal that was ignored before (`nohup`) stays ignored."""
        known = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)]
        handled = [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._signalled) for number in handled}
        thread = threading.Thread(target=self._run, args=(descriptor,), name="watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.exit_code = _INTERRUPTED
        self._told.set()

    def _run(self, descriptor: int) -> None:
        while not self._over.wait(_LOOK_S):
            gone = hung_up(descriptor)
            if gone or self._told.is_set():
                self._put_down(gone=gone)
                return

    def _put_down(self, *, gone: bool) -> None:
        if not gone:
            self._end()
            if self._over.wait(_END_S):
                return
        goodbye = threading.Thread(target=self._farewell, daemon=True)
        goodbye.start()
        goodbye.join(_FAREWELL_S)
        os._exit(_INTERRUPTED)
