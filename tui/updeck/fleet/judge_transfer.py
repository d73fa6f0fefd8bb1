"""Judging transfers and deletions: what of ours is on the device, is it whole, and is it what was meant. Pure."""

from __future__ import annotations

from updeck.device.models import Image, ImageState
from updeck.device.versions import same_version
from updeck.fleet.ruling import Patience, Ruling, Seen, Timers, outcome_unknown, past, running
from updeck.fleet.views import Phase
from updeck.journal.models import Intent, Op, Outcome, Verdict

__all__ = ["judge_delete", "judge_transfer", "transferred_image"]


def transferred_image(intent: Intent, images: tuple[Image, ...]) -> Image | None:
    """Return the image that came from our transfer: with our checksum, or the newest that the baseline lacks.

    A VALID image with the file's checksum counts whatever its id: the bytes are what matters (`rollout.md` 6).
    """
    checksum = intent.baseline.checksum
    fresh = [image for image in images if image.id is not None and image.id not in intent.baseline.image_ids]
    if checksum is not None:
        ours = [image for image in images if image.checksum == checksum and image.state == ImageState.VALID]
        if ours:
            return ours[-1]
    return max(fresh, key=lambda image: image.id or 0) if fresh else None


def judge_transfer(intent: Intent, timers: Timers, seen: Seen, patience: Patience) -> Ruling:
    """Judge an upload or fetch after a good poll (`rollout.md` 5, 6)."""
    image = transferred_image(intent, seen.images)
    if image is None:
        return _nothing_there(intent, timers, patience)
    match image.state:
        case ImageState.VALID:
            return _arrived(intent, image)
        case ImageState.INVALID | ImageState.UPLOAD_ERROR:
            text = image.state_description or "no description"
            reason = f"{_broke_off(intent)}image {image.id} is {image.state}: {text}"
            return running(Phase.ENDED, text).ended(Verdict.TRANSFER_FAILED, reason)
        case ImageState.VALIDATING:
            soft = past(timers, patience.validating_soft, polls=1)
            ruling = running(Phase.VALIDATING, "validating", soft=soft)
            if past(timers, patience.validating_hard):
                return ruling.ended(Verdict.TRANSFER_FAILED, "VALIDATING does not end")
            return ruling
        case _:
            return _transferring(intent, image, timers, patience)


def _nothing_there(intent: Intent, timers: Timers, patience: Patience) -> Ruling:
    ruling = running(Phase.TRANSFERRING, f"{intent.op.value} sent, no image yet")
    if past(timers, patience.upload_stall):
        return ruling.ended(Verdict.TRANSFER_FAILED, f"{_broke_off(intent)}no image of this transfer is on the device")
    return ruling


def _broke_off(intent: Intent) -> str:
    """Return what broke the transfer off on our side, to be put before what the device says of it."""
    row = intent.outcome
    return f"{row.error}; " if row is not None and row.outcome is Outcome.UNKNOWN and row.error else ""


def _transferring(intent: Intent, image: Image, timers: Timers, patience: Patience) -> Ruling:
    verb = "fetching" if intent.op is Op.FETCH else "receiving"
    percent = "" if image.progress is None else f" {image.progress:.0f} %"
    soft_s, hard_s = patience.fetch_soft, patience.fetch_hard
    if intent.op is Op.UPLOAD and outcome_unknown(intent):
        soft_s, hard_s = patience.upload_stall, patience.fetch_soft
    ruling = running(Phase.TRANSFERRING, f"{verb}{percent}", soft=past(timers, soft_s, polls=1))
    if past(timers, hard_s):
        reason = f"{_broke_off(intent)}image {image.id} makes no progress in {image.state}"
        return ruling.ended(Verdict.TRANSFER_FAILED, reason)
    return ruling


def _arrived(intent: Intent, image: Image) -> Ruling:
    ruling = running(Phase.ENDED, "image is VALID")
    meant = intent.baseline
    name = f"image {image.id} {image.version or 'without version'}"
    if meant.checksum is not None and image.checksum is not None and image.checksum != meant.checksum:
        return ruling.ended(
            Verdict.TRANSFER_FAILED, f"{name} has the checksum {image.checksum[:12]}…, not {meant.checksum[:12]}…"
        )
    if meant.expected is not None and image.version is not None and not same_version(image.version, meant.expected):
        return ruling.ended(Verdict.TRANSFER_FAILED, f"{name} is not the version that was meant, {meant.expected}")
    if meant.checksum is not None and image.checksum == meant.checksum:
        return ruling.ended(Verdict.STAGED, f"{name} is VALID, checksum proven")
    reason = "no checksum was given to compare" if meant.checksum is None else "the device names no checksum"
    return ruling.ended(Verdict.STAGED, f"{name} is VALID, unverified: {reason}")


def judge_delete(intent: Intent, timers: Timers, seen: Seen, patience: Patience) -> Ruling:
    """Judge a deletion after a good poll: done when the image is gone."""
    wanted = intent.detail.get("image_id", "")
    if all(str(image.id) != wanted for image in seen.images):
        return running(Phase.ENDED, "deleted").ended(None, f"image {wanted} is deleted")
    ruling = running(Phase.HELD, f"delete sent, image {wanted} still there")
    if past(timers, patience.reset_soft):
        return ruling.ended(None, f"image {wanted} is still there: not deleted")
    return ruling
