"""The schedule of polls, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from updeck.fleet.poller import IN_FLIGHT_MOST, STARTING_MOST, Poller
from virtual_time import VirtualClock


class Fleet:
    """Devices that answer at once, or only when told to; counts what is polled."""

    def __init__(self, *dead: str) -> None:
        self.dead = set(dead)
        self.polls: Counter[str] = Counter()
        self.in_flight: Counter[str] = Counter()
        self.most = 0
        self.release = asyncio.Event()

    async def poll(self, name: str) -> float:
        self.polls[name] += 1
        self.in_flight[name] += 1
        self.most = max(self.most, self.in_flight[name])
        try:
            if name in self.dead:
                await self.release.wait()
            return 10.0
        finally:
            self.in_flight[name] -= 1


@asynccontextmanager
async def polling(fleet: Fleet, clock: VirtualClock) -> AsyncIterator[Poller]:
    poller = Poller(fleet.poll, clock=clock, random=Random(1))
    task = asyncio.create_task(poller.run())
    try:
        yield poller
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_each_device_is_polled_at_its_interval_with_jitter() -> None:
    fleet, clock = Fleet(), VirtualClock()
    async with polling(fleet, clock) as poller:
        poller.add(f"d{number}" for number in range(20))
        await clock.run(100.0)
    assert all(9 <= count <= 13 for count in fleet.polls.values())
    assert len(set(fleet.polls.values())) > 1, "a fleet must not answer in step"


async def test_dead_devices_delay_nobody() -> None:
    dead = [f"dead{number}" for number in range(STARTING_MOST - 1)]
    fleet, clock = Fleet(*dead), VirtualClock()
    async with polling(fleet, clock) as poller:
        poller.add([*dead, *(f"d{number}" for number in range(100))])
        await clock.run(100.0)
        assert all(fleet.polls[name] == 1 for name in dead)
        assert all(fleet.polls[f"d{number}"] >= 9 for number in range(100))


async def test_one_poll_is_in_flight_per_device_and_a_poke_is_not_lost() -> None:
    fleet, clock = Fleet("slow"), VirtualClock()
    async with polling(fleet, clock) as poller:
        poller.add(["slow"])
        await clock.run(1.0)
        poller.poke(["slow"])
        poller.poke(["slow"])
        await clock.run(1.0)
        assert fleet.polls["slow"] == 1
        fleet.release.set()
        await clock.run(0.5)
        assert fleet.polls["slow"] == 2
    assert fleet.most == 1


async def test_a_poke_polls_at_once_and_the_interval_starts_anew() -> None:
    fleet, clock = Fleet(), VirtualClock()
    async with polling(fleet, clock) as poller:
        poller.add(["d"])
        await clock.run(5.0)
        poller.poke(["d"])
        await clock.run(0.0)
        assert fleet.polls["d"] == 2
        await clock.run(7.9)
        assert fleet.polls["d"] == 2


async def test_a_removed_device_is_polled_no_more() -> None:
    fleet, clock = Fleet("slow"), VirtualClock()
    async with polling(fleet, clock) as poller:
        poller.add(["d", "slow"])
        await clock.run(1.0)
        poller.remove("d")
        poller.remove("slow")
        await clock.run(100.0)
    assert fleet.polls == {"d": 1, "slow": 1}
    assert fleet.in_flight["slow"] == 0


async def test_the_polls_in_flight_are_bounded() -> None:
    names = [f"dead{number}" for number in range(IN_FLIGHT_MOST + 50)]
    fleet, clock = Fleet(*names), VirtualClock()
    poller = Poller(fleet.poll, clock=clock, random=Random(1))
    task = asyncio.create_task(poller.run())
    poller.add(names)
    await clock.settle()
    assert sum(fleet.in_flight.values()) == STARTING_MOST
    await clock.run(60.0)
    assert sum(fleet.in_flight.values()) == IN_FLIGHT_MOST
    fleet.release.set()
    await clock.run(1.0)
    assert sum(fleet.polls.values()) == len(names)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_fleet_that_comes_back_at_once_is_not_asked_in_step() -> None:
    clock = VirtualClock()
    asked: Counter[int] = Counter()
    begin = clock.monotonic()
    back_at = begin + 360.0

    async def poll(name: str) -> float:
        asked[int(clock.monotonic() - back_at)] += 1
        return 10.0 if clock.monotonic() >= back_at else 60.0

    poller = Poller(poll, clock=clock, random=Random(1))
    task = asyncio.create_task(poller.run())
    poller.add(f"d{number}" for number in range(200))
    await clock.run(420.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    first_minute = [asked[second] for second in range(1, 60)]
    assert sum(first_minute) >= 200, "all were asked within a minute of their return"
    assert max(first_minute) < 50, "where an even spread at 10 s ends at 20 a second"
