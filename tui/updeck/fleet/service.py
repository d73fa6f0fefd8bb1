"""The fleet as the UI and the CLI use it: a thread of its own with its own loop, behind calls that return futures.

A terminal that takes no output stalls its own thread only; polling and watching go on (`design.md` 3).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future
from random import Random
from typing import Any, TypeVar

from updeck.clock import Clock, SystemClock
from updeck.device.tls import present
from updeck.errors import Blocked
from updeck.fleet.acknowledge import acknowledge
from updeck.fleet.chronicle import seen_event, way
from updeck.fleet.credentials import HandOver
from updeck.fleet.desk import Desk
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.fleet.orders import CertificateOffer, Examination, FetchOrder, Performed, UploadOrder
from updeck.fleet.state import FleetState, Step
from updeck.journal.models import Actor, End, Event, Op
from updeck.journal.store import Journal

__all__ = ["FleetService"]

T = TypeVar("T")

_NOBODY = Actor(0, "", "", "", 0, "", "")


class FleetService:
    """Everything that a front end may ask of a fleet. Futures raise errors of `updeck.errors`; safe from any thread.

    `names` restricts it to some devices. `journal` is None where nothing may be recorded, and so nothing sent.
    """

    def __init__(
        self,
        fleet: Fleet,
        journal: Journal | None,
        *,
        names: Sequence[str] | None = None,
        read_only: bool = False,
        prompt: Callable[[DeviceEntry], Awaitable[str]] | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        self.state = FleetState()
        self.read_only = read_only
        self.journal = journal
        self._initial = fleet
        self._names = names
        self._prompt = prompt
        self._clock = clock or SystemClock()
        self._random = random or Random()  # noqa: S311
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._desk: Desk | None = None

    @property
    def fleet(self) -> Fleet:
        """The fleet as it is now; changes with what is added, trusted and removed."""
        return self._initial if self._desk is None else self._desk.monitor.fleet

    def start(self, *, polling: bool = True) -> None:
        """Start the thread; returns once devices can be asked for. Polling may be left out for a single look."""
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready, polling), name="fleet", daemon=True)
        self._thread.start()
        ready.result()

    def stop(self) -> None:
        """Stop polling, break off what is being uploaded, close every connection and end the thread."""
        loop, stop, thread = self._loop, self._stop, self._thread
        if loop is None or stop is None or thread is None:
            return
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        self._thread = self._loop = self._stop = None

    def _run(self, ready: Future[None], polling: bool) -> None:  # noqa: FBT001
        try:
            asyncio.run(self._serve(ready, polling=polling))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _serve(self, ready: Future[None], *, polling: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._desk = desk = Desk.assemble(
            self._initial,
            self.journal,
            state=self.state,
            clock=self._clock,
            random=self._random,
            read_only=self.read_only,
            prompt=self._prompt,
        )
        entries = [one for one in self._initial.devices if self._names is None or one.name in self._names]
        await desk.monitor.add(entries)
        tasks = [asyncio.create_task(desk.monitor.keep_books())]
        if polling:
            tasks.append(asyncio.create_task(desk.poller.run()))
            desk.poller.add(entry.name for entry in entries)
        ready.set_result(None)
        try:
            await self._stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await desk.close()

    def _submit(self, work: Callable[[Desk], Coroutine[Any, Any, T]]) -> Future[T]:
        loop, desk = self._loop, self._desk
        if loop is None or desk is None:
            raise Blocked("the fleet is not running")
        return asyncio.run_coroutine_threadsafe(work(desk), loop)

    def poll_now(self, names: Iterable[str]) -> None:
        """Poll these devices at once."""
        loop, desk = self._loop, self._desk
        if loop is not None and desk is not None:
            loop.call_soon_threadsafe(desk.poller.poke, list(names))

    def read_once(self, names: Sequence[str]) -> Future[None]:
        """Poll each of these devices once, side by side; what went wrong stands in its view."""

        async def read(desk: Desk) -> None:
            await asyncio.gather(*(desk.monitor.poll(name) for name in names))

        return self._submit(read)

    def examine(
        self, device: str, op: Op, *, image_id: int | None = None, named: str | None = None
    ) -> Future[Examination]:
        """Read a device afresh and say whether `op` may be confirmed."""
        return self._submit(lambda desk: desk.operations.examine(device, op, image_id=image_id, named=named))

    def perform(
        self, shown: Examination, *, expect: str | None = None, allow_insecure: bool = False
    ) -> Future[Performed]:
        """Send what was examined and confirmed; `Blocked` when anything differs from what was shown."""
        return self._then_poll(
            shown.device,
            lambda desk: desk.operations.perform(shown, expect=expect, allow_insecure=allow_insecure),
        )

    def upload(self, device: str, order: UploadOrder) -> Future[Performed]:
        """Send a local file to a device; the future ends when the bytes are there, the watching goes on."""
        return self._then_poll(device, lambda desk: desk.transfers.upload(device, order))

    def cancel_transfer(self, device: str) -> None:
        """Break an upload of this process off."""
        if self._loop is not None and self._desk is not None:
            self._loop.call_soon_threadsafe(self._desk.transfers.cancel, device)

    def transfers(self) -> tuple[str, ...]:
        """Return the devices with an upload of this process under way."""
        return () if self._desk is None else self._desk.transfers.under_way()

    def fetch(self, device: str, order: FetchOrder) -> Future[Performed]:
        """Have a device fetch an image; the watching goes on."""
        return self._then_poll(device, lambda desk: desk.operations.fetch(device, order))

    def _then_poll(self, device: str, work: Callable[[Desk], Coroutine[Any, Any, Performed]]) -> Future[Performed]:
        async def run(desk: Desk) -> Performed:
            try:
                return await work(desk)
            finally:
                desk.poller.poke([device])

        return self._submit(run)

    def wait_end(self, rollout: str) -> Future[End]:
        """Return the end of a manual rollout once it has one."""
        return self._submit(lambda desk: desk.monitor.wait_end(rollout))

    def certificate(self, device: str) -> Future[CertificateOffer]:
        """Fetch the certificate that a device presents now; no credential is sent."""

        async def look(desk: Desk) -> CertificateOffer:
            entry = desk.operations.tracked(device).entry
            presented = await present(entry.url, proxy=entry.proxy)
            return CertificateOffer(device, presented, entry.tls.pin, entry.tls.mode)

        return self._submit(look)

    def trust(self, device: str, fingerprint: str) -> Future[None]:
        """Pin a certificate for a device, in the inventory where there is one."""
        return self._submit(lambda desk: desk.roster.trust(device, fingerprint))

    def login(self, device: str, username: str, password: str) -> Future[str]:
        """Use a credential for a device from now on, in memory only, and try it. Raises `AuthError`."""
        return self._submit(lambda desk: desk.roster.login(device, username, password))

    def at_hand(self, devices: Iterable[str]) -> Future[HandOver]:
        """Return the credentials of these devices that an engine has to be given, and which are not known."""
        names = tuple(devices)
        return self._submit(lambda desk: desk.roster.at_hand(names))

    def add_device(self, entry: DeviceEntry) -> Future[None]:
        """Track one more device; the caller has saved it where it is to be kept."""
        return self._submit(lambda desk: desk.roster.add(entry))

    def remove_device(self, device: str) -> Future[None]:
        """Track a device no more; in the inventory, where it was saved, it stays."""
        return self._submit(lambda desk: desk.roster.remove(device))

    def acknowledge(self, device: str, note: str) -> Future[None]:
        """Note that a person has seen what a device needs; it leaves the top until that changes."""
        return self._submit(lambda desk: acknowledge(desk.monitor, desk.operations.tracked(device), note))

    def events(self, *, after_id: int = 0, limit: int = 500) -> list[Event]:
        """Return the newest activity, oldest first; empty where there is no journal."""
        if self.journal is None:
            return []
        return self.journal.events(after_id=after_id, limit=limit)

    def unrecorded(self, *, after: int = 0) -> list[Event]:
        """Return the newest changes of a process that records none, oldest first; ids count down from `-after`."""
        if not self.read_only and self.journal is not None:
            return []
        return [seen_event(change, _NOBODY) for change in self.state.seen_changes(after)]

    def events_of(self, device: str, *, limit: int = 200) -> list[Event]:
        """Return the newest activity of one device, oldest first."""
        return [] if self.journal is None else self.journal.events(devices=[device], limit=limit)

    def way(self, device: str) -> tuple[Step, ...]:
        """Return what a device went through as far as that was seen, oldest first."""
        kept = [] if self.journal is None else self.journal.seen(device)
        return way(kept, self.state.trail(device))

    def events_token(self) -> int:
        """Return a number that changes when there may be new activity."""
        return 0 if self.journal is None else self.journal.change_token()
