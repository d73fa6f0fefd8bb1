"""The bulk un-init: what a rollout left INITIALIZED goes back to IDLE, each device by its own guarded call.

A device that the rollout still holds is asked for in the journal, and its engine sends the call and watches it, so it
survives this terminal. One that has ended belongs to nobody, and is un-initialized like any other by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from updeck.errors import Blocked, UpdeckError
from updeck.fleet.views import DeviceView
from updeck.journal.models import Op, Outcome
from updeck.journal.plan_models import ControlKind, MemberRecord
from updeck.journal.plan_sentences import in_short
from updeck.text import cell_width, pad, plural
from updeck.ui.confirmation import Ask, Deal
from updeck.ui.facts import sentence
from updeck.ui.flows.asking import ask, look_of, views_of
from updeck.ui.flows.engines import drive_on, journal_of
from updeck.ui.ink import EMPTY, Ink, Line, fit_line, line
from updeck.ui.rollout_sight import Sight, left_behind, target_shown, undoable
from updeck.ui.screens.confirm_dialog import ConfirmDialog
from updeck.ui.times import time_of_day

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = ["undo_flow"]

_NAME_MOST = 24


async def undo_flow(app: UpdeckApp, service: FleetService, sight: Sight) -> str | None:
    """Un-init all that stands INITIALIZED, after a fresh read of each and with their number typed."""

    async def read(chosen: str | None) -> Sight:
        record = await asyncio.to_thread(journal_of(service).rollout, sight.id)
        fresh = replace(sight, record=record, now=app.clock.wall())
        await asyncio.wrap_future(service.read_once([one.device for one in _subjects(service, fresh)]))
        return fresh

    def asking(fresh: Sight) -> Ask:
        found, refused = _subjects(service, fresh), fresh.why_not("reset", read_only=False)
        if refused is not None or not found:
            why = refused or "no device stands INITIALIZED any more"
            return Ask(lambda width: sentence(f"Not possible now: {why}.", width, Ink.NEEDS), closed=True)
        return Ask(lambda width: _lines(service, fresh, found, width), f"reset {len(found)}")

    async def undo(shown: Sight) -> str:
        fresh = await read(None)
        before, now = ([one.device for one in _subjects(service, one_sight)] for one_sight in (shown, fresh))
        if before != now:
            raise Blocked(f"it has changed: {len(before)} were shown, it is {len(now)} now")
        return await _undo(app, service, fresh)

    title = f"Un-init what rollout {in_short(sight.id)} left INITIALIZED"
    deal = Deal("un-init", read, asking, lambda shown, chosen: asyncio.ensure_future(undo(shown)), typed=True)
    sending = await ask(app, ConfirmDialog(title, look_of(app), deal))
    return None if sending is None else await asyncio.shield(sending)


def _subjects(service: FleetService, sight: Sight) -> list[MemberRecord]:
    """Return the devices that the rollout holds INITIALIZED, and those it left so and that still are."""
    ready = {view.name for view in views_of(service, [one.device for one in left_behind(sight.record)]) if _free(view)}
    return [*undoable(sight.record), *(one for one in left_behind(sight.record) if one.device in ready)]


def _free(view: DeviceView) -> bool:
    return view.state == "INITIALIZED" and view.record.rollout is None


def _lines(service: FleetService, sight: Sight, found: Sequence[MemberRecord], width: int) -> list[Line]:
    meaning = "Each goes back to IDLE, without a reboot; none of them starts in this rollout any more."
    out = [*sentence(meaning, width, Ink.STRONG), EMPTY]
    views = {view.name: view for view in views_of(service, [one.device for one in found])}
    name = min(_NAME_MOST, max(cell_width(one.device) for one in found))
    for one in found:
        view = views.get(one.device)
        state = "not in the fleet" if view is None else f"{view.state or 'unknown'}, {view.reach or 'not asked yet'}"
        since = [mark.at for mark in one.attempt.milestones]
        when = f"since {time_of_day(since[-1], sight.now)}" if since else ""
        row = line((pad(one.device, name) + "  ", Ink.PLAIN), (f"{state}  ", Ink.PLAIN))
        out.append(fit_line(line(*row, (f"{target_shown(one) or 'no target'}  {when}", Ink.DIM)), width))
    return out


async def _undo(app: UpdeckApp, service: FleetService, sight: Sight) -> str:
    journal, held = journal_of(service), undoable(sight.record)
    told = []
    for one in held:
        try:
            await asyncio.to_thread(journal.control, sight.id, ControlKind.RESET, device=one.device)
        except Blocked as error:
            told.append(str(error))
    if held:
        await drive_on(app, service, sight.id)
        asked = len(held) - len(told)
        told.insert(0, f"{plural(asked, 'device is', 'devices are')} un-initialized by the engine, each after a read")
    by_hand = [one for one in _subjects(service, sight) if one.attempt.end is not None]
    sent = 0
    for one in by_hand:
        try:
            shown = await asyncio.wrap_future(service.examine(one.device, Op.RESET))
            done = await asyncio.wrap_future(service.perform(shown))
        except UpdeckError as error:
            told.append(str(error))
            continue
        sent += done.outcome is Outcome.ACCEPTED
        if done.outcome is not Outcome.ACCEPTED:
            told.append(f"{one.device}: un-init (reset) {done.outcome or 'not sent'}: {done.text}")
    if by_hand:
        told.insert(0, f"{sent} of {plural(len(by_hand), 'un-init')} accepted, and watched to the end")
    return "; ".join(told)
