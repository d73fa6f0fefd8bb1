"""What is confirmed and how: a question read afresh, its weight, and whether the typed token is complete. Pure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from updeck.errors import UpdeckError
from updeck.ui.facts import Lines

__all__ = ["Ask", "Deal", "reason", "token_gap"]

Shown = TypeVar("Shown")
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a dialog shows of what was read; `token` is what is to be typed where a yes is not enough.

    `choices` are alternatives of which one has to be chosen. `closed`: there is nothing to confirm, only to read.
    """

    lines: Lines
    token: str = ""
    choices: tuple[str, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Deal(Generic[Shown, Done]):
    """What a dialog is about: how to read, what to ask, how to send. Reading and sending raise `UpdeckError`.

    `read` and `send` are given the alternative that was chosen, if any. What `send` returns outlives the dialog.
    `typed`: a token confirms, not a yes. `chooses`: there may be alternatives.
    """

    verb: str
    read: Callable[[str | None], Awaitable[Shown]]
    ask: Callable[[Shown], Ask]
    send: Callable[[Shown, str | None], asyncio.Future[Done]]
    typed: bool = True
    chooses: bool = False


def reason(error: UpdeckError) -> str:
    """Return what an error says, without the device, whose name stands in the dialog already."""
    return f"{error.message}; {error.advice}" if error.advice else error.message


def token_gap(typed: str, token: str) -> str | None:
    """Return what is missing of `token` in words, None when it was typed in full."""
    given = typed.strip()
    if given == token:
        return None
    if not given:
        return f"type {token} and press enter"
    if token.startswith(given):
        return f"still missing: {token[len(given) :].strip()}"
    return f"that is not {token}"
