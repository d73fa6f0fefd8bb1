"""Uploads and fetches as plans with the goal `staged`: driven by an engine of their own, told when they are over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from updeck.device.models import UpdateState
from updeck.fleet.transfers import AT_ONCE
from updeck.journal.models import Verdict
from updeck.journal.plan_models import MemberRecord
from updeck.rollout.draft import staging_plan
from updeck.rollout.plan import PlannedImage, Source
from updeck.rollout.standing import ended
from updeck.rollout.terms import PATH_LIMIT
from updeck.text import clean
from updeck.ui.flows.asking import views_of
from updeck.ui.flows.engines import begin, journal_of, why_no_engine

if TYPE_CHECKING:
    from updeck.fleet.orders import FetchOrder, UploadOrder
    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = ["fetched_image", "plannable", "stage", "uploaded_image"]

LOOK_S = 1.0
"""How often it is looked whether the engine is through."""

_THERE = (Verdict.STAGED, Verdict.ALREADY_INSTALLED)


def uploaded_image(order: UploadOrder) -> PlannedImage | None:
    """Return the file as a plan names it; None where it cannot: without a version, or by a path that no text spells."""
    path = str(order.path.absolute())
    if order.version is None or clean(path, PATH_LIMIT) != path:
        return None
    return PlannedImage(order.version, Source.FILE, order.sha256, order.size_bytes, path)


def fetched_image(order: FetchOrder) -> PlannedImage | None:
    """Return the URL as a plan names it; None where nobody said which image it has to be."""
    if order.sha256 is None or order.version is None:
        return None
    return PlannedImage(order.version, Source.URL, order.sha256, None, order.url)


def plannable(service: FleetService, image: PlannedImage | None, names: Sequence[str]) -> tuple[str, ...]:
    """Return the devices that an engine may bring the image to; the others are a person's.

    In FAILED_GRACEFUL a person may upload, to look further, and an engine does nothing (`rollout.md` 2).
    """
    if image is None or why_no_engine(service) is not None:
        return ()
    return tuple(view.name for view in views_of(service, names) if view.state == UpdateState.IDLE)


async def stage(
    app: UpdeckApp, service: FleetService, image: PlannedImage, names: Sequence[str]
) -> tuple[dict[str, asyncio.Future[str | None]], str | None]:
    """Have an engine bring an image to devices.

    Returns by device the future of why it does not hold the image in the end, None where it does; and what may end
    the engine. Raises `UpdeckError` where no engine drives it.
    """
    loop = asyncio.get_running_loop()
    plan = staging_plan(image, views_of(service, names), at_once=AT_ONCE)
    rollout, warning = await begin(app, service, plan)
    ends: dict[str, asyncio.Future[str | None]] = {name: loop.create_future() for name in names}
    app.run_worker(_follow(service, rollout, ends), exit_on_error=False)
    return ends, warning


async def _follow(service: FleetService, rollout: str, ends: Mapping[str, asyncio.Future[str | None]]) -> None:
    """Tell how each device ended once it has, however long the rollout has no engine."""
    journal = journal_of(service)
    seen = -1
    while not all(future.done() for future in ends.values()):
        token = await asyncio.to_thread(journal.change_token)
        if token != seen:
            seen = token
            for member in (await asyncio.to_thread(journal.rollout, rollout)).members:
                if ended(member) and not ends[member.device].done():
                    ends[member.device].set_result(_why(member))
        await asyncio.sleep(LOOK_S)


def _why(member: MemberRecord) -> str | None:
    end = member.attempt.end
    if end is None or end.verdict in _THERE:
        return None
    return f"{end.verdict}: {end.reason}" if end.reason else str(end.verdict)
