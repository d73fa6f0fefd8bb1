"""What commands and exports give as JSON: the objects of `contracts.md` 3, made from views. Pure.

Our own times are RFC 3339 in UTC; a device's times stay Unix seconds of its clock.
"""

from __future__ import annotations

from updeck.clock import rfc3339
from updeck.device.models import Certificate, HistoryEntry, Image
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.orders import CertificateOffer
from updeck.fleet.views import DeviceView
from updeck.journal.models import Event, Json

__all__ = ["check_row", "device_row", "event_row", "image_row", "images_row", "offer_row", "status_row"]


def status_row(view: DeviceView) -> dict[str, Json]:
    """Return one device of `status`: the last poll, and what the device said last."""
    reading = view.reading
    update = None if reading is None else reading.update
    return {
        "name": view.name,
        "url": view.url,
        "site": view.site,
        "tags": list(view.tags),
        "reach": None if view.reach is None else view.reach.value,
        "error": view.error,
        "observed_at": None if reading is None else rfc3339(reading.at),
        "state": None if update is None else update.state,
        "state_description": None if update is None else update.state_description,
        "target_version": None if update is None else update.target_version,
        "version": view.version,
        "next": view.next.text,
        "last_state_time": None if update is None else update.last_state_time,
        "history": [] if update is None else [_history_row(entry) for entry in update.history],
        "images": [] if reading is None else [image_row(image) for image in reading.images],
    }


def _history_row(entry: HistoryEntry) -> dict[str, Json]:
    return {"time": entry.time, "version": entry.version}


def image_row(image: Image) -> dict[str, Json]:
    """Return one image."""
    return {
        "id": image.id,
        "state": image.state,
        "state_description": image.state_description,
        "version": image.version,
        "progress": image.progress,
        "checksum": image.checksum,
    }


def images_row(view: DeviceView) -> dict[str, Json]:
    """Return one device of `images list`."""
    reading = view.reading
    return {
        "name": view.name,
        "reach": None if view.reach is None else view.reach.value,
        "error": view.error,
        "images": [] if reading is None else [image_row(image) for image in reading.images],
    }


def device_row(entry: DeviceEntry) -> dict[str, Json]:
    """Return one device of `devices list`."""
    return {
        "name": entry.name,
        "url": entry.url,
        "site": entry.site,
        "tags": list(entry.tags),
        "pair": entry.pair,
    }


def check_row(view: DeviceView) -> dict[str, Json]:
    """Return one device of `devices check`; the offset is the device's clock minus ours in seconds."""
    reading, identity = view.reading, view.identity
    offset = None if reading is None else reading.clock_offset_s
    return {
        "name": view.name,
        "url": view.url,
        "reach": None if view.reach is None else view.reach.value,
        "error": view.error,
        "tls": view.tls_note,
        "presented": view.presented,
        "identity": None if identity is None else identity.describe(),
        "version": view.version,
        "clock_offset": None if offset is None else round(offset),
    }


def offer_row(offer: CertificateOffer) -> dict[str, Json]:
    """Return one device of `devices trust`: the trusted fingerprint beside the presented certificate."""
    return {
        "name": offer.device,
        "mode": offer.mode,
        "trusted": offer.trusted,
        "presented": _certificate_row(offer.presented),
    }


def _certificate_row(certificate: Certificate) -> dict[str, Json]:
    return {
        "fingerprint": certificate.fingerprint,
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
    }


def event_row(event: Event) -> dict[str, Json]:
    """Return one line of `journal`."""
    return {
        "id": event.id,
        "at": rfc3339(event.at),
        "device": event.device,
        "kind": event.kind,
        "text": event.text,
        "by": event.actor.user,
        "host": event.actor.host,
        "program": event.actor.program,
    }
