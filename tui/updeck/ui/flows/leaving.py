"""Notes on what waits for a person, and leaving without losing uploads unasked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from updeck.text import plural
from updeck.ui.flows.asking import ask, look_of, views_of
from updeck.ui.screens.note_dialog import NoteDialog
from updeck.ui.screens.quit_dialog import QuitDialog

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = ["acknowledge_flow", "quit_flow"]


async def acknowledge_flow(app: UpdeckApp, service: FleetService, names: tuple[str, ...]) -> str | None:
    """Take one note for the devices that wait for a person."""
    views = [view for view in views_of(service, names) if view.needs_me or view.record.start_unresolved]
    if not views:
        return "nothing here waits for an acknowledgement"
    note = await ask(app, NoteDialog(look_of(app), views))
    if note is None:
        return None
    for view in views:
        await asyncio.wrap_future(service.acknowledge(view.name, note))
    return f"acknowledged: {views[0].name if len(views) == 1 else plural(len(views), 'device')}"


async def quit_flow(app: UpdeckApp, service: FleetService) -> bool:
    """Return whether to quit; asks only when uploads of this process would be lost."""
    views = views_of(service, service.transfers())
    return not views or await ask(app, QuitDialog(look_of(app), views)) is True
