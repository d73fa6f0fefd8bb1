"""Engines that a person's keys start: whether there can be one, and what it is handed, typed anew where need be."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from updeck.errors import Blocked, JournalError, UpdeckError
from updeck.fleet.credentials import rereadable
from updeck.journal.plan_sentences import in_short
from updeck.rollout.standing import ended
from updeck.ui.flows.asking import ask, look_of, views_of
from updeck.ui.screens.login_dialog import LoginDialog

if TYPE_CHECKING:
    from updeck.device.credentials import Credential
    from updeck.fleet.service import FleetService
    from updeck.journal.plan_models import RolloutRecord
    from updeck.journal.store import Journal
    from updeck.rollout.plan import Plan
    from updeck.ui.app import UpdeckApp

__all__ = ["NotDriven", "begin", "drive_on", "journal_of", "why_no_engine"]


class NotDriven(Blocked):
    """A rollout is on record, and no engine drives it."""

    def __init__(self, rollout: str, message: str, advice: str) -> None:
        super().__init__(f"it is recorded, but no engine was started: {message}", advice=advice)
        self.rollout = rollout


def why_no_engine(service: FleetService) -> str | None:
    """Return why no engine of its own can work on this fleet, None where one can."""
    if service.journal is None:
        return "there is no journal"
    if not hasattr(os, "fork"):
        return "this system has no detached engines"
    if service.fleet.path is None:
        return "this fleet is saved in no inventory that an engine could read"
    return None


def journal_of(service: FleetService) -> Journal:
    """Return the journal of a fleet; raises `JournalError` where there is none."""
    if service.journal is None:
        raise JournalError("there is no journal, so nothing can be asked of a rollout")
    return service.journal


async def begin(app: UpdeckApp, service: FleetService, plan: Plan) -> tuple[str, str | None]:
    """Register a plan that was confirmed and start its engine; return the rollout's id and what may end the engine.

    What the engine has to be given is asked for before anything is recorded. Raises `Blocked` where a person does not
    give it, `NotDriven` where the engine does not start all the same.
    """
    from updeck.rollout.registration import register

    handed = await _credentials(app, service, [one.name for one in plan.devices])
    row = await asyncio.to_thread(register, plan, service.fleet, journal_of(service))
    return row.id, await _start(service, row.id, handed)


async def drive_on(app: UpdeckApp, service: FleetService, rollout: str) -> str | None:
    """Start an engine where a request has given it work and none drives the rollout; return what may end it."""
    record = await _read(service, rollout)
    if record.row.lease_alive or all(map(ended, record.members)):
        return None
    open_ = [member.device for member in record.members if not ended(member)]
    try:
        handed = await _credentials(app, service, open_)
    except Blocked as error:
        raise Blocked(f"it is recorded, but {error.message}", device=error.device, advice=_resuming(app)) from None
    return await _start(service, rollout, handed, advice=_resuming(app))


def _resuming(app: UpdeckApp) -> str:
    rollouts, pause = (app.keymap.keys(one)[0] for one in ("rollouts", "pause"))
    return f"{rollouts} opens it, {pause} there starts one"


async def _credentials(app: UpdeckApp, service: FleetService, devices: Iterable[str]) -> Mapping[str, Credential]:
    """Return what an engine cannot read by itself; a person is asked for what this process does not know either."""
    names = tuple(devices)
    while True:
        found = await asyncio.wrap_future(service.at_hand(names))
        if not found.missing:
            return found.credentials

        def login(name: str, username: str, password: str) -> asyncio.Future[str]:
            return asyncio.wrap_future(service.login(name, username, password))

        dialog = LoginDialog(look_of(app), views_of(service, found.missing), login)
        if await ask(app, dialog) is None:
            again = await asyncio.wrap_future(service.at_hand(names))
            stuck = [name for name in again.missing if not _reads_by_itself(service, name)]
            if stuck:
                raise Blocked(f"no engine was started: {again.missing[stuck[0]]}", device=stuck[0])
            return again.credentials  # the engine asks the source of the others itself, and holds what is refused


def _reads_by_itself(service: FleetService, device: str) -> bool:
    entry = service.fleet.get(device)
    return entry is not None and rereadable(entry)


async def _start(
    service: FleetService, rollout: str, handed: Mapping[str, Credential], *, advice: str | None = None
) -> str | None:
    from updeck.rollout.detach import start_engine

    try:
        return (await asyncio.to_thread(start_engine, rollout, service.fleet, handed)).warning
    except UpdeckError as error:
        if (await _read(service, rollout)).row.lease_alive:
            return None  # another was quicker
        how = advice or f"`updeck rollout resume {in_short(rollout)}` starts one"
        raise NotDriven(rollout, error.message, how) from None


async def _read(service: FleetService, rollout: str) -> RolloutRecord:
    return await asyncio.to_thread(journal_of(service).rollout, rollout)
