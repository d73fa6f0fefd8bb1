"""Taking something along: a table into a file, a text into the terminal's clipboard. Nothing is sent to a device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from updeck.device.models import ImageState
from updeck.fleet.views import DeviceView
from updeck.text import clean
from updeck.ui.exports import Export
from updeck.ui.flows.asking import ask, look_of
from updeck.ui.screens.copy_dialog import CopyDialog
from updeck.ui.screens.export_dialog import ExportDialog

if TYPE_CHECKING:
    from updeck.ui.app import UpdeckApp

__all__ = ["copy_flow", "export_flow", "texts_of"]

_COPIED_MOST = 1000


async def export_flow(app: UpdeckApp, title: str, rows: int, make: Callable[[], Export]) -> str | None:
    """Write a table of so many rows to a file."""
    if not rows:
        return f"there are no {title} on view to export"
    return await ask(app, ExportDialog(look_of(app), title, rows, make, Path.cwd()))


async def copy_flow(app: UpdeckApp, view: DeviceView) -> str | None:
    """Send one text about a device to the terminal, as OSC 52, because a person asked for it."""
    texts = texts_of(view)
    label = await ask(app, CopyDialog(look_of(app), view.name, texts))
    if label is None:
        return None
    app.copy_to_clipboard(clean(texts[label], _COPIED_MOST))
    return f"the {label} of {view.name} was sent to the terminal, which may ignore it"


def texts_of(view: DeviceView) -> dict[str, str]:
    """Return what can be copied of a device, by label."""
    reading = view.reading
    info = None if reading is None else reading.info
    texts = {
        "name": view.name,
        "address": view.url,
        "version": view.version or "",
        "serial": info.serial if info else "",
        "fingerprint": view.presented or view.entry.tls.pin or "",
        "error": view.error or "",
    }
    for image in () if reading is None else reading.images:
        if image.checksum and image.state == ImageState.VALID:
            texts[f"checksum {'' if image.id is None else image.id}".strip()] = image.checksum
    return {label: text for label, text in texts.items() if text}
