"""From no inventory to the first live device: address, certificate, login; saved as soon as it is trusted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from updeck.device.models import Reach
from updeck.device.tls import present
from updeck.device.trust import Tls
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.inventory_edit import add_device, set_value
from updeck.fleet.orders import CertificateOffer
from updeck.text import clean
from updeck.ui.confirmation import Deal
from updeck.ui.fingerprints import ask_to_trust
from updeck.ui.flows.asking import ask, look_of, views_of
from updeck.ui.screens.confirm_dialog import ConfirmDialog
from updeck.ui.screens.first_run import FirstRun
from updeck.ui.screens.login_dialog import LoginDialog

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = ["first_run_flow"]


async def first_run_flow(app: UpdeckApp, service: FleetService) -> str | None:
    """Lead a person to the first live device."""
    path = service.fleet.path
    entry = await ask(app, FirstRun(look_of(app), "nowhere" if path is None else clean(path)))
    if entry is None:
        return "no device yet: updeck devices add NAME https://ADDRESS, or start updeck again"
    if entry.url.startswith("https:"):
        trusted = await _trusted(app, entry)
        if trusted is None:
            return f"{entry.name} is not trusted, and nothing was saved"
        entry = trusted
    if path is not None:
        await asyncio.to_thread(add_device, path, entry)
    await asyncio.wrap_future(service.add_device(entry))
    await asyncio.wrap_future(service.read_once([entry.name]))
    return await _log_in(app, service, entry)


async def _trusted(app: UpdeckApp, entry: DeviceEntry) -> DeviceEntry | None:
    look = look_of(app)

    async def read(chosen: str | None) -> CertificateOffer:
        return CertificateOffer(entry.name, await present(entry.url), None, "none")

    def pin(offer: CertificateOffer, chosen: str | None) -> asyncio.Future[DeviceEntry]:
        pinned: asyncio.Future[DeviceEntry] = asyncio.get_running_loop().create_future()
        pinned.set_result(replace(entry, tls=Tls("pin", None, offer.presented.fingerprint)))
        return pinned

    deal = Deal("trust", read, lambda offer: ask_to_trust(offer, look.glyphs), pin)
    pinned = await ask(app, ConfirmDialog(f"Certificate of {entry.name}", look, deal))
    return None if pinned is None else await pinned


async def _log_in(app: UpdeckApp, service: FleetService, entry: DeviceEntry) -> str:
    saved = f"{entry.name} is saved"
    views = views_of(service, [entry.name])
    if not views or views[0].reach is not Reach.AUTH:
        return saved
    used: list[str] = []

    def login(name: str, username: str, password: str) -> asyncio.Future[str]:
        used[:] = [username]
        return asyncio.wrap_future(service.login(name, username, password))

    if await ask(app, LoginDialog(look_of(app), views, login)) is None:
        return f"{saved}; c logs in"
    path = service.fleet.path
    if path is not None:
        await asyncio.to_thread(set_value, path, ("devices", entry.name, "username"), used[0])
    return f"{saved} and logged in; updeck asks for the password again next time, unless the inventory names a source"
