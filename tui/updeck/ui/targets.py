"""The devices that a transfer is meant for: who gets the image, who has it, who cannot take it and why. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from updeck.device.versions import same_version
from updeck.fleet.next import clock_text
from updeck.fleet.orders import Examination
from updeck.text import pad, plural
from updeck.ui.facts import hang, heading
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, Line, line
from updeck.ui.times import rate

__all__ = ["Target", "examined", "receivers", "target_lines", "unanswered"]


@dataclass(frozen=True, slots=True)
class Target:
    """One device as a fresh read sees it.

    `refusal` is why it cannot take the image, `held` the words for why it needs none; with neither it will get it.
    `running` is its version, `rate_bps` what an upload to it was measured at. `read`: it was answered for.
    `insecure`: nothing proves who gets it.
    """

    name: str
    read: bool = False
    refusal: str | None = None
    held: str | None = None
    running: str | None = None
    rate_bps: float | None = None
    insecure: bool = False


def unanswered(name: str, reason: str) -> Target:
    """Return a device that could not be examined."""
    return Target(name, read=True, refusal=reason)


def examined(
    shown: Examination, sha256: str | None, rate_bps: float | None = None, *, version: str | None = None
) -> Target:
    """Return what a fresh read says about sending a device the image with this SHA-256 and version, where known."""
    reading = shown.reading
    running = None if reading is None else reading.version
    if shown.refusal is not None:
        return Target(shown.device, read=True, refusal=shown.refusal, running=running)
    held = None
    if reading is not None and sha256 is not None:
        same = [image for image in reading.valid if image.checksum == sha256]
        held = f"has it already (image {same[0].id}, {same[0].version or 'no version'})" if same else None
    if held is None and running is not None and version is not None and same_version(running, version):
        held = f"runs {running} already"
    insecure = shown.view.entry.insecure
    return Target(shown.device, read=True, held=held, running=running, rate_bps=rate_bps, insecure=insecure)


def receivers(targets: Sequence[Target]) -> tuple[str, ...]:
    """Return the devices that will get the image."""
    return tuple(one.name for one in targets if one.read and one.refusal is None and one.held is None)


def target_lines(targets: Sequence[Target], size_bytes: int | None, glyphs: Glyphs, width: int) -> list[Line]:
    """Return the table of the devices; `size_bytes` where a time can be foretold from a measured rate."""
    name_width = min(max((len(one.name) for one in targets), default=0), max(8, width // 3))
    title = plural(len(receivers(targets)), "device gets it", "devices get it")
    if len(targets) > 1:
        title += f", of {len(targets)} chosen"
    out = heading(title if all(one.read for one in targets) else "Devices", width, glyphs.rule)
    for one in targets:
        sign, ink, words = _standing(one, size_bytes, glyphs)
        head = line((f"{sign} ", ink), pad(one.name, name_width), "  ")
        out += hang(head, words, name_width + 4, width)
    return out


def _standing(one: Target, size_bytes: int | None, glyphs: Glyphs) -> tuple[str, Ink, Line]:
    if not one.read:
        return glyphs.dot, Ink.DIM, line(("reading…", Ink.DIM))
    if one.refusal is not None:
        return glyphs.failed, Ink.MAY, line(("gets nothing: ", Ink.MAY), one.refusal)
    if one.held is not None:
        return glyphs.resting, Ink.DIM, line((f"{one.held}: nothing is sent", Ink.DIM))
    warning = "insecure  " if one.insecure else ""
    words = line((warning, Ink.NEEDS), f"runs {one.running or 'an unknown version'}")
    if size_bytes is not None:
        words = line(*words, (f"  {_foretold(size_bytes, one.rate_bps)}", Ink.DIM))
    return glyphs.valid, Ink.ACCENT, words


def _foretold(size_bytes: int, rate_bps: float | None) -> str:
    if not rate_bps:
        return "its rate was not measured yet"
    return f"about {clock_text(size_bytes / rate_bps)}, {rate(rate_bps)} last time"
