"""Guarded operations: fresh read, rule, intent, send, outcome; then the monitor watches to the verdict.

Nothing else in this package sends a mutating call. Each needs a permit, and the journal gives one only for an intent
that is committed (`rollout.md` 3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from updeck.device.fetch_url import check_fetch_url, masked
from updeck.device.models import Reach
from updeck.device.permission import Permission
from updeck.device.versions import same_version
from updeck.errors import Blocked, DeviceError, ReadOnly, Refused, UnknownOutcome, UpdeckError, fault_in_words
from updeck.fleet.examine import baseline_of, build_examination
from updeck.fleet.monitor import Monitor
from updeck.fleet.orders import Examination, FetchOrder, Performed
from updeck.fleet.rules import Situation, differences, refusal
from updeck.fleet.tracked import Tracked
from updeck.fleet.views import Reading
from updeck.journal.models import Baseline, Op, Outcome, Verdict
from updeck.journal.permit import Permit

__all__ = ["Operations", "Sending", "already_there"]

_REFUSED_END = {
    Op.UPLOAD: Verdict.TRANSFER_FAILED,
    Op.FETCH: Verdict.TRANSFER_FAILED,
    Op.INIT: Verdict.NOT_STARTED,
    Op.START: Verdict.NOT_STARTED,
}


@dataclass(frozen=True, slots=True)
class Sending:
    """One mutating call about to be made; `send` gets the permit, `detail` goes into the journal."""

    op: Op
    baseline: Baseline
    send: Callable[[Permission], Awaitable[object]]
    detail: Mapping[str, str] = field(default_factory=dict)


class Operations:
    """What a person may have sent to one device at a time."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._sends: set[asyncio.Task[Performed]] = set()

    async def close(self) -> None:
        """Give up waiting for answers; each call that is still open is recorded as unknown."""
        for task in tuple(self._sends):
            task.cancel()
        await asyncio.gather(*self._sends, return_exceptions=True)

    async def examine(
        self,
        device: str,
        op: Op,
        *,
        image_id: int | None = None,
        named: str | None = None,
        allow_insecure: bool = True,
    ) -> Examination:
        """Read a device afresh and say whether `op` may be confirmed. Sends only GETs and logins."""
        tracked = self.tracked(device)
        async with tracked.lock:
            await self._monitor.refresh(tracked, with_info=True)
            seen = self._situation(tracked, named=named, allow_insecure=allow_insecure)
        return build_examination(op, tracked.view(), seen, image_id=image_id)

    async def perform(
        self, shown: Examination, *, expect: str | None = None, allow_insecure: bool = False
    ) -> Performed:
        """Send what was examined, if a fresh read finds what was shown. Raises `Blocked`: then nothing was sent.

        `expect` is the version that the operator named: which of several images init means, or the target of start.
        """
        self.writable(shown.op)
        if shown.refusal is not None or shown.reading is None:
            raise Blocked(shown.refusal or "it was not readable when shown", device=shown.device)
        tracked = self.tracked(shown.device)
        async with tracked.lock:
            reading = await self.fresh(tracked)
            changed = differences(shown.reading, reading, tracked.entry.url)
            if changed:
                raise Blocked(f"nothing was sent, because it changed: {'; '.join(changed)}", device=shown.device)
            image_id = None if shown.image is None else shown.image.id
            seen = self._situation(tracked, named=expect, allow_insecure=allow_insecure)
            again = build_examination(shown.op, tracked.view(), seen, image_id=image_id)
            forbidden = refusal(shown.op, seen) or again.refusal
            if forbidden is not None:
                raise Blocked(forbidden, device=shown.device)
            if expect is not None and again.target is not None and not same_version(again.target, expect):
                raise Blocked(f"the target is {again.target}, not {expect}", device=shown.device)
            return await self.send(tracked, self._sending(tracked, reading, again, expect))

    def _sending(self, tracked: Tracked, reading: Reading, shown: Examination, expect: str | None) -> Sending:
        client = tracked.client
        checksum = None if shown.image is None else shown.image.checksum
        expected = expect or (shown.target if shown.op in (Op.INIT, Op.START) else None)
        baseline = baseline_of(reading, tracked.entry.url, expected=expected, checksum=checksum)
        if shown.op is Op.DELETE:
            image_id = shown.image.id if shown.image is not None else None
            if image_id is None:
                raise Blocked("the image has no id, so it cannot be deleted", device=shown.device)
            detail = {"image_id": str(image_id)}
            return Sending(Op.DELETE, baseline, lambda permit: client.delete_image(permit, image_id), detail)
        detail = {"target": shown.target} if shown.target else {}
        calls = {Op.INIT: client.init, Op.START: client.start, Op.RESET: client.reset}
        return Sending(shown.op, baseline, calls[shown.op], detail)

    async def fetch(self, device: str, order: FetchOrder) -> Performed:
        """Have a device fetch an image. Raises `Blocked` or `UsageError` where nothing was sent."""
        self.writable(Op.FETCH)
        tracked = self.tracked(device)
        allow_local = order.allow_local or tracked.entry.fetch_local
        url = check_fetch_url(order.url, allow_local=allow_local).url
        async with tracked.lock:
            reading = await self.fresh(tracked)
            self.may(Op.FETCH, tracked)
            present = already_there(reading, order.sha256)
            if present is not None:
                return present
            baseline = baseline_of(reading, tracked.entry.url, expected=order.version, checksum=order.sha256)
            detail = {"url": masked(url)}
            return await self.send(
                tracked, Sending(Op.FETCH, baseline, lambda permit: tracked.client.fetch(permit, url), detail)
            )

    async def send(self, tracked: Tracked, sending: Sending) -> Performed:
        """Record the intent as a manual rollout, send, record the outcome; a cancelled caller does not stop it."""
        task = asyncio.create_task(self._send(tracked, sending))
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)
        return await asyncio.shield(task)

    async def _send(self, tracked: Tracked, sending: Sending) -> Performed:
        name, op, monitor = tracked.entry.name, sending.op, self._monitor
        tracked.sending = True
        try:
            rollout = await monitor.record(lambda journal: journal.begin_manual(name, op, url=tracked.entry.url))
            try:
                permit = await monitor.record(
                    lambda journal: journal.intend(
                        rollout.id, name, op, baseline=sending.baseline, detail=dict(sending.detail)
                    )
                )
            except UpdeckError as error:
                await monitor.reload(tracked)
                await monitor.end(tracked, Verdict.ABORTED_BEFORE_START, f"nothing was sent: {error.message}")
                raise
            outcome, text = await self.call(sending, permit)
        finally:
            tracked.sending = False
            await monitor.reload(tracked)
        if outcome is Outcome.REFUSED:
            await monitor.end(tracked, _REFUSED_END.get(op), f"{op.words} refused: {text}")
        monitor.soon(tracked)
        return Performed(rollout.id, op, outcome, text)

    async def call(self, sending: Sending, permit: Permit) -> tuple[Outcome, str]:
        """Make a permitted call and record its outcome; return it with the device's or our words."""
        outcome, status, text = await self._outcome(sending, permit)
        key = permit.intent_id
        await self._monitor.record(lambda journal: journal.outcome(key, outcome, status=status, error=text or None))
        return outcome, text

    async def _outcome(self, sending: Sending, permit: Permission) -> tuple[Outcome, int | None, str]:
        try:
            await sending.send(permit)
        except Refused as error:
            return Outcome.REFUSED, error.status, error.message
        except UnknownOutcome as error:
            return Outcome.UNKNOWN, error.status, error.message
        except (DeviceError, Blocked) as error:
            # the client raises these only where not one byte of the request left
            return Outcome.REFUSED, None, f"not sent: {error.message}"
        except UpdeckError as error:
            return Outcome.UNKNOWN, None, error.message
        except asyncio.CancelledError:
            return Outcome.UNKNOWN, None, "the program ended before the answer came"
        except Exception as error:
            # an error of ours says nothing about what the device did
            return Outcome.UNKNOWN, None, fault_in_words(error)
        return Outcome.ACCEPTED, None, ""

    async def fresh(self, tracked: Tracked) -> Reading:
        """Read a device now; its lock is held by the caller. Raises `Blocked` when the answer is not good."""
        await self._monitor.refresh(tracked, with_info=True)
        if tracked.reach is not Reach.OK or tracked.reading is None:
            raise Blocked(
                f"nothing was sent: it is {tracked.reach or 'silent'}: {tracked.error}", device=tracked.entry.name
            )
        return tracked.reading

    def may(self, op: Op, tracked: Tracked) -> None:
        """Raise `Blocked` when the rules forbid `op` for the device as just read."""
        forbidden = refusal(op, self._situation(tracked))
        if forbidden is not None:
            raise Blocked(forbidden, device=tracked.entry.name)

    def tracked(self, device: str) -> Tracked:
        """Return what is known of a device. Raises `Blocked` when it is not in the fleet."""
        tracked = self._monitor.devices.get(device)
        if tracked is None:
            raise Blocked("no such device in the fleet", device=device)
        return tracked

    def _situation(self, tracked: Tracked, *, named: str | None = None, allow_insecure: bool = False) -> Situation:
        return Situation(
            entry=tracked.entry,
            reach=tracked.reach,
            error=tracked.error,
            reading=tracked.reading if tracked.reach is Reach.OK else None,
            record=tracked.record,
            named=named,
            allow_insecure=allow_insecure,
        )

    def writable(self, op: Op) -> None:
        """Raise `ReadOnly` when nothing may be sent at all."""
        if self._monitor.read_only:
            raise ReadOnly(f"read-only: {op.words} is not sent")


def already_there(reading: Reading, sha256: str | None) -> Performed | None:
    """Return that nothing has to be sent when a VALID image with this checksum is on the device (`rollout.md` 6)."""
    if sha256 is None:
        return None
    for image in reading.valid:
        if image.checksum == sha256:
            text = (
                f"image {image.id} {image.version or ''} with this checksum is on the device already; nothing was sent"
            )
            return Performed("", Op.UPLOAD, None, text)
    return None
