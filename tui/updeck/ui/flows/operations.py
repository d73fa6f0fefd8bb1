"""Init, start, un-init and delete: one device, one dialog, one call."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from updeck.fleet.orders import Examination, Performed, Weight
from updeck.fleet.rules import weight
from updeck.journal.models import GOOD_VERDICTS, End, Op, Outcome
from updeck.journal.sentences import ended
from updeck.ui.confirmation import Deal
from updeck.ui.examined import ask_about, operation_title
from updeck.ui.flows.asking import ask, look_of
from updeck.ui.ink import Ink, line
from updeck.ui.screens.confirm_dialog import ConfirmDialog

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = ["delete_flow", "init_flow", "reset_flow", "start_flow", "told"]

END_LOOK_S = 1.0
"""Seconds between two looks whether what was sent has ended."""

_VERBS = {Op.START: "start", Op.INIT: "init", Op.RESET: "un-init", Op.DELETE: "delete"}


async def start_flow(app: UpdeckApp, service: FleetService, name: str) -> str | None:
    """Start the update of a device; the box goes down."""
    return await _operate(app, service, name, Op.START)


async def init_flow(app: UpdeckApp, service: FleetService, name: str) -> str | None:
    """Init a device."""
    return await _operate(app, service, name, Op.INIT)


async def reset_flow(app: UpdeckApp, service: FleetService, name: str) -> str | None:
    """Un-init a device."""
    return await _operate(app, service, name, Op.RESET)


async def delete_flow(app: UpdeckApp, service: FleetService, name: str, image_id: int) -> str | None:
    """Delete an image of a device."""
    return await _operate(app, service, name, Op.DELETE, image_id)


async def _operate(app: UpdeckApp, service: FleetService, name: str, op: Op, image_id: int | None = None) -> str | None:
    look = look_of(app)

    def read(chosen: str | None) -> asyncio.Future[Examination]:
        return asyncio.wrap_future(service.examine(name, op, image_id=image_id, named=chosen))

    def send(shown: Examination, chosen: str | None) -> asyncio.Future[Performed]:
        # an insecure connection is part of the token that was typed for a start
        allowed = op is Op.START and shown.view.entry.insecure
        return asyncio.wrap_future(service.perform(shown, expect=chosen, allow_insecure=allowed))

    deal = Deal(
        _VERBS[op],
        read,
        lambda shown: ask_about(shown, look.glyphs),
        send,
        typed=weight(op) is Weight.TYPED,
        chooses=op is Op.INIT,
    )
    sending = await ask(app, ConfirmDialog(operation_title(op, name), look, deal))
    if sending is None:
        return None
    done = await asyncio.shield(sending)
    if done.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
        app.beside(partial(_tell_end, app, service, name, done))
    return told(name, done)


async def _tell_end(app: UpdeckApp, service: FleetService, name: str, done: Performed) -> None:
    """Say how a call has ended in the place of what was said when it was sent; what was said since then stays."""
    end: End | None = None
    while end is None or end.rollout != done.rollout:
        await asyncio.sleep(END_LOOK_S)
        if app.home.board.notice.sentence != told(name, done):
            return
        view = service.state.view(name)
        end = None if view is None else view.record.last_end
    good = end.verdict is None or end.verdict in GOOD_VERDICTS
    app.say(line((f"{name}: {ended(end.op, end.verdict, end.reason)}", Ink.PLAIN if good else Ink.MAY)))


def told(name: str, done: Performed) -> str:
    """Return what became of a call in one sentence."""
    what = f"{name}: {done.op.words}"
    match done.outcome:
        case None:
            return f"{name}: {done.text}"
        case Outcome.ACCEPTED:
            return f"{what} accepted; it is watched to its end"
        case Outcome.REFUSED:
            return f"{what} refused: {done.text}"
        case Outcome.UNKNOWN:
            return f"{what} sent, its answer lost ({done.text}): it is watched, and not sent again"
