"""The engine as a process: journal, lease, loop and log around `Engine`, and its clean end (`rollout.md` 3, 8)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from updeck.clock import Clock, SystemClock
from updeck.device.credentials import Credential
from updeck.errors import Blocked, Interrupted, JournalError, LeaseLost, UpdeckError
from updeck.fleet.credentials import CredentialVault
from updeck.fleet.desk import Desk
from updeck.fleet.inventory import Fleet, load_fleet
from updeck.fleet.pace import Pace
from updeck.fleet.state import FleetState
from updeck.fleet.transfers import AT_ONCE
from updeck.heap import keep_heap_small
from updeck.journal.actor import this_actor
from updeck.journal.plan_models import RolloutRecord
from updeck.journal.store import Journal
from updeck.rollout.engine import Engine
from updeck.rollout.engine_log import EngineLog
from updeck.rollout.narration import news
from updeck.rollout.plan import Plan
from updeck.rollout.registration import plan_of
from updeck.rollout.standing import ended

__all__ = ["EngineProcess"]

TELL_EVERY_S = 0.5

INVENTORY_EVERY_S = 1.0

AT_ONCE_MOST = 64
"""Uploads at once, whatever the plan allows: each is a thread."""


def _nothing(text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class EngineProcess:
    """What an engine is started with.

    `handed` are credentials that it cannot read by itself, by device. `driving` is called once the lease is ours,
    `tell` gets a clean line for each change.
    """

    fleet: Fleet
    state_dir: Path
    handed: Mapping[str, Credential] = field(default_factory=dict, repr=False)
    clock: Clock = field(default_factory=SystemClock)
    driving: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = _nothing

    def run(self, rollout: str) -> RolloutRecord:
        """Drive a rollout until only verdicts are left or only a person can go on; return where it stands then.

        Raises `LeaseLost` when another process drives it, `Interrupted` when a signal ends this one: what was sent
        goes on, and the lease is given up.
        """
        keep_heap_small()
        journal = Journal.open(self.state_dir, actor=this_actor("engine"), clock=self.clock)
        with closing(journal):
            record = journal.rollout(rollout)
            log = EngineLog.open(self.state_dir, record.row.id, self.clock)
            try:
                return self._logged(record, journal, log)
            except asyncio.CancelledError:
                log.line("ended by a signal; what was sent goes on")
                raise Interrupted(
                    "the engine was ended by a signal; what was sent goes on",
                    advice=f"go on with `updeck rollout resume {rollout}`",
                ) from None
            except UpdeckError as error:
                log.line(f"ended: {error}")
                raise
            except Exception as error:
                log.crash(error)
                raise

    def _logged(self, record: RolloutRecord, journal: Journal, log: EngineLog) -> RolloutRecord:
        rollout = record.row.id
        if all(ended(member) for member in record.members):
            return record
        plan = plan_of(record)
        self._check_addresses(record)
        if journal.take_over(rollout) is None:
            driver = record.row.leased_by
            raise LeaseLost(
                f"rollout {rollout} is driven by "
                + (f"{driver.user}@{driver.host}, pid {driver.pid}" if driver else "another"),
                advice="nothing was sent by this one",
            )
        log.line("the engine drives")
        self.driving()
        return asyncio.run(_Driving(self, journal, log, plan).until_left(rollout))

    def _check_addresses(self, record: RolloutRecord) -> None:
        for member in record.members:
            entry = self.fleet.get(member.device)
            if entry is not None and not ended(member) and entry.url != member.url:
                raise Blocked(
                    f"the inventory says {entry.url}, and the plan was confirmed for {member.url}",
                    device=member.device,
                    advice="set the address back, or skip the device",
                )


class _Driving:
    """The part that runs in the loop."""

    def __init__(self, process: EngineProcess, journal: Journal, log: EngineLog, plan: Plan) -> None:
        self._process = process
        self._journal = journal
        self._log = log
        self._plan = plan
        self._told: RolloutRecord | None = None
        self._trouble: str | None = None

    async def until_left(self, rollout: str) -> RolloutRecord:
        """Drive, and drive on when somebody asked for something while the last engine was about to leave."""
        task = asyncio.current_task()
        assert task is not None
        with _ending_by_signal(task.cancel):
            while True:
                seen = await self._drive(rollout)
                await asyncio.to_thread(self._journal.release)
                # who asks now finds the lease free and starts an engine; who asked before is answered here
                record = await asyncio.to_thread(self._journal.rollout, rollout)
                if _asked(seen) == _asked(record):
                    return record
                if await asyncio.to_thread(self._journal.take_over, rollout) is None:
                    return record

    async def _drive(self, rollout: str) -> RolloutRecord:
        process, state, limits = self._process, FleetState(), self._plan.limits
        vault = CredentialVault(process.fleet, clock=process.clock)
        for name, credential in process.handed.items():
            entry = process.fleet.get(name)
            if entry is not None:
                vault.take_handed(entry, credential)
        desk = Desk.assemble(
            process.fleet,
            self._journal,
            state=state,
            clock=process.clock,
            random=Random(),  # noqa: S311
            vault=vault,
            uploads_at_once=min(limits.max_transfers or AT_ONCE, AT_ONCE_MOST),
            pace=None if limits.limit_rate is None else Pace(limits.limit_rate),
        )
        engine = Engine(desk, self._journal, rollout, self._plan, clock=process.clock)
        beside = (
            asyncio.create_task(self._lasting(lambda: self._keep_telling(rollout, state))),
            asyncio.create_task(self._lasting(lambda: self._follow_inventory(desk))),
        )
        try:
            await engine.run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await desk.close()
            with suppress(JournalError):
                await self._tell(rollout, state)
        return engine.record

    async def _lasting(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do what goes on beside the engine for as long as that; a fault of ours is logged, and ends none of it."""
        while True:
            try:
                return await work()
            except Exception as error:
                self._log.crash(error)
            await self._process.clock.sleep(TELL_EVERY_S)

    async def _follow_inventory(self, desk: Desk) -> None:
        """Take over how devices are trusted and logged in to when a person changes the inventory meanwhile."""
        path = self._process.fleet.path
        known = None if path is None else _stamp(path)
        while path is not None:
            await self._process.clock.sleep(INVENTORY_EVERY_S)
            stamp = _stamp(path)
            if stamp == known:
                continue
            known = stamp
            try:
                fleet = await asyncio.to_thread(load_fleet, path)
            except UpdeckError as error:
                self._say(f"the inventory was changed and is not taken over: {error}")
                continue
            await self._take_over(desk, fleet)

    async def _take_over(self, desk: Desk, fleet: Fleet) -> None:
        for name, tracked in tuple(desk.monitor.devices.items()):
            entry, before = fleet.get(name), tracked.entry
            if entry is None or entry == before:
                continue
            if entry.url != before.url:
                self._say(f"{name}: its address was changed and is not taken over: the plan was confirmed without that")
                continue
            await desk.roster.add(replace(entry, site=before.site, pair=before.pair))
            self._say(f"{name}: the changed inventory is taken over")

    async def _keep_telling(self, rollout: str, state: FleetState) -> None:
        while True:
            with suppress(JournalError):
                await self._tell(rollout, state)
            await self._process.clock.sleep(TELL_EVERY_S)

    async def _tell(self, rollout: str, state: FleetState) -> None:
        if state.trouble != self._trouble:
            self._trouble = state.trouble
            self._say(self._trouble or "the trouble is over")
        record = await asyncio.to_thread(self._journal.rollout, rollout)
        for line in news(self._told, record, self._plan, self._process.clock.wall()):
            self._say(line)
        self._told = record

    def _say(self, line: str) -> None:
        self._log.line(line)
        self._process.tell(line)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _asked(record: RolloutRecord) -> tuple[object, ...]:
    resolves = [attempt.resolve for member in record.members for attempt in member.attempts]
    return record.controls, record.braked, resolves


@contextmanager
def _ending_by_signal(end: Callable[[], object]) -> Iterator[None]:
    """Have SIGTERM, SIGINT and (unless it is ignored) SIGHUP call `end` in the running loop."""
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGTERM, signal.SIGINT]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    with suppress(NotImplementedError):  # Windows: ctrl-C raises KeyboardInterrupt
        for number in numbers:
            loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        with suppress(NotImplementedError):
            for number in numbers:
                loop.remove_signal_handler(number)
