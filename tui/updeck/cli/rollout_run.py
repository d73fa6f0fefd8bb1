"""`updeck rollout run`, `resume` and `attach`: an engine is started, or is this process, and is looked on at."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from getpass import getpass
from pathlib import Path

import click

from updeck.cli.command import Invocation, command, fail_usage
from updeck.cli.completing import rollout_ids
from updeck.cli.exits import Exit
from updeck.cli.rollout_attach import follow, show_end
from updeck.cli.rollout_record import opened_journal
from updeck.cli.session import fleet_of
from updeck.clock import SystemClock
from updeck.device.credentials import Credential
from updeck.errors import Blocked, SecretError
from updeck.fleet.credentials import rereadable
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.journal.plan_models import ControlKind, RolloutRecord
from updeck.journal.plan_sentences import in_short
from updeck.journal.store import Journal
from updeck.paths import state_dir
from updeck.rollout.detach import EngineRefused, handed_by, start_engine
from updeck.rollout.progress import RolloutState, state_of
from updeck.rollout.registration import check_code, check_fleet, gone, load_plan, plan_of, register
from updeck.rollout.standing import ended

__all__ = ["attach", "drive_on", "resume", "run"]


def _engine_options(function: Callable[..., Exit]) -> Callable[..., Exit]:
    for option in (
        click.option("--foreground", is_flag=True, help="Let this process be the engine (Windows, systemd)."),
        click.option("--detach", is_flag=True, help="Return at once, with exit code 7; the engine goes on."),
    ):
        function = option(function)
    return function


@command()
@click.argument("plan", type=click.Path(path_type=Path), metavar="PLAN")
@click.option("--confirm", required=True, metavar="CODE", help="The code that `rollout plan` printed.")
@_engine_options
def run(invocation: Invocation, *, plan: Path, confirm: str, detach: bool, foreground: bool) -> Exit:
    """Carry a plan out.

    An engine of its own does it and outlives this terminal; ctrl-C stops the looking on, never the rollout.
    Prints the id of the rollout.
    """
    _one_of_both(detach=detach, foreground=foreground)
    wanted = load_plan(plan)
    check_code(wanted, confirm)
    fleet = fleet_of(invocation)
    check_fleet(wanted, fleet)
    invocation.forbid_when_read_only("rollout run")
    with opened_journal() as journal:
        row = register(wanted, fleet, journal)
        if not invocation.json:
            invocation.out.line(row.id)
        for name in gone(wanted, fleet):
            invocation.out.say(f"{name}: not in the inventory any more, so it is skipped")
        return _go(invocation, fleet, journal, row.id, detach=detach, foreground=foreground)


@command()
@click.argument("rollout", metavar="ID", shell_complete=rollout_ids)
@_engine_options
def resume(invocation: Invocation, *, rollout: str, detach: bool, foreground: bool) -> Exit:
    """Go on with a paused rollout, and with one whose engine is gone."""
    _one_of_both(detach=detach, foreground=foreground)
    invocation.forbid_when_read_only("rollout resume")
    fleet = fleet_of(invocation)
    with opened_journal() as journal:
        record = journal.rollout(rollout)
        plan = plan_of(record)
        if all(map(ended, record.members)):
            raise Blocked(f"rollout {in_short(record.row.id)} has ended", advice="retry a device, or make a new plan")
        if foreground and record.row.lease_alive:
            raise Blocked("an engine drives it already", advice=f"`updeck rollout attach {in_short(record.row.id)}`")
        if state_of(record, plan, SystemClock().wall()) is RolloutState.PAUSED:
            journal.control(record.row.id, ControlKind.RESUME)
        _say_where_from(invocation, fleet, record)
        return _go(invocation, fleet, journal, record.row.id, detach=detach, foreground=foreground)


@command()
@click.argument("rollout", metavar="ID", shell_complete=rollout_ids)
def attach(invocation: Invocation, *, rollout: str) -> Exit:
    """Look on until a rollout has ended; ctrl-C stops the looking on."""
    with opened_journal() as journal:
        return follow(invocation, journal, journal.rollout(rollout).row.id)


def drive_on(invocation: Invocation, journal: Journal, rollout: str) -> None:
    """Start an engine again where a request has given it work and none drives the rollout."""
    record = journal.rollout(rollout)
    if record.row.lease_alive or all(map(ended, record.members)):
        return
    fleet = fleet_of(invocation)
    _say_where_from(invocation, fleet, record)
    _start(invocation, fleet, journal, record)


def _one_of_both(*, detach: bool, foreground: bool) -> None:
    if detach and foreground:
        fail_usage("--detach and --foreground exclude each other")


def _go(
    invocation: Invocation, fleet: Fleet, journal: Journal, rollout: str, *, detach: bool, foreground: bool
) -> Exit:
    record = journal.rollout(rollout)
    if foreground:
        return _be_the_engine(invocation, fleet, journal, record)
    if not record.row.lease_alive:
        _start(invocation, fleet, journal, record)
    if detach:
        return Exit.NOT_AWAITED
    return follow(invocation, journal, rollout)


def _be_the_engine(invocation: Invocation, fleet: Fleet, journal: Journal, record: RolloutRecord) -> Exit:
    from updeck.rollout.process import EngineProcess

    handed = _handed(fleet, record)
    process = EngineProcess(fleet, state_dir(), handed=handed, tell=invocation.out.say)
    left = process.run(record.row.id)
    return show_end(invocation, journal, left, plan_of(left))


def _start(invocation: Invocation, fleet: Fleet, journal: Journal, record: RolloutRecord) -> None:
    out, rollout = invocation.out, record.row.id
    try:
        started = start_engine(rollout, fleet, _handed(fleet, record))
    except EngineRefused:
        if journal.rollout(rollout).row.lease_alive:  # another was quicker
            return
        raise
    out.say(f"an engine drives rollout {in_short(rollout)} (pid {started.pid}); it outlives this terminal")
    if started.warning is not None:
        out.complain(started.warning)


def _handed(fleet: Fleet, record: RolloutRecord) -> Mapping[str, Credential]:
    return asyncio.run(handed_by(fleet, record, prompt=_ask, clock=SystemClock()))


async def _ask(entry: DeviceEntry) -> str:
    if not sys.stdin.isatty():
        raise SecretError(
            "its password is to be asked for, but there is no terminal",
            device=entry.name,
            advice="name another source in the inventory",
        )
    return await asyncio.to_thread(getpass, f"{entry.name}: password of {entry.username or 'the user'}: ")


def _say_where_from(invocation: Invocation, fleet: Fleet, record: RolloutRecord) -> None:
    """Say of a resumed rollout which credentials are taken again from a person or from the environment."""
    left = [fleet.get(member.device) for member in record.members if not ended(member)]
    sources = {
        "prompt" if source is None else source.describe()
        for entry in left
        if entry is not None and not rereadable(entry)
        for source in (entry.password, entry.oauth_code)
        if source is not None or entry.password is None is entry.oauth_code
    }
    if sources and not record.row.lease_alive:
        invocation.out.say(f"credentials are taken from their source again: {', '.join(sorted(sources))}")
