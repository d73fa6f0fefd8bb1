"""Opening a dialog and waiting for what a person answers, without a flicker on the way."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from textual.app import App
from textual.screen import Screen

from updeck.fleet.views import DeviceView
from updeck.ui.screens.dialog import Dialog, Look
from updeck.ui.screens.drawn import forget_drawn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = ["ask", "close_dialog", "look_of", "open_dialog", "views_of"]

Answer = TypeVar("Answer")


def look_of(app: UpdeckApp) -> Look:
    """Return what dialogs draw themselves with."""
    return Look(app.options.label, app.glyphs, app.keymap.keys("help")[0])


def views_of(service: FleetService, names: Iterable[str]) -> list[DeviceView]:
    """Return the newest views of the devices that are still in the fleet."""
    return [view for name in names if (view := service.state.view(name)) is not None]


class _Curtain(Screen[None]):
    """Stands between a dialog and the screen behind it, and is never seen.

    Textual counts the screen right below the top as visible, and repaints the top wherever that one changes; with
    this between, what goes on behind a dialog costs nothing.
    """


@runtime_checkable
class _Holds(Protocol):
    """An app that can keep back what it draws on the way from one screen to another."""

    def one_picture(self) -> AbstractContextManager[None]: ...


def _one_picture(app: App[Any]) -> AbstractContextManager[None]:
    return app.one_picture() if isinstance(app, _Holds) else app.batch_update()


async def open_dialog(app: App[Any], dialog: Dialog[Answer]) -> None:
    """Open a dialog in one paint."""
    with _one_picture(app):
        await app.push_screen(_Curtain())
        await app.push_screen(dialog)


async def close_dialog(app: App[Any], dialog: Dialog[Answer]) -> Answer | None:
    """Wait for the answer of an open dialog, close it in one paint, and return it."""
    answer = await dialog.answered
    with _one_picture(app):
        forget_drawn(dialog)
        await app.pop_screen()
        await app.pop_screen()
    return answer


async def ask(app: App[Any], dialog: Dialog[Answer]) -> Answer | None:
    """Open a dialog and return what a person answers, None when they left it."""
    await open_dialog(app, dialog)
    return await close_dialog(app, dialog)
