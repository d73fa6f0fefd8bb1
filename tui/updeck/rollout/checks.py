"""What is checked of a device before a rollout begins with it: four results, each with its reason. Pure.

What a device does not tell is "not checked", never ok. A *blocking* check that is not ok makes the engine skip the
device; the others are there for the person who reads the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from updeck.clock import rfc3339
from updeck.device.fetch_url import check_fetch_url
from updeck.device.models import Image, Reach, UpdateState
from updeck.device.versions import newer, same_version
from updeck.errors import UpdeckError
from updeck.fleet.examine import CLOCK_SHOWN_S, CLOCK_WARNED_S
from updeck.fleet.orders import Check, Result
from updeck.fleet.views import DeviceView, Reading
from updeck.rollout.plan import Goal, Plan, PlannedImage, Source
from updeck.rollout.version_path import leads

__all__ = ["RolloutCheck", "blocking_reason", "installed_already", "planned_images", "rollout_checks"]

UNSEEN = "not checked: no good answer"


@dataclass(frozen=True, slots=True)
class RolloutCheck(Check):
    """A check; `blocking` where what it found keeps the device out of the rollout."""

    blocking: bool = False


def rollout_checks(view: DeviceView, plan: Plan, *, rollout: str | None = None) -> tuple[RolloutCheck, ...]:
    """Return all checks of a device as its newest poll left it. `rollout` is the plan's own, once registered."""
    reading = view.reading if view.reach is Reach.OK else None
    found = [_reachable(view), _login(view), _service(view), _trust(view, plan), _identity(view, plan, reading)]
    found.append(_free(view, rollout))
    found += [check(view, plan, reading) if reading else _unseen(name) for name, check in _READING_CHECKS.items()]
    if plan.image.source is Source.URL:
        found.append(_url(view, plan, reading) if reading else _unseen("fetch"))
    return tuple(found)


def blocking_reason(checks: tuple[RolloutCheck, ...]) -> str | None:
    """Return why the device is skipped, None where it is not."""
    return next((f"{check.name}: {check.reason}" for check in checks if check.blocking), None)


def planned_images(reading: Reading, meant: PlannedImage) -> tuple[Image, ...]:
    """Return the VALID images on the device that are the planned one: by its checksum where known, else by version."""
    if meant.sha256 is not None:
        return tuple(image for image in reading.valid if image.checksum == meant.sha256)
    return tuple(image for image in reading.valid if image.version and same_version(image.version, meant.version))


def installed_already(reading: Reading, plan: Plan) -> bool:
    """Whether the device runs the planned version."""
    return reading.version is not None and same_version(reading.version, plan.image.version)


def _ok(name: str, reason: str) -> RolloutCheck:
    return RolloutCheck(name, Result.OK, reason)


def _fail(name: str, reason: str, *, blocking: bool = False) -> RolloutCheck:
    return RolloutCheck(name, Result.FAIL, reason, blocking)


def _error(name: str, reason: str, *, blocking: bool = False) -> RolloutCheck:
    return RolloutCheck(name, Result.ERROR, reason, blocking)


def _unseen(name: str, reason: str = UNSEEN) -> RolloutCheck:
    return RolloutCheck(name, Result.SKIPPED, reason)


def _reachable(view: DeviceView) -> RolloutCheck:
    if view.reach is None:
        return _unseen("reachable", "not checked: not asked yet")
    if view.reach is Reach.UNREACHABLE:
        return _fail("reachable", view.error or "no answer")
    return _ok("reachable", "it answers")


def _login(view: DeviceView) -> RolloutCheck:
    if view.reach is Reach.AUTH:
        return _fail("login", view.error or "the login is refused")
    return _ok("login", "accepted") if view.reach is Reach.OK else _unseen("login")


def _service(view: DeviceView) -> RolloutCheck:
    match view.reach:
        case Reach.OK:
            return _ok("service", "npm.system_update 2.0")
        case Reach.UNSUPPORTED:
            return _fail("service", view.error or "no npm.system_update 2.0", blocking=True)
        case Reach.GARBLED:
            return _error("service", view.error or "its answers break the schema")
        case _:
            return _unseen("service")


def _trust(view: DeviceView, plan: Plan) -> RolloutCheck:
    if view.entry.insecure:
        allowed = plan.allow_insecure
        words = "the connection is insecure" + (", and the plan allows that" if allowed else "")
        return _fail("trust", words, blocking=not allowed)
    if view.reach is Reach.TRUST:
        return _fail("trust", view.error or "the certificate is not the trusted one")
    if view.reach in (Reach.OK, Reach.AUTH, Reach.UNSUPPORTED):
        return _ok("trust", view.tls_note or "the certificate is trusted")
    return _unseen("trust")


def _identity(view: DeviceView, plan: Plan, reading: Reading | None) -> RolloutCheck:
    if view.reach is Reach.IDENTITY:
        return _fail("identity", view.error or "another box answers")
    if reading is None:
        return _unseen("identity")
    identity = reading.identity(view.url)
    if not identity.serial:
        return _unseen("identity", f"not checked: no serial, it is known by {identity.describe()}")
    return _ok("identity", identity.describe())


def _free(view: DeviceView, rollout: str | None) -> RolloutCheck:
    other = view.record.rollout
    if other is not None and other.id != rollout:
        return _fail("free", f"it belongs to the unfinished rollout {other.id}", blocking=True)
    if view.record.start_unresolved and rollout is None:
        return _fail("free", "its last start ended in REVIEW, which nobody has resolved", blocking=True)
    return _ok("free", "no unfinished rollout")


def _state(view: DeviceView, plan: Plan, reading: Reading) -> RolloutCheck:
    update = reading.update
    since = rfc3339(update.last_state_time) if 0 <= update.last_state_time < 1 << 33 else None
    words = f"{update.state} since {since or update.last_state_time}"
    match update.state:
        case UpdateState.IDLE:
            return _ok("state", words)
        case UpdateState.INITIALIZED:
            return _fail("state", f"{words}: not by this rollout, it waits until a person adopts it")
        case UpdateState.INITIALIZING | UpdateState.RUNNING:
            return _fail("state", f"{words}: someone else acts on it: hands off")
        case _:
            description = f' "{update.state_description}"' if update.state_description else ""
            return _fail("state", words + description, blocking=True)


def _clock(view: DeviceView, plan: Plan, reading: Reading) -> RolloutCheck:
    offset = reading.clock_offset_s
    if offset is None:
        return _unseen("clock", "not checked: the device sends no date")
    if abs(offset) > CLOCK_WARNED_S:
        return _fail("clock", f"the device's clock is off by {offset / 60:+.0f} min")
    return _ok("clock", f"within {CLOCK_SHOWN_S:.0f} s" if abs(offset) <= CLOCK_SHOWN_S else f"off by {offset:+.0f} s")


def _installed(view: DeviceView, plan: Plan, reading: Reading) -> RolloutCheck:
    running, meant = reading.version, plan.image.version
    if running is None:
        return _unseen("installed", "not checked: the device names no version that it runs")
    if same_version(running, meant):
        return _fail("installed", f"{running} runs already")
    if newer(running, meant):
        wanted = plan.until is Goal.STAGED or (
            plan.version_path is not None and leads(plan.version_path, running, meant)
        )
        return _fail("installed", f"{running} runs now, which is newer than {meant}", blocking=not wanted)
    return _ok("installed", f"{running} runs now")


def _image(view: DeviceView, plan: Plan, reading: Reading) -> RolloutCheck:
    images = planned_images(reading, plan.image)
    if not images:
        if plan.image.source is Source.PRESENT and not installed_already(reading, plan):
            return _fail("image", f"no VALID image {_meant(plan)} is on the device", blocking=True)
        return _unseen("image", "not checked: it is not on the device")
    sums = {image.checksum for image in images}
    if len(sums) > 1:
        return _fail("image", f"{len(images)} different images say they are {plan.image.version}", blocking=True)
    if plan.image.sha256 is not None:
        return _ok("image", f"image {images[-1].id}, checksum {plan.image.sha256[:12]}…")
    blocking = None in sums and not (plan.allow_unverified or plan.until is Goal.STAGED)
    words = f"not checked: image {images[-1].id}, and no checksum to compare"
    return RolloutCheck("image", Result.SKIPPED, words, blocking)


def _meant(plan: Plan) -> str:
    sha256 = plan.image.sha256
    return plan.image.version + ("" if sha256 is None else f", checksum {sha256[:12]}…,")


def _several(view: DeviceView, plan: Plan, reading: Reading) -> RolloutCheck:
    others = [image for image in reading.valid if image not in planned_images(reading, plan.image)]
    if not others:
        return _ok("other images", "none is VALID")
    named = ", ".join(image.version or f"image {image.id}" for image in others)
    return _fail("other images", f"VALID too: {named}; init names no image, so its target decides")


def _room(view: DeviceView, plan: Plan, reading: Reading) -> RolloutCheck:
    if planned_images(reading, plan.image):
        return _unseen("room", "not checked: the image is there")
    return _unseen("room", "not checked: the device does not tell how much there is")


def _path(view: DeviceView, plan: Plan, reading: Reading) -> RolloutCheck:
    running, meant = reading.version, plan.image.version
    if plan.version_path is None:
        return _unseen("version path", "not checked: no file tells which updates are supported")
    if running is None:
        return _error("version path", "the device names no version that it runs", blocking=True)
    if same_version(running, meant):
        return _unseen("version path", "not checked: the version runs already")
    if not leads(plan.version_path, running, meant):
        return _fail("version path", f"{running} to {meant} is not among the supported updates", blocking=True)
    return _ok("version path", f"{running} to {meant} is supported")


def _url(view: DeviceView, plan: Plan, reading: Reading) -> RolloutCheck:
    if planned_images(reading, plan.image) or installed_already(reading, plan):
        return _unseen("fetch", "not checked: nothing needs to be fetched")
    try:
        host = check_fetch_url(plan.image.location or "", allow_local=view.entry.fetch_local).host
    except UpdeckError as error:
        return _fail("fetch", error.message, blocking=True)
    return _ok("fetch", f"the device will contact {host}")


_READING_CHECKS: dict[str, Callable[[DeviceView, Plan, Reading], RolloutCheck]] = {
    "state": _state,
    "clock": _clock,
    "installed": _installed,
    "version path": _path,
    "image": _image,
    "other images": _several,
    "room": _room,
}
