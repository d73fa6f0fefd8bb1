"""Fleets made up from a seed, with the realistic data of `protocol.md` 5. The same arguments give the same fleet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from random import Random

from updeck.simulator.blueprint import Blueprint, Installed, Manners
from updeck.simulator.misfits import choose_misfits, image_of
from updeck.simulator.options import Scenario

__all__ = ["build_fleet"]

BLOCK = 12
"""Devices of one bank: two data centres, nine branches and one older box."""

CITIES = (
    "fra", "ams", "lon", "par", "mad", "mil", "nyc", "zrh", "vie", "waw",
    "sto", "dub", "sin", "hkg", "tok", "syd", "tor", "chi", "dal", "sao",
)  # fmt: skip
CENTRE_MODELS = ("AppResponse 8180", "AppResponse 4180")
BRANCH_MODELS = ("AppResponse 2180", "VSCAN-2000", "AppResponse 2180")
OLD_MODEL = "VSCAN-AZURE-010"

RELEASES = (
    Installed(1519862400, "11.2.0 #13859"),
    Installed(1539786920, "11.4.1 #18244"),
    Installed(1558017000, "11.6.0 #23947"),
    Installed(1583193600, "11.8.0 #28924"),
    Installed(1612310400, "11.10.0"),
    Installed(1636934400, "11.11.1a"),
)
"""What was published and when, in Unix seconds."""

BASE = 2
CURRENT_WEIGHTS = (0, 1, 14, 4, 1, 1)
STAGED_EVERY = 4
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    site: str
    pair: str | None
    role: str
    model: str


def build_fleet(count: int, seed: int, scenario: Scenario) -> tuple[Blueprint, ...]:
    """Return `count` devices; in `mixed` at least five of twelve are well."""
    healthy = tuple(_device(place, index, seed) for index, place in enumerate(_places(count)))
    if scenario is not Scenario.MIXED:
        return healthy
    fleet = list(healthy)
    for index, misfit in choose_misfits(count, _random(seed, "misfits")).items():
        fleet[index] = misfit(fleet[index])
    return tuple(fleet)


def _random(seed: int, part: str) -> Random:
    return Random(f"{seed} {part}")  # noqa: S311


def _places(count: int) -> list[_Place]:
    taken: Counter[str] = Counter()
    return [_place(index, taken) for index in range(count)]


def _place(index: int, taken: Counter[str]) -> _Place:
    block, position = divmod(index, BLOCK)
    home = block * 7
    if position < 2:
        city = CITIES[home % len(CITIES)]
        number = _next(taken, f"{city}-dc")
        return _Place(f"ar11-{city}-dc{number}", city, f"{city}-dc-{(number + 1) // 2}", "dc", CENTRE_MODELS[block % 2])
    if position == BLOCK - 1:
        number = _next(taken, "valloy")
        return _Place(f"680-valloy{number}", "valloy", None, "branch", OLD_MODEL)
    city = CITIES[(home + position // 2) % len(CITIES)]
    number = _next(taken, f"{city}-br")
    return _Place(f"ar11-{city}-br{number}", city, None, "branch", BRANCH_MODELS[index % len(BRANCH_MODELS)])


def _next(taken: Counter[str], key: str) -> int:
    taken[key] += 1
    return taken[key]


def _device(place: _Place, index: int, seed: int) -> Blueprint:
    random = _random(seed, str(index))
    newest = BASE if place.role == "dc" else random.choices(range(len(RELEASES)), CURRENT_WEIGHTS)[0]
    history = _history(newest, random)
    device = Blueprint(
        name=place.name,
        model=place.model,
        serial=f"JD{random.randrange(10)}XV{index:04X}{random.randrange(1 << 20):05X}",
        hw_version=f"{random.choice('ABC')}{random.randrange(1, 5)}",
        site=place.site,
        pair=place.pair,
        tags=_tags(place, index),
        version=history[-1].version,
        history=history,
        manners=_manners(random),
        reboots=random.choice((1, 1, 2)),
    )
    if index % STAGED_EVERY == STAGED_EVERY - 1 and newest + 1 < len(RELEASES):
        device = replace(device, images=(image_of(1, RELEASES[newest + 1].version),))
    return device


def _tags(place: _Place, index: int) -> tuple[str, ...]:
    canary = ("canary",) if index % BLOCK == 2 else ()
    return (place.site, place.role, "prod", *canary)


def _history(newest: int, random: Random) -> tuple[Installed, ...]:
    """The original installation and the updates up to release `newest`, each some weeks after it was published."""
    first = random.randrange(min(newest, 2) + 1)
    return tuple(
        Installed(release.time + random.randrange(20, 150) * DAY_S + random.randrange(DAY_S), release.version)
        for release in RELEASES[first : newest + 1]
    )


def _manners(random: Random) -> Manners:
    return Manners(
        empty_status=random.choice((200, 202, 204, 204)),
        absent=random.choice((None, "", "N/A")),
        fractional_progress=random.random() < 0.5,
        tells_methods=random.random() < 0.5,
        refuses_charset=random.random() < 0.25,
    )
