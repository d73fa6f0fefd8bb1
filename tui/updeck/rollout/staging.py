"""Getting the planned image onto a device in IDLE, and past it to init. Pure; part of `decide`."""

from __future__ import annotations

from updeck.device.models import Image, ImageState
from updeck.device.versions import same_version
from updeck.fleet.judge import step
from updeck.fleet.ruling import Timers
from updeck.fleet.views import Phase
from updeck.journal.models import Intent, Op, Outcome, Verdict
from updeck.journal.plan_models import MilestoneKind
from updeck.rollout.decision import Case, Decision, End, Hold, Reached, Send, Wait, Watch
from updeck.rollout.plan import Goal, Source, Via

__all__ = ["planned_image", "stage"]

TRIES_MOST = 3
"""Sendings of one image in an attempt: the first and two more (`rollout.md` 6)."""


def planned_image(case: Case) -> Image | None:
    """Return the VALID image on the device that is the planned one: by its checksum, else by its version.

    An image of another checksum is never taken for it, whatever version it says.
    """
    meant = case.plan.image
    valid = [image for image in case.seen.images if image.state == ImageState.VALID]
    if meant.sha256 is not None:
        exact = [image for image in valid if image.checksum == meant.sha256]
        if exact:
            return exact[-1]
    named = [image for image in valid if image.version is not None and same_version(image.version, meant.version)]
    if meant.sha256 is None:
        return named[-1] if named else None
    ours = case.last(Op.UPLOAD, Op.FETCH)
    unnamed = [image for image in named if image.checksum is None]
    if ours is None or not unnamed or unnamed[-1].id in ours.baseline.image_ids:
        return None
    return unnamed[-1]


def stage(case: Case, timers: Timers) -> tuple[Timers, Decision]:
    """Return the next step of a device in IDLE, or of one that does not answer during a transfer of ours."""
    version = case.running_version
    if version is not None and same_version(version, case.plan.image.version) and not case.attempt.intents:
        return timers, End(Verdict.ALREADY_INSTALLED, f"{version} runs already")
    image = planned_image(case)
    if image is not None:
        return timers, _staged(case, image)
    transfer = case.last(Op.UPLOAD, Op.FETCH)
    if transfer is not None:
        return _transferring(case, transfer, timers)
    if case.plan.image.source is Source.PRESENT:
        return timers, End(Verdict.SKIPPED, f"no VALID image {case.plan.image.version} is on the device")
    return timers, _send_transfer(case, 1)


def _send_transfer(case: Case, try_: int) -> Decision:
    op = Op.FETCH if case.plan.via is Via.FETCH else Op.UPLOAD
    reason = case.why_not(op)
    return Send(op, try_) if reason is None else Wait(Phase.WAITING, reason)


def _staged(case: Case, image: Image) -> Decision:
    meant = case.plan.image
    if image.version is not None and not same_version(image.version, meant.version):
        return End(Verdict.TRANSFER_FAILED, f"image {image.id} is {image.version}, not {meant.version}")
    if case.milestone(MilestoneKind.STAGED) is None:
        return Reached(MilestoneKind.STAGED, checksum=image.checksum)
    if case.plan.until is Goal.STAGED:
        return End(Verdict.STAGED, f"image {image.id} {image.version or ''} is VALID")
    if image.checksum is None and not case.plan.allow_unverified:
        return Hold("unverified: the device names no checksum of its image")
    reason = case.why_not(Op.INIT)
    return Send(Op.INIT) if reason is None else Wait(Phase.WAITING, reason)


def _transferring(case: Case, transfer: Intent, timers: Timers) -> tuple[Timers, Decision]:
    if transfer.outcome is not None and transfer.outcome.outcome is Outcome.REFUSED:
        return timers, End(Verdict.TRANSFER_FAILED, transfer.outcome.error or f"{transfer.op.value} was refused")
    deleted = case.last(Op.DELETE)
    if deleted is not None and deleted.try_ == transfer.try_:
        return _deleting(case, transfer, deleted, timers)
    timers, ruling = step(transfer, timers, case.seen, case.patience)
    if ruling.ending is None:
        return timers, Watch(ruling)
    broken = _broken_and_ours(case, transfer)
    if broken is not None and transfer.try_ < TRIES_MOST:
        return timers, Send(Op.DELETE, transfer.try_, broken.id)
    return timers, End(Verdict.TRANSFER_FAILED, ruling.ending.reason)


def _broken_and_ours(case: Case, transfer: Intent) -> Image | None:
    """Return the one new image that broke off, None where it cannot be told which one is ours."""
    new = [image for image in case.seen.images if image.id not in transfer.baseline.image_ids]
    if len(new) == 1 and new[0].state == ImageState.UPLOAD_ERROR and new[0].id is not None:
        return new[0]
    return None


def _deleting(case: Case, transfer: Intent, deleted: Intent, timers: Timers) -> tuple[Timers, Decision]:
    if deleted.outcome is not None and deleted.outcome.outcome is Outcome.REFUSED:
        return timers, End(Verdict.TRANSFER_FAILED, "its broken image could not be deleted")
    timers, ruling = step(deleted, timers, case.seen, case.patience)
    if ruling.ending is None:
        return timers, Watch(ruling)
    if ruling.ending.verdict is not None:
        return timers, End(Verdict.TRANSFER_FAILED, ruling.ending.reason)
    if any(str(image.id) == deleted.detail.get("image_id") for image in case.seen.images):
        return timers, End(Verdict.TRANSFER_FAILED, "its broken image could not be deleted")
    return timers, _send_transfer(case, transfer.try_ + 1)
