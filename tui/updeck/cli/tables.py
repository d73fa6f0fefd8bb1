"""What commands show a person: aligned columns with states in words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from updeck.cli.output import aligned
from updeck.clock import rfc3339
from updeck.device.models import Image, Reach
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.orders import CertificateOffer
from updeck.fleet.views import DeviceView
from updeck.journal.models import Event
from updeck.text import plural

__all__ = [
    "change_line",
    "device_table",
    "event_table",
    "gone_line",
    "image_table",
    "offer_lines",
    "state_word",
    "status_table",
    "summary",
]

NONE = "-"
INSECURE = "; insecure"
"""Stands in every list behind what is told of a device of which nothing proves who answers."""


def state_word(view: DeviceView) -> str:
    """Return the device's state as it says it, or in lower case why there is none."""
    if view.reach is None:
        return "not asked yet"
    if view.reach is Reach.OK and view.state is not None:
        return view.state
    return view.reach.value.lower()


def status_table(views: Iterable[DeviceView]) -> list[str]:
    """Return one line per device: name, state, version, target, what it needs, and why it did not answer."""
    rows = [
        (
            view.name,
            state_word(view),
            view.version or NONE,
            (view.reading and view.reading.update.target_version) or NONE,
            _next(view),
        )
        for view in views
    ]
    return aligned(("name", "state", "version", "target", "next"), rows)


def change_line(view: DeviceView) -> str:
    """Return one line for `status --watch`: when it was seen, and what."""
    said = [state_word(view), view.version or NONE, _next(view)]
    return f"{rfc3339(view.attempted_at)}  {view.name}  " + "  ".join(said)


def gone_line(name: str, at: float) -> str:
    """Return one line for a device that a selector by state no longer means."""
    return f"{rfc3339(at)}  {name}  no longer selected"


def summary(views: Sequence[DeviceView]) -> str:
    """Return `12 devices: 8 IDLE, 1 RUNNING, 3 unreachable`."""
    counts = Counter(state_word(view) for view in views).most_common()
    if not counts:
        return "no device matches"
    insecure = sum(view.entry.insecure for view in views)
    counts += [("insecure", insecure)] if insecure else []
    return f"{plural(len(views), 'device')}: " + ", ".join(f"{count} {word}" for word, count in counts)


def _next(view: DeviceView) -> str:
    """Return what a device needs, why it did not answer, and whether anybody could have answered for it."""
    why = f" ({view.error})" if view.error else ""
    return view.next.text + why + (INSECURE if view.entry.insecure else "")


def device_table(entries: Iterable[DeviceEntry]) -> list[str]:
    """Return one line per device of the inventory."""
    rows = [
        (
            entry.name,
            entry.site or NONE,
            entry.pair or NONE,
            " ".join(entry.tags) or NONE,
            entry.url + (INSECURE if entry.insecure else ""),
        )
        for entry in entries
    ]
    return aligned(("name", "site", "pair", "tags", "url"), rows)


def check_table(views: Iterable[DeviceView]) -> list[str]:
    """Return one line per device: whether it answers, how it is trusted, who it is, or what is wrong."""
    rows = [
        (
            view.name,
            "ok" if view.reach is Reach.OK else state_word(view),
            view.tls_note or NONE,
            view.version or NONE,
            view.error or (view.identity.describe() if view.identity else NONE),
        )
        for view in views
    ]
    return aligned(("name", "reach", "tls", "version", "identity"), rows)


def image_table(images: Iterable[tuple[str, Image]]) -> list[str]:
    """Return one line per image, each with the name of its device."""
    rows = [
        (
            name,
            NONE if image.id is None else str(image.id),
            image.state,
            image.version or NONE,
            NONE if image.progress is None else f"{image.progress:.0f} %",
            image.checksum[:12] + "…" if image.checksum else NONE,
            image.state_description,
        )
        for name, image in images
    ]
    return aligned(
        ("device", "id", "state", "version", "progress", "checksum", "description"), rows, right=frozenset({1, 4})
    )


def offer_lines(offer: CertificateOffer) -> list[str]:
    """Return the trusted fingerprint above the one presented now, so that they can be compared."""
    presented = offer.presented
    lines = [
        offer.device,
        f"  trusted    {offer.trusted or f'none (tls is {offer.mode})'}",
        f"  presented  {presented.fingerprint}",
    ]
    if presented.subject is None:
        return [*lines, "  subject    not readable: only the fingerprint is known"]
    validity = f"{presented.not_before or '?'} to {presented.not_after or '?'}"
    return [*lines, f"  subject    {presented.subject}", f"  valid      {validity}"]


def event_table(events: Iterable[Event]) -> list[str]:
    """Return one line per event of the activity, without a header."""
    rows = [
        (rfc3339(event.at) or NONE, event.device or NONE, f"{event.actor.user}@{event.actor.host}", event.text)
        for event in events
    ]
    return aligned(("", "", "", ""), rows)[1:]
