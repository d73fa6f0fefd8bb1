"""Textual's driver for POSIX terminals, made to outlast bytes that are no UTF-8."""

from __future__ import annotations

from textual.drivers.linux_driver import LinuxDriver

__all__ = ["LastingDriver"]


class LastingDriver(LinuxDriver):
    """Reads on after bytes that are no UTF-8, where Textual's own driver ends the app.

    A terminal in another encoding sends such bytes for every umlaut.
    """

    def run_input_thread(self) -> None:
        """Read keys until the app ends; what came in one go with a bad byte is dropped, unread input too.

        The rest of a paste that was broken off must not go on as keys.
        """
        import termios

        while True:
            try:
                return super().run_input_thread()
            except UnicodeDecodeError:
                termios.tcflush(self.fileno, termios.TCIFLUSH)
