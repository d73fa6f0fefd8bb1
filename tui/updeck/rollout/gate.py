"""What stands against a call in a rollout: `rollout.md` 7, decided in the transaction that inserts the intent. Pure.

`why_not` is asked with the journal's record as that transaction reads it, so two engines, or an engine and a person,
can never pass the same limit together. What came first is told by the order of the rows. Only window and bake time ask
the wall clock, which alone outlives a process: a step of it moves their end, and moves neither gate nor pause.
"""

from __future__ import annotations

from collections.abc import Callable

from updeck.clock import rfc3339
from updeck.device.versions import same_version
from updeck.journal.models import Op
from updeck.journal.plan_models import Control, ControlKind, MemberRecord, RolloutRecord
from updeck.rollout.plan import Fence, Goal, Plan, Promotion
from updeck.rollout.standing import begun, down, ended, gate_of, order_of, transferring
from updeck.rollout.window import Window
from updeck.text import plural

__all__ = [
    "aborted",
    "awaits_promotion",
    "fenced",
    "given_up",
    "open_wave",
    "paused",
    "promoted",
    "wave_barrier",
    "why_not",
    "window_in_force",
    "window_refusal",
]

_TRANSFERS = (Op.UPLOAD, Op.FETCH)
_DISRUPTIVE = (Op.INIT, Op.START)

_BEYOND = {
    Goal.STAGED: (Op.INIT, Op.START),
    Goal.INITIALIZED: (Op.START,),
    Goal.UPDATED: (),
}


def why_not(op: Op, device: str, record: RolloutRecord, plan: Plan, now: float) -> str | None:
    """Return the reason that stands against `op` on `device` at `now` (Unix seconds), None where nothing does.

    Deleting a broken image and un-init take no box down and free what was taken, so only the end of the attempt and a
    skip stand against them. Raises `KeyError` for a device that is not in the rollout.
    """
    member = record.member(device)
    if ended(member):
        return "its attempt has ended"
    if _is_newest(record, device, ControlKind.SKIP, ControlKind.RETRY):
        return "it is skipped"
    if op not in _TRANSFERS and op not in _DISRUPTIVE:
        return None
    if op in _BEYOND[plan.until]:
        return f"the plan brings it no further: {plan.until.words}"
    reason = aborted(record) or paused(record, plan, now, op=op) or _closed_wave(member, record, plan, now)
    if reason is not None:
        return reason
    rules = _TRANSFER_RULES if op in _TRANSFERS else _DISRUPTIVE_RULES
    if op is Op.START and (held := _undone(record, device) or fenced(member, record, plan)) is not None:
        return held
    return next((found for rule in rules if (found := rule(member, record, plan, now)) is not None), None)


def _undone(record: RolloutRecord, device: str) -> str | None:
    asked = _is_newest(record, device, ControlKind.RESET, ControlKind.RETRY)
    return "a person asked for its un-init" if asked else None


def aborted(record: RolloutRecord) -> str | None:
    """Return by whom and why the rollout was aborted, None where it was not."""
    control = _newest(record, None, ControlKind.ABORT)
    return None if control is None else f"aborted by {_by(control)}"


def given_up(record: RolloutRecord, device: str) -> bool:
    """Whether a person wants nothing more sent to a device: an upload under way is broken off then."""
    return aborted(record) is not None or _is_newest(record, device, ControlKind.SKIP, ControlKind.RETRY)


def paused(record: RolloutRecord, plan: Plan, now: float, *, op: Op | None = None) -> str | None:
    """Return why the rollout, or only `op` in it, is paused; None where it is not.

    The brake of all rollouts holds what takes boxes down; a pause, and a window that has ended, hold transfers too.
    """
    if record.braked and op not in _TRANSFERS:
        return "all new starts are paused (!)"
    control = _newest(record, None, ControlKind.PAUSE, ControlKind.RESUME)
    if control is not None and control.kind is ControlKind.PAUSE:
        return f"paused by {_by(control)}"
    window = plan.window
    if window is not None and now >= window.closes_at and not _confirmed_anew(record, plan):
        return f"{window.refusal(now)}: paused until confirmed anew"
    return None


def window_refusal(record: RolloutRecord, plan: Plan, now: float) -> str | None:
    """Return why the window lets no box go down; a resume after its end lets them go without it."""
    window = window_in_force(record, plan)
    return None if window is None else window.refusal(now)


def window_in_force(record: RolloutRecord, plan: Plan) -> Window | None:
    """Return the window that starts have to keep to, None where there is none or its end was confirmed away."""
    return None if _confirmed_anew(record, plan) else plan.window


def open_wave(record: RolloutRecord, plan: Plan, now: float) -> int:
    """Return the last wave that is open. One in which something was sent stays open, as do those before it."""
    wave = max((member.wave for member in record.members if begun(member)), default=1)
    while wave < plan.waves and wave_barrier(wave + 1, record, plan, now) is None:
        wave += 1
    return wave


def wave_barrier(wave: int, record: RolloutRecord, plan: Plan, now: float) -> str | None:
    """Return what keeps `wave` from opening after the one before it, None where nothing does.

    All before it must have ended, the bake time must be over, and a person must promote it unless the plan does
    (`rollout.md` 7). A wave in which all have ended already keeps nobody waiting.
    """
    if all(ended(member) for member in record.members if member.wave == wave):
        return None
    unripe = _unripe(wave, record, plan, now)
    if unripe is None and plan.promote is Promotion.MANUAL and not promoted(wave, record):
        return f"wave {wave} waits for a person to promote it"
    return unripe


def awaits_promotion(record: RolloutRecord, plan: Plan, now: float) -> bool:
    """Whether the next wave waits for a person to promote it, and for nothing else."""
    wave = open_wave(record, plan, now) + 1
    return wave <= plan.waves and _unripe(wave, record, plan, now) is None


def _unripe(wave: int, record: RolloutRecord, plan: Plan, now: float) -> str | None:
    """Return what time alone has yet to bring before `wave` may open."""
    before = [member for member in record.members if member.wave < wave]
    going = sum(not ended(member) for member in before)
    if going:
        return f"wave {wave} waits for {plural(going, 'device')} of earlier waves"
    last = max((one.attempt.end for one in before if one.attempt.end), key=order_of, default=None)
    if last is None or not plan.bake_s or now >= last.at + plan.bake_s:
        return None
    if now >= last.at:
        return (
            f"wave {wave} waits until {rfc3339(last.at + plan.bake_s)}, when the bake time of wave {wave - 1} is over"
        )
    # set back since: what has passed of the bake time, only people know
    if any(order_of(one) > order_of(last) for one in record.controls if _promotes(one, wave)):
        return None
    return f"wave {wave} waits for a person to promote it: the clock was set back since wave {wave - 1} ended"


def _closed_wave(member: MemberRecord, record: RolloutRecord, plan: Plan, now: float) -> str | None:
    reached = open_wave(record, plan, now)
    if member.wave <= reached:
        return None
    return wave_barrier(reached + 1, record, plan, now) or f"wave {member.wave} is not open yet"


def promoted(wave: int, record: RolloutRecord) -> bool:
    """Whether a person has promoted a wave."""
    return any(_promotes(one, wave) for one in record.controls)


def _promotes(control: Control, wave: int) -> bool:
    return control.kind is ControlKind.PROMOTE and control.value == str(wave)


def _confirmed_anew(record: RolloutRecord, plan: Plan) -> bool:
    if plan.window is None:
        return False
    closes_at = plan.window.closes_at
    return any(one.kind is ControlKind.RESUME and one.device is None and one.at >= closes_at for one in record.controls)


def fenced(member: MemberRecord, record: RolloutRecord, plan: Plan) -> str | None:
    """Return why the fence holds a device back, None where there is none or a person let it past."""
    if plan.fence is Fence.NONE:
        return None
    let = _newest(record, member.device, ControlKind.ARM, ControlKind.RETRY)
    if let is None or let.kind is not ControlKind.ARM:
        return "it is ready and waits for a person"
    if let.value is None or not same_version(let.value, plan.image.version):
        return f"a person let it start to {let.value or 'no version'}, not {plan.image.version}"
    return None


def _gate(member: MemberRecord, record: RolloutRecord, plan: Plan, now: float) -> str | None:
    gate = gate_of(record, plan)
    return f"stopped after {gate.reason}" if gate.closed else None


def _window(member: MemberRecord, record: RolloutRecord, plan: Plan, now: float) -> str | None:
    return window_refusal(record, plan, now)


def _soft_hold(member: MemberRecord, record: RolloutRecord, plan: Plan, now: float) -> str | None:
    late = [other.device for other in record.members if other.soft and not ended(other) and other is not member]
    return f"waits while {late[0]} takes longer than it should" if late else None


def _pair(member: MemberRecord, record: RolloutRecord, plan: Plan, now: float) -> str | None:
    pair = plan.device(member.device).pair
    if pair is not None:
        for other in record.members:
            if other is not member and down(other) and plan.device(other.device).pair == pair:
                return f"waits for its pair {other.device}"
    if member.pair_down is not None:
        return f"waits for its pair {member.pair_down}"
    if member.pair_lost is not None:
        return f"its pair {member.pair_lost} may not be in service since its last start: un-init or resolve that first"
    return None


def _max_parallel(member: MemberRecord, record: RolloutRecord, plan: Plan, now: float) -> str | None:
    limit = plan.limits.max_parallel
    busy = sum(down(other) for other in record.members if other is not member)
    return None if limit is None or busy < limit else f"{plural(busy, 'box', 'boxes')} down, the limit is {limit}"


def _max_per_site(member: MemberRecord, record: RolloutRecord, plan: Plan, now: float) -> str | None:
    limit, site = plan.limits.max_per_site, plan.device(member.device).site
    if limit is None or site is None:
        return None
    others = (other for other in record.members if other is not member and down(other))
    busy = sum(plan.device(other.device).site == site for other in others)
    return None if busy < limit else f"{plural(busy, 'box', 'boxes')} down at {site}, the limit is {limit}"


def _max_transfers(member: MemberRecord, record: RolloutRecord, plan: Plan, now: float) -> str | None:
    limit = plan.limits.max_transfers
    busy = record.uploads_beside + sum(transferring(other) for other in record.members if other is not member)
    return None if limit is None or busy < limit else f"{plural(busy, 'transfer')} under way, the limit is {limit}"


_Rule = Callable[[MemberRecord, RolloutRecord, Plan, float], str | None]
_TRANSFER_RULES: tuple[_Rule, ...] = (_max_transfers,)
_DISRUPTIVE_RULES: tuple[_Rule, ...] = (_gate, _window, _soft_hold, _pair, _max_per_site, _max_parallel)


def _newest(record: RolloutRecord, device: str | None, *kinds: ControlKind) -> Control | None:
    """Return the newest control of these kinds for a device, or for the whole rollout."""
    found = [one for one in record.controls if one.device == device and one.kind in kinds]
    return max(found, key=lambda one: one.id, default=None)


def _is_newest(record: RolloutRecord, device: str, kind: ControlKind, other: ControlKind) -> bool:
    newest = _newest(record, device, kind, other)
    return newest is not None and newest.kind is kind


def _by(control: Control) -> str:
    return control.actor.user + (f": {control.reason}" if control.reason else "")
