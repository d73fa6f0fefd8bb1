"""`updeck rollout pause`, `promote`, `retry`, …: what people ask of a rollout, as rows that its engine reads."""

from __future__ import annotations

import click

from updeck.cli.command import Invocation, command, one_of
from updeck.cli.completing import device_names, rollout_ids
from updeck.cli.exits import Exit
from updeck.cli.rollout_record import opened_journal
from updeck.cli.rollout_run import drive_on
from updeck.clock import SystemClock
from updeck.errors import Blocked, UsageError
from updeck.journal.models import Verdict
from updeck.journal.plan_models import ControlKind, RolloutRecord
from updeck.journal.plan_sentences import in_short
from updeck.rollout.gate import awaits_promotion, open_wave, wave_barrier
from updeck.rollout.plan import Plan
from updeck.rollout.progress import next_in_words
from updeck.rollout.registration import plan_of
from updeck.text import clean
from updeck.toml_table import nearest

__all__ = ["abort", "adopt", "pause", "promote", "reopen", "resolve", "retry", "skip"]

_ID = click.argument("rollout", metavar="ID", shell_complete=rollout_ids)
_DEVICE = click.argument("device", metavar="DEVICE", shell_complete=device_names)
_REASON = click.option("--reason", required=True, metavar="TEXT", help="Why; it is recorded with your name.")


@command(reads=False)
@_ID
def pause(invocation: Invocation, *, rollout: str) -> Exit:
    """Start nothing more until it is resumed. What has started is watched on."""
    return _ask(invocation, rollout, ControlKind.PAUSE)


@command(reads=False)
@_ID
def abort(invocation: Invocation, *, rollout: str) -> Exit:
    """End what has not started. What has started is watched to its verdict."""
    return _ask(invocation, rollout, ControlKind.ABORT, drives=True)


@command(reads=False)
@_ID
def promote(invocation: Invocation, *, rollout: str) -> Exit:
    """Let the next wave begin."""
    with opened_journal() as journal:
        record = journal.rollout(rollout)
        value = str(_next_wave(record, plan_of(record)))
    return _ask(invocation, record.row.id, ControlKind.PROMOTE, value=value, drives=True)


@command(reads=False)
@_ID
@click.option("--max-failures", required=True, type=click.IntRange(min=0), metavar="N", help="How many may fail now.")
@_REASON
def reopen(invocation: Invocation, *, rollout: str, max_failures: int, reason: str) -> Exit:
    """Let a rollout that stopped at failures go on. It takes a new limit and a reason."""
    return _ask(invocation, rollout, ControlKind.REOPEN, value=str(max_failures), reason=reason, drives=True)


@command(reads=False)
@_ID
@_DEVICE
@_REASON
def retry(invocation: Invocation, *, rollout: str, device: str, reason: str) -> Exit:
    """Give a device another attempt."""
    return _ask(invocation, rollout, ControlKind.RETRY, device=device, reason=reason, drives=True)


@command(reads=False)
@_ID
@_DEVICE
@_REASON
def skip(invocation: Invocation, *, rollout: str, device: str, reason: str) -> Exit:
    """Leave a device out that has not started."""
    return _ask(invocation, rollout, ControlKind.SKIP, device=device, reason=reason, drives=True)


@command(reads=False)
@_ID
@_DEVICE
@_REASON
def adopt(invocation: Invocation, *, rollout: str, device: str, reason: str) -> Exit:
    """Take what someone else initialized as ours."""
    return _ask(invocation, rollout, ControlKind.ADOPT, device=device, reason=reason, drives=True)


@command(reads=False)
@_ID
@_DEVICE
@click.argument("verdict", type=one_of(Verdict), metavar="VERDICT")
@_REASON
def resolve(invocation: Invocation, *, rollout: str, device: str, verdict: str, reason: str) -> Exit:
    """Say what became of a device in truth. Its verdict stays on record; from now on yours counts."""
    invocation.forbid_when_read_only("rollout resolve")
    with opened_journal() as journal:
        record = journal.rollout(rollout)
        _demand_member(record, device)
        journal.resolve(record.row.id, device, Verdict(verdict), reason)
        _tell(invocation, journal.rollout(record.row.id))
    return Exit.GOOD


def _ask(
    invocation: Invocation,
    rollout: str,
    kind: ControlKind,
    *,
    device: str | None = None,
    value: str | None = None,
    reason: str = "",
    drives: bool = False,
) -> Exit:
    """Record a request; with `drives` an engine is started where it gives one work and none is there."""
    if kind is not ControlKind.PAUSE:  # anyone who sees a rollout may pause it (`rollout.md` 7)
        invocation.forbid_when_read_only(f"rollout {kind.value}")
    with opened_journal() as journal:
        record = journal.rollout(rollout)
        name = record.row.id
        if device is not None:
            _demand_member(record, device)
        journal.control(name, kind, device=device, value=value, reason=reason)
        if drives:
            drive_on(invocation, journal, name)
        _tell(invocation, journal.rollout(name))
    return Exit.GOOD


def _demand_member(record: RolloutRecord, device: str) -> None:
    names = [member.device for member in record.members]
    if device not in names:
        hint = nearest(device, names)
        told = f"no device of rollout {in_short(record.row.id)} is named {clean(device, 80)}"
        raise UsageError(told, advice=f"did you mean {hint}?" if hint else None)


def _tell(invocation: Invocation, record: RolloutRecord) -> None:
    invocation.out.say(next_in_words(record, plan_of(record), SystemClock().wall()))


def _next_wave(record: RolloutRecord, plan: Plan) -> int:
    now = SystemClock().wall()
    wave = open_wave(record, plan, now) + 1
    if wave > plan.waves:
        raise Blocked("its last wave is open already")
    if not awaits_promotion(record, plan, now):
        raise Blocked(wave_barrier(wave, record, plan, now) or f"wave {wave} opens by itself")
    return wave
