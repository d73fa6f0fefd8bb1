"""A plan in words, as a person reads it before confirming it, and what was found about its devices. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from updeck.device.fetch_url import masked
from updeck.fleet.orders import Result
from updeck.rollout.outlook import Fate, Outlook
from updeck.rollout.plan import Fence, Plan, Promotion, Source
from updeck.rollout.standing import stops_at
from updeck.text import plural

__all__ = ["plan_facts", "warnings"]


def warnings(outlooks: Sequence[Outlook]) -> list[str]:
    """Return what checks found beyond what keeps a device out, and how many devices something was not checked on."""
    told = [
        f"{one.device}: {check.name}: {check.reason}"
        for one in outlooks
        if one.fate is Fate.ACTS
        for check in one.checks
        if check.result in (Result.FAIL, Result.ERROR)
    ]
    unchecked = Counter(
        f"{check.name} {check.reason}"
        for one in outlooks
        if one.fate is Fate.ACTS
        for check in one.checks
        if check.result is Result.SKIPPED
    )
    return told + [f"{plural(count, 'device')}: {words}" for words, count in unchecked.items()]


def plan_facts(plan: Plan) -> Iterator[tuple[str, str]]:
    """Return what a person consents to: what it is, and its value."""
    person = ", each waits for a person before its start" if plan.fence is Fence.START else ""
    yield "goal", f"{plan.until.words}, {plan.image.version}{person}"
    yield "image", _image(plan)
    yield "waves", _waves(plan)
    yield "limits", _limits(plan)
    yield "limit", stops_at(plan.limits.max_failures, len(plan.devices))
    if plan.window is not None:
        yield "window", plan.window.describe()
    allowed = [
        word for word, is_so in (("unverified", plan.allow_unverified), ("insecure", plan.allow_insecure)) if is_so
    ]
    if allowed:
        yield "allowed", ", ".join(allowed)
    if plan.ticket:
        yield "ticket", plan.ticket


def _image(plan: Plan) -> str:
    image = plan.image
    sha256 = "not pinned by a checksum" if image.sha256 is None else f"sha256 {image.sha256}"
    match image.source:
        case Source.PRESENT:
            return f"the one on the devices, {sha256}"
        case Source.URL:
            return f"{masked(image.location or '')}, {sha256}"
        case Source.FILE:
            return f"{image.location}, {image.size_bytes} bytes, {sha256}"


def _waves(plan: Plan) -> str:
    sizes = Counter(device.wave for device in plan.devices)
    words = " + ".join(str(sizes[wave]) for wave in sorted(sizes)) + (
        " device" if len(plan.devices) == 1 else " devices"
    )
    if plan.waves == 1:
        return words
    bake = f" after {_duration(plan.bake_s)}" if plan.bake_s else ""
    return f"{words}; the next opens{bake} " + (
        "when a person promotes it" if plan.promote is Promotion.MANUAL else "by itself"
    )


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds % 60 else f"{seconds // 60} min"


def _limits(plan: Plan) -> str:
    limits = plan.limits
    words = [
        "any number of boxes down"
        if limits.max_parallel is None
        else f"{plural(limits.max_parallel, 'box', 'boxes')} down"
    ]
    if limits.max_per_site is not None:
        words.append(f"{limits.max_per_site} per site")
    if limits.max_transfers is not None:
        words.append(plural(limits.max_transfers, "transfer"))
    if limits.limit_rate is not None:
        words.append(f"{limits.limit_rate / 1e6:g} MB/s in all")
    return "at once " + ", ".join(words)
