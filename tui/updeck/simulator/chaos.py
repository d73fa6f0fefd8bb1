"""The scenario `chaos`: faults at random, from a seed, at rates at which devices mostly work.

A device has a fault about every twenty minutes of device time, for some minutes at most; the same seed gives each
device the same faults at the same times. What would keep a fleet for ever from being updated, or a client from ever
knowing the truth, is left out or bounded; `LEFT_OUT` and the comments in `CHOICES` say which and why. Before and after
all of them the devices are as `calm` has them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

from updeck.simulator.device import SimulatedDevice
from updeck.simulator.faults import Fault
from updeck.simulator.timeline import Timeline, Timer

__all__ = ["CHOICES", "LEFT_OUT", "Chaos", "Choice", "Strike", "schedule"]

GAP_S = 1200.0
"""How long a device is left alone on average, in seconds of device time."""

LEAST_GAP_S = 30.0

MIDST_BYTES = 200_000
"""The most of an upload that is taken before it is refused midway."""

Fields = Callable[[Random], dict[str, object]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A fault that may be chosen: how often against the others, for how long (device time), and its fields."""

    fault: str
    weight: int
    most_s: float
    fields: Fields = lambda _: {}


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault at `at_s`, which is taken out after `lasts_s`; both in seconds of device time."""

    at_s: float
    lasts_s: float
    fault: Mapping[str, object]


def _few(random: Random) -> dict[str, object]:
    return {"times": random.randint(1, 3)}


def _once(**fields: object) -> Fields:
    return lambda _: {"times": 1, **fields}


def _of_an_answer(**fields: object) -> Fields:
    """Choose the path of a damaged answer; logins stay whole, lest a password seem to be rejected."""
    return lambda random: {"times": random.randint(1, 3), "path": random.choice(("/update", "/images")), **fields}


def _late(least_s: float, most_s: float) -> Fields:
    return lambda random: {"times": 1, "seconds": round(random.uniform(least_s, most_s), 2)}


def _status(random: Random) -> dict[str, object]:
    """Choose a status; 403 is none of them, as after it no client logs in before a person says so.

    Half of those of an upload come in the midst of it, such as the 401 of a session that ends.
    """
    status = random.choice((401, 404, 409, 413, 429, 500, 503, 507))
    path = random.choice(("/update", "/images", "/images/upload", "/update/init", "/update/start"))
    fields: dict[str, object] = {"times": random.randint(1, 2), "status": status, "path": path}
    if path == "/images/upload" and random.random() < 0.5:
        fields["after_bytes"] = random.randint(1, MIDST_BYTES)
    return fields


def _step(random: Random) -> dict[str, object]:
    return {"by": random.choice((-7200.0, -40.0, 40.0, 7200.0))}


SHORT_S, LONG_S = 60.0, 300.0

CHOICES: tuple[Choice, ...] = (
    Choice("refuse", 6, LONG_S),
    Choice("tls_broken", 3, LONG_S),
    Choice("html", 5, LONG_S),
    Choice("reset_before", 6, LONG_S, _few),
    Choice("reset_after", 6, LONG_S, _few),
    Choice("black_hole", 3, LONG_S, _once()),
    Choice("black_hole_after", 3, LONG_S, _once()),
    Choice("delay", 4, LONG_S, _late(0.2, 4)),
    Choice("delay_after", 4, LONG_S, _late(0.2, 4)),
    Choice("drip", 2, LONG_S, _once(bytes_per_second=200)),
    Choice("truncated", 4, LONG_S, _few),
    Choice("wrong_length", 2, LONG_S, lambda random: {"times": 1, "by": random.choice((-7, 7))}),
    Choice("endless_headers", 1, LONG_S, _once()),
    Choice("wrong_date", 1, LONG_S),
    Choice("status", 8, LONG_S, _status),
    Choice("redirect", 2, LONG_S, lambda random: {"times": 1, "status": random.choice((301, 302, 303, 307, 308))}),
    # An answer of before, for longer than a client is patient, is a lie that nobody could tell from the truth.
    Choice("stale", 3, SHORT_S, lambda _: {"path": "/update"}),
    Choice("reordered", 2, SHORT_S, _few),
    Choice("duplicated", 2, SHORT_S, _once()),
    Choice("gzip", 1, LONG_S, _of_an_answer()),
    Choice("gzip_bomb", 1, LONG_S, _of_an_answer(bytes=16 << 20)),
    Choice("broken_json", 3, LONG_S, _of_an_answer()),
    Choice("huge_json", 1, LONG_S, _once(path="/update", bytes=5 << 20)),
    Choice("deep_json", 1, LONG_S, _of_an_answer(depth=1000)),
    Choice("duplicate_key", 1, LONG_S, _of_an_answer()),
    Choice("unknown_state", 2, LONG_S, _of_an_answer()),
    Choice("missing_field", 2, LONG_S, _of_an_answer()),
    Choice("wrong_type", 2, LONG_S, _of_an_answer()),
    Choice("odd_number", 2, LONG_S, lambda random: {"text": random.choice(("NaN", "Infinity", "-1", "1e999", "250"))}),
    Choice("long_number", 1, LONG_S, _of_an_answer()),
    Choice("lone_surrogate", 1, LONG_S, _of_an_answer()),
    Choice("broken_utf8", 1, LONG_S, _of_an_answer()),
    # Of the description alone: hostile versions in the history would be another history.
    Choice("hostile_text", 3, LONG_S, lambda _: {"field": "state_description"}),
    Choice("wrong_checksum", 1, LONG_S, _once()),
    Choice("upload_error", 3, LONG_S, lambda random: {"times": 1, "percent": random.uniform(0, 100)}),
    Choice("init_failure", 2, LONG_S, _once()),
    # Without a target, and after a step of the clock, the truth cannot be told from outside: a person has to look.
    Choice("no_target", 1, LONG_S, _once()),
    Choice("wrong_target", 1, LONG_S, _once(version="11.4.0 #1")),
    Choice("clock_step", 2, LONG_S, _step),
    # In real seconds, and few of them, so that at any speed they end before patience does.
    Choice("late_start", 3, LONG_S, _late(0.1, 1.5)),
    Choice("late_history", 3, LONG_S, _late(0.1, 1.5)),
    Choice("run_failure_graceful", 2, LONG_S, _once()),
    Choice("run_failure_critical", 1, LONG_S, _once()),
    Choice("no_effect", 1, LONG_S, _once()),
    Choice("reboots", 3, LONG_S, lambda random: {"times": 1, "count": random.randint(2, 4)}),
    Choice("forget_logins", 1, LONG_S),
)

LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "change_certificate": "a person has to trust it, and until then the update cannot go on",
        "expired_certificate": "a person has to trust it, and until then the update cannot go on",
        "new_certificate": "a person has to trust it, and until then the update cannot go on",
        "identity": "another box is not the one to be updated",
        "foreign_actor": "what somebody else began a person has to adopt; a foreign start would count as a second one",
        "never_back": "the box would be gone for good, and soon the whole fleet",
    }
)
"""Faults that chance never chooses, and why."""


def schedule(seed: int, name: str) -> Iterator[Strike]:
    """Return the faults of one device, one after another without end."""
    random = Random(f"{seed} chaos {name}")  # noqa: S311
    weights = [choice.weight for choice in CHOICES]
    at_s = 0.0
    while True:
        at_s += LEAST_GAP_S + random.expovariate(1 / (GAP_S - LEAST_GAP_S))
        (choice,) = random.choices(CHOICES, weights)
        lasts_s = random.uniform(choice.most_s / 10, choice.most_s)
        yield Strike(at_s, lasts_s, {"fault": choice.fault, **choice.fields(random)})
        at_s += lasts_s


class Chaos:
    """Puts the scheduled faults into devices from the moment on at which it is made, and takes them out again."""

    def __init__(self, devices: Iterable[SimulatedDevice], *, seed: int, timeline: Timeline, speed: float) -> None:
        self._timeline = timeline
        self._speed = speed
        self._numbers = itertools.count()
        self._timers: dict[int, Timer] = {}
        for device in devices:
            self._await(device, schedule(seed, device.name), 0.0)

    def stop(self) -> None:
        """Put no more faults in; those that are in stay."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _await(self, device: SimulatedDevice, strikes: Iterator[Strike], now_s: float) -> None:
        strike = next(strikes)

        def arm() -> None:
            fault = device.put_fault(strike.fault)
            self._later(strike.lasts_s, lambda: end(fault))

        def end(fault: Fault) -> None:
            device.faults.remove(fault)
            self._await(device, strikes, strike.at_s + strike.lasts_s)

        self._later(strike.at_s - now_s, arm)

    def _later(self, device_s: float, callback: Callable[[], None]) -> None:
        number = next(self._numbers)

        def due() -> None:
            del self._timers[number]
            callback()

        self._timers[number] = self._timeline.call_later(device_s / self._speed, due)
