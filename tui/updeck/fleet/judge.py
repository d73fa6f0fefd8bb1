"""From what is seen to a verdict: `rollout.md` 4 to 6 as a pure step, poll by poll, without an edge to miss.

`step` takes what our intent was, the timers so far and what the newest poll saw, and returns the new timers and a
ruling. It never sends, waits or writes. A resumed process starts with fresh timers: that is all of recovery.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from updeck.device.models import HistoryEntry, Reach, Update, UpdateState
from updeck.device.versions import same_version
from updeck.fleet.judge_transfer import judge_delete, judge_transfer
from updeck.fleet.ruling import Patience, Ruling, Seen, Timers, out_of_time, outcome_unknown, past, running
from updeck.fleet.views import Phase
from updeck.journal.models import Intent, Op, Verdict

__all__ = ["step"]


def step(intent: Intent, timers: Timers, seen: Seen, patience: Patience) -> tuple[Timers, Ruling]:
    """Return the timers after this poll, and what is to be said of the operation; a ruling with an ending is final.

    Timers restart when the observed situation changes and after an outage; a trust or login hold stops them.
    """
    held = _hold(intent, seen)
    if held is not None:
        return replace(timers, last_at=seen.monotonic, proven_polls=0, proven_since=None), held
    timers = timers.tick(_situation(intent, seen), seen.monotonic)
    if intent.op in (Op.INIT, Op.START, Op.RESET) and out_of_time(timers, patience.attempt_hard):
        return timers, running(Phase.PROVING, "no end in sight").ended(
            Verdict.REVIEW, f"no verdict within {patience.attempt_hard / 3600:g} h"
        )
    if seen.reach is not Reach.OK or seen.update is None:
        timers = replace(timers, proven_polls=0, proven_since=None)
        return timers, _silent(intent, timers, seen, patience)
    if intent.op in (Op.UPLOAD, Op.FETCH):
        return timers, judge_transfer(intent, timers, seen, patience)
    if intent.op is Op.DELETE:
        return timers, judge_delete(intent, timers, seen, patience)
    if intent.op is Op.INIT:
        return timers, _judge_init(intent, timers, seen, seen.update, patience)
    if intent.op is Op.RESET:
        return timers, _judge_reset(timers, seen.update, patience)
    return _judge_start(intent, timers, seen, seen.update, patience)


def _situation(intent: Intent, seen: Seen) -> str:
    if seen.reach is not Reach.OK or seen.update is None:
        return "silent"
    if intent.op in (Op.UPLOAD, Op.FETCH):
        return f"{seen.update.state} " + " ".join(f"{image.id}={image.state}:{image.progress}" for image in seen.images)
    return seen.update.state


def _hold(intent: Intent, seen: Seen) -> Ruling | None:
    if seen.reach is Reach.TRUST:
        return Ruling(Phase.HELD, "a new certificate waits for trust")
    if seen.reach is Reach.AUTH:
        return Ruling(Phase.HELD, "the login is refused")
    if seen.reach is Reach.IDENTITY:
        return Ruling(Phase.HELD, "another box answers at the address")
    return None


def _silent(intent: Intent, timers: Timers, seen: Seen, patience: Patience) -> Ruling:
    sent_down = intent.op in (Op.INIT, Op.START)
    phase = Phase.REBOOTING if intent.op is Op.START else Phase.HELD
    text = "down, rebooting" if intent.op is Op.START else f"no answer since {intent.op.words} was sent"
    if seen.reach is not Reach.UNREACHABLE:
        text = f"{text} ({seen.reach.value})"
    ruling = running(phase, text, soft=past(timers, patience.unreachable_soft, polls=1) or not sent_down)
    if past(timers, patience.unreachable_hard):
        if intent.op in (Op.UPLOAD, Op.FETCH):
            return ruling.ended(Verdict.TRANSFER_FAILED, "the device stopped answering during the transfer")
        return ruling.ended(Verdict.REVIEW, f"no good answer for {timers.elapsed_s / 60:.0f} min")
    return ruling


def _judge_init(intent: Intent, timers: Timers, seen: Seen, update: Update, patience: Patience) -> Ruling:
    match update.state:
        case UpdateState.IDLE:
            return _idle_after_init(intent, timers, seen, update, patience)
        case UpdateState.INITIALIZING:
            soft = past(timers, patience.initializing_soft, polls=1)
            ruling = running(Phase.INITIALIZING, update.state_description or "initializing", soft=soft)
            if past(timers, patience.initializing_hard):
                return ruling.ended(Verdict.REVIEW, "INITIALIZING does not end")
            return ruling
        case UpdateState.INITIALIZED:
            return _initialized(intent, update)
    return _failed(update) or running(Phase.HELD, f"unexpected state {update.state} after init").ended(
        Verdict.REVIEW, f"{update.state} after our init: someone else acts on this device"
    )


def _idle_after_init(intent: Intent, timers: Timers, seen: Seen, update: Update, patience: Patience) -> Ruling:
    """Judge an init that seems to have done nothing: unseen, someone else may have started what it made."""
    ruling = running(Phase.INITIALIZING, "init sent, not begun", soft=past(timers, patience.init_soft, polls=1))
    if not past(timers, patience.init_hard):
        return ruling
    if _new_entries(intent, update):
        return ruling.ended(Verdict.REVIEW, "back in IDLE with new history, and we sent no start")
    before, now = intent.baseline.sw_version, seen.sw_version
    if before and now and not same_version(before, now):
        return ruling.ended(Verdict.REVIEW, f"back in IDLE with {now} instead of {before}, and we sent no start")
    return ruling.ended(Verdict.NOT_STARTED, "init had no effect")


def _initialized(intent: Intent, update: Update) -> Ruling:
    armed = running(Phase.ARMED, "initialized")
    expected = intent.baseline.expected
    target = update.target_version
    if expected is not None and target is not None and not same_version(target, expected):
        return armed.ended(Verdict.WRONG_TARGET, f"the target is {target}, {expected} was meant")
    return armed.ended(Verdict.INITIALIZED, f"initialized, target {target or 'not named by the device'}")


def _judge_reset(timers: Timers, update: Update, patience: Patience) -> Ruling:
    if update.state == UpdateState.IDLE:
        return running(Phase.PROVING, "idle").ended(None, "un-initialized, IDLE again")
    soft = past(timers, patience.reset_soft, polls=1)
    ruling = running(Phase.HELD, f"un-init sent, still {update.state}", soft=soft)
    if past(timers, patience.reset_hard):
        return ruling.ended(Verdict.REVIEW, f"un-init was sent, and the device is still {update.state}")
    return ruling


def _judge_start(
    intent: Intent, timers: Timers, seen: Seen, update: Update, patience: Patience
) -> tuple[Timers, Ruling]:
    if update.state == UpdateState.IDLE:
        return _judge_idle_after_start(intent, timers, seen, update, patience)
    timers = replace(timers, proven_polls=0, proven_since=None)
    if update.state == UpdateState.INITIALIZED:
        text = "start sent, answer lost" if outcome_unknown(intent) else "start sent, not begun yet"
        ruling = running(Phase.STARTING, text, soft=past(timers, patience.starting_soft, polls=1))
        if past(timers, patience.starting_hard):
            ruling = ruling.ended(Verdict.REVIEW, "start was sent, and the device is still INITIALIZED")
        return timers, ruling
    if update.state == UpdateState.RUNNING:
        soft = past(timers, patience.running_soft, polls=1)
        ruling = running(Phase.RUNNING, update.state_description or "running", soft=soft)
        if past(timers, patience.running_hard):
            ruling = ruling.ended(Verdict.REVIEW, "RUNNING does not end")
        return timers, ruling
    failed = _failed(update)
    if failed is not None:
        return timers, failed
    ruling = running(Phase.HELD, f"{update.state} after start", soft=True)
    if past(timers, patience.initializing_hard):
        ruling = ruling.ended(Verdict.REVIEW, f"{update.state} after our start: someone else acts on this device")
    return timers, ruling


def _judge_idle_after_start(
    intent: Intent, timers: Timers, seen: Seen, update: Update, patience: Patience
) -> tuple[Timers, Ruling]:
    target = intent.baseline.expected or intent.baseline.target_version
    new = _new_entries(intent, update)
    doubt = _doubt(intent, seen, new, target)
    if doubt is not None:
        timers = replace(timers, proven_polls=0, proven_since=None)
        return timers, _unproven(timers, seen, new, target, doubt, patience)
    since = seen.monotonic if timers.proven_since is None else timers.proven_since
    timers = replace(timers, proven_polls=timers.proven_polls + 1, proven_since=since)
    release = (target or "").split(" #")[0]
    ruling = running(Phase.PROVING, f"back with {release}, proving")
    if timers.proven_polls >= patience.success_polls and seen.monotonic - since >= patience.success:
        ruling = ruling.ended(Verdict.SUCCESS, f"proven {target}")
    return timers, ruling


def _new_entries(intent: Intent, update: Update) -> list[HistoryEntry]:
    left = Counter((entry.time, entry.version) for entry in update.history)
    left.subtract(intent.baseline.history)
    return [HistoryEntry(*key) for key, count in left.items() for _ in range(count)]


def _doubt(intent: Intent, seen: Seen, new: list[HistoryEntry], target: str | None) -> str | None:
    """Return which of the rules of `rollout.md` 4 does not hold yet, None when all do."""
    if target is None:
        return "no target version is known"
    if not new:
        return "the history has no new entry"
    wrong = [
        entry.version or "no version" for entry in new if not entry.version or not same_version(entry.version, target)
    ]
    if wrong:
        return f"the history names {', '.join(wrong)}, not {target}"
    if not any(entry.time is not None and entry.time > intent.baseline.last_state_time for entry in new):
        return "the new history entry is older than INITIALIZED"
    running_version = seen.sw_version
    if running_version and not same_version(running_version, target):
        return f"the device runs {running_version}, not {target}"
    return None


def _unproven(
    timers: Timers, seen: Seen, new: list[HistoryEntry], target: str | None, doubt: str, patience: Patience
) -> Ruling:
    ruling = running(Phase.PROVING, f"back, {doubt}", soft=past(timers, patience.proving_soft, polls=1))
    if not past(timers, patience.proving_hard):
        return ruling
    runs_target = bool(target and seen.sw_version and same_version(seen.sw_version, target))
    if new or runs_target or target is None:
        return ruling.ended(Verdict.REVIEW, f"back in IDLE, but {doubt}")
    return ruling.ended(Verdict.NO_EFFECT, "back in IDLE with the history unchanged: start had no effect")


def _failed(update: Update) -> Ruling | None:
    text = update.state_description or "no description"
    if update.state == UpdateState.FAILED_GRACEFUL:
        return running(Phase.ENDED, text).ended(Verdict.FAILED_GRACEFUL, text)
    if update.state == UpdateState.FAILED_CRITICAL:
        return running(Phase.ENDED, text).ended(Verdict.FAILED_CRITICAL, text)
    return None
