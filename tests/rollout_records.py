"""Plans and journal records of rollouts for the tests of what is decided from them."""

from __future__ import annotations

from dataclasses import replace

from updeck.journal.models import (
    Actor,
    Baseline,
    End,
    Intent,
    Op,
    Outcome,
    OutcomeRow,
    RolloutRow,
    Verdict,
)
from updeck.journal.plan_models import (
    Attempt,
    Control,
    ControlKind,
    MemberRecord,
    Milestone,
    MilestoneKind,
    Resolve,
    RolloutRecord,
)
from updeck.rollout.plan import Plan, PlannedDevice, PlannedImage, Source

OLD, NEW = "11.6.0 #23947", "11.8.0 #28924"
SHA = "ab" * 32
ACTOR = Actor(1000, "mk", "jump", "cli", 1, "boot", "1")
IMAGE = PlannedImage(NEW, Source.FILE, SHA, 2 << 30, "/srv/images/11.8.0.iso")
NOW = 1_000_000.0


def plan_of(*waves: int, pairs: str = "", sites: str = "") -> Plan:
    """Return a plan of devices d0, d1, … in these waves; a letter per device is its pair or site, `-` is none."""
    devices = tuple(
        PlannedDevice(
            f"d{index}",
            f"https://10.0.0.{index + 1}",
            wave,
            serial=f"S{index}",
            site=_letter(sites, index),
            pair=_letter(pairs, index),
        )
        for index, wave in enumerate(waves)
    )
    return Plan(IMAGE, devices)


def record_of(plan: Plan, *members: MemberRecord, controls: tuple[Control, ...] = ()) -> RolloutRecord:
    """Return the record of a plan; devices that are not named have nothing yet."""
    told = {member.device: member for member in members}
    rows = tuple(
        replace(told.get(device.name, member(device.name)), position=position, wave=device.wave)
        for position, device in enumerate(plan.devices)
    )
    row = RolloutRow("r1", "plan", NOW - 5000, ACTOR, None, ACTOR, lease_alive=True, lease_ours=True)
    return RolloutRecord(row, plan.digest, "{}", rows, controls, False, ACTOR, NOW - 5000)


def member(device: str, *attempts: Attempt, soft: bool = False) -> MemberRecord:
    """Return a device's record with its attempts, one empty attempt where none is given."""
    return MemberRecord(device, 0, 1, attempts or (Attempt(1),), soft)


def sent(*ops: Op, outcome: Outcome | None = Outcome.ACCEPTED, number: int = 1) -> Attempt:
    """Return an attempt in which these operations were sent, all with one outcome."""
    return Attempt(number, tuple(intent(op, outcome=outcome) for op in ops))


def initialized(*ops: Op) -> Attempt:
    """Return an attempt that has reached INITIALIZED by its init, and then sent `ops`."""
    reached = Milestone(MilestoneKind.INITIALIZED, 1, 100, NEW, SHA, NOW - 50)
    return replace(sent(Op.INIT, *ops), milestones=(reached,))


def done(
    verdict: Verdict,
    attempt: Attempt = Attempt(1),  # noqa: B008
    *,
    at: float = NOW - 10,
    resolved: Verdict | None = None,
) -> Attempt:
    """Return an attempt with its end, and perhaps a person's judgement of it."""
    end = End("r1", "d0", attempt.number, Op.START, verdict, "", at, ACTOR, None, None)
    judged = None if resolved is None else Resolve(resolved, "seen", at + 1, ACTOR)
    return replace(attempt, end=end, resolve=judged)


def intent(op: Op, *, outcome: Outcome | None = Outcome.ACCEPTED, at: float = NOW - 100) -> Intent:
    """Return an intent; `outcome` None is one without answer."""
    baseline = Baseline(at, "IDLE", 90, None, ((50, OLD),), OLD, "S0", "d0", "VSCAN", "https://10.0.0.1", (7,), NEW)
    row = None if outcome is None else OutcomeRow(outcome, at + 1, 204, None)
    return Intent(1, "r1", "d0", 1, op, 1, at, ACTOR, baseline, {}, row)


def control(
    kind: ControlKind, value: str | None = None, *, device: str | None = None, at: float = NOW - 5, number: int = 1
) -> Control:
    """Return what a person asked for; `number` orders them."""
    return Control(number, kind, device, value, "because", at, ACTOR)


def _letter(letters: str, index: int) -> str | None:
    return None if index >= len(letters) or letters[index] == "-" else letters[index]
