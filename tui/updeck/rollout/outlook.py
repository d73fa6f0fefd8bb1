"""What a plan will do to each device, or why not, as far as one look can tell. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from updeck.device.models import Reach, UpdateState
from updeck.fleet.views import DeviceView
from updeck.rollout.checks import (
    RolloutCheck,
    blocking_reason,
    installed_already,
    planned_images,
    rollout_checks,
)
from updeck.rollout.plan import Fence, Goal, Plan, Source, Via

__all__ = ["Fate", "Outlook", "acting_first", "look_ahead"]


class Fate(StrEnum):
    """What becomes of a device: it is brought to the goal, is there already, waits, or is skipped by a check."""

    ACTS = "acts"
    THERE = "there"
    WAITS = "waits"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outlook:
    """One device's part in the plan; `text` is what will happen to it, or why not, and names an insecure connection."""

    device: str
    wave: int
    fate: Fate
    text: str
    version: str | None
    checks: tuple[RolloutCheck, ...]


def look_ahead(plan: Plan, views: Iterable[DeviceView]) -> tuple[Outlook, ...]:
    """Return the outlook of each planned device, in the order of the plan."""
    by_name = {view.name: view for view in views}
    return tuple(_outlook(plan, by_name[device.name], device.wave) for device in plan.devices)


def acting_first(plan: Plan, views: Sequence[DeviceView]) -> list[DeviceView]:
    """Return the devices in their order, but those first that are sent something.

    A canary that is skipped, held or there already proves nothing for the waves after it.
    """
    fates = {one.device: one.fate for one in look_ahead(plan, views)}
    return sorted(views, key=lambda view: fates[view.name] is not Fate.ACTS)


def _outlook(plan: Plan, view: DeviceView, wave: int) -> Outlook:
    checks = rollout_checks(view, plan)
    fate, text = _fate(plan, view, checks)
    if view.entry.insecure and fate is not Fate.SKIPPED:
        text += "; insecure"
    return Outlook(view.name, wave, fate, text, view.version, checks)


def _fate(plan: Plan, view: DeviceView, checks: tuple[RolloutCheck, ...]) -> tuple[Fate, str]:
    blocked = blocking_reason(checks)
    reading = view.reading
    if blocked is not None:
        return Fate.SKIPPED, f"skipped: {blocked}"
    if view.reach is not Reach.OK or reading is None:
        reach = "not asked yet" if view.reach is None else view.reach.value
        return Fate.WAITS, f"waits: {reach}, {view.error or 'no good answer'}"
    if reading.update.state != UpdateState.IDLE:
        return Fate.WAITS, f"waits for a person: {reading.update.state}, not by this rollout"
    if installed_already(reading, plan):
        return Fate.THERE, f"nothing: {reading.version} runs already"
    steps = [] if planned_images(reading, plan.image) else [_transfer(plan)]
    if plan.until is not Goal.STAGED:
        steps.append("init")
    if plan.until is Goal.UPDATED:
        steps += ["a person", "start"] if plan.fence is Fence.START else ["start"]
    if not steps:
        return Fate.THERE, "nothing: the image is there"
    return Fate.ACTS, ", ".join(steps)


def _transfer(plan: Plan) -> str:
    assert plan.image.source is not Source.PRESENT
    return "fetch" if plan.via is Via.FETCH else "upload"
