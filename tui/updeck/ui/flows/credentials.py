"""Certificates and logins: what a device is trusted by, and as whom we speak to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from updeck.device.models import Reach
from updeck.errors import Blocked, UpdeckError
from updeck.fleet.orders import CertificateOffer
from updeck.fleet.views import DeviceView
from updeck.text import plural
from updeck.ui.confirmation import Deal
from updeck.ui.fingerprints import ask_to_trust, ask_to_trust_all, changed
from updeck.ui.flows.asking import ask, look_of, views_of
from updeck.ui.screens.confirm_dialog import ConfirmDialog
from updeck.ui.screens.login_dialog import LoginDialog

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = ["credentials_flow"]

Presented = CertificateOffer | tuple[str, str]
"""What a device presents, or its name and why it presents nothing."""


async def credentials_flow(app: UpdeckApp, service: FleetService, names: tuple[str, ...]) -> str | None:
    """Trust certificates where that is what holds devices up, and log in where that is.

    Where nothing is held up, the login can be changed; a certificate that nobody checks is offered first.
    """
    notices: list[str] = []
    views = views_of(service, names)
    untrusted = [view for view in views if view.reach is Reach.TRUST or _unchecked(view)]
    if untrusted:
        notice = await _trust(app, service, untrusted)
        if notice is None and len(untrusted) == len(views):
            return None
        if notice is not None:
            notices.append(notice)
            await asyncio.wrap_future(service.read_once([view.name for view in untrusted]))
            views = views_of(service, names)
    wanting = [view for view in views if view.reach is Reach.AUTH]
    if not wanting and not notices:
        wanting = views
    if wanting:
        notice = await _log_in(app, service, wanting)
        notices += [notice] if notice is not None else []
    return "; ".join(notices) or None


def _unchecked(view: DeviceView) -> bool:
    return view.entry.tls.mode == "insecure" and view.url.startswith("https:")


async def _trust(app: UpdeckApp, service: FleetService, views: Sequence[DeviceView]) -> str | None:
    if service.read_only and service.fleet.path is not None:
        raise Blocked("read-only: the inventory keeps the certificates that it has", advice="trust them elsewhere")
    look = look_of(app)
    if len(views) == 1:
        name = views[0].name
        one = Deal(
            "trust",
            lambda chosen: asyncio.wrap_future(service.certificate(name)),
            lambda offer: ask_to_trust(offer, look.glyphs, app.clock.wall()),
            lambda offer, chosen: asyncio.ensure_future(_pin_all(service, [offer])),
        )
        sending = await ask(app, ConfirmDialog(f"Certificate of {name}", look, one))
    else:
        many = Deal(
            "trust",
            lambda chosen: _presented(service, [view.name for view in views]),
            lambda offers: ask_to_trust_all(offers, look.glyphs),
            lambda offers, chosen: asyncio.ensure_future(_pin_all(service, offers)),
        )
        sending = await ask(app, ConfirmDialog(f"Certificates of {len(views)} devices", look, many))
    return None if sending is None else await asyncio.shield(sending)


async def _presented(service: FleetService, names: Sequence[str]) -> list[Presented]:
    async def look(name: str) -> Presented:
        try:
            return await asyncio.wrap_future(service.certificate(name))
        except UpdeckError as error:
            return name, error.message

    return await asyncio.gather(*(look(name) for name in names))


async def _pin_all(service: FleetService, offers: Sequence[Presented]) -> str:
    """Pin exactly what was shown. Raises `UpdeckError` at the first that cannot be saved."""
    new = [offer for offer in offers if isinstance(offer, CertificateOffer) and changed(offer)]
    for offer in new:
        await asyncio.wrap_future(service.trust(offer.device, offer.presented.fingerprint))
    return f"{new[0].device} is trusted now" if len(new) == 1 else f"{plural(len(new), 'device')} trusted now"


async def _log_in(app: UpdeckApp, service: FleetService, views: Sequence[DeviceView]) -> str | None:
    def login(name: str, username: str, password: str) -> asyncio.Future[str]:
        return asyncio.wrap_future(service.login(name, username, password))

    return await ask(app, LoginDialog(look_of(app), views, login))
