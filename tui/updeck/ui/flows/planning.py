"""A plan for the marked devices: terms, a look at each of them, count and target typed; then an engine of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from updeck.device.image_file import Checksums, ImageFile, publisher_sum
from updeck.errors import Blocked, LocalFileError
from updeck.fleet.views import DeviceView
from updeck.rollout.draft import planned_devices, present_image
from updeck.rollout.outlook import Fate, Outlook, look_ahead
from updeck.rollout.plan import Fence, Goal, Limits, Plan, PlannedImage, Source
from updeck.rollout.standing import stops_at
from updeck.rollout.waves import parse_waves
from updeck.text import clean, pad, plural
from updeck.ui.confirmation import Ask, Deal
from updeck.ui.facts import fact, heading, sentence
from updeck.ui.flows.asking import ask, look_of, views_of
from updeck.ui.flows.engines import begin
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, Line, fit_line, line
from updeck.ui.screens.confirm_dialog import ConfirmDialog
from updeck.ui.screens.plan_dialog import PlanDialog, Terms

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = ["plan_flow"]

TRANSFERS_AT_ONCE = 8
NAME_CELLS_MOST = 24

_INKS = {Fate.ACTS: Ink.PLAIN, Fate.THERE: Ink.DIM, Fate.WAITS: Ink.MAY, Fate.SKIPPED: Ink.NEEDS}

_checksums = Checksums()


@dataclass(frozen=True, slots=True)
class _Planned:
    """A plan with what is seen of its devices."""

    plan: Plan
    outlooks: tuple[Outlook, ...]

    @property
    def token(self) -> str:
        """What is to be typed: how many devices, and the target."""
        return f"{len(self.plan.devices)} {self.plan.image.version.split(' #')[0]}"


async def plan_flow(app: UpdeckApp, service: FleetService, names: tuple[str, ...]) -> str | None:
    """Plan a rollout to these devices, and have an engine carry it out once it is confirmed."""
    terms = await ask(app, PlanDialog(look_of(app), len(names), _version_there(views_of(service, names))))
    if terms is None:
        return None
    glyphs = look_of(app).glyphs

    async def read(chosen: str | None) -> _Planned:
        image = None if terms.path is None else await asyncio.to_thread(_image_of, terms.path, terms.version)
        await asyncio.wrap_future(service.read_once(names))
        return _planned(terms, image, views_of(service, names))

    def asking(shown: _Planned) -> Ask:
        acts = any(one.fate is Fate.ACTS for one in shown.outlooks)
        return Ask(lambda width: _lines(shown, glyphs, width), shown.token, closed=not acts)

    async def send(shown: _Planned) -> tuple[str, str | None]:
        fresh = await read(None)
        if fresh.plan.digest != shown.plan.digest:
            raise Blocked("the devices, or their images, are not what was shown", advice="plan anew")
        return await begin(app, service, shown.plan)

    deal = Deal("begin", read, asking, lambda shown, chosen: asyncio.ensure_future(send(shown)))
    title = f"Begin the rollout to {plural(len(names), 'device')}"
    sending = await ask(app, ConfirmDialog(title, look_of(app), deal))
    if sending is None:
        return None
    rollout, warning = await asyncio.shield(sending)
    app.show_rollout(rollout)
    return "; ".join(filter(None, ("the rollout has begun; its engine goes on when this is quit", warning)))


def _version_there(views: list[DeviceView]) -> str:
    """Return the one version of all VALID images, "" where there are none or several."""
    found = {image.version for view in views if view.reading is not None for image in view.reading.valid}
    return next(iter(found)) or "" if len(found) == 1 else ""


def _image_of(place: str, version: str) -> PlannedImage:
    path = Path(place).expanduser().absolute()
    source, stated = ImageFile.open(path), publisher_sum(path)
    digest = _checksums.of(source)
    if stated is not None and stated != digest:
        raise LocalFileError(f"{source.name} has the SHA-256 {digest}, and its publisher says {stated}")
    return PlannedImage(version, Source.FILE, digest, source.size_bytes, clean(path, 1000))


def _planned(terms: Terms, image: PlannedImage | None, views: list[DeviceView]) -> _Planned:
    plan = Plan(
        image or present_image(terms.version, views),
        planned_devices(views, parse_waves(terms.waves)),
        until=terms.until,
        fence=terms.fence if terms.until is Goal.UPDATED else Fence.NONE,
        limits=Limits(max_transfers=TRANSFERS_AT_ONCE, max_failures=terms.max_failures),
    )
    return _Planned(plan, look_ahead(plan, views))


def _lines(shown: _Planned, glyphs: Glyphs, width: int) -> list[Line]:
    plan = shown.plan
    acting = sum(one.fate is Fate.ACTS for one in shown.outlooks)
    out = sentence(f"{acting} of {plural(len(plan.devices), 'device')} are brought to {plan.image.version}.", width)
    image = plan.image.location or "what the devices hold"
    out += fact("image", f"{image}  sha256 {(plan.image.sha256 or 'not known')[:16]}", width)
    fenced = ", each waits for a person before its start" if plan.fence is Fence.START else ""
    out += fact("goal", f"{plan.until.value}{fenced}", width)
    gate = stops_at(plan.limits.max_failures, len(plan.devices))
    out += fact("gate", f"{plural(plan.waves, 'wave')}; {gate}", width)
    out += heading("What will happen", width, glyphs.rule)
    cells = min(max(len(one.device) for one in shown.outlooks), NAME_CELLS_MOST)
    for one in shown.outlooks:
        row = line((f"{one.wave}  ", Ink.DIM), (pad(one.device, cells) + "  ", Ink.PLAIN), (one.text, _INKS[one.fate]))
        out.append(fit_line(row, width))
    return out
