"""From no inventory to the first live device: address, certificate, login; saved once a device was found there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from updeck.device.models import Reach
from updeck.device.tls import present, vouched_for
from updeck.device.trust import Tls
from updeck.errors import Blocked, UpdeckError
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.inventory_edit import add_device, set_value
from updeck.fleet.orders import CertificateOffer
from updeck.text import clean
from updeck.ui.confirmation import Deal, reason
from updeck.ui.fingerprints import ask_to_trust
from updeck.ui.flows.asking import ask, look_of, views_of
from updeck.ui.flows.credentials import credentials_flow
from updeck.ui.screens.confirm_dialog import ConfirmDialog
from updeck.ui.screens.first_run import FirstRun, Found
from updeck.ui.screens.login_dialog import LoginDialog

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = ["first_run_flow"]

_UNTRUSTED = "not trusted, nothing was saved; the address can be corrected here"


async def first_run_flow(app: UpdeckApp, service: FleetService) -> str | None:
    """Lead a person to the first live device, or to the one that is there already (`updeck URL`).

    A certificate that the system's store vouches for is checked against that from then on, and not pinned: it may be
    renewed (`security.md`, TLS).
    """
    if service.fleet.devices:
        return await _lead_to(app, service, service.fleet.devices[0].name)
    if service.read_only:
        raise Blocked("read-only: no device is added to an inventory here")
    entry = await _found(app, service)
    if entry is None:
        return f"no device yet: {app.keymap.keys('next')[0]} leads to the first one"
    path = service.fleet.path
    if path is not None:
        await asyncio.to_thread(add_device, path, entry)
        app.call_fleet(clean(path.stem))
    return await _log_in(app, service, entry)


async def _lead_to(app: UpdeckApp, service: FleetService, name: str) -> str | None:
    await asyncio.wrap_future(service.read_once([name]))
    held = [view for view in views_of(service, [name]) if view.reach in (Reach.TRUST, Reach.AUTH)]
    return await credentials_flow(app, service, (name,)) if held else None


async def _found(app: UpdeckApp, service: FleetService) -> DeviceEntry | None:
    """Ask for an address until a trusted device answers there, which the service then tracks; nothing is saved yet."""
    path = service.fleet.path
    place = "nowhere" if path is None else clean(path)

    async def knock(entry: DeviceEntry) -> CertificateOffer | None:
        if entry.url.startswith("https:") and not await vouched_for(entry.url):
            return CertificateOffer(entry.name, await present(entry.url), None, "none")
        await _track(service, entry)
        return None

    draft, problem = None, ""
    while True:
        found = await ask(app, FirstRun(look_of(app), place, knock, draft=draft, problem=problem))
        if found is None or found.offer is None:
            return None if found is None else found.entry
        draft = found.entry
        trusted = await _trusted(app, found, found.offer)
        if trusted is None:
            problem = _UNTRUSTED
            continue
        try:
            await _track(service, trusted)
        except UpdeckError as error:
            problem = f"{clean(trusted.url)}: {reason(error)}"
            continue
        return trusted


async def _trusted(app: UpdeckApp, found: Found, offer: CertificateOffer) -> DeviceEntry | None:
    look = look_of(app)

    async def read(chosen: str | None) -> CertificateOffer:
        return offer

    def pin(offer: CertificateOffer, chosen: str | None) -> asyncio.Future[DeviceEntry]:
        pinned: asyncio.Future[DeviceEntry] = asyncio.get_running_loop().create_future()
        pinned.set_result(replace(found.entry, tls=Tls("pin", None, offer.presented.fingerprint)))
        return pinned

    deal = Deal("trust", read, lambda offer: ask_to_trust(offer, look.glyphs, app.clock.wall(), "trust"), pin)
    pinned = await ask(app, ConfirmDialog(f"Certificate of {found.entry.name}", look, deal))
    return None if pinned is None else await pinned


async def _track(service: FleetService, entry: DeviceEntry) -> None:
    """Have the service track a device; where no such device answers, forget it and raise `Blocked`."""
    await asyncio.wrap_future(service.add_device(entry))
    await asyncio.wrap_future(service.read_once([entry.name]))
    (view,) = views_of(service, [entry.name])
    if view.reach not in (Reach.OK, Reach.AUTH):
        await asyncio.wrap_future(service.remove_device(entry.name))
        raise Blocked(view.error or "no device answers there", advice="nothing was saved")


async def _log_in(app: UpdeckApp, service: FleetService, entry: DeviceEntry) -> str:
    views = views_of(service, [entry.name])
    key = app.keymap.keys("next")[0]
    if not views or views[0].reach is not Reach.AUTH:
        return f"{entry.name} is live and saved; {key} does what stands under next"
    used: list[str] = []

    def login(name: str, username: str, password: str) -> asyncio.Future[str]:
        used[:] = [username]
        return asyncio.wrap_future(service.login(name, username, password))

    if await ask(app, LoginDialog(look_of(app), views, login)) is None:
        return f"{entry.name} is saved; nobody is logged in: {key} does that"
    path = service.fleet.path
    if path is not None:
        await asyncio.to_thread(set_value, path, ("devices", entry.name, "username"), used[0])
    return (
        f"{entry.name} is live and saved, its password is not: it is asked for again next time. "
        f"{key} does what stands under next"
    )
