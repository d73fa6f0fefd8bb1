"""What a person asks of a planned rollout: recorded in the journal, and an engine started where it needs one again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from updeck.errors import Blocked
from updeck.fleet.views import DeviceView
from updeck.journal.models import Verdict
from updeck.journal.plan_models import Brake, ControlKind
from updeck.journal.plan_sentences import in_short
from updeck.rollout.gate import paused
from updeck.rollout.progress import next_in_words
from updeck.rollout.standing import ended, gate_of, started, stops_at
from updeck.text import plural
from updeck.ui.confirmation import Ask, Deal
from updeck.ui.examined import history_lines
from updeck.ui.facts import Lines, fact, heading, sentence
from updeck.ui.flows.asking import ask, look_of, views_of
from updeck.ui.flows.engines import drive_on, journal_of
from updeck.ui.ink import EMPTY, Ink, Line, line
from updeck.ui.rollout_sight import Sight, target_shown
from updeck.ui.screens.confirm_dialog import ConfirmDialog
from updeck.ui.screens.reason_dialog import Asked, Given, ReasonDialog
from updeck.ui.widgets.form import Entry

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.ui.app import UpdeckApp

__all__ = [
    "Flow",
    "abort_flow",
    "adopt_flow",
    "arm_flow",
    "brake_flow",
    "pause_flow",
    "promote_flow",
    "reopen_flow",
    "resolve_flow",
    "retry_flow",
    "skip_flow",
]

Flow = Callable[["UpdeckApp", "FleetService", Sight], Awaitable[str | None]]


async def pause_flow(app: UpdeckApp, service: FleetService, sight: Sight) -> str | None:
    """Pause at once; what is paused, or has lost its engine, goes on after a yes."""
    if not sight.stopped:
        await _record(service, sight, ControlKind.PAUSE)
        return f"rollout {in_short(sight.id)} is paused: nothing more is started; what has started is watched on"

    async def resume(fresh: Sight) -> str:
        unbraked = replace(fresh.record, braked=False)
        if paused(unbraked, fresh.plan, fresh.now) is not None:
            await _record(service, fresh, ControlKind.RESUME)
        return await _driven(app, service, fresh, f"rollout {in_short(sight.id)} goes on")

    def lines(fresh: Sight, width: int) -> list[Line]:
        out = sentence("It goes on where it stands; nothing is sent a second time.", width, Ink.STRONG)
        return [*out, EMPTY, *_facts(fresh, width)]

    return await _confirmed(app, service, sight, "resume", "pause", lambda fresh: "", lines, resume)


async def promote_flow(app: UpdeckApp, service: FleetService, sight: Sight) -> str | None:
    """Let the next wave begin, after its size and target were typed."""

    def size(fresh: Sight) -> int:
        return sum(one.wave == fresh.next_wave for one in fresh.record.members)

    def lines(fresh: Sight, width: int) -> list[Line]:
        words = f"Wave {fresh.next_wave} of {fresh.plan.waves} may begin: {plural(size(fresh), 'device')}."
        return [*sentence(words, width, Ink.STRONG), EMPTY, *_facts(fresh, width)]

    async def promote(fresh: Sight) -> str:
        await _record(service, fresh, ControlKind.PROMOTE, value=str(sight.next_wave))
        return await _driven(app, service, fresh, f"wave {sight.next_wave} of {fresh.plan.waves} is promoted")

    def token(fresh: Sight) -> str:
        return f"{size(fresh)} {fresh.plan.image.version.split(' #')[0]}"

    return await _confirmed(app, service, sight, "promote", "promote", token, lines, promote)


async def abort_flow(app: UpdeckApp, service: FleetService, sight: Sight) -> str | None:
    """End what has not started, after it was typed how many that are."""

    def left(fresh: Sight) -> int:
        return sum(not ended(one) and not started(one) for one in fresh.record.members)

    def lines(fresh: Sight, width: int) -> list[Line]:
        words = (
            "What has not started ends here, for ever: an upload under way is broken off."
            " What has started is watched to its verdict."
        )
        out = [*sentence(words, width, Ink.STRONG), EMPTY]
        return [*out, *fact("ends", plural(left(fresh), "device"), width), *_facts(fresh, width)]

    async def abort(fresh: Sight) -> str:
        await _record(service, fresh, ControlKind.ABORT)
        return await _driven(app, service, fresh, f"rollout {in_short(sight.id)} is aborted")

    return await _confirmed(app, service, sight, "abort", "abort", lambda fresh: f"abort {left(fresh)}", lines, abort)


async def arm_flow(app: UpdeckApp, service: FleetService, sight: Sight) -> str | None:
    """Let one device past the fence, after a fresh read and with its name and target typed."""
    name = _device(sight)

    def view_of() -> DeviceView | None:
        return next(iter(views_of(service, [name])), None)

    def target(fresh: Sight) -> str:
        member = fresh.member
        return (None if member is None else target_shown(member)) or ""

    def lines(fresh: Sight, width: int) -> list[Line]:
        words = "Its engine starts it as soon as window and limits allow; then the box goes down for a while."
        out = [*sentence(words, width, Ink.STRONG), EMPTY]
        view = view_of()
        if view is not None:
            running = line(view.version or "unknown", (f" {look_of(app).glyphs.arrow} ", Ink.DIM))
            out += fact("version", line(*running, (target(fresh), Ink.ACCENT)), width)
            out += fact("address", view.url, width)
            out += fact("state", f"{view.state or 'unknown'}, {view.reach or 'not asked yet'}", width)
            if view.reading is not None:
                out += [EMPTY, *heading("History, newest first", width, look_of(app).glyphs.rule)]
                out += history_lines(view.reading.update.history, width)
                out.append(EMPTY)
        return [*out, *_facts(fresh, width)]

    async def arm(fresh: Sight) -> str:
        if target(fresh) != target(sight):
            raise Blocked("its target has changed", device=name)
        await _record(service, fresh, ControlKind.ARM, device=name, value=target(fresh))
        await drive_on(app, service, fresh.id)
        return f"{name} may start, to {target(fresh)}"

    async def read_device() -> None:
        await asyncio.wrap_future(service.read_once([name]))

    def token(fresh: Sight) -> str:
        return f"{name} {target(fresh).split(' #')[0]}"

    return await _confirmed(app, service, sight, "start", "arm", token, lines, arm, before=read_device)


async def retry_flow(app: UpdeckApp, service: FleetService, sight: Sight) -> str | None:
    """Give a device another attempt."""
    meaning = "Another attempt is opened, with all its checks; the verdict of this one stays on record."
    return await _reasoned(app, service, sight, ControlKind.RETRY, "Retry", meaning)


async def skip_flow(app: UpdeckApp, service: FleetService, sight: Sight) -> str | None:
    """Leave a device out that has not started."""
    return await _reasoned(app, service, sight, ControlKind.SKIP, "Skip", "It is left out; nothing more is sent to it.")


async def adopt_flow(app: UpdeckApp, service: FleetService, sight: Sight) -> str | None:
    """Take what someone else initialized as ours."""
    meaning = (
        "What someone else initialized is taken as ours, and started by the plan if its target is the planned one."
    )
    return await _reasoned(app, service, sight, ControlKind.ADOPT, "Adopt", meaning)


async def reopen_flow(app: UpdeckApp, service: FleetService, sight: Sight) -> str | None:
    """Let a rollout that stopped at failures go on, with a new limit and a reason."""
    gate = gate_of(sight.record, sight.plan)

    def lines(width: int) -> list[Line]:
        words = f"It stopped after {gate.reason or 'too many failures'}."
        out = [*sentence(words, width, Ink.STRONG), EMPTY]
        most = stops_at(gate.bad, len(sight.record.members))
        return out + sentence(f"With {gate.bad} allowed it {most}.", width, Ink.DIM)

    def check(text: str) -> str | None:
        return None if text.isascii() and text.isdigit() else "the new limit is a number of failures"

    value = Entry("value", "failures", hint="how many may fail now")
    asked = Asked(f"Let {in_short(sight.id)} go on", "Reopen", lines, value, check=check)
    given = await ask(app, ReasonDialog(look_of(app), asked))
    if given is None:
        return None
    await _record(service, sight, ControlKind.REOPEN, value=given.value, reason=given.reason)
    limit = int(given.value or "")
    goes_on = stops_at(limit, len(sight.record.members))
    told = f"with {limit} allowed it {goes_on if limit >= gate.bad else 'stays stopped'}"
    return await _driven(app, service, sight, told)


async def resolve_flow(app: UpdeckApp, service: FleetService, sight: Sight) -> str | None:
    """Say what became of a device in truth; its verdict stays, the gate counts the person's."""
    name = _device(sight)
    choices = tuple(verdict.value for verdict in Verdict if verdict is not Verdict.REVIEW)

    def check(text: str) -> str | None:
        return None if text in choices else "choose what became of it: left and right"

    value = Entry("value", "verdict", hint="left and right choose", chooses=True)
    meaning = "Look at the device first. Its verdict stays on record; from now on yours counts."
    asked = Asked(f"Resolve {name}", "Resolve", _about(sight, meaning), value, choices, check)
    given = await ask(app, ReasonDialog(look_of(app), asked))
    if given is None or given.value is None:
        return None
    verdict, journal = Verdict(given.value), journal_of(service)
    await asyncio.to_thread(journal.resolve, sight.id, name, verdict, given.reason)
    return f"{name} is resolved as {verdict}"


async def brake_flow(app: UpdeckApp, service: FleetService) -> str | None:
    """Let what `!` has paused go on, after a yes."""
    journal = journal_of(service)

    async def read(chosen: str | None) -> Brake:
        brake = await asyncio.to_thread(journal.braked)
        if brake is None:
            raise Blocked("new starts are not paused any more")
        return brake

    def lines(brake: Brake, width: int) -> list[Line]:
        words = "All rollouts may init and start again, as their plans and limits allow."
        return [*sentence(words, width, Ink.STRONG), EMPTY, *fact("paused by", brake.actor.user, width)]

    def asking(brake: Brake) -> Ask:
        return Ask(lambda width: lines(brake, width))

    async def lift() -> str:
        await asyncio.to_thread(lambda: journal.brake(on=False))
        return "new starts are not paused any more"

    deal = Deal("go on", read, asking, lambda shown, chosen: _future(lift()), typed=False)
    sending = await ask(app, ConfirmDialog("Let all rollouts go on", look_of(app), deal))
    return None if sending is None else await asyncio.shield(sending)


async def _confirmed(
    app: UpdeckApp,
    service: FleetService,
    sight: Sight,
    verb: str,
    action_id: str,
    token: Callable[[Sight], str],
    lines: Callable[[Sight, int], list[Line]],
    do: Callable[[Sight], Coroutine[Any, Any, str]],
    *,
    before: Callable[[], Awaitable[None]] | None = None,
) -> str | None:
    """Ask for a yes, or for a token to be typed; what does not hold any more when confirmed is refused."""

    async def read(chosen: str | None) -> Sight:
        if before is not None:
            await before()
        return await _fresh(app, service, sight)

    def asking(fresh: Sight) -> Ask:
        refused = fresh.why_not(action_id, read_only=False)
        if refused is not None:
            return Ask(lambda width: sentence(f"Not possible now: {refused}.", width, Ink.NEEDS), closed=True)
        return Ask(lambda width: lines(fresh, width), token(fresh))

    async def send(shown: Sight) -> str:
        fresh = await read(None)
        refused = fresh.why_not(action_id, read_only=False)
        if refused is not None:
            raise Blocked(refused)
        if token(fresh) != token(shown):
            raise Blocked(f"it has changed: {token(shown)} was shown, it is {token(fresh)} now")
        return await do(fresh)

    subject = sight.device if action_id == "arm" else f"rollout {in_short(sight.id)}"
    typed = bool(token(sight))
    deal = Deal(verb, read, asking, lambda shown, chosen: _future(send(shown)), typed=typed)
    sending = await ask(app, ConfirmDialog(f"{verb.capitalize()} {subject}", look_of(app), deal))
    return None if sending is None else await asyncio.shield(sending)


async def _reasoned(
    app: UpdeckApp, service: FleetService, sight: Sight, kind: ControlKind, verb: str, meaning: str
) -> str | None:
    name = _device(sight)
    asked = Asked(f"{verb} {name}", verb, _about(sight, meaning))
    given: Given | None = await ask(app, ReasonDialog(look_of(app), asked))
    if given is None:
        return None
    await _record(service, sight, kind, device=name, reason=given.reason)
    return await _driven(app, service, sight, f"{name}: {verb.lower()} is recorded")


def _about(sight: Sight, meaning: str) -> Lines:
    """Lay out what an action on the device under the cursor means, and where that stands."""
    member = sight.member

    def lines(width: int) -> list[Line]:
        out = [*sentence(meaning, width, Ink.STRONG), EMPTY]
        end = None if member is None else member.attempt.end
        if end is not None:
            out += fact("verdict", f"{end.verdict or 'none'}", width)
            out += fact("reason", end.reason or "none told", width)
        elif member is not None:
            out += fact("phase", " ".join(filter(None, (member.phase, member.text))) or "WAITING", width)
        return [*out, *_facts(sight, width)]

    return lines


def _facts(sight: Sight, width: int) -> list[Line]:
    plan = sight.plan
    out = fact("rollout", f"{in_short(sight.id)}  {plan.image.version} {plan.until.words}", width)
    return out + fact("now", next_in_words(sight.record, plan, sight.now), width)


def _device(sight: Sight) -> str:
    assert sight.device is not None, "an action for one device applies only where there is one"
    return sight.device


def _future(work: Coroutine[Any, Any, str]) -> asyncio.Future[str]:
    return asyncio.ensure_future(work)


async def _fresh(app: UpdeckApp, service: FleetService, sight: Sight) -> Sight:
    record = await asyncio.to_thread(journal_of(service).rollout, sight.id)
    return replace(sight, record=record, now=app.clock.wall())


async def _record(
    service: FleetService,
    sight: Sight,
    kind: ControlKind,
    *,
    device: str | None = None,
    value: str | None = None,
    reason: str = "",
) -> None:
    journal = journal_of(service)
    await asyncio.to_thread(lambda: journal.control(sight.id, kind, device=device, value=value, reason=reason))


async def _driven(app: UpdeckApp, service: FleetService, sight: Sight, done: str) -> str:
    """Start an engine where none drives it, and tell what was done; how it stands now is told as it goes on."""
    warning = await drive_on(app, service, sight.id)
    return "; ".join(filter(None, (done, warning)))
