"""What the journal keeps of what was seen, and how a change reads in the activity."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from updeck.device.models import Reach
from updeck.fleet.state import Change, Step
from updeck.fleet.tracked import Tracked
from updeck.journal.models import Actor, Event, Json, Observation
from updeck.journal.store import Journal

__all__ = ["change_line", "observation", "observe", "seen_event", "way"]


def observation(tracked: Tracked) -> dict[str, Json]:
    """Return what is kept of a device as it was just seen."""
    reading = tracked.reading
    update = None if reading is None else reading.update
    return {
        "reach": None if tracked.reach is None else tracked.reach.value,
        "error": tracked.error,
        "state": None if update is None else update.state,
        "description": None if update is None else update.state_description,
        "last_state_time": None if update is None else update.last_state_time,
        "target_version": None if update is None else update.target_version,
        "version": None if reading is None else reading.version,
    }


def observe(device: str, at: float, seen: Mapping[str, Json], journal: Journal) -> None:
    """Record an observation, and a line of activity when it differs from the last that any process recorded."""
    before = journal.latest(device)
    if not journal.observe(device, at, seen) or before is None:
        return
    if _says_the_same(before.payload, seen):
        return
    journal.note("state", device, change_line(before.payload, seen))


def _says_the_same(before: Mapping[str, Json], now: Mapping[str, Json]) -> bool:
    """Whether two observations tell of the same; behind an outage each process has a last state of its own, or none."""
    if before.get("reach") != now["reach"]:
        return False
    return now["reach"] != Reach.OK or before.get("state") == now["state"]


def change_line(before: Mapping[str, Json], now: Mapping[str, Json]) -> str:
    """Return a change in words: what the device went through, or that it stopped or began to answer."""
    if now["reach"] != Reach.OK:
        return f"{now['reach']}: {now['error'] or 'no good answer'}"
    description = f' "{now["description"]}"' if now["description"] else ""
    if before.get("reach") != Reach.OK:
        return f"answers again, {now['state']}{description}"
    return f"{before.get('state')} → {now['state']}{description}"


def seen_event(change: Change, actor: Actor) -> Event:
    """Return a change that no journal has as a line of activity; its id is negative, so that it is nobody else's.

    Its text is in memory once, as thousands of changes tell of the same few dozen things.
    """
    text = sys.intern(change_line(_payload(change.before), _payload(change.now)))
    return Event(-change.number, change.now.at, change.device, "state", text, actor)


def _payload(step: Step) -> dict[str, Json]:
    return {"reach": step.reach.value, "error": step.error, "state": step.state, "description": None}


def way(kept: Iterable[Observation], trail: Iterable[Step]) -> tuple[Step, ...]:
    """Return what a device went through: what the journal kept, and from when we looked ourselves, what we saw.

    Oldest first. Whatever says the same as the one before it is left out, for two processes may have seen it.
    """
    own = list(trail)
    begin = own[0].at if own else float("inf")
    steps = [step for one in kept if one.at < begin and (step := _step(one)) is not None] + own
    return tuple(
        step
        for at, step in enumerate(steps)
        if at == 0 or (steps[at - 1].reach, steps[at - 1].state) != (step.reach, step.state)
    )


def _step(seen: Observation) -> Step | None:
    reach = seen.payload.get("reach")
    if reach not in Reach.__members__:
        return None
    texts = {key: value for key, value in seen.payload.items() if isinstance(value, str)}
    return Step(seen.at, Reach(str(reach)), texts.get("state"), texts.get("version"), texts.get("error"))
