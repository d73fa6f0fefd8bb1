"""A plan for the marked devices: terms, a look at each of them, count and target typed; then an engine of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from updeck.device.image_file import ImageFile
from updeck.errors import Blocked, UpdeckError
from updeck.fleet.views import DeviceView
from updeck.paths import state_dir
from updeck.rollout.outlook import acting_first, look_ahead
from updeck.rollout.plan import PlannedImage
from updeck.rollout.terms import Terms, parse_sha256
from updeck.text import plural
from updeck.ui.confirmation import Ask, Deal, reason
from updeck.ui.flows.asking import ask, look_of, views_of
from updeck.ui.flows.engines import NotDriven, begin, why_no_engine
from updeck.ui.flows.hashing import hashed
from updeck.ui.flows.transfers import choose_file
from updeck.ui.lines.plan import Planned, plan_lines
from updeck.ui.plan_draft import first_draft, suggested_version, terms_of
from updeck.ui.recent import load_recent
from updeck.ui.screens.confirm_dialog import ConfirmDialog
from updeck.ui.screens.plan_dialog import PlanDialog, Step, Then

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = ["plan_flow"]


@dataclass(frozen=True, slots=True)
class Begun:
    """A rollout that is on record, and what is to be said of its engine."""

    rollout: str
    told: str


async def plan_flow(app: UpdeckApp, service: FleetService, names: tuple[str, ...]) -> str | None:
    """Plan a rollout to these devices, and have an engine carry it out once it is confirmed."""
    why = why_no_engine(service)
    if why is not None:
        advice = "`updeck rollout plan` makes a plan, `updeck rollout run --foreground` carries it out"
        raise Blocked(f"a rollout needs an engine of its own, and {why}", advice=advice)
    step = Step(Then.PAGE, first_draft(len(names), _version_there(views_of(service, names))))
    remark = ""
    while (answer := await ask(app, PlanDialog(look_of(app), len(names), step, remark=remark))) is not None:
        step, remark = answer, ""
        if step.then is Then.BROWSE:
            step = await _browsed(app, step)
        elif step.then is Then.LOOK:
            terms = terms_of(step.draft)
            remark = await _unreadable(terms)
            begun = None if remark else await _confirmed(app, service, names, terms)
            if begun is not None:
                await app.opened_rollout(begun.rollout)
                return begun.told
    return None


async def _browsed(app: UpdeckApp, step: Step) -> Step:
    """Let a file be chosen, and put it into the draft with the version that its name speaks of."""
    path = await choose_file(app, "Plan a rollout: choose a file")
    if path is None:
        return step
    version = suggested_version(str(path)) or step.draft["version"]
    return replace(step, draft={**step.draft, "image": str(path), "version": version})


async def _unreadable(terms: Terms) -> str:
    """Return why the file cannot be sent, as far as opening it tells; "" where it can."""
    if terms.image is None or terms.by_url:
        return ""
    try:
        await asyncio.to_thread(ImageFile.open, _path(terms.image))
    except UpdeckError as error:
        return reason(error)
    return ""


def _path(place: str) -> Path:
    return Path(place).expanduser().absolute()


async def _confirmed(app: UpdeckApp, service: FleetService, names: tuple[str, ...], terms: Terms) -> Begun | None:
    """Show what the plan does, and begin once count and target are typed; None where the person leaves it."""
    glyphs = look_of(app).glyphs
    rates = (await asyncio.to_thread(load_recent, state_dir())).rates
    # not as the list is sorted: that has what needs a person at its top, and would make it the canary
    listed = [entry.name for entry in service.fleet.devices if entry.name in names]

    async def image() -> PlannedImage | None:
        if terms.image is None:
            return None
        if terms.by_url:
            return terms.url_image()
        path = _path(terms.image)
        source, digest = await hashed(path, parse_sha256(terms.sha256), dialog.say)
        return terms.file_image(str(path), digest, source.size_bytes)

    async def read(chosen: str | None) -> Planned:
        meant = await image()
        dialog.say(f"reading {plural(len(names), 'device')}…")
        await asyncio.wrap_future(service.read_once(names))
        views = views_of(service, listed)
        plan = terms.plan(meant, acting_first(terms.plan(meant, views), views))
        return Planned(plan, look_ahead(plan, views), rates)

    async def send(shown: Planned) -> Begun:
        fresh = await read(None)
        if fresh.plan.digest != shown.plan.digest:
            raise Blocked("the devices, or their images, are not what was shown", advice="look at them again")
        try:
            rollout, warning = await begin(app, service, shown.plan)
        except NotDriven as error:
            return Begun(error.rollout, str(error))
        words = "the rollout has begun; its engine goes on when this is quit"
        return Begun(rollout, "; ".join(filter(None, (words, warning))))

    def asking(shown: Planned) -> Ask:
        return Ask(lambda width: plan_lines(shown, glyphs, width), shown.token, closed=not shown.acting)

    deal = Deal("begin", read, asking, lambda shown, chosen: asyncio.ensure_future(send(shown)))
    dialog = ConfirmDialog(f"Begin the rollout to {plural(len(names), 'device')}", look_of(app), deal)
    sending = await ask(app, dialog)
    return None if sending is None else await asyncio.shield(sending)


def _version_there(views: list[DeviceView]) -> str:
    """Return the one version of all VALID images, "" where there are none or several."""
    found = {image.version for view in views if view.reading is not None for image in view.reading.valid}
    return next(iter(found)) or "" if len(found) == 1 else ""
