"""Opening a dialog and waiting for what a person answers, without a flicker on the way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from updeck.fleet.views import DeviceView
from updeck.ui.screens.dialog import Dialog, Look

if TYPE_CHECKING:
    from collections.abc import Iterable

    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = ["ask", "look_of", "views_of"]

Answer = TypeVar("Answer")


def look_of(app: UpdeckApp) -> Look:
    """Return what dialogs draw themselves with."""
    return Look(app.options.label, app.glyphs)


def views_of(service: FleetService, names: Iterable[str]) -> list[DeviceView]:
    """Return the newest views of the devices that are still in the fleet."""
    return [view for name in names if (view := service.state.view(name)) is not None]


async def ask(app: UpdeckApp, dialog: Dialog[Answer]) -> Answer | None:
    """Open a dialog in one paint and return its answer, None when the person left it."""
    answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()

    def keep(result: Answer | None) -> None:
        if not answer.done():
            answer.set_result(result)

    with app.batch_update():
        await app.push_screen(dialog, keep)
    return await answer
