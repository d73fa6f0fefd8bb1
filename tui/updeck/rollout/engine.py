"""The engine: carries out what `decide` says, for every device of one rollout, until only verdicts are left.

It owns nothing that a restart would miss: after each poll it asks the journal and the device again. Everything that it
sends passes `Journal.intend`, which asks the gate once more within its transaction (`rollout.md` 7).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from updeck.clock import Clock
from updeck.device.models import Identity, Reach
from updeck.errors import Blocked, JournalError, LeaseLost, LocalFileError, UpdeckError
from updeck.fleet.desk import Desk
from updeck.fleet.monitor import lost_answer
from updeck.fleet.operations import Sending
from updeck.fleet.orders import UploadOrder
from updeck.fleet.ruling import Seen, Timers
from updeck.fleet.tracked import Tracked
from updeck.fleet.views import Phase, Reading
from updeck.journal.models import Op, Verdict
from updeck.journal.permit import Permit
from updeck.journal.plan_models import MemberRecord, Position, RolloutRecord
from updeck.journal.store import Journal
from updeck.rollout.calls import call_of
from updeck.rollout.checks import blocking_reason, rollout_checks
from updeck.rollout.current import CurrentRecord
from updeck.rollout.decide import decide
from updeck.rollout.decision import Case, Decision, End, Hold, Reached, Send, Wait, Watch, asked_since
from updeck.rollout.forecast import with_back
from updeck.rollout.gate import given_up, why_not
from updeck.rollout.leaving import only_people_can_go_on
from updeck.rollout.plan import Plan
from updeck.rollout.progress import RolloutState, state_of
from updeck.rollout.standing import ended, left_initialized

__all__ = ["Engine"]

LOOK_S = 1.0
"""How often the engine looks for requests of people in the journal, in seconds."""

ANSWER_S = 5.0
"""How long an engine that is told to end waits for answers, in seconds."""


@dataclass(slots=True)
class _Watch:
    """The timers of a device, and the intent they belong to; 0 before the first."""

    intent: int
    timers: Timers
    position: Position | None = None
    waits: bool = False
    holds: bool = False


class Engine:
    """Drives one rollout whose lease this process holds; to be run once, in the loop of its desk."""

    def __init__(self, desk: Desk, journal: Journal, rollout: str, plan: Plan, *, clock: Clock) -> None:
        self._desk = desk
        self._monitor = desk.monitor
        self._journal = journal
        self._rollout = rollout
        self._plan = plan
        self._clock = clock
        self._watches: dict[str, _Watch] = {}
        self._tasks, self._calls = set[asyncio.Task[None]](), set[asyncio.Task[object]]()
        self._looked_at = -1
        self._current = CurrentRecord(desk.monitor, rollout)
        self._lost: LeaseLost | None = None

    @property
    def record(self) -> RolloutRecord:
        """The rollout as this engine read it last; raises `ValueError` before it runs."""
        if self._current.read is None:
            raise ValueError("the engine has not run yet")
        return self._current.read

    async def run(self) -> RolloutState:
        """Drive every device to its verdict, or to where only a person can go on; return the rollout's state.

        Raises `LeaseLost` as soon as another process drives the rollout.
        """
        self._monitor.drive = self._drive
        await self._admit()
        jobs = [asyncio.create_task(self._monitor.keep_books()), asyncio.create_task(self._desk.poller.run())]
        try:
            return await self._until_over()
        finally:
            for job in (*jobs, *self._tasks):
                job.cancel()
            await asyncio.gather(*jobs, *self._tasks, return_exceptions=True)
            await self._hear_out()

    def _heard(self, call: asyncio.Task[object]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # whoever sent it gets the error, unless this engine is leaving

    async def _hear_out(self) -> None:
        """Break uploads off, and record what became of each call under way: unknown, where no answer comes soon."""
        self._desk.transfers.cancel_where(lambda device: True)
        if self._calls:
            await asyncio.wait(self._calls, timeout=ANSWER_S)
        for call in tuple(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _admit(self) -> None:
        """Track the devices that have no verdict yet, each as the box that was planned."""
        record = await self._current.now()
        fleet = self._monitor.fleet
        for member in record.members:
            if fleet.get(member.device) is None and not ended(member):
                await self._end_of_absent(member)
        tracked = self._monitor.devices
        left = {member.device for member in record.members if not ended(member)} - tracked.keys()
        entries = [entry for entry in fleet.devices if entry.name in left]
        await self._monitor.add(entries)
        for entry in entries:
            planned = self._plan.device(entry.name)
            if planned.serial or planned.device_name or planned.model:
                known = Identity(planned.serial, planned.device_name, planned.model, planned.url)
                tracked[entry.name].identity = known
        self._desk.poller.add(entry.name for entry in entries)

    async def _end_of_absent(self, member: MemberRecord) -> None:
        """Record the end of a device that cannot be asked any more, because it left the inventory."""
        left = "it is not in the inventory any more"
        sent = member.attempt.intents
        if sent and sent[-1].outcome is None:
            await self._monitor.record(partial(lost_answer, sent[-1].id))
        if any(intent.op in (Op.INIT, Op.START) for intent in sent):
            end = End(Verdict.REVIEW, f"{left}, after {sent[-1].op.words} was sent")
        else:
            end = End(Verdict.SKIPPED, left)
        await self._record_end(member, end, None)

    async def _until_over(self) -> RolloutState:
        while True:
            await self._clock.sleep(LOOK_S)
            if self._lost is not None:
                raise self._lost
            try:
                record = await self._current.now()
                if any(not ended(member) and member.device not in self._monitor.devices for member in record.members):
                    await self._admit()
                self._desk.transfers.cancel_where(partial(given_up, record))
                self._wake_those_who_wait()
                await self._monitor.record(lambda journal: journal.stand(self._rollout, ()))  # what came too soon
            except LeaseLost:
                raise
            except JournalError as error:
                self._monitor.journal_failed(error)
                continue
            state = state_of(record, self._plan, self._clock.wall())
            if all(ended(member) for member in record.members):
                return state
            if not record.row.lease_ours:
                raise LeaseLost(f"rollout {self._rollout} is driven by another process now")
            if self._only_people_can_go_on(record):
                return state

    def _wake_those_who_wait(self) -> None:
        """Poll at once the devices whose step may have become possible since the journal was last looked at."""
        if self._looked_at != self._current.token:
            self._looked_at = self._current.token
            self._desk.poller.poke(name for name, watch in self._watches.items() if watch.waits or watch.holds)

    def _only_people_can_go_on(self, record: RolloutRecord) -> bool:
        """Whether nothing moves, each device was looked at, and none that could go on waits for less than a person."""
        if self._tasks or any(not ended(one) and one.device not in self._watches for one in record.members):
            return False
        held = [device for device, watch in self._watches.items() if watch.holds]
        return only_people_can_go_on(record, self._plan, self._clock.wall(), held)

    async def _drive(self, tracked: Tracked, seen: Seen) -> None:
        """Decide on one device after its poll, and do it. Called by the monitor; the device's lock is held."""
        try:
            await self._step(tracked, seen)
        except LeaseLost as error:
            self._lost = error
        except Blocked as error:
            if tracked.entry.name in self._watches:
                self._watches[tracked.entry.name].waits = True
            await self._stand(tracked, Phase.WAITING, error.message)

    async def _step(self, tracked: Tracked, seen: Seen) -> None:
        record = await self._current.now()
        member = record.member(tracked.entry.name)
        if ended(member):
            return
        if member.attempt.intents and member.attempt.intents[-1].outcome is None:
            # sent by an engine that is gone: whether it left, only the device can show
            await self._monitor.record(partial(lost_answer, member.attempt.intents[-1].id))
            record = await self._current.now()
            member = record.member(tracked.entry.name)
        watch = self._watch(member, seen)
        watch.timers, decision = decide(self._case(record, member, seen), watch.timers)
        watch.waits, watch.holds = isinstance(decision, Wait), isinstance(decision, Hold)
        await self._carry_out(tracked, member, decision)

    def _watch(self, member: MemberRecord, seen: Seen) -> _Watch:
        intent = member.attempt.intents[-1] if member.attempt.intents else None
        key = 0 if intent is None else intent.id
        known = self._watches.get(member.device)
        if known is None or known.intent != key:
            attempt_s = 0.0 if intent is None else max(0.0, self._clock.wall() - intent.at)
            position = None if known is None else known.position
            known = _Watch(key, Timers(seen.monotonic, attempt_s), position)
            self._watches[member.device] = known
        return known

    def _case(self, record: RolloutRecord, member: MemberRecord, seen: Seen) -> Case:
        now = self._clock.wall()
        return Case(
            plan=self._plan,
            attempt=member.attempt,
            controls=asked_since(record, member),
            seen=seen,
            patience=self._monitor.fleet.patience,
            why_not=lambda op: why_not(op, member.device, record, self._plan, now),
            blocked=self._blocked(member),
            earlier=left_initialized(member),
            unproven=self._monitor.devices[member.device].entry.insecure and not self._plan.allow_insecure,
        )

    def _blocked(self, member: MemberRecord) -> str | None:
        if member.attempt.intents:
            return None
        view = self._monitor.devices[member.device].view()
        return blocking_reason(rollout_checks(view, self._plan, rollout=self._rollout))

    async def _carry_out(self, tracked: Tracked, member: MemberRecord, decision: Decision) -> None:
        match decision:
            case Watch(ruling):
                self._monitor.soon(tracked)
                text = with_back(ruling, self.record, member.device, self._clock.wall())
                await self._stand(tracked, ruling.phase, text, soft=ruling.soft)
            case Wait(phase, reason):
                await self._stand(tracked, phase, reason)
            case Hold(reason):
                await self._stand(tracked, Phase.HELD, reason)
            case Reached():
                await self._reached(tracked, member, decision)
            case End():
                await self._end(tracked, member, decision)
            case Send():
                self._monitor.soon(tracked)
                await self._send(tracked, member, decision)

    async def _stand(self, tracked: Tracked, phase: Phase, text: str, *, soft: bool = False) -> None:
        """Let people see where a device stands, when that has changed."""
        watch = self._watches.get(tracked.entry.name)
        known = self._current.read
        attempt = 1 if known is None else known.member(tracked.entry.name).attempt.number
        position = Position(tracked.entry.name, phase.value, text, attempt, soft)
        if watch is None or watch.position == position:
            return
        await self._monitor.record(lambda journal: journal.stand(self._rollout, [position]))
        watch.position = position

    async def _reached(self, tracked: Tracked, member: MemberRecord, reached: Reached) -> None:
        await self._monitor.record(
            lambda journal: journal.milestone(
                self._rollout,
                member.device,
                reached.kind,
                attempt=member.attempt.number,
                last_state_time=reached.last_state_time,
                target_version=reached.target_version,
                checksum=reached.checksum,
            )
        )
        self._monitor.soon(tracked)
        self._desk.poller.poke([member.device])

    async def _end(self, tracked: Tracked, member: MemberRecord, end: End) -> None:
        await self._record_end(member, end, tracked.reading)
        await self._monitor.reload(tracked)

    async def _record_end(self, member: MemberRecord, end: End, reading: Reading | None) -> None:
        last = member.attempt.intents[-1].op if member.attempt.intents else None
        await self._monitor.record(
            lambda journal: journal.end(
                self._rollout,
                member.device,
                attempt=member.attempt.number,
                op=last,
                verdict=end.verdict,
                reason=end.reason,
                last_state_time=None if reading is None else reading.update.last_state_time,
                target_version=self._plan.image.version,
            )
        )

    async def _send(self, tracked: Tracked, member: MemberRecord, send: Send) -> None:
        """Send a call, transfers beside the polling; nothing else is decided for the device until it is recorded."""
        self._desk.operations.writable(send.op)
        tracked.sending = True
        if send.op is Op.UPLOAD:
            await self._stand(tracked, Phase.WAITING, "waits for its turn to send the image")
            self._beside(self._upload(tracked, member, send))
            return
        try:
            await self._desk.operations.fresh(tracked)
            await self._check_again(tracked, send)
            await self._permitted(tracked, member, send, call_of(send, tracked, self._plan.image))
        finally:
            tracked.sending = False

    async def _check_again(self, tracked: Tracked, send: Send) -> None:
        """Raise `Blocked` unless what was read right now, identity and all, leads to the same call (`rollout.md` 2)."""
        record = await self._current.now()
        member = record.member(tracked.entry.name)
        seen = Seen.of(self._clock.monotonic(), tracked.reach or Reach.UNREACHABLE, tracked.reading)
        _, decision = decide(self._case(record, member, seen), self._watch(member, seen).timers)
        if decision != send:
            raise Blocked("it changed right before the call", device=member.device)

    def _beside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _upload(self, tracked: Tracked, member: MemberRecord, send: Send) -> None:
        image = self._plan.image
        assert image.location is not None
        assert image.sha256 is not None
        assert image.size_bytes is not None
        order = UploadOrder(Path(image.location), image.sha256, image.size_bytes, image.version)
        try:
            async with self._desk.transfers.prepared(tracked, order) as sending:
                await self._stand(tracked, Phase.TRANSFERRING, "sending the image")
                await self._check_again(tracked, send)
                await self._permitted(tracked, member, send, sending)
        except UpdeckError as error:
            await self._not_sent(tracked, member, error)
        else:
            self._desk.poller.poke([member.device])
        finally:
            tracked.sending = False
            self._monitor.soon(tracked)

    async def _not_sent(self, tracked: Tracked, member: MemberRecord, error: UpdeckError) -> None:
        """Draw the consequence of an upload that did not begin; one whose file cannot be read never will."""
        try:
            match error:
                case LeaseLost():
                    self._lost = error
                case LocalFileError():
                    await self._end(tracked, member, End(Verdict.TRANSFER_FAILED, f"not sent: {error}"))
                case _:
                    await self._stand(tracked, Phase.WAITING, f"not sent: {error}")
        except LeaseLost as lost:
            self._lost = lost
        except JournalError as failed:  # the next poll decides anew
            self._monitor.journal_failed(failed)

    async def _permitted(self, tracked: Tracked, member: MemberRecord, send: Send, sending: Sending) -> None:
        """Ask the journal for the permission, with the gate in its transaction, and send if it gives one."""
        permit = await self._monitor.record(partial(self._intend, member, send, sending))
        call: asyncio.Task[object] = asyncio.create_task(self._desk.operations.call(sending, permit))
        self._calls.add(call)
        call.add_done_callback(self._heard)
        await asyncio.shield(call)
        await self._monitor.reload(tracked)

    def _intend(self, member: MemberRecord, send: Send, sending: Sending, journal: Journal) -> Permit:
        def allow(record: RolloutRecord) -> str | None:
            return why_not(send.op, member.device, record, self._plan, self._clock.wall())

        return journal.intend(
            self._rollout,
            member.device,
            send.op,
            attempt=member.attempt.number,
            try_=send.try_,
            baseline=sending.baseline,
            detail=dict(sending.detail),
            allow=allow,
        )
