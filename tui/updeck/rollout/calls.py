"""The call that a decision to send means, made from what the device was just read to be."""

from __future__ import annotations

from updeck.device.fetch_url import masked
from updeck.device.models import Reach
from updeck.errors import Blocked
from updeck.fleet.examine import baseline_of
from updeck.fleet.operations import Sending
from updeck.fleet.tracked import Tracked
from updeck.journal.models import Op
from updeck.rollout.decision import Send
from updeck.rollout.plan import PlannedImage

__all__ = ["call_of"]


def call_of(send: Send, tracked: Tracked, image: PlannedImage) -> Sending:
    """Return the call of anything but an upload; raises `Blocked` where the device gave no good answer just now."""
    reading, client = tracked.reading, tracked.client
    if reading is None or tracked.reach is not Reach.OK:
        raise Blocked("it gave no good answer just now", device=tracked.entry.name)
    baseline = baseline_of(
        reading,
        tracked.entry.url,
        expected=image.version,
        checksum=image.sha256,
        size_bytes=image.size_bytes,
    )
    match send.op:
        case Op.FETCH:
            url = image.location or ""
            return Sending(send.op, baseline, lambda permit: client.fetch(permit, url), {"url": masked(url)})
        case Op.DELETE:
            number = send.image_id or 0
            detail = {"image_id": str(number)}
            return Sending(send.op, baseline, lambda permit: client.delete_image(permit, number), detail)
    calls = {Op.INIT: client.init, Op.START: client.start, Op.RESET: client.reset}
    return Sending(send.op, baseline, calls[send.op], {"target": image.version})
