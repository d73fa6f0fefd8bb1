"""One confirmed call to one device: examined, sent once, watched to its end (`rollout.md` 2, 3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from updeck.cli.command import Invocation, fail_usage
from updeck.cli.exits import Exit
from updeck.cli.results import Result, ended, failed, not_awaited, report
from updeck.cli.session import Session, fleet_of, one_device, opened
from updeck.clock import rfc3339
from updeck.device.versions import same_version
from updeck.errors import Blocked, Interrupted, UpdeckError
from updeck.fleet.orders import Examination, Performed
from updeck.fleet.views import DeviceView
from updeck.journal.models import Op, Outcome
from updeck.text import clean

__all__ = ["Wish", "drive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for. `expect` is the target version that is meant, `image_id` the image to delete."""

    op: Op
    device: str
    confirm: str
    expect: str | None = None
    image_id: int | None = None
    no_wait: bool = False
    allow_insecure: bool = False


def drive(invocation: Invocation, wish: Wish) -> Exit:
    """Carry a wish out, if `--confirm` repeats the device's name and every check agrees."""
    if wish.confirm != wish.device:
        confirm, device = clean(wish.confirm, 80), clean(wish.device, 80)
        fail_usage(f'--confirm "{confirm}" is not the device "{device}"; nothing was sent')
    fleet = fleet_of(invocation)
    name = one_device(fleet, wish.device)
    invocation.forbid_when_read_only(wish.op.words)
    with opened(invocation, fleet, [name]) as session:
        session.follower.follow([name])
        try:
            result = _carry_out(invocation, session, wish)
        except Interrupted:
            raise
        except UpdeckError as error:
            result = failed(name, wish.op, error, session.service.state.view(name))
    return report(invocation, [result])


def _carry_out(invocation: Invocation, session: Session, wish: Wish) -> Result:
    service, name = session.service, wish.device
    examination = session.result(service.examine(name, wish.op, image_id=wish.image_id, named=wish.expect))
    performed = _sent_before(examination, wish)
    if performed is None and examination.refusal is not None:
        raise Blocked(examination.refusal, device=name)
    try:
        if performed is None:
            order = service.perform(examination, expect=wish.expect, allow_insecure=wish.allow_insecure)
            performed = session.result(order)
        if wish.no_wait:
            return not_awaited(name, performed)
        invocation.out.say(f"{name}: {_fate(performed)}")
        result = ended(name, performed, session.result(service.wait_end(performed.rollout)))
        return replace(result, exit_=Exit.FAILED) if _still_there(wish, service.state.view(name)) else result
    except KeyboardInterrupt:
        raise _interrupted(wish, service.state.view(name)) from None


def _still_there(wish: Wish, view: DeviceView | None) -> bool:
    """Whether the image that was to be deleted is on the device all the same: a deletion has no verdict."""
    if wish.op is not Op.DELETE or view is None or view.reading is None:
        return False
    return any(image.id == wish.image_id for image in view.reading.images)


def _sent_before(examination: Examination, wish: Wish) -> Performed | None:
    """Return the same call, sent before and not ended yet: it is watched on, never sent again (`rollout.md` 3)."""
    record = examination.view.record
    if record.rollout is None or not record.intents or record.intents[-1].op is not wish.op:
        return None
    intent = record.intents[-1]
    meant = intent.baseline.expected or intent.baseline.target_version
    if wish.expect is not None and meant is not None and not same_version(wish.expect, meant):
        return None
    outcome = Outcome.UNKNOWN if intent.outcome is None else intent.outcome.outcome
    text = f"sent at {rfc3339(intent.at)} by {intent.actor.user}, it is not sent again"
    return Performed(record.rollout.id, wish.op, outcome, text)


def _fate(performed: Performed) -> str:
    word = "no answer is known" if performed.outcome is None else performed.outcome.value
    return f"{performed.op.words} {word}" + (f": {performed.text}" if performed.text else "")


def _interrupted(wish: Wish, view: DeviceView | None) -> Interrupted:
    sent = [] if view is None else [intent for intent in view.record.intents if intent.op is wish.op]
    if not sent:
        return Interrupted(f"interrupted; {wish.op.words} is not known to be sent", device=wish.device)
    return Interrupted(
        f"stopped waiting: {wish.op.words} was sent at {rfc3339(sent[-1].at)} and goes on",
        device=wish.device,
        advice=f"watch on with `updeck status --watch {wish.device}`",
    )
