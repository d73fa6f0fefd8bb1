"""A plan as JSON: `plan.json` for people and files, and the same in its one spelling for the journal.

Reading is strict: what is unknown, missing, of the wrong type or contradictory is refused by name, and so is a document
whose digest is not that of its contents (`contracts.md` 2, 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from updeck.errors import ConfigError, UsageError
from updeck.fleet.addresses import device_url
from updeck.fleet.inventory import check_label, check_name
from updeck.rollout.plan import (
    POLICY_VERSION,
    Fence,
    Goal,
    Json,
    Limits,
    Plan,
    PlannedDevice,
    PlannedImage,
    Promotion,
    Source,
    Via,
    canonical,
)
from updeck.rollout.strict_document import Document, parse_document
from updeck.rollout.window import Window, local_minute

__all__ = ["FORESEEN", "plan_document", "read_plan", "stored_plan"]

KEYS = (
    *("image", "until", "fence", "via", "devices", "limits", "bake_s", "promote", "window", "ticket"),
    *("allow_unverified", "allow_insecure", "version_path", "policy_version", "digest", "code"),
)
COUNT_MOST = 1_000_000
BAKE_MOST_S = 31 * 86_400
FORESEEN = "outlook"
"""What `rollout plan --json` adds for its reader; it says what was seen then and is no part of the plan."""


def plan_document(plan: Plan) -> dict[str, Json]:
    """Return `plan.json`: the plan, with its digest and code."""
    image = plan.image
    return {
        "image": {
            "version": image.version,
            "sha256": image.sha256,
            "size": image.size_bytes,
            "source": image.source.value,
            "location": image.location,
        },
        "until": plan.until.value,
        "fence": plan.fence.value,
        "via": plan.via.value,
        "devices": [_plain(device) for device in plan.devices],
        "limits": _plain(plan.limits),
        "bake_s": plan.bake_s,
        "promote": plan.promote.value,
        "window": None if plan.window is None else _window_document(plan.window),
        "ticket": plan.ticket,
        "allow_unverified": plan.allow_unverified,
        "allow_insecure": plan.allow_insecure,
        "version_path": None if plan.version_path is None else [list(pair) for pair in plan.version_path],
        "policy_version": plan.policy_version,
        "digest": plan.digest,
        "code": plan.code,
    }


def stored_plan(plan: Plan) -> str:
    """Return the plan as the journal keeps it: `plan_document` in its one spelling."""
    return canonical(plan_document(plan))


def read_plan(text: str, name: str) -> Plan:
    """Return the plan that a JSON text holds; `name` is what errors call it.

    Raises `ConfigError` for whatever is wrong with it, an edited plan among that.
    """
    root = parse_document(text, name)
    root.only(KEYS, (FORESEEN,))
    version = root.count("policy_version", 1)
    if version != POLICY_VERSION:
        raise ConfigError(
            f"{name} was made under the rules of version {version}, and these are version {POLICY_VERSION}",
            advice="plan anew",
        )
    try:
        plan = _plan(root)
    except UsageError as error:
        raise ConfigError(f"{name}: {error.message}", advice=error.advice) from None
    told = root.text("digest")
    if told != plan.digest:
        raise ConfigError(
            f"{name} was changed after it was made: it says its digest is {told[:16]}, and it is {plan.digest[:16]}",
            advice="plan anew",
        )
    if root.text("code") != plan.code:
        raise ConfigError(f"{name} was changed after it was made: its code is {plan.code}", advice="plan anew")
    return plan


def _plan(root: Document) -> Plan:
    window = root.optional_part("window")
    return Plan(
        image=_image(root.part("image")),
        devices=tuple(_device(part) for part in root.parts("devices")),
        until=root.choice("until", Goal),
        fence=root.choice("fence", Fence),
        via=root.choice("via", Via),
        limits=_limits(root.part("limits")),
        bake_s=root.count("bake_s", 0, BAKE_MOST_S),
        promote=root.choice("promote", Promotion),
        window=None if window is None else _window(window),
        ticket=root.text("ticket"),
        allow_unverified=root.flag("allow_unverified"),
        allow_insecure=root.flag("allow_insecure"),
        version_path=root.optional_pairs("version_path"),
    )


def _image(part: Document) -> PlannedImage:
    part.only(("version", "sha256", "size", "source", "location"))
    return PlannedImage(
        version=part.text("version"),
        source=part.choice("source", Source),
        sha256=part.optional_text("sha256"),
        size_bytes=part.optional_count("size", 1),
        location=part.optional_text("location"),
    )


def _device(part: Document) -> PlannedDevice:
    part.only([field.name for field in fields(PlannedDevice)])
    site, pair = part.optional_text("site"), part.optional_text("pair")
    return PlannedDevice(
        name=check_name(part.text("name")),
        url=device_url(part.text("url")),
        wave=part.count("wave", 1, COUNT_MOST),
        serial=part.text("serial"),
        device_name=part.text("device_name"),
        model=part.text("model"),
        site=None if site is None else check_label(site),
        pair=None if pair is None else check_label(pair),
    )


def _limits(part: Document) -> Limits:
    part.only([field.name for field in fields(Limits)])
    return Limits(
        max_parallel=part.optional_count("max_parallel", 1, COUNT_MOST),
        max_transfers=part.optional_count("max_transfers", 1, COUNT_MOST),
        limit_rate=part.optional_count("limit_rate", 1),
        max_per_site=part.optional_count("max_per_site", 1, COUNT_MOST),
        max_failures=part.count("max_failures", 0, COUNT_MOST),
    )


def _window(part: Document) -> Window:
    part.only(("opens", "closes", "last_start", "tz"))
    opens, closes, last_start = (local_minute(part.text(key)) for key in ("opens", "closes", "last_start"))
    return Window(opens, closes, last_start, part.text("tz"))


def _window_document(window: Window) -> dict[str, Json]:
    return {
        "opens": f"{window.opens:%Y-%m-%dT%H:%M}",
        "closes": f"{window.closes:%Y-%m-%dT%H:%M}",
        "last_start": f"{window.last_start:%Y-%m-%dT%H:%M}",
        "tz": window.tz,
    }


def _plain(value: PlannedDevice | Limits) -> Mapping[str, Json]:
    return {field.name: getattr(value, field.name) for field in fields(value)}
