"""Who may send what: the table of `rollout.md` 2, as far as a person may send by hand. Pure.

`refusal` answers with the sentence that forbids an operation, or None. It reads a fresh reading and the journal, never
an edge that somebody believes to have seen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from updeck.clock import rfc3339
from updeck.device.models import Image, Reach, UpdateState
from updeck.device.versions import same_version
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.orders import Weight
from updeck.fleet.views import Reading
from updeck.journal.models import DeviceRecord, Op, Outcome, Verdict

__all__ = ["Ownership", "Situation", "differences", "ownership", "refusal", "target_of", "target_source", "weight"]

TRANSFERS = (Op.UPLOAD, Op.FETCH)


class Ownership(StrEnum):
    """Whose INITIALIZED it is. `OPEN` is an init of ours that has no verdict yet."""

    OURS = "ours"
    OPEN = "open"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Situation:
    """What a rule looks at. `named` is the version that the operator named, `allow_insecure` confirms for this box."""

    entry: DeviceEntry
    reach: Reach | None
    error: str | None
    reading: Reading | None
    record: DeviceRecord
    named: str | None = None
    image: Image | None = None
    allow_insecure: bool = False


def ownership(reading: Reading, record: DeviceRecord) -> Ownership:
    """Say whose the present INITIALIZED is: ours only if it is the very one that we reached, or that was adopted."""
    present = (reading.update.last_state_time, reading.update.target_version)
    if record.initialized is not None:
        reached = (record.initialized.last_state_time, record.initialized.target_version)
        return Ownership.OURS if reached == present else Ownership.FOREIGN
    init, end = record.last_init, record.last_init_end
    if init is None or record.reset_since_init:
        return Ownership.FOREIGN
    if init.outcome is not None and init.outcome.outcome is Outcome.REFUSED:
        return Ownership.FOREIGN
    if end is None:
        return Ownership.OPEN
    if end.verdict not in (Verdict.INITIALIZED, Verdict.WRONG_TARGET):
        return Ownership.FOREIGN
    return Ownership.OURS if (end.last_state_time, end.target_version) == present else Ownership.FOREIGN


def target_of(reading: Reading) -> str | None:
    """Return the version that start would install: as the device says, else that of its one VALID image."""
    if reading.update.target_version:
        return reading.update.target_version
    return reading.valid[0].version if len(reading.valid) == 1 else None


def target_source(reading: Reading) -> Image | None:
    """Return the VALID image that the target comes from, None where it cannot be told."""
    target = reading.update.target_version
    if target is None:
        return reading.valid[0] if len(reading.valid) == 1 else None
    matching = [image for image in reading.valid if image.version and same_version(image.version, target)]
    return matching[0] if len(matching) == 1 else None


def weight(op: Op) -> Weight:
    """Return what confirms an operation: a typed token for delete, start and reset, a yes for the others."""
    return Weight.TYPED if op in (Op.DELETE, Op.START, Op.RESET) else Weight.YES


def refusal(op: Op, seen: Situation) -> str | None:
    """Return why `op` must not be sent now, None when a person may send it."""
    if seen.reach is not Reach.OK or seen.reading is None:
        return _not_readable(seen)
    if seen.record.rollout is not None:
        return _unfinished(seen.record)
    update = seen.reading.update
    if not update.known:
        return f"the device is in the unknown state {update.state}: hands off"
    rule = _RULES[UpdateState(update.state)]
    return rule(op, seen, seen.reading)


def _not_readable(seen: Situation) -> str:
    if seen.reach is None:
        return "the device has not answered yet"
    return f"{_WHY_NOT[seen.reach]}: {seen.error or 'no good answer'}"


_WHY_NOT = {
    Reach.OK: "nothing can be read",
    Reach.UNREACHABLE: "the device is unreachable",
    Reach.AUTH: "no login",
    Reach.TRUST: "not trusted",
    Reach.IDENTITY: "another box",
    Reach.UNSUPPORTED: "unsupported",
    Reach.GARBLED: "its answer is not understood",
}


def _unfinished(record: DeviceRecord) -> str:
    rollout = record.rollout
    assert rollout is not None
    if not record.intents:
        return f"{rollout.actor.user}@{rollout.actor.host} is about to act on it (rollout {rollout.id})"
    intent = record.intents[-1]
    fate = "no answer yet"
    if intent.outcome is not None:
        fate = "the answer was lost" if intent.outcome.outcome is Outcome.UNKNOWN else intent.outcome.outcome.value
    return (
        f"{intent.op.words} was sent by {intent.actor.user} ({fate}): watched, not sent again;"
        f" sent at {rfc3339(intent.at)}, rollout {rollout.id}"
    )


def _idle(op: Op, seen: Situation, reading: Reading) -> str | None:
    if op in (Op.START, Op.RESET):
        return "the device is IDLE: " + ("init comes first" if op is Op.START else "there is nothing to un-init")
    if op is not Op.INIT:
        return None
    if seen.record.start_unresolved:
        return "the last start ended in REVIEW: acknowledge it with a note first"
    return _init_choice(reading, seen.named)


def _init_choice(reading: Reading, named: str | None) -> str | None:
    valid = reading.valid
    if not valid:
        return "no VALID image is on the device: upload or fetch one first"
    if named is None:
        if len(valid) == 1:
            return None
        versions = ", ".join(image.version or f"image {image.id}" for image in valid)
        return f"{len(valid)} VALID images are on the device ({versions}): name the version that is meant"
    matching = [image for image in valid if image.version and same_version(image.version, named)]
    if not matching:
        return f"no VALID image on the device has the version {named}"
    if len({image.checksum for image in matching}) > 1:
        return f"{len(matching)} different VALID images say they are {named}: delete all but the one that is meant"
    return None


def _initializing(op: Op, seen: Situation, reading: Reading) -> str | None:
    ended_open = seen.record.last_init_end is not None and seen.record.last_init_end.verdict is Verdict.REVIEW
    if op is Op.RESET and ended_open and not seen.record.reset_since_init:
        return None
    return "the device is INITIALIZING: wait until it is INITIALIZED"


def _initialized(op: Op, seen: Situation, reading: Reading) -> str | None:
    if op is Op.RESET:
        return None
    if op is not Op.START:
        return "the device is INITIALIZED: start it, or un-init (reset) it first"
    if seen.record.start_unresolved:
        return "a start was sent before and ended in REVIEW: un-init (reset) resolves it"
    if ownership(reading, seen.record) is not Ownership.OURS:
        return "someone else initialized this device: hands off, or un-init (reset) it"
    return _start_target(seen, reading) or _start_trust(seen)


def _start_target(seen: Situation, reading: Reading) -> str | None:
    target = reading.update.target_version
    init = seen.record.last_init
    expected = None if init is None else init.baseline.expected
    if target is None:
        if len(reading.valid) != 1:
            return f"the device names no target version and holds {len(reading.valid)} VALID images: un-init (reset) it"
        image = reading.valid[0]
        if image.checksum is None or image.checksum not in seen.record.proven_checksums:
            return "the device names no target version and the checksum of its image is not proven: un-init (reset) it"
        target = image.version
    if target is None:
        return "neither the device nor its image names a version: un-init (reset) it"
    if expected is not None and not same_version(target, expected):
        return f"the target is {target}, but {expected} was meant: un-init (reset) it"
    if seen.named is not None and not same_version(target, seen.named):
        return f"the target is {target}, not {seen.named}"
    return None


def _start_trust(seen: Situation) -> str | None:
    if seen.entry.insecure and not seen.allow_insecure:
        return "the connection is insecure: start must be allowed for this device explicitly"
    return None


def _running(op: Op, seen: Situation, reading: Reading) -> str | None:
    return "the device is RUNNING an update: nothing is sent until it has ended"


def _failed_graceful(op: Op, seen: Situation, reading: Reading) -> str | None:
    if op in (Op.INIT, Op.START):
        return "the device is in FAILED_GRACEFUL: un-init (reset) it first"
    return None


def _failed_critical(op: Op, seen: Situation, reading: Reading) -> str | None:
    return None if op is Op.RESET else "the device is in FAILED_CRITICAL: call support first"


_RULES = {
    UpdateState.IDLE: _idle,
    UpdateState.INITIALIZING: _initializing,
    UpdateState.INITIALIZED: _initialized,
    UpdateState.RUNNING: _running,
    UpdateState.FAILED_GRACEFUL: _failed_graceful,
    UpdateState.FAILED_CRITICAL: _failed_critical,
}


def differences(shown: Reading, fresh: Reading, url: str) -> tuple[str, ...]:
    """Return in words what changed between the reading a person saw and a fresh one; any of it refuses the sending."""
    found: list[str] = []
    before, now = shown.identity(url), fresh.identity(url)
    if not before.same_as(now):
        found.append(f"another box answers: {before.describe()} → {now.describe()}")
    pairs = (
        ("state", shown.update.state, fresh.update.state),
        ("target", shown.update.target_version or "none", fresh.update.target_version or "none"),
    )
    found += [f"{what}: {old} → {new}" for what, old, new in pairs if old != new]
    if shown.update.last_state_time != fresh.update.last_state_time and shown.update.state == fresh.update.state:
        found.append(f"the device went through other states and is {fresh.update.state} again")
    if Counter(shown.update.history) != Counter(fresh.update.history):
        found.append(f"update history: {len(shown.update.history)} → {len(fresh.update.history)} entries")
    if _valid_set(shown) != _valid_set(fresh):
        found.append(f"VALID images: {_valid_words(shown)} → {_valid_words(fresh)}")
    return tuple(found)


def _valid_set(reading: Reading) -> frozenset[tuple[int | None, str | None, str | None]]:
    return frozenset((image.id, image.version, image.checksum) for image in reading.valid)


def _valid_words(reading: Reading) -> str:
    return ", ".join(f"{image.id} ({image.version or 'no version'})" for image in reading.valid) or "none"
