"""Looking on while an engine drives a rollout; leaving ends nothing (`design.md` 3)."""

from __future__ import annotations

from threading import Event

from updeck.cli.command import Invocation
from updeck.cli.exits import Exit
from updeck.cli.rollout_record import exit_of_rollout
from updeck.cli.rollout_tables import show_lines
from updeck.clock import SystemClock, rfc3339
from updeck.errors import Interrupted
from updeck.journal.plan_models import RolloutRecord
from updeck.journal.plan_sentences import in_short
from updeck.journal.store import Journal
from updeck.rollout.documents import show_document
from updeck.rollout.forecast import forecast, forecast_in_words
from updeck.rollout.leaving import held_by_phase, only_people_can_go_on
from updeck.rollout.narration import news
from updeck.rollout.plan import Plan
from updeck.rollout.progress import next_in_words
from updeck.rollout.registration import plan_of
from updeck.rollout.standing import ended
from updeck.text import plural

__all__ = ["follow", "show_end"]

LOOK_EVERY_S = 0.5


def follow(invocation: Invocation, journal: Journal, rollout: str) -> Exit:
    """Tell each change until the rollout ends or its engine does; return the exit that stands for it.

    Raises `Interrupted` on ctrl-C: the engine goes on.
    """
    try:
        return _follow(invocation, journal, rollout)
    except KeyboardInterrupt:
        invocation.out.rest()
        short = in_short(rollout)
        raise Interrupted(
            f"detached: rollout {short} goes on", advice=f"look again with `updeck rollout attach {short}`"
        ) from None


def show_end(invocation: Invocation, journal: Journal, record: RolloutRecord, plan: Plan) -> Exit:
    """Show where a rollout stands after its engine has left it, and return the exit that stands for that."""
    now = SystemClock().wall()
    engine = journal.engine(record.row.id)
    if invocation.json:
        invocation.out.document(show_document(record, plan, engine, now))
    else:
        invocation.out.lines(show_lines(record, plan, engine, now))
    if not all(map(ended, record.members)):
        invocation.out.say(f"the engine has ended: {next_in_words(record, plan, now)}")
        held = sorted(held_by_phase(record))
        if held:
            invocation.out.say(f"{plural(len(held), 'device waits', 'devices wait')} for a person: {', '.join(held)}")
    return exit_of_rollout(record, plan)


def _follow(invocation: Invocation, journal: Journal, rollout: str) -> Exit:
    out, clock, pause = invocation.out, SystemClock(), Event()
    told: RolloutRecord | None = None
    while True:
        record = journal.rollout(rollout)
        plan, now = plan_of(record), clock.wall()
        for line in news(told, record, plan, now):
            out.say(line)
        told = record
        if all(map(ended, record.members)) or not record.row.lease_alive:
            break
        out.move("; ".join(filter(None, (next_in_words(record, plan, now), _expected(record, plan, now)))))
        pause.wait(LOOK_EVERY_S)
    out.rest()
    exit_ = show_end(invocation, journal, record, plan)
    if only_people_can_go_on(record, plan, now, held_by_phase(record)):
        return exit_
    out.complain(f"no engine drives it any more; go on with `updeck rollout resume {in_short(rollout)}`")
    return Exit.JOURNAL


def _expected(record: RolloutRecord, plan: Plan, now: float) -> str:
    return forecast_in_words(forecast(record, plan, now), lambda at: rfc3339(at) or "")
