"""Takes a username and a password and tries them; a rejected login is not tried again by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from textual import on

from updeck.errors import AuthError, UpdeckError
from updeck.fleet.views import DeviceView
from updeck.text import clean, pad, plural
from updeck.ui.facts import hang, heading, sentence
from updeck.ui.ink import Ink, Line, line
from updeck.ui.screens.dialog import CANCEL, Dialog, Look
from updeck.ui.widgets.form import Button, Entry, Form

__all__ = ["LoginDialog"]

FACTORY_USER = "admin"

Login = Callable[[str, str, str], "asyncio.Future[str]"]
"""Tries username and password on a device, given first; raises `UpdeckError`."""


class LoginDialog(Dialog[str]):
    """Answered with what came of it once every device was logged in to, else with None.

    The devices are tried one after the other; the first rejection stops it, so that no account is locked out.
    """

    PANEL_HEIGHT = 22

    def __init__(self, look: Look, views: Sequence[DeviceView], login: Login) -> None:
        target = views[0].name if len(views) == 1 else f"{len(views)} devices"
        super().__init__(f"Log in to {target}", look)
        self._views = tuple(views)
        self._login = login
        self._done: dict[str, tuple[str, Ink]] = {}
        self._trying = False

    def make_form(self) -> Form:
        """Return the lines for username and password; with a username known, the password is what is missing."""
        names = {view.entry.username for view in self._views}
        known = (names.pop() or "") if len(names) == 1 else ""
        entries = [Entry("username", "username", known), Entry("password", "password", secret=True)]
        at = "password" if known else "username"
        return Form(self.look.glyphs, entries, [CANCEL, Button("login", "Log in")], at=at)

    def on_mount(self) -> None:
        """Show the devices; the name that they leave the works with stands there where none is known."""
        if not self.form.value("username"):
            self.form.propose("username", FACTORY_USER)
        self.show(self._lines)
        self.say("kept in memory only, until updeck ends")

    def _lines(self, width: int) -> list[Line]:
        out: list[Line] = []
        if any(view.entry.insecure for view in self._views):
            out += sentence("The connection is insecure: whoever listens reads the password.", width, Ink.NEEDS)
        out += heading(plural(len(self._views), "device"), width, self.look.glyphs.rule)[1:]
        name_width = min(max(len(view.name) for view in self._views), width // 3)
        for view in self._views:
            words, ink = self._done.get(view.name, (view.error or view.url, Ink.DIM))
            out += hang(line(pad(view.name, name_width), "  "), line((words, ink)), name_width + 2, width)
        return out

    @on(Form.Submitted)
    def _submitted(self, event: Form.Submitted) -> None:
        event.stop()
        self.pressed("login")

    def pressed(self, button: str) -> None:
        """Try what was typed."""
        form = self.form
        username, password = form.value("username"), form.value("password")
        if self._trying:
            return
        if not username or not password:
            self.say("type the password" if username else "type a username", Ink.MAY)
            return
        self._trying = True
        form.put("password", "")
        self.run_worker(self._try_all(username, password), exit_on_error=False)

    async def _try_all(self, username: str, password: str) -> None:
        try:
            for view in self._views:
                if self._done.get(view.name, ("", Ink.DIM))[1] is Ink.ACCENT:
                    continue
                self.say(f"logging in to {view.name}…")
                if not await self._try(view.name, username, password):
                    return
            failed = [name for name, (_, ink) in self._done.items() if ink is not Ink.ACCENT]
            if not failed:
                self.leave(f"logged in to {self._target()} as {clean(username, 80)}")
        finally:
            self._trying = False

    def _target(self) -> str:
        return self._views[0].name if len(self._views) == 1 else plural(len(self._views), "device")

    async def _try(self, name: str, username: str, password: str) -> bool:
        """Try one device; False where the login was rejected and nothing more may be tried."""
        try:
            self._done[name] = (clean(await self._login(name, username, password)), Ink.ACCENT)
        except AuthError as error:
            self._done[name] = (error.message, Ink.NEEDS)
            self.say(f"rejected by {name}: {error.message}; nothing more was tried", Ink.NEEDS)
            return False
        except UpdeckError as error:
            self._done[name] = (error.message, Ink.MAY)
            self.say(f"{name} could not be tried: {error.message}", Ink.MAY)
        finally:
            self.body.show(self._lines, keep_place=True)
        return True
