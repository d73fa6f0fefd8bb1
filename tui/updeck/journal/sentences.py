"""What the activity says of an intent, an outcome and an end. Pure; the device and the actor stand beside it."""

from __future__ import annotations

from collections.abc import Mapping

from updeck.journal.models import Actor, Baseline, Intent, Op, Outcome, RolloutRow, Verdict

__all__ = [
    "ended",
    "held_by",
    "intended",
    "intent_line",
    "outcome_came",
    "outcome_line",
    "resolved",
    "taken_over",
    "who",
]

_UNITS = ("kB", "MB", "GB", "TB")


def intended(op: Op, try_: int, baseline: Baseline, detail: Mapping[str, str]) -> str:
    """Say what is about to be sent.

    `detail` may name the `file` of an upload, the masked `url` of a fetch, and the `image_id` to delete.
    """
    again = f", try {try_}" if try_ > 1 else ""
    return _intended(op, baseline, detail) + again


def _intended(op: Op, baseline: Baseline, detail: Mapping[str, str]) -> str:
    version = baseline.expected
    match op:
        case Op.UPLOAD:
            size = None if baseline.size_bytes is None else _size(baseline.size_bytes)
            return ", ".join(part for part in (f"uploading {detail.get('file', 'an image')}", size, version) if part)
        case Op.FETCH:
            return f"asking it to fetch {detail.get('url', 'an image')}" + (f", {version}" if version else "")
        case Op.DELETE:
            return f"deleting image {detail.get('image_id', '')}".rstrip()
        case Op.INIT:
            return "sending init" + (f", {version} is meant" if version else "")
        case Op.START:
            return f"sending start, {baseline.sw_version or 'unknown version'} → {_target(baseline)}"
        case Op.RESET:
            return "sending un-init (reset)"


def outcome_came(
    op: Op, outcome: Outcome, baseline: Baseline, detail: Mapping[str, str], *, status: int | None, error: str | None
) -> str:
    """Say what became of a call: it was taken, it was refused or never left, or nobody knows."""
    match outcome:
        case Outcome.ACCEPTED:
            return _accepted(op, baseline, detail)
        case Outcome.REFUSED if status is None:
            return f"{op.words} not sent" + _because((error or "").removeprefix("not sent: "))
        case Outcome.REFUSED:
            return f"{op.words} refused with status {status}" + _because(error)
        case Outcome.UNKNOWN if op in (Op.UPLOAD, Op.FETCH):
            return f"{op.words} broke off ({error or 'no answer'}); watching what the device keeps of it"
        case Outcome.UNKNOWN:
            return f"{op.words} sent, answer lost ({error or 'no answer'}); watching"


def _accepted(op: Op, baseline: Baseline, detail: Mapping[str, str]) -> str:
    match op:
        case Op.UPLOAD:
            return f"upload of {detail.get('file', 'the image')} arrived whole"
        case Op.FETCH:
            return "fetch accepted, the device downloads"
        case Op.DELETE:
            return f"deletion of image {detail.get('image_id', '')} accepted".replace("  ", " ")
        case Op.INIT:
            return "init accepted" + (f", target {baseline.expected}" if baseline.expected else "")
        case Op.START:
            return f"start accepted, target {_target(baseline)}; the box goes down"
        case Op.RESET:
            return "un-init (reset) accepted"


def ended(op: Op | None, verdict: Verdict | None, reason: str) -> str:
    """Say how an attempt ended."""
    return f"{op.words if op else 'nothing sent,'} ended" + (f" {verdict}" if verdict else "") + _because(reason)


def resolved(verdict: Verdict, counts_as: Verdict, reason: str) -> str:
    """Say that a person has judged what the program could not."""
    judged = "" if counts_as is verdict else f" as {counts_as}"
    return f"{verdict} resolved{judged}" + _because(reason)


def taken_over(last: Actor) -> str:
    """Say that another process is watched on for."""
    return f"watching on for {who(last)}"


def held_by(rollout: RolloutRow, since: str | None) -> str:
    """Say which unfinished rollout a device belongs to."""
    what = rollout.op or "plan"
    return f"{what} by {who(rollout.actor)} since {since} has not ended (rollout {rollout.id})"


def who(actor: Actor) -> str:
    """Return an actor in words."""
    return f"{actor.user}@{actor.host} ({actor.program}, pid {actor.pid})"


def intent_line(intent_id: int, rollout: str, device: str, op: Op, actor: Actor) -> str:
    """Return the line of an intent for the system's log."""
    return f"intent={intent_id} op={op} device={device} rollout={rollout} {_by(actor)}"


def outcome_line(intent: Intent, outcome: Outcome, status: int | None, actor: Actor) -> str:
    """Return the line of an outcome for the system's log."""
    told = f"{outcome} status={status}" if status is not None else str(outcome)
    return (
        f"intent={intent.id} op={intent.op} device={intent.device} rollout={intent.rollout} outcome={told} {_by(actor)}"
    )


def _by(actor: Actor) -> str:
    return f"user={actor.user} uid={actor.uid} program={actor.program!r} pid={actor.pid}"


def _target(baseline: Baseline) -> str:
    return baseline.target_version or baseline.expected or "unknown version"


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _size(size_bytes: int) -> str:
    value = size_bytes / 1000
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
