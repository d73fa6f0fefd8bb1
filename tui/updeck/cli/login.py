"""`updeck devices login`: one login, tested; the keyring keeps it where the inventory says so."""

from __future__ import annotations

import asyncio
import sys
from getpass import getpass

from updeck.cli.command import Invocation
from updeck.cli.exits import Exit
from updeck.cli.session import opened
from updeck.device.models import Reach
from updeck.errors import AuthError, DeviceError, UsageError
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.fleet.secret_reading import keep_in_keyring
from updeck.fleet.secret_sources import KeyringSecret, PromptSecret
from updeck.fleet.views import DeviceView

__all__ = ["log_in"]


def log_in(invocation: Invocation, fleet: Fleet, name: str) -> Exit:
    """Try the credential that the inventory names; a prompt or a keyring is answered by a person or by stdin.

    Raises `AuthError` where the device refuses it, `DeviceError` where it could not be tried.
    """
    entry = fleet.get(name)
    assert entry is not None
    if entry.password is None or isinstance(entry.password, KeyringSecret | PromptSecret):
        return _typed(invocation, fleet, entry)
    with opened(invocation, fleet, [name], polling=False, looking=True) as session:
        session.result(session.service.read_once([name]))
        view = session.service.state.view(name)
    _raise_unless_good(view, name)
    invocation.out.say(f"{name}: logged in as {entry.username} ({entry.password.describe()})")
    return Exit.GOOD


def _typed(invocation: Invocation, fleet: Fleet, entry: DeviceEntry) -> Exit:
    username = entry.username or _ask(f"{entry.name}: user name: ", hidden=False)
    password = _ask(f"{entry.name}: password of {username}: ", hidden=True)
    with opened(invocation, fleet, [entry.name], polling=False, looking=True) as session:
        said = session.result(session.service.login(entry.name, username, password))
    if isinstance(entry.password, KeyringSecret) and not invocation.read_only:
        asyncio.run(keep_in_keyring(entry.password, username, password))
        said += ", kept in the keyring"
    invocation.out.say(f"{entry.name}: {said}")
    return Exit.GOOD


def _ask(question: str, *, hidden: bool) -> str:
    """Return what a person types, or the next line of stdin where that is no terminal."""
    if not sys.stdin.isatty():
        answer = sys.stdin.readline().rstrip("\n")
    else:
        answer = getpass(question) if hidden else input(question)
    if not answer:
        raise UsageError(f"nothing was given for {question.rstrip(': ')}")
    return answer


def _raise_unless_good(view: DeviceView | None, name: str) -> None:
    if view is None or view.reach is Reach.OK:
        return
    kind = AuthError if view.reach is Reach.AUTH else DeviceError
    raise kind(view.error or "no good answer", device=name)
