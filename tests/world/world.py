"""A world in virtual time: devices with a truth, engines that are killed and stopped, people, and a witness of it all.

Journal, gate, decide and engine are the real ones; only the way to the devices and the time are the world's.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from updeck.errors import JournalError, UpdeckError
from updeck.fleet.desk import Desk
from updeck.journal.machine import Machine
from updeck.journal.models import Actor, Verdict
from updeck.journal.plan_models import ControlKind, RolloutRecord
from updeck.journal.store import Journal
from updeck.rollout.engine import Engine
from updeck.rollout.gate import open_wave, wave_barrier
from updeck.rollout.plan import Fence
from updeck.rollout.progress import RolloutState, state_of
from updeck.rollout.registration import register
from updeck.rollout.standing import armed, bad, down, ended
from world.client import Arrival, WorldClient
from world.device import NEW, Device
from world.invariants import Gate, Permitted, Violation, judge_arrival, judge_end, judge_replay
from world.loop import VirtualLoop
from world.planning import fleet_of, plan_of
from world.process import Killed, Process, WorldJournal, WorldState
from world.script import Act, Event, Fault, Script
from world.soft import past_soft

__all__ = ["World", "live"]

CARE_AFTER_S = 60.0
IDLE_S = 15.0
END_S = 8_000.0
MEMORY = Path("/dev/shm")
LASTING = "SELECT " + ", ".join(
    f"(SELECT count(*) FROM {table})"
    for table in ("brakes", "controls", "intents", "outcomes", "milestones", "ends", "resolves")
)
"""How much stands in the tables of which a record is made, and which only ever grow."""


@dataclass(frozen=True)
class Strike:
    """A fault while it lasts, in seconds of the world's time."""

    begins: float
    ends: float
    fault: Fault
    of_calls: bool


class World:
    """Everything of one history."""

    def __init__(self, script: Script, directory: Path, engine: type[Engine] = Engine) -> None:
        self.script = script
        self.directory = directory
        self.engine = engine
        self.offset = 1_700_000_000.0
        self.locked_until = self.full_until = -1.0
        self.hindered = 0.0
        self.points = 0
        self.changed: list[int] = []
        self.violations: list[Violation] = []
        self.arrivals: list[Arrival] = []
        self.verdicts: dict[tuple[str, int], Verdict | None] = {}
        self.permitted: dict[int, Permitted] = {}
        self.gate = Gate(script.max_failures)
        self.story: list[str] = []
        names = [f"d{number}" for number in range(len(script.tempers))]
        self.devices = {
            name: Device(name, temper, self.now) for name, temper in zip(names, script.tempers, strict=True)
        }
        self.trusted = dict.fromkeys(names, 1)
        self.faults: dict[str, list[Strike]] = {name: [] for name in names}
        self.disturbed: dict[str, float] = dict.fromkeys(names, 0.0)
        self.processes: list[Process] = []
        self.plan = plan_of(script, names, directory.parent)
        self.fleet = fleet_of(self.plan)
        person = Actor(1000, "mk", "jump", "cli", 1, "boot", "1")
        self.person = Journal.open(directory, actor=person, clock=_WorldClock(self), machine=self._machine())
        self.rollout = register(self.plan, self.fleet, self.person).id
        self._journal = sqlite3.connect(f"file:{directory / 'journal.db'}?mode=ro", uri=True)
        self._lasting: tuple[int, ...] = ()

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return self.offset + self.now()

    def violated(self, name: str, text: str) -> None:
        self.violations.append(Violation(name, f"at {self.now():.1f} s: {text}"))

    def point(self, process: Process, what: str) -> None:
        """Pass a point at which a process can die, and which `Script.kills` counts.

        At one that is before something, all that outlives a process is as it was at the point that came last.
        """
        process.check()
        self.points += 1
        if self.points == 1 or what.startswith("after"):
            self.changed.append(self.points)
        if self.points in self.script.kills:
            self.story.append(f"{self.now():.1f} process {process.actor.pid} dies at point {self.points}, {what}")
            process.die()
            raise Killed

    def strike(self, device: Device, *, call: bool) -> Strike | None:
        """Return what strikes a request now: a call that changes the device, or one that reads it."""
        now = self.now()
        found = (one for one in self.faults[device.name] if one.begins <= now < one.ends)
        return next((one for one in found if call or not one.of_calls), None)

    def driver(self) -> int:
        """Return the pid of who holds the lease."""
        engine = self.person.engine(self.rollout)
        return 0 if engine is None else engine.actor.pid

    def record(self) -> RolloutRecord:
        return self.person.rollout(self.rollout)

    def arrived(self, arrival: Arrival) -> None:
        """Witness a mutating call."""
        self.story.append(f"{arrival.at:.1f} process {arrival.pid} sends {arrival.op} to {arrival.device}")
        permitted = self.permitted.get(arrival.intent_id)
        self.violations += judge_arrival(arrival, self.arrivals, permitted, self.plan, read_only=self.script.read_only)
        late = None if permitted is None else past_soft(self, arrival, permitted.record)
        if late is not None:
            self.violated("a soft limit holds what would begin", f"{arrival.op} to {arrival.device}: {late}")
        self.arrivals.append(arrival)

    def committed(self) -> None:
        """Witness what was just written, if it is of what lasts: leases, positions and what was seen come and go."""
        lasting = self._journal.execute(LASTING).fetchone()
        if lasting == self._lasting:
            return
        self._lasting = lasting
        record = self.record()
        closed = self.gate.closed
        self.gate.look(record)
        for member in record.members:
            for intent in (one for attempt in member.attempts for one in attempt.intents):
                if intent.id not in self.permitted:
                    self.permitted[intent.id] = Permitted(
                        self.now(), self.wall(), record, member.device, intent, closed, self.driver()
                    )
            for attempt in member.attempts:
                if attempt.end is None:
                    continue
                key = (member.device, attempt.number)
                if key in self.verdicts:
                    if self.verdicts[key] is not attempt.end.verdict:
                        self.violated("verdicts never flip", f"{key}: {self.verdicts[key]}, {attempt.end.verdict}")
                    continue
                self.verdicts[key] = attempt.end.verdict
                self.story.append(f"{self.now():.1f} {member.device} ends {attempt.end.verdict}: {attempt.end.reason}")
                device = self.devices[member.device]
                device.live()
                self.violations += judge_end(attempt.end, device)

    async def run(self) -> None:
        """Live through the script, then through a time without faults in which people do their part."""
        asyncio.get_running_loop().set_exception_handler(self._unheard)
        attending = asyncio.create_task(self._attend())
        try:
            for event in sorted(self.script.events, key=lambda one: one.at):
                await asyncio.sleep(max(0.0, event.at - self.now()))
                self._happen(event)
            await self._peace(attending)
        finally:
            attending.cancel()
            for process in self.processes:
                process.die()
            tasks = [process.task for process in self.processes if process.task is not None]
            await asyncio.gather(attending, *tasks, return_exceptions=True)
            self.person.close()
            self._journal.close()

    async def _peace(self, attending: asyncio.Task[None]) -> None:
        lasting = [
            one for one in self.script.events if one.act in (Act.FAULT, Act.STOP, Act.LOCK, Act.FULL, Act.UNPLUG)
        ]
        over = max((one.at + abs(one.seconds) for one in lasting), default=0.0)
        await asyncio.sleep(max(CARE_AFTER_S, over - self.now()))
        for held in self.faults.values():
            held.clear()
        self.disturbed = {name: min(until, self.now()) for name, until in self.disturbed.items()}
        self.hindered = min(self.hindered, self.now())
        for process in self.processes:
            process.running.set()
        begun = self.now()
        while not all(ended(member) for member in self.record().members):
            if attending.done():
                attending.result()
            if self.violations:
                return
            if self.now() - begun > END_S:
                record = self.record()
                left = [f"{one.device} {one.phase}: {one.text}" for one in record.members if not ended(one)]
                state = state_of(record, self.plan, self.wall())
                self.violated("every armed attempt ends", f"{state}, {'; '.join(left)}")
                return
            self._care()
            await asyncio.sleep(45.0)
        self.violations += judge_replay(self.record(), self._reopened(), self.plan, self.wall())

    def _reopened(self) -> RolloutRecord:
        actor = Actor(1000, "mk", "jump", "cli", 2, "boot", "2")
        with Journal.open(self.directory, actor=actor, clock=_WorldClock(self), machine=self._machine()) as journal:
            return journal.rollout(self.rollout)

    def _care(self) -> None:
        """Let a person do what every hold asks for."""
        record = self.record()
        self.trusted = {name: device.certificate for name, device in self.devices.items()}
        if record.braked:
            self.person.brake(on=False)
        wishes: list[tuple[ControlKind, str | None]] = [(ControlKind.REOPEN, "99")]
        wishes += [(ControlKind.PROMOTE, str(wave)) for wave in range(2, self.plan.waves + 1)]
        if state_of(record, self.plan, self.wall()) is RolloutState.PAUSED:
            self._ask(ControlKind.RESUME, None, None)
        following = open_wave(record, self.plan, self.wall()) + 1
        if "promote" in (wave_barrier(following, record, self.plan, self.wall()) or ""):
            self._ask(ControlKind.PROMOTE, None, str(following))
        if self.script.read_only:
            self._ask(ControlKind.ABORT, None, None)
        for kind, value in wishes:
            if not any((one.kind, one.value, one.reason) == (kind, value, "care") for one in record.controls):
                self._ask(kind, None, value, "care")
        for member in record.members:
            if armed(member) and self.plan.fence is Fence.START:
                self._ask(ControlKind.ARM, member.device, NEW)
            elif not ended(member) and not down(member) and member.phase == "HELD":
                self._ask(ControlKind.SKIP, member.device, None)
        for member in record.members:
            if ended(member) and member.attempt.resolve is None and bad(member.attempt):
                self._resolve(member.device, Verdict.REVIEW)

    def _ask(self, kind: ControlKind, device: str | None, value: str | None, reason: str = "because") -> None:
        with suppress(UpdeckError):
            self.person.control(self.rollout, kind, device=device, value=value, reason=reason)
            self.gate.look(self.record())
            self.story.append(f"{self.now():.1f} a person asks {kind} {device or ''} {value or ''}")

    async def _attend(self) -> None:
        """Keep an engine running while there is something for one to do."""
        pid = 100
        while True:
            last = self.processes[-1] if self.processes else None
            if last is not None and last.done and last.asked == len(self.record().controls):
                await asyncio.sleep(IDLE_S)  # it ended because only people can go on
            alive = [one for one in self.processes if one.task is not None and not one.task.done()]
            if not any(one.running.is_set() for one in alive) and not all(map(ended, self.record().members)):
                pid += 1
                process = Process(self, pid)
                self.processes.append(process)
                process.task = asyncio.create_task(self._engine(process))
            await asyncio.sleep(self.script.back_s)

    async def _engine(self, process: Process) -> None:
        """Live the life of one engine process."""
        try:
            await self._driven(process)
        except (Killed, JournalError):
            pass
        except asyncio.CancelledError:
            if not process.dead:
                raise
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            self.violated("no internal error", f"{error!r} in {place.name}, line {place.lineno} of {place.filename}")
        finally:
            if process.journal is not None:
                if process.dead:
                    process.journal._database.close()
                else:
                    with suppress(Killed, JournalError):
                        process.journal.close()
                    process.dead = True

    async def _driven(self, process: Process) -> None:
        journal = WorldJournal.open(self.directory, actor=process.actor, clock=process, machine=self._machine())
        process.journal = journal
        journal.process = process
        if journal.take_over(self.rollout) is None:
            return
        process.driving_since = self.now()
        self.story.append(f"{self.now():.1f} process {process.actor.pid} drives")
        state = WorldState()
        state.world = self
        desk = Desk.assemble(
            self.fleet,
            journal,
            state=state,
            clock=process,
            random=Random(process.actor.pid),
            read_only=self.script.read_only,
            connect=lambda entry: WorldClient(self, process, entry),
        )
        try:
            engine = self.engine(desk, journal, self.rollout, self.plan, clock=process)
            told: RolloutState = await engine.run()
            process.done, process.asked = True, len(self.record().controls)
            self.story.append(f"{self.now():.1f} process {process.actor.pid} is done: {told}")
        finally:
            await desk.close()

    def _happen(self, event: Event) -> None:
        names = list(self.devices)
        name = names[event.device % len(names)]
        device = self.devices[name]
        device.live()
        self.story.append(f"{self.now():.1f} {event.act} {name} {event.fault if event.act is Act.FAULT else ''}")
        process = self.processes[-1] if self.processes else None
        match event.act:
            case Act.FAULT:
                strike = Strike(self.now(), self.now() + abs(event.seconds), event.fault, event.of_calls)
                self.faults[name].append(strike)
                self.disturbed[name] = max(self.disturbed[name], strike.ends)
            case Act.KILL if process is not None:
                process.die()
            case Act.STOP if process is not None and not process.dead:
                process.running.clear()
                asyncio.get_running_loop().call_later(abs(event.seconds), process.running.set)
                self._hinder(event)
            case Act.LOCK:
                self.locked_until = self._hinder(event)
            case Act.FULL:
                self.full_until = self._hinder(event)
            case Act.UNPLUG:
                self._unplug(abs(event.seconds))
            case Act.STEP:
                self.offset += event.seconds
            case Act.DEVICE_CLOCK:
                device.skew_s += abs(event.seconds)
            case Act.FOREIGN_INIT | Act.FOREIGN_START | Act.FOREIGN_RESET:
                device.foreign = True
                {Act.FOREIGN_INIT: device.init, Act.FOREIGN_START: device.start}.get(event.act, device.reset)()
            case _:
                self._ordered(event, name)

    def _unplug(self, seconds: float) -> None:
        """Take away for a while the file that is to be sent, if there is one."""
        image = self.directory.parent / "image.iso"
        aside = image.with_name("aside")
        if image.exists():
            image.rename(aside)
            asyncio.get_running_loop().call_later(seconds, aside.rename, image)

    def _hinder(self, event: Event) -> float:
        """Note how long no engine may have looked or written, and return that time."""
        until = self.now() + abs(event.seconds)
        self.hindered = max(self.hindered, until)
        return until

    def _ordered(self, event: Event, name: str) -> None:
        ask = self._ask
        match event.act:
            case Act.BRAKE | Act.RELEASE:
                self.person.brake(on=event.act is Act.BRAKE)
            case Act.PAUSE | Act.RESUME | Act.ABORT:
                ask(ControlKind(event.act.value), None, None)
            case Act.SKIP | Act.ADOPT:
                ask(ControlKind(event.act.value), name, None)
            case Act.RETRY:
                ask(ControlKind.RETRY, name, None)
            case Act.UN_INIT:
                ask(ControlKind.RESET, name, None)
            case Act.ARM:
                ask(ControlKind.ARM, name, NEW)
            case Act.PROMOTE | Act.REOPEN:
                ask(ControlKind(event.act.value), None, str(event.number))
            case Act.RESOLVE:
                self._resolve(name, Verdict.SUCCESS)

    def _resolve(self, device: str, verdict: Verdict) -> None:
        with suppress(UpdeckError):
            self.person.resolve(self.rollout, device, verdict, "seen")
            self.gate.look(self.record())

    def _unheard(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if not isinstance(error, Killed | JournalError | asyncio.CancelledError):
            self.violated("no internal error", f"{context.get('message')}: {error!r}")

    def _machine(self) -> Machine:
        def gone(actor: Actor) -> bool:
            return any(one.actor.pid == actor.pid and one.dead for one in self.processes)

        return Machine(witness=lambda line: None, gone=gone, mounts=lambda: "")


class _WorldClock:
    """The world's time for people."""

    def __init__(self, world: World) -> None:
        self.wall = world.wall
        self.monotonic = world.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def live(script: Script, engine: type[Engine] = Engine) -> World:
    """Live through a script and return its world, with all violations that were witnessed."""

    async def whole(directory: Path) -> World:
        world = World(script, directory / "state", engine)
        await world.run()
        return world

    place = MEMORY if MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="updeck-world-", dir=place) as name,
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        return runner.run(whole(Path(name)))
