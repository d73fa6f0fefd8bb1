"""*next*: the one thing that a device needs, in words (`design.md` 2). One pure function for list, detail, CLI, report.

`action` names the registry id that does exactly this thing; there is none where waiting is all there is to do. What is
longer than a narrow list shows has a `brief` form too, which leaves out what the state beside it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from updeck.device.models import Image, ImageState, Reach, UpdateState
from updeck.device.versions import newer, same_version
from updeck.fleet.rules import Ownership, ownership, target_of
from updeck.fleet.tone import BRIEF_CELLS
from updeck.fleet.views import Next, Phase, Reading, Tone, Transfer, Watch
from updeck.journal.models import DeviceRecord, Outcome, RolloutRow, Verdict

__all__ = ["Known", "clock_text", "next_step"]


@dataclass(frozen=True, slots=True)
class Known:
    """What *next* is computed from: the last poll, the last good reading, the journal, and what runs in this process.

    `failing_at` is the local time since when polls fail, in words for a person; `at` is when it was asked last, in Unix
    seconds.
    """

    reach: Reach | None
    error: str | None
    reading: Reading | None
    record: DeviceRecord
    watch: Watch | None
    transfer: Transfer | None
    failing_at: str | None
    at: float = 0.0


def next_step(known: Known) -> Next:
    """Return what a device needs now."""
    if known.transfer is not None:
        planned = known.record.rollout is not None and known.record.rollout.kind == "plan"
        return _sends(known.transfer, "rollouts" if planned else None)
    for rule in (_open_operation, _not_reached, _review):
        found = rule(known)
        if found is not None:
            return found
    assert known.reading is not None
    return _by_state(known, known.reading)


def clock_text(seconds: float) -> str:
    """Return a duration as `0:31` or `1:02:03`."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def _sends(transfer: Transfer, action: str | None) -> Next:
    percent = 100 * transfer.sent_bytes / transfer.total_bytes if transfer.total_bytes else 0
    sent = f"uploads {percent:.0f} %"
    if transfer.eta_s is None:
        return Next(sent, Tone.MOVING, action)
    left = clock_text(transfer.eta_s)
    return Next(f"{sent}, {left} left", Tone.MOVING, action, f"{percent:.0f} %, {left}")


def _open_operation(known: Known) -> Next | None:
    rollout = known.record.rollout
    if rollout is None:
        return None
    if known.reach in (Reach.TRUST, Reach.AUTH):
        return _UNREACHED[known.reach]
    if known.watch is not None:
        tone = Tone.MAY if known.watch.soft or known.reach is Reach.IDENTITY else Tone.MOVING
        return Next(known.watch.text, tone, "view" if tone is Tone.MAY else None, _BRIEFLY[known.watch.phase])
    if rollout.kind == "plan":
        return _in_a_plan(known.record, rollout, known.at)
    op = known.record.intents[-1].op.words.partition(" (")[0] if known.record.intents else "an action"
    if rollout.lease_alive and not rollout.lease_ours:
        by = f"{op} by {rollout.actor.user}"
        if known.reach is Reach.UNREACHABLE and known.failing_at:
            return Next(f"down since {known.failing_at}, {by}", Tone.MOVING, brief=_down(known))
        return Next(by, Tone.MOVING, brief=f"{op} goes on")
    return Next(f"{op} sent, watching", Tone.MOVING, brief=f"{op} sent")


_TONES: Mapping[str, Tone] = {
    Phase.WAITING: Tone.REST,
    Phase.CHECKING: Tone.REST,
    Phase.ARMED: Tone.READY,
    Phase.HELD: Tone.NEEDS,
}
_AT_REST = (Phase.WAITING, Phase.CHECKING, Phase.HELD)


def _in_a_plan(record: DeviceRecord, rollout: RolloutRow, now: float) -> Next:
    """Say where the plan's engine has it; what is under way without an engine needs a person to resume it."""
    driven = rollout.lease_alive or rollout.awaits_engine(now)
    if not driven and record.phase not in _AT_REST:
        return Next("no engine: resume?", Tone.NEEDS, "rollouts", "resume?")
    tone = _TONES.get(record.phase or Phase.WAITING, Tone.MOVING)
    moved = record.transfer
    if record.phase == Phase.TRANSFERRING and moved is not None:
        took = moved.at - moved.started_at
        rate = moved.sent_bytes / took if took > 0 else None
        return _sends(Transfer("", moved.sent_bytes, moved.total_bytes, rate, moved.started_at), "rollouts")
    brief = _BRIEFLY.get(record.phase or Phase.WAITING, "")
    return Next(record.phase_text or "waits for its engine", tone, "rollouts", brief)


_BRIEFLY: Mapping[str, str] = {
    Phase.WAITING: "waits",
    Phase.CHECKING: "is looked at",
    Phase.TRANSFERRING: "is sent an image",
    Phase.VALIDATING: "validating",
    Phase.INITIALIZING: "initializing",
    Phase.ARMED: "start?",
    Phase.STARTING: "start sent",
    Phase.RUNNING: "installs",
    Phase.REBOOTING: "down, rebooting",
    Phase.PROVING: "back, proving",
    Phase.HELD: "look at it",
    Phase.ENDED: "has ended",
}
"""What a rollout does with a device, where a list is too narrow for its own words."""


def _since(known: Known) -> str:
    """Return since when polls fail: of a day before, the date alone."""
    return f"since {known.failing_at.partition(' ')[0]}" if known.failing_at else ""


def _down(known: Known) -> str:
    since = _since(known)
    return f"down {since}" if len(since) + 5 <= BRIEF_CELLS else since


_UNREACHED = {
    Reach.TRUST: Next("trust certificate", Tone.NEEDS, "credentials", "trust it?"),
    Reach.AUTH: Next("log in", Tone.NEEDS, "credentials"),
    Reach.IDENTITY: Next("another box answers", Tone.NEEDS, "view", "hands off"),
    Reach.UNSUPPORTED: Next("unsupported service", Tone.MAY, "view", "look at it"),
    Reach.GARBLED: Next("answer not understood", Tone.MAY, "view", "look at it"),
}
_UNKNOWN = Next("unknown state: hands off", Tone.MAY, "view", "hands off")


def _not_reached(known: Known) -> Next | None:
    if known.reach is None:
        return Next("connecting", Tone.REST)
    if known.reach is Reach.UNREACHABLE:
        since = f"no answer since {known.failing_at}" if known.failing_at else "no answer"
        return Next(since, Tone.MAY, "view", _since(known))
    if known.reach is Reach.GARBLED and known.reading is not None and not known.reading.update.known:
        return _UNKNOWN
    if known.reach is not Reach.OK:
        return _UNREACHED[known.reach]
    return None


def _review(known: Known) -> Next | None:
    if not known.record.start_unresolved:
        return None
    state = None if known.reading is None else known.reading.update.state
    return Next("needs you: REVIEW", Tone.NEEDS, "acknowledge" if state == UpdateState.IDLE else "view", "REVIEW")


def _by_state(known: Known, reading: Reading) -> Next:
    match reading.update.state:
        case UpdateState.IDLE:
            return _idle(known, reading)
        case UpdateState.INITIALIZING:
            return Next("initializing, not by us", Tone.MAY, "view", "not by us")
        case UpdateState.INITIALIZED:
            return _initialized(known, reading)
        case UpdateState.RUNNING:
            return Next("running, not by us", Tone.MAY, "view", "not by us")
        case UpdateState.FAILED_GRACEFUL:
            return Next("needs you: FAILED_GRACEFUL", Tone.NEEDS, "reset", "needs you")
        case UpdateState.FAILED_CRITICAL:
            return Next("call support", Tone.NEEDS, "view")
    return _UNKNOWN


def _initialized(known: Known, reading: Reading) -> Next:
    owner = ownership(reading, known.record)
    if owner is Ownership.FOREIGN:
        return Next("someone else's init", Tone.NEEDS, "view", "not our init")
    init = known.record.last_init
    expected = None if init is None else init.baseline.expected
    target = target_of(reading)
    if target is None:
        return Next("no target named: un-init?", Tone.NEEDS, "reset", "no target")
    if expected is not None and not same_version(target, expected):
        return Next(f"wrong target {target}: un-init?", Tone.NEEDS, "reset", "wrong target")
    return Next("start?", Tone.READY, "start")


def _idle(known: Known, reading: Reading) -> Next:
    moving = [image for image in reading.images if image.state in (ImageState.UPLOADING, ImageState.VALIDATING)]
    if moving:
        return _moving_image(moving[-1])
    running = reading.version
    candidates = [image for image in reading.valid if image.version and _would_update(image.version, running)]
    end = known.record.last_end
    if end is not None and end.verdict in _FAILED_ENDS and not candidates:
        return Next(f"last: {end.verdict.value}", Tone.MAY, "upload", end.verdict.value)
    if len(candidates) == 1 and len(reading.valid) == 1:
        return Next("init?", Tone.READY, "init")
    if candidates:
        return Next("init? (choose one)", Tone.READY, "init", "init?")
    if _proven(known.record, running):
        return Next(f"proven {running}", Tone.GOOD, brief=f"proven {(running or '').partition(' #')[0]}")
    if any(image.state in (ImageState.INVALID, ImageState.UPLOAD_ERROR) for image in reading.images):
        return Next("broken image", Tone.MAY, "view")
    return Next("choose image", Tone.REST, "upload")


_FAILED_ENDS = (Verdict.TRANSFER_FAILED, Verdict.NOT_STARTED, Verdict.NO_EFFECT, Verdict.WRONG_TARGET)


def _moving_image(image: Image) -> Next:
    if image.state == ImageState.VALIDATING:
        return Next("validating", Tone.MOVING)
    percent = "" if image.progress is None else f" {image.progress:.0f} %"
    return Next(f"receives an image{percent}", Tone.MOVING, brief=f"receives{percent}")


def _would_update(version: str, running: str | None) -> bool:
    return running is None or newer(version, running)


def _proven(record: DeviceRecord, running: str | None) -> bool:
    start, end = record.last_start, record.last_start_end
    if running is None or start is None or end is None or end.verdict is not Verdict.SUCCESS:
        return False
    if start.outcome is not None and start.outcome.outcome is Outcome.REFUSED:
        return False
    return end.target_version is not None and same_version(end.target_version, running)
