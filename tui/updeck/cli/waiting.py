"""Waiting for the fleet: what moves is told on stderr, and whoever needs a password is asked in between."""

from __future__ import annotations

import asyncio
import queue
import re
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from getpass import getpass
from threading import Event
from typing import TypeVar

from updeck.cli.output import Output
from updeck.errors import SecretError, UpdeckError
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.state import FleetState
from updeck.fleet.views import DeviceView
from updeck.text import plural

__all__ = ["Follower", "Prompter", "moving_text"]

LOOK_EVERY_S = 0.25

T = TypeVar("T")


class Prompter:
    """Passwords that the fleet's thread wants, asked for in the main thread, where ctrl-C restores the terminal."""

    def __init__(self) -> None:
        self._wanted: queue.SimpleQueue[tuple[DeviceEntry, Future[str]]] = queue.SimpleQueue()

    async def ask(self, entry: DeviceEntry) -> str:
        """Return the password of a device. Raises `SecretError` where nobody can be asked."""
        if not sys.stdin.isatty():
            raise SecretError(
                "its password is to be asked for, but there is no terminal",
                device=entry.name,
                advice="name another source in the inventory",
            )
        answer: Future[str] = Future()
        self._wanted.put((entry, answer))
        return await asyncio.wrap_future(answer)

    def answer(self) -> None:
        """Ask for whatever is wanted now; called by the main thread."""
        while not self._wanted.empty():
            entry, answer = self._wanted.get()
            password = getpass(f"{entry.name}: password of {entry.username or 'the user'}: ")
            if answer.set_running_or_notify_cancel():
                answer.set_result(password)


class Follower:
    """Tells what some devices do while their futures are awaited.

    Each new phase is a line on stderr; a transfer's figures move in one line, on a terminal only.
    """

    def __init__(self, out: Output, state: FleetState, prompter: Prompter) -> None:
        self._out = out
        self._state = state
        self._names: tuple[str, ...] = ()
        self._prompter = prompter
        self._sequence = 0
        self._told: dict[str, str] = {}

    def follow(self, names: Iterable[str]) -> None:
        """Tell what these devices do from now on."""
        self._names = tuple(names)

    def results(self, futures: Mapping[str, Future[T]]) -> dict[str, T | UpdeckError]:
        """Wait for one future per device; return by name its result or the error of ours that it raised."""
        pending: set[Future[T]] = set(futures.values())
        while pending:
            _, pending = wait(pending, timeout=LOOK_EVERY_S, return_when=FIRST_COMPLETED)
            self._prompter.answer()
            self.look()
        self._out.rest()
        settled: dict[str, T | UpdeckError] = {}
        for name, future in futures.items():
            try:
                settled[name] = future.result()
            except UpdeckError as error:
                settled[name] = error
        return settled

    def pause(self, seconds: float) -> None:
        """Let some time pass, asking for passwords meanwhile."""
        self._prompter.answer()
        Event().wait(seconds)

    def look(self) -> None:
        """Tell what changed since the last look."""
        self._sequence, changed = self._state.changes_since(self._sequence)
        for name in self._names:
            view = self._state.view(name) if name in changed else None
            if view is not None:
                self._tell(view)
        self._move()

    def _tell(self, view: DeviceView) -> None:
        text = moving_text(view)
        if text is None:
            return
        shape = re.sub(r"[\d.:]+", "", text)
        if self._told.get(view.name) != shape:
            self._told[view.name] = shape
            self._out.say(f"{view.name}: {text}")

    def _move(self) -> None:
        views = [view for name in self._names if (view := self._state.view(name)) is not None]
        moving = [view for view in views if moving_text(view) is not None]
        if len(moving) == 1:
            self._out.move(f"{moving[0].name}: {moving[0].next.text}")
        elif moving:
            self._out.move(f"{plural(len(moving), 'device')} under way{_transfer_sums(moving)}")


def moving_text(view: DeviceView) -> str | None:
    """Return what a device does on behalf of somebody's command, None where it rests."""
    if view.transfer is not None and view.transfer.started_at:  # else it waits, and may be refused yet
        return f"uploads {view.transfer.file_name}"
    return None if view.watch is None else view.watch.text


def _transfer_sums(views: Iterable[DeviceView]) -> str:
    transfers = [view.transfer for view in views if view.transfer is not None]
    if not transfers:
        return ""
    sent = sum(transfer.sent_bytes for transfer in transfers)
    total = sum(transfer.total_bytes for transfer in transfers)
    rate = sum(transfer.rate_bps or 0.0 for transfer in transfers)
    return f" · {sent / 1e6:.0f} of {total / 1e6:.0f} MB, {rate / 1e6:.0f} MB/s"
