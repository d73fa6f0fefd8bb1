"""The next step of one device in a rollout: one pure function of journal, observation, patience and gate.

Level-triggered: it is asked after every poll and never told what happened in between, so a killed engine, a missed
edge and a resumed rollout are no cases of their own (`rollout.md` 1, 8). It sends nothing; a `Send` becomes a call only
if the journal, asked again within its transaction, lets the intent in.
"""

from __future__ import annotations

from updeck.device.models import Reach, Update, UpdateState
from updeck.device.versions import same_version
from updeck.fleet.judge import step
from updeck.fleet.ruling import Ruling, Timers, past
from updeck.fleet.views import Phase
from updeck.journal.models import Intent, Op, Outcome, Verdict
from updeck.journal.plan_models import Control, ControlKind, Milestone, MilestoneKind
from updeck.rollout.decision import Case, Decision, End, Hold, Reached, Send, Wait, Watch
from updeck.rollout.plan import Fence, Goal
from updeck.rollout.staging import stage

__all__ = ["decide"]

_HOLDS = {
    Reach.TRUST: "its certificate waits for trust",
    Reach.AUTH: "its login is refused",
    Reach.IDENTITY: "another box answers at its address",
}


def decide(case: Case, timers: Timers) -> tuple[Timers, Decision]:
    """Return the timers after this poll, and the next step of a device whose attempt has not ended.

    What was sent is watched before anything else is asked; then what a person wants; then what the state allows.
    """
    start, init, reset = case.last(Op.START), case.last(Op.INIT), case.last(Op.RESET)
    if start is not None:
        return _watched(case, start, timers)
    if reset is not None:
        return _resetting(case, reset, timers)
    if init is not None and case.milestone(MilestoneKind.INITIALIZED) is None:
        return _initializing(case, init, timers)
    timers = timers if case.transferring else timers.tick(case.seen.reach.value, case.seen.monotonic)
    if _un_init_wanted(case):
        return timers, Send(Op.RESET)
    given_up = _given_up(case)
    if given_up is not None:
        return timers, given_up
    if case.seen.update is None or case.seen.reach is not Reach.OK:
        return _unreached(case, timers)
    return _by_state(case, case.seen.update, timers)


def _watched(case: Case, start: Intent, timers: Timers) -> tuple[Timers, Decision]:
    if _refused(start):
        return timers, End(Verdict.NOT_STARTED, _why_refused(start))
    timers, ruling = step(start, timers, case.seen, case.patience)
    return timers, _verdict(ruling)


def _verdict(ruling: Ruling) -> Decision:
    if ruling.ending is None:
        return Watch(ruling)
    return End(ruling.ending.verdict or Verdict.REVIEW, ruling.ending.reason)


def _un_init_wanted(case: Case) -> bool:
    """Whether a person asked for the un-init of the very INITIALIZED that is ours and that the device is in."""
    update, asked = case.seen.update, case.asked(ControlKind.RESET)
    if asked is None or update is None or case.seen.reach is not Reach.OK or case.unproven:
        return False
    ours = update.state == UpdateState.INITIALIZED and _is(case.milestone(MilestoneKind.INITIALIZED), update)
    return ours and case.asked(ControlKind.SKIP) is None


def _undone(case: Case, reset: Intent, asked: Control, timers: Timers) -> tuple[Timers, Decision]:
    """Watch a reset that a person asked for: its device does not start any more, and that is no failure of it."""
    reason = f"un-initialized by {asked.actor.user}" + (f": {asked.reason}" if asked.reason else "")
    if _refused(reset):
        refused = f"un-init, asked for by {asked.actor.user}, was refused: {_error(reset)}; it stays INITIALIZED"
        return timers, End(Verdict.NOT_STARTED, refused)
    timers, ruling = step(reset, timers, case.seen, case.patience)
    if ruling.ending is None:
        return timers, Watch(ruling)
    if ruling.ending.verdict is None:
        return timers, End(Verdict.ABORTED_BEFORE_START, reason)
    return timers, End(ruling.ending.verdict, f"un-init by {asked.actor.user}; {ruling.ending.reason}")


def _resetting(case: Case, reset: Intent, timers: Timers) -> tuple[Timers, Decision]:
    """Watch a reset: one that a person asked for, or that the engine sent after an init that took another version."""
    wrong = case.milestone(MilestoneKind.INITIALIZED)
    took = wrong.target_version if wrong is not None else None
    asked = case.asked(ControlKind.RESET)
    if asked is not None and took is not None and same_version(took, case.plan.image.version):
        return _undone(case, reset, asked, timers)
    reason = f"init took {took or 'another version'}, not {case.plan.image.version}"
    if _refused(reset):
        return timers, End(Verdict.WRONG_TARGET, f"{reason}; un-init was refused: {_error(reset)}")
    timers, ruling = step(reset, timers, case.seen, case.patience)
    if ruling.ending is None:
        return timers, Watch(ruling)
    if ruling.ending.verdict is None:
        return timers, End(Verdict.WRONG_TARGET, reason)
    return timers, End(ruling.ending.verdict, f"{reason}; {ruling.ending.reason}")


def _initializing(case: Case, init: Intent, timers: Timers) -> tuple[Timers, Decision]:
    if _refused(init):
        return timers, End(Verdict.NOT_STARTED, _why_refused(init))
    timers, ruling = step(init, timers, case.seen, case.patience)
    reached = ruling.ending is not None and ruling.ending.verdict in (Verdict.INITIALIZED, Verdict.WRONG_TARGET)
    if reached and case.seen.update is not None:
        return timers, _reached(case.seen.update)
    return timers, _verdict(ruling)


def _reached(update: Update) -> Reached:
    return Reached(MilestoneKind.INITIALIZED, update.last_state_time, update.target_version)


def _given_up(case: Case) -> Decision | None:
    skip = case.asked(ControlKind.SKIP)
    if skip is not None:
        return End(Verdict.SKIPPED, f"skipped by {skip.actor.user}: {skip.reason}")
    abort = case.asked(ControlKind.ABORT)
    if abort is not None:
        return End(Verdict.ABORTED_BEFORE_START, f"aborted by {abort.actor.user}: {abort.reason or 'no reason given'}")
    if case.blocked is not None and not case.attempt.intents:
        return End(Verdict.SKIPPED, case.blocked)
    return None


def _unreached(case: Case, timers: Timers) -> tuple[Timers, Decision]:
    reach = case.seen.reach
    if case.transferring:
        return stage(case, timers)
    if reach in _HOLDS:
        return timers, Hold(_HOLDS[reach])
    if reach is Reach.UNSUPPORTED and not case.attempt.intents:
        return timers, End(Verdict.SKIPPED, "it offers no npm.system_update 2.0")
    if not past(timers, case.patience.unreachable_hard):
        return timers, Wait(Phase.CHECKING, f"no good answer ({reach.value})")
    silence = f"no good answer for {timers.elapsed_s / 60:.0f} min ({reach.value})"
    if case.last(Op.INIT) is None:
        return timers, End(Verdict.SKIPPED, silence)
    return timers, End(Verdict.REVIEW, f"initialized, then {silence}")


def _by_state(case: Case, update: Update, timers: Timers) -> tuple[Timers, Decision]:
    match update.state:
        case UpdateState.IDLE:
            if case.milestone(MilestoneKind.INITIALIZED) is not None:
                return timers, _back_in_idle(case)
            return stage(case, timers)
        case UpdateState.INITIALIZED:
            return timers, _initialized(case, update)
        case UpdateState.INITIALIZING | UpdateState.RUNNING:
            return timers, Hold(f"someone else acts on it: {update.state} without an order of ours")
    if case.attempt.intents:
        return timers, Hold(f"{update.state} without an order of ours: {update.state_description}")
    return timers, End(Verdict.SKIPPED, f"it is in {update.state}: {update.state_description or 'no description'}")


def _back_in_idle(case: Case) -> Decision:
    version = case.running_version
    if version is not None and same_version(version, case.plan.image.version):
        return End(Verdict.REVIEW, f"it runs {version}, and we sent no start")
    return End(Verdict.NOT_STARTED, "someone else un-initialized it")


def _initialized(case: Case, update: Update) -> Decision:
    if not _is(case.milestone(MilestoneKind.INITIALIZED), update):
        ours = case.asked(ControlKind.ADOPT) is not None or any(_is(one, update) for one in case.earlier)
        return _reached(update) if ours else Hold("foreign: someone else initialized it")
    target = update.target_version
    if target is None:
        return End(Verdict.REVIEW, "the device names no target version after init")
    if not same_version(target, case.plan.image.version):
        return Send(Op.RESET)
    if case.plan.until is Goal.INITIALIZED:
        return End(Verdict.INITIALIZED, f"initialized, target {target}")
    if case.unproven:
        return Hold("the connection is insecure, and the plan does not allow that")
    if case.plan.fence is Fence.START and not _let_past_the_fence(case, target):
        return Wait(Phase.ARMED, "start?")
    reason = case.why_not(Op.START)
    return Send(Op.START) if reason is None else Wait(Phase.ARMED, reason)


def _is(milestone: Milestone | None, update: Update) -> bool:
    if milestone is None:
        return False
    return (milestone.last_state_time, milestone.target_version) == (update.last_state_time, update.target_version)


def _let_past_the_fence(case: Case, target: str) -> bool:
    arm = case.asked(ControlKind.ARM)
    return arm is not None and arm.value is not None and same_version(arm.value, target)


def _refused(intent: Intent) -> bool:
    return intent.outcome is not None and intent.outcome.outcome is Outcome.REFUSED


def _why_refused(intent: Intent) -> str:
    """Return it in one sentence; most errors say by themselves what was refused, or that nothing was sent."""
    error, refused = _error(intent), f"{intent.op.value} was refused: "
    return error if error.startswith((refused, "not sent: ")) else refused + error


def _error(intent: Intent) -> str:
    error = None if intent.outcome is None else intent.outcome.error
    return error or "no reason given"
