"""Uploads from this machine: a few at a time, each in a worker thread, with progress, cancel and proof at the end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from updeck.device.image_file import ImageFile
from updeck.device.permission import Permission
from updeck.errors import Blocked, JournalError, LocalFileError, UpdeckError
from updeck.fleet.examine import baseline_of
from updeck.fleet.monitor import Monitor
from updeck.fleet.operations import Operations, Sending, already_there
from updeck.fleet.orders import Performed, UploadOrder
from updeck.fleet.pace import Pace
from updeck.fleet.tracked import Tracked
from updeck.fleet.views import Transfer
from updeck.journal.models import Op
from updeck.text import clean

__all__ = ["AT_ONCE", "Transfers"]

AT_ONCE = 4
"""Uploads that this process sends at once."""

TICK_S = 0.5
GRACE_S = 600.0


@dataclass(slots=True)
class _Upload:
    """What the worker thread and the loop share: bytes so far, and the wish to stop."""

    file_name: str
    total_bytes: int
    started_at: float = 0.0
    started_monotonic: float = 0.0
    sent_bytes: int = 0
    pace: Pace | None = None
    cancel: threading.Event = field(default_factory=threading.Event)

    def sent(self, sent_bytes: int) -> None:
        """Note how far it is; called in the worker thread, which waits here when it is too fast."""
        fresh, self.sent_bytes = sent_bytes - self.sent_bytes, sent_bytes
        if self.pace is not None:
            self.cancel.wait(self.pace.take(fresh))


class Transfers:
    """The uploads of this process, by device: `at_once` of them, all together no faster than `pace`."""

    def __init__(
        self, monitor: Monitor, operations: Operations, *, at_once: int = AT_ONCE, pace: Pace | None = None
    ) -> None:
        self._monitor = monitor
        self._operations = operations
        self._uploads: dict[str, _Upload] = {}
        self._pace = pace
        self._at_once = at_once
        self._places = asyncio.Semaphore(at_once)
        self._threads = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="upload")

    def under_way(self) -> tuple[str, ...]:
        """Return the devices with an upload of this process, waiting for a place or running."""
        return tuple(self._uploads)

    def cancel(self, device: str) -> None:
        """Break an upload off; what arrived is a broken image on the device."""
        upload = self._uploads.get(device)
        if upload is not None:
            upload.cancel.set()

    def cancel_where(self, given_up: Callable[[str], bool]) -> None:
        """Break the uploads off to devices of which this is true."""
        for device, upload in tuple(self._uploads.items()):
            if given_up(device):
                upload.cancel.set()

    def close(self) -> None:
        """Break all uploads off and wait for their threads."""
        self.cancel_where(lambda device: True)
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def upload(self, device: str, order: UploadOrder) -> Performed:
        """Send a file to a device, unless a VALID image with its checksum is there. Raises `Blocked` before sending."""
        operations = self._operations
        operations.writable(Op.UPLOAD)
        tracked = operations.tracked(device)
        async with self.prepared(tracked, order) as sending:
            operations.may(Op.UPLOAD, tracked)
            present = None if tracked.reading is None else already_there(tracked.reading, order.sha256)
            return present or await operations.send(tracked, sending)

    @asynccontextmanager
    async def prepared(self, tracked: Tracked, order: UploadOrder) -> AsyncIterator[Sending]:
        """Wait for a place, read the device afresh, log in, and give what sends the file once it is permitted.

        Its progress shows in the device's view until the context is left. Raises `Blocked` when an upload of this
        process to the device is under way or its answer is not good, `LocalFileError` for a file that changed.
        """
        name = tracked.entry.name
        if name in self._uploads:
            raise Blocked("an upload to it is under way", device=name)
        upload = _Upload(clean(order.path.name), order.size_bytes, pace=self._pace)
        self._uploads[name] = upload
        try:
            self._show(tracked, upload)
            async with self._places:
                yield await self._prepare(tracked, order, upload)
        finally:
            del self._uploads[name]
            tracked.transfer = None
            self._monitor.state.put(tracked.view())

    async def _prepare(self, tracked: Tracked, order: UploadOrder, upload: _Upload) -> Sending:
        source = await asyncio.to_thread(ImageFile.open, order.path)
        if source.size_bytes != order.size_bytes:
            raise LocalFileError(f"{upload.file_name} changed since it was hashed", advice="hash and upload it again")
        async with tracked.lock:
            reading = await self._operations.fresh(tracked)
            session = await tracked.client.prepare_upload()
        patience = self._monitor.fleet.patience
        baseline = baseline_of(
            reading,
            tracked.entry.url,
            expected=order.version,
            checksum=order.sha256,
            size_bytes=order.size_bytes,
        )

        def transmit(permit: Permission) -> object:
            try:
                return session.send(
                    permit,
                    source,
                    progress=upload.sent,
                    cancel=upload.cancel,
                    stall_s=patience.upload_stall,
                    total_s=order.size_bytes / self._slowest(patience.upload_floor) + GRACE_S,
                )
            except UpdeckError as error:
                if session.left:
                    raise
                raise Blocked(error.message, advice=error.advice) from error  # surely not sent

        async def send(permit: Permission) -> object:
            upload.started_at, upload.started_monotonic = self._monitor.clock.wall(), self._monitor.clock.monotonic()
            ticking = asyncio.create_task(self._tick(tracked, upload))
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, transmit, permit)
            finally:
                ticking.cancel()

        detail = {"file": upload.file_name, "size": str(order.size_bytes)}
        return Sending(Op.UPLOAD, baseline, send, detail)

    def _slowest(self, floor_bps: float) -> float:
        """Return the rate below which an upload is given up: what we slow down ourselves is no fault of the line."""
        if self._pace is None:
            return floor_bps
        return min(floor_bps, self._pace.bytes_per_second / self._at_once)

    async def _tick(self, tracked: Tracked, upload: _Upload) -> None:
        while True:
            self._show(tracked, upload)
            await self._keep(tracked, upload)
            await self._monitor.clock.sleep(TICK_S)

    async def _keep(self, tracked: Tracked, upload: _Upload) -> None:
        rollout = tracked.record.rollout
        if rollout is None:
            return
        with contextlib.suppress(JournalError):  # what only informs others must not break an upload off
            await self._monitor.record(
                lambda journal: journal.progress(
                    rollout.id, upload.sent_bytes, upload.total_bytes, device=tracked.entry.name
                )
            )

    def _show(self, tracked: Tracked, upload: _Upload) -> None:
        passed = self._monitor.clock.monotonic() - upload.started_monotonic if upload.started_monotonic else 0.0
        rate = upload.sent_bytes / passed if passed > 0 and upload.sent_bytes else None
        tracked.transfer = Transfer(upload.file_name, upload.sent_bytes, upload.total_bytes, rate, upload.started_at)
        self._monitor.state.put(tracked.view())
