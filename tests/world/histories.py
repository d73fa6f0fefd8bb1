"""Random histories: plans, tempers, faults, killings, strangers and people, small enough to be told in a line.

Each is drawn for itself from a seed and its number, so that no two are kin; one that breaks a promise is made as small
as it can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from random import Random

from world.device import NEW, OTHER
from world.script import Act, Event, Fault, Run, Script, Temper, Transfer, replace

__all__ = ["histories", "smallest"]

_LASTING = (Act.STOP, Act.LOCK, Act.FULL, Act.UNPLUG)
_STRANGERS = (Act.FOREIGN_INIT, Act.FOREIGN_START, Act.FOREIGN_RESET)
_ORDERS = tuple(
    act
    for act in Act
    if act not in (Act.FAULT, Act.KILL, Act.STEP, Act.DEVICE_CLOCK, Act.ABORT, *_LASTING, *_STRANGERS)
)
_LOST = (Fault.RESET_AFTER, Fault.BLACK_HOLE_AFTER, Fault.TRUNCATED, Fault.RESET_BEFORE)
_OF_READS = (Fault.STALE, Fault.REORDERED, Fault.DUPLICATE, Fault.UNKNOWN_STATE, Fault.ODD_PROGRESS)
_OF_CALLS = (*_LOST, *_LOST, *(fault for fault in Fault if fault not in _OF_READS))
_WINDOWS = ((0, 3, 5), (2, 3, 9), (0, 1, 4), (0, 2, 3))


def histories(seed: int, count: int) -> Iterator[Script]:
    """Yield so many histories; the same seed, the same histories."""
    for number in range(count):
        yield _history(Random(f"{seed} {number}"))


def smallest(script: Script, breaks: Callable[[Script], bool]) -> Script:
    """Return a history that still breaks what `script` does, with all left out that does not matter."""
    while True:
        smaller = next((one for one in _smaller(script) if breaks(one)), None)
        if smaller is None:
            return script
        script = smaller


def _smaller(script: Script) -> Iterator[Script]:
    for name in ("events", "kills"):
        found = getattr(script, name)
        yield from (_with(script, name, (*found[:index], *found[index + 1 :])) for index in range(len(found)))
    for index in range(len(script.tempers)):
        if len(script.tempers) > 1 and index == len(script.tempers) - 1:
            yield replace(script, tempers=script.tempers[:index], waves=script.waves[:index])
        plain = Temper(staged=script.tempers[index].staged)
        if script.tempers[index] != plain:
            yield replace(script, tempers=(*script.tempers[:index], plain, *script.tempers[index + 1 :]))
    for field in fields(Script):
        if field.name != "tempers" and getattr(script, field.name) != field.default:
            yield _with(script, field.name, field.default)


def _with(script: Script, name: str, value: object) -> Script:
    return Script(**{**vars(script), name: value})


def _history(random: Random) -> Script:
    tempers = [_temper(random) for _ in range(random.choice((1, 2, 2, 3)))]
    waves = sorted(random.choice((1, 1, 2)) for _ in tempers)
    source = random.choice(("present", "present", "file", "url"))
    return Script(
        tempers=tuple(replace(one, staged=one.staged or source == "present") for one in tempers),
        waves=tuple(wave - waves[0] + 1 for wave in waves),
        pairs=random.choice(("", "", "aa", "-aa")),
        sites=random.choice(("", "", "sss")),
        source=source,
        until=random.choice(("updated",) * 8 + ("initialized", "staged")),
        fence=random.random() < 0.25,
        manual=random.random() < 0.3,
        max_parallel=random.choice((None, None, 1, 2)),
        max_per_site=random.choice((None, 1)),
        max_transfers=random.choice((None, 1)),
        max_failures=random.choice((0, 1, 2)),
        window=random.choice(_WINDOWS) if random.random() < 0.2 else None,
        bake_s=random.choice((0, 0, 0, 120)),
        events=tuple(_event(random) for _ in range(random.choice((0, 1, 1, 2, 2, 3, 5, 7)))),
        kills=tuple(sorted({_point(random) for _ in range(random.choice((0, 0, 1, 1, 2, 4)))})),
        back_s=random.choice((1.0, 5.0, 20.0)),
        read_only=random.random() < 0.03,
    )


def _temper(random: Random) -> Temper:
    told = Temper(
        tells_version=random.random() < 0.5,
        was_there=random.random() < 0.4,
        staged=random.random() < 0.6,
        late_start_s=random.choice((0.0, 0.0, 20.0)),
    )
    if random.random() < 0.35:
        return told
    return replace(
        told,
        took=random.choice((NEW, NEW, NEW, OTHER, None)),
        init=random.choice((Run.WORKS,) * 5 + (Run.NOTHING, Run.GRACEFUL)),
        run=random.choice((Run.WORKS,) * 4 + tuple(Run)),
        transfer=random.choice((Transfer.WHOLE, Transfer.WHOLE, *Transfer)),
        broken_first=random.choice((1, 2, 9)),
        init_s=random.choice((20.0, 20.0, 20.0, 290.0)),
        run_s=random.choice((60.0, 60.0, 60.0, 860.0, 3000.0)),
        late_history_s=random.choice((0.0, 0.0, 40.0)),
        reboots=random.choice((1, 1, 3)),
        new_certificate=random.random() < 0.2,
    )


def _event(random: Random) -> Event:
    # a call leaves in the first seconds, the next when a box is INITIALIZED: most that goes wrong does so then
    at = float(random.randrange(random.choice((8, 45, 130, 300))))
    device = random.randrange(3)
    kind = random.random()
    if kind < 0.45:
        lasts_s = random.choice((8.0, 30.0, 60.0, 120.0, 240.0))
        of_calls = random.random() < 0.5
        fault = random.choice(_OF_CALLS if of_calls else tuple(Fault))
        return Event(at, Act.FAULT, device, lasts_s, fault, of_calls=of_calls)
    if kind < 0.55:
        return Event(at, random.choice(_LASTING), device, random.choice((8.0, 45.0, 100.0, 300.0)))
    if kind < 0.65:
        act = random.choice((Act.STEP, Act.STEP, Act.DEVICE_CLOCK, Act.KILL))
        return Event(at, act, device, random.choice((100.0, -100.0, -4000.0, 4000.0)))
    if kind < 0.75:
        return Event(at, random.choice(_STRANGERS), device)
    act = Act.ABORT if kind > 0.97 else random.choice(_ORDERS)
    return Event(at, act, device, number=random.randrange(4))


def _point(random: Random) -> int:
    return random.randrange(1, random.choice((50, 100, 200)))
