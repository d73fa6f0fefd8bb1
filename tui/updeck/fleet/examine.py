"""What a dialog shows before something is sent: a fresh reading put beside the rules. Pure."""

from __future__ import annotations

from updeck.device.models import Image
from updeck.device.versions import same_version
from updeck.fleet.orders import Check, Examination, Result
from updeck.fleet.rules import Situation, refusal, target_of, target_source, weight
from updeck.fleet.views import DeviceView, Reading
from updeck.journal.models import Baseline, Op

__all__ = ["INSECURE", "baseline_of", "build_examination"]

INSECURE = "insecure connection: nobody can tell who answers"
"""The warning that a dialog shows in red."""

CLOCK_SHOWN_S = 60.0
CLOCK_WARNED_S = 300.0

_CONSEQUENCES = {
    Op.UPLOAD: "The file is sent to the device; nothing that runs is touched.",
    Op.FETCH: "The device downloads the image itself; nothing that runs is touched.",
    Op.DELETE: "The image is deleted from the device; it has to be sent again to be used.",
    Op.INIT: "The device unpacks the image and prepares; it may not be reachable for a while.",
    Op.START: "The box goes down and is not reachable for a while.",
    Op.RESET: "Un-init: back to IDLE, no reboot.",
}


def baseline_of(
    reading: Reading,
    url: str,
    *,
    expected: str | None = None,
    checksum: str | None = None,
    size_bytes: int | None = None,
) -> Baseline:
    """Return what is recorded right before a mutating call (`rollout.md` 4)."""
    update, info = reading.update, reading.info
    history = sorted(
        ((entry.time, entry.version) for entry in update.history), key=lambda entry: (entry[0] or 0, entry[1] or "")
    )
    return Baseline(
        observed_at=reading.at,
        state=update.state,
        last_state_time=update.last_state_time,
        target_version=update.target_version,
        history=tuple(history),
        sw_version="" if info is None else info.sw_version,
        serial="" if info is None else info.serial,
        device_name="" if info is None else info.device_name,
        model="" if info is None else info.model,
        url=url,
        image_ids=tuple(image.id for image in reading.images if image.id is not None),
        expected=expected,
        checksum=checksum,
        size_bytes=size_bytes,
    )


def build_examination(
    op: Op, view: DeviceView, seen: Situation, *, image_id: int | None, label: str | None = None
) -> Examination:
    """Return what a fresh reading says about one operation; `seen.reading` is None when the poll was not good."""
    reading = seen.reading
    image = _image(op, reading, image_id, seen.named)
    target = _target(op, reading, image, seen.named)
    choices = _choices(op, reading)
    forbidden = refusal(op, seen)
    if op is Op.INIT and choices and seen.named is None and forbidden is not None:
        named = [refusal(op, _named(seen, choice)) for choice in choices]
        forbidden = None if None in named else forbidden
    if op is Op.DELETE and forbidden is None and image is None:
        forbidden = f"there is no image {image_id} on the device"
    return Examination(
        op=op,
        device=view.name,
        view=view,
        reading=reading,
        refusal=forbidden,
        weight=weight(op),
        token=_token(op, view, target),
        target=target,
        image=image,
        choices=choices,
        checks=_checks(op, view, seen, target, image),
        warnings=_warnings(op, view, reading),
        consequence=_CONSEQUENCES[op],
    )


def _named(seen: Situation, version: str) -> Situation:
    return Situation(seen.entry, seen.reach, seen.error, seen.reading, seen.record, version, seen.image)


def _image(op: Op, reading: Reading | None, image_id: int | None, named: str | None) -> Image | None:
    if reading is None:
        return None
    if op is Op.DELETE:
        return next((image for image in reading.images if image.id == image_id), None)
    if op is Op.START:
        return target_source(reading)
    if op is Op.INIT and named is not None:
        return next((one for one in reading.valid if one.version and same_version(one.version, named)), None)
    return reading.valid[0] if op is Op.INIT and len(reading.valid) == 1 else None


def _target(op: Op, reading: Reading | None, image: Image | None, named: str | None) -> str | None:
    if reading is None:
        return None
    if op is Op.START:
        return target_of(reading)
    if op is Op.INIT:
        return named or (image.version if image else None)
    return reading.update.target_version if op is Op.RESET else None


def _choices(op: Op, reading: Reading | None) -> tuple[str, ...]:
    if op is not Op.INIT or reading is None or len(reading.valid) < 2:
        return ()
    return tuple(dict.fromkeys(image.version for image in reading.valid if image.version))


def _token(op: Op, view: DeviceView, target: str | None) -> str:
    if op is not Op.START or target is None:
        return view.name
    version = target.split(" #")[0]
    return f"{view.name} {version} insecure" if view.entry.insecure else f"{view.name} {version}"


def _checks(op: Op, view: DeviceView, seen: Situation, target: str | None, image: Image | None) -> tuple[Check, ...]:
    reading = seen.reading
    if reading is None:
        return (Check("answers", Result.FAIL, seen.error or "no good answer"),)
    checks = [
        Check("answers", Result.OK, f"fresh answer, {reading.update.state}"),
        _trust_check(view),
        _identity_check(view, reading),
        _clock_check(reading),
    ]
    if op in (Op.INIT, Op.START):
        checks += [_image_check(seen, image), _installed_check(reading, target)]
    return tuple(checks)


def _trust_check(view: DeviceView) -> Check:
    if view.entry.insecure:
        return Check("certificate", Result.FAIL, "the connection is insecure")
    return Check("certificate", Result.OK, view.tls_note or "trusted")


def _identity_check(view: DeviceView, reading: Reading) -> Check:
    identity = reading.identity(view.url)
    if identity.serial or identity.name:
        return Check("identity", Result.OK, identity.describe())
    return Check("identity", Result.SKIPPED, "not checked: the device names no serial")


def _clock_check(reading: Reading) -> Check:
    offset = reading.clock_offset_s
    if offset is None:
        return Check("clock", Result.SKIPPED, "not checked: the device sends no date")
    if abs(offset) > CLOCK_WARNED_S:
        return Check("clock", Result.FAIL, f"the device's clock is off by {offset / 60:+.0f} min")
    return Check(
        "clock", Result.OK, f"within {CLOCK_SHOWN_S:.0f} s" if abs(offset) <= CLOCK_SHOWN_S else f"{offset:+.0f} s"
    )


def _image_check(seen: Situation, image: Image | None) -> Check:
    if image is None:
        return Check("image", Result.ERROR, "cannot be told which image is meant")
    if image.checksum is None:
        return Check("image", Result.SKIPPED, f"not checked: the device names no checksum of image {image.id}")
    if image.checksum in seen.record.proven_checksums:
        return Check("image", Result.OK, f"image {image.id} is what we sent, checksum {image.checksum[:12]}…")
    return Check("image", Result.SKIPPED, f"image {image.id}, checksum {image.checksum[:12]}…, was not sent from here")


def _installed_check(reading: Reading, target: str | None) -> Check:
    running = reading.version
    if target is None or running is None:
        return Check("already installed", Result.SKIPPED, "not checked: a version is not known")
    if same_version(target, running):
        return Check("already installed", Result.FAIL, f"{running} runs already")
    return Check("already installed", Result.OK, f"{running} runs now")


def _warnings(op: Op, view: DeviceView, reading: Reading | None) -> tuple[str, ...]:
    found: list[str] = []
    if view.entry.insecure:
        found.append(INSECURE)
    if reading is None:
        return tuple(found)
    if reading.update.state == "FAILED_CRITICAL" and op is Op.RESET:
        found.append("call support first: the system may be inconsistent")
    if op is Op.START and reading.update.target_version is None:
        found.append("the device names no target; the version is that of its one VALID image")
    offset = reading.clock_offset_s
    if offset is not None and abs(offset) > CLOCK_WARNED_S:
        found.append(f"the device's clock is off by {offset / 60:+.0f} min")
    return tuple(found)
