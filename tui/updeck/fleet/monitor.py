"""The fleet's loop: polls devices, keeps the journal's view of each, and watches open operations to their verdict.

All of it runs in one event loop. The journal is spoken to by one thread at a time, in order; nothing here sends a
mutating call (that is `operations`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from updeck.clock import Clock
from updeck.device.client import DeviceClient
from updeck.device.models import Reach
from updeck.errors import Garbled, JournalError, LeaseLost, Refused, Unsupported, UpdeckError, fault_in_words
from updeck.fleet.chronicle import observation, observe
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.fleet.judge import step
from updeck.fleet.ruling import Seen, Timers
from updeck.fleet.state import FleetState
from updeck.fleet.tracked import MOVING_AFTER_ACTION_S, Tracked
from updeck.fleet.views import Reading, Watch
from updeck.journal.models import DeviceRecord, End, Outcome, Verdict
from updeck.journal.store import Journal

__all__ = ["Monitor", "lost_answer"]

INFO_EVERY_S = 300.0
RECORDS_EVERY_S = 1.0
RENEW_EVERY_S = 10.0

T = TypeVar("T")


class Monitor:
    """Everything the fleet's loop knows; one instance per loop. `journal` is None where nothing may be recorded."""

    def __init__(
        self,
        fleet: Fleet,
        *,
        connect: Callable[[DeviceEntry], DeviceClient],
        journal: Journal | None,
        state: FleetState,
        clock: Clock,
        read_only: bool,
    ) -> None:
        self.fleet = fleet
        self.state = state
        self.clock = clock
        self.read_only = read_only
        self.journal = journal
        self.devices: dict[str, Tracked] = {}
        self.drive: Callable[[Tracked, Seen], Awaitable[None]] | None = None
        self._connect = connect
        self._info_at: dict[str, float] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._token = -1
        self._unwritten = False
        self._bookkeeper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    async def record(self, call: Callable[[Journal], T]) -> T:
        """Run one journal call in the journal's thread, in order. Raises `JournalError` where there is no journal."""
        journal = self.journal
        if journal is None:
            raise JournalError("there is no journal, so nothing is sent")
        return await asyncio.get_running_loop().run_in_executor(self._bookkeeper, call, journal)

    async def add(self, entries: Iterable[DeviceEntry]) -> None:
        """Track these devices; one that is tracked already goes on with the new settings and a new client."""
        entries = list(entries)
        new = [entry.name for entry in entries if entry.name not in self.devices]
        records, silent = await self._read_records(new), await self._read_silent(new)
        for entry in entries:
            known = self.devices.get(entry.name)
            if known is None:
                record = records.get(entry.name, DeviceRecord(entry.name))
                known = Tracked(entry, self._connect(entry), record, self.fleet.poll.rest)
                known.failing_since = silent.get(entry.name)
                self.devices[entry.name] = known
            else:
                async with known.lock:
                    await known.client.close()
                    known.entry, known.client = entry, self._connect(entry)
            self.state.put(known.view())

    async def remove(self, name: str) -> None:
        """Forget a device."""
        tracked = self.devices.pop(name, None)
        if tracked is not None:
            await tracked.client.close()
        self.state.arrange(self.devices)

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(tracked.client.close() for tracked in self.devices.values()), return_exceptions=True)
        self._bookkeeper.shutdown(wait=True)

    def soon(self, tracked: Tracked) -> None:
        """Poll a device at the moving interval for a while."""
        tracked.moving_until = self.clock.monotonic() + MOVING_AFTER_ACTION_S

    async def poll(self, name: str) -> float:
        """Poll one device once and draw the consequences; return the seconds until its next poll."""
        tracked = self.devices.get(name)
        if tracked is None:
            return self.fleet.poll.rest
        try:
            async with tracked.lock:
                await self.refresh(tracked)
        except JournalError as error:
            self.journal_failed(error)
            return self.fleet.poll.unreachable
        except Exception as error:
            # one device's bad luck, or an error of ours, must not end the polling of it
            why = str(error) if isinstance(error, UpdeckError) else fault_in_words(error)
            self.state.report(name, f"{name}: {why}")
            return self.fleet.poll.unreachable
        self.state.report(name, None)
        return tracked.interval_s

    async def refresh(self, tracked: Tracked, *, with_info: bool = False) -> Seen:
        """Read a device afresh (its lock is held by the caller), settle its open operation, publish the view."""
        before = (tracked.reach, tracked.state_word)
        try:
            reading = await self._read(tracked, with_info=with_info)
        except UpdeckError as error:
            tracked.failed(error, self.clock.wall())
        else:
            tracked.answered(reading, self.clock.wall())
        seen = Seen.of(self.clock.monotonic(), tracked.reach or Reach.UNREACHABLE, tracked.reading)
        try:
            await self._observe(tracked, before)
            await self._ask_who_moved(tracked, before[1])
            await self.settle(tracked, seen)
        except JournalError as error:
            self.journal_failed(error)
        tracked.interval_s = tracked.next_interval(self.fleet.poll, self.clock.monotonic())
        self.state.put(tracked.view())
        return seen

    async def _read(self, tracked: Tracked, *, with_info: bool) -> Reading:
        client = tracked.client
        asked = self.clock.monotonic()
        update = await client.update()
        latency_s = self.clock.monotonic() - asked
        at = self.clock.wall()  # what is told later makes the state no fresher
        images = await client.images()
        known = tracked.reading
        moved = known is None or (known.update.state, known.update.history) != (update.state, update.history)
        age = self.clock.monotonic() - self._info_at.get(tracked.entry.name, float("-inf"))
        info, info_at = (None, None) if known is None else (known.info, known.info_at)
        if with_info or moved or tracked.info_wanted or age > INFO_EVERY_S:
            try:
                told, info_at = await client.info(), self.clock.wall()
                info = info if told == info else told  # one value for days, where it stays the same
            except (Unsupported, Garbled, Refused):
                info = None
            self._info_at[tracked.entry.name] = self.clock.monotonic()
            tracked.info_wanted = False
        return Reading(at, update, tuple(images), info, client.clock_offset_s, info_at, latency_s)

    async def settle(self, tracked: Tracked, seen: Seen) -> None:
        """Judge the open operation of a device after a poll, if it is this process that watches it."""
        rollout = tracked.record.rollout
        if rollout is None or tracked.sending or self.journal is None:
            tracked.watch = None
            tracked.timers = None
            return
        if rollout.kind != "manual":
            if self.drive is not None and rollout.lease_ours:
                await self.drive(tracked, seen)
            return
        try:
            if not rollout.lease_ours and not await self._adopt(tracked):
                tracked.watch = None
                return
            await self._judge(tracked, seen)
        except LeaseLost:
            await self.reload(tracked)

    async def _adopt(self, tracked: Tracked) -> bool:
        rollout = tracked.record.rollout
        if rollout is None or rollout.lease_alive or self.read_only:
            return False
        adopted = await self.record(lambda journal: journal.take_over(rollout.id))
        if adopted is None:
            return False
        tracked.timers = None
        await self.reload(tracked)
        return tracked.record.rollout is not None

    async def _judge(self, tracked: Tracked, seen: Seen) -> None:
        record = tracked.record
        if record.rollout is None:
            return
        if not record.intents:
            await self.end(tracked, Verdict.ABORTED_BEFORE_START, "nothing was sent")
            return
        intent = record.intents[-1]
        if intent.outcome is None:
            await self.record(partial(lost_answer, intent.id))
            await self.reload(tracked)
            intent = tracked.record.intents[-1]
        timers = tracked.timers or Timers(seen.monotonic, max(0.0, self.clock.wall() - intent.at))
        tracked.timers, ruling = step(intent, timers, seen, self.fleet.patience)
        tracked.watch = Watch(ruling.phase, ruling.text, ruling.soft)
        if ruling.ending is not None:
            await self.end(tracked, ruling.ending.verdict, ruling.ending.reason)

    async def end(self, tracked: Tracked, verdict: Verdict | None, reason: str) -> None:
        """Record the end of a device's open operation."""
        record = tracked.record
        rollout = record.rollout
        if rollout is None:
            return
        intent = record.intents[-1] if record.intents else None
        update = None if tracked.reading is None else tracked.reading.update
        target = None if update is None else update.target_version
        if intent is not None and intent.op.value == "start":
            target = intent.baseline.expected or intent.baseline.target_version
        await self.record(
            lambda journal: journal.end(
                rollout.id,
                tracked.entry.name,
                op=None if intent is None else intent.op,
                verdict=verdict,
                reason=reason,
                last_state_time=None if update is None else update.last_state_time,
                target_version=target,
            )
        )
        tracked.watch = tracked.timers = None
        await self.reload(tracked)

    async def reload(self, tracked: Tracked) -> None:
        """Read a device's record from the journal and publish the view; wakes whoever waits for an end."""
        name = tracked.entry.name
        tracked.record = await self.record(lambda journal: journal.record(name))
        self._announce(tracked)

    def _announce(self, tracked: Tracked) -> None:
        if tracked.record.last_end is not None and tracked.record.last_end.rollout in self._ends:
            self._ends[tracked.record.last_end.rollout].set()
        self.state.put(tracked.view())

    async def wait_end(self, rollout: str) -> End:
        """Wait until a rollout of one device has ended, as far as this process comes to know of it."""
        event = self._ends.setdefault(rollout, asyncio.Event())
        while True:
            for tracked in self.devices.values():
                end = tracked.record.last_end
                if end is not None and end.rollout == rollout:
                    return end
            event.clear()
            await event.wait()

    async def keep_books(self) -> None:
        """Notice what other processes write, and keep our leases alive, until cancelled."""
        renewed_at = self.clock.monotonic()
        while True:
            await self.clock.sleep(RECORDS_EVERY_S)
            try:
                renewed_at = await self._keep_books_once(renewed_at)
            except JournalError as error:
                self.journal_failed(error)
            except Exception as error:  # without it no lease would be renewed any more, and nobody told
                self.state.report("journal", fault_in_words(error))
            else:
                if not self._unwritten:
                    self.state.report("journal", None)

    def journal_failed(self, error: JournalError) -> None:
        """Tell what is wrong with the journal, until it was written to again: that it can be read proves nothing."""
        self._unwritten = True
        self.state.report("journal", str(error))

    async def _keep_books_once(self, renewed_at: float) -> float:
        if self.journal is None:
            return renewed_at
        token = await self.record(lambda journal: journal.change_token())
        if token != self._token:
            self._token = token
            await self._reload_all()
        if self._unwritten:
            self._unwritten = False  # before the write: whatever fails beside it counts
            await self.record(lambda journal: journal.probe())  # its failure is told by `keep_books`
        now = self.clock.monotonic()
        if now - renewed_at < RENEW_EVERY_S:
            return renewed_at
        if any(one.record.rollout and one.record.rollout.lease_ours for one in self.devices.values()):
            await self.record(lambda journal: journal.renew())
        return now

    async def _reload_all(self) -> None:
        records = await self._read_records(list(self.devices))
        for name, tracked in self.devices.items():
            fresh = records.get(name)
            if fresh is not None and fresh != tracked.record:
                tracked.record = fresh
                if fresh.rollout is None:
                    tracked.watch = tracked.timers = None
                self._announce(tracked)

    async def _read_records(self, names: list[str]) -> Mapping[str, DeviceRecord]:
        if self.journal is None:
            return {}
        return await self.record(lambda journal: journal.records(names))

    async def _read_silent(self, names: list[str]) -> Mapping[str, float]:
        if self.journal is None:
            return {}
        return await self.record(lambda journal: journal.unanswered_since(names))

    async def _ask_who_moved(self, tracked: Tracked, before: str | None) -> None:
        """Read the journal before a state that changed is taken for a foreign one: another process of ours may act."""
        if self.journal is not None and not tracked.sending and before not in (None, tracked.state_word):
            name = tracked.entry.name
            tracked.record = await self.record(lambda journal: journal.record(name))

    async def _observe(self, tracked: Tracked, before: tuple[Reach | None, str | None]) -> None:
        if self.journal is None or self.read_only or before == (tracked.reach, tracked.state_word):
            return
        await self.record(partial(observe, tracked.entry.name, self.clock.wall(), observation(tracked)))


def lost_answer(intent_id: int, journal: Journal) -> None:
    """Record of an intent that its answer is not known and never will be."""
    journal.outcome(intent_id, Outcome.UNKNOWN, status=None, error="nobody saw the answer")
