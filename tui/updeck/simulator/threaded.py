"""A simulated fleet in a thread of its own, for callers that have no event loop to spare."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

from updeck.simulator.device import SimulatedDevice
from updeck.simulator.serving import ServeOptions, Simulator, running

__all__ = ["ThreadedSimulator", "running_in_thread"]

T = TypeVar("T")


class ThreadedSimulator:
    """A `Simulator` whose calls are made in its own thread; each returns when it is done."""

    def __init__(self, simulator: Simulator, loop: asyncio.AbstractEventLoop) -> None:
        self.control_url = simulator.control_url
        self.fleet_path = simulator.fleet_path
        self.names = simulator.names
        self.username = simulator.username
        self.password = simulator.password
        self.speed = simulator.speed
        self._simulator = simulator
        self._loop = loop

    def url(self, name: str) -> str:
        """Return a device's address."""
        return self._simulator.url(name)

    def with_trait(self, trait: str) -> str:
        """Return the name of the first device that stands for a misfit; raises `LookupError`."""
        return self._simulator.with_trait(trait)

    def fingerprint(self, name: str) -> str | None:
        """Return the fingerprint of the certificate that a device has now."""
        return self._simulator.fingerprint(name)

    def truth(self, name: str) -> dict[str, object]:
        """Return what `GET /truth/{name}` answers."""
        return self._call(lambda simulator: simulator.truth(name))

    def fault(self, name: str, fault: str, **fields: object) -> None:
        """Put a fault in; raises `FaultError`."""
        self._call(lambda simulator: simulator.fault(name, fault, **fields))

    def clear_faults(self, name: str) -> None:
        """Take all faults of a device out."""
        self._call(lambda simulator: simulator.clear_faults(name))

    def act(self, name: str, hand: Callable[[SimulatedDevice], None]) -> None:
        """Do something to a device in the simulator's thread, as a foreign hand would."""
        self._call(lambda simulator: hand(simulator.device(name)))

    def until(self, name: str, fulfilled: Callable[[SimulatedDevice], bool]) -> None:
        """Wait until a device is as asked; `fulfilled` is called in the simulator's thread."""
        self._await(self._simulator.until(name, fulfilled))

    def until_state(self, name: str, state: str) -> None:
        """Wait until a device is in a state."""
        self._await(self._simulator.until_state(name, state))

    def _call(self, function: Callable[[Simulator], T]) -> T:
        async def call() -> T:
            return function(self._simulator)

        return self._await(call())

    def _await(self, coroutine: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


@contextmanager
def running_in_thread(options: ServeOptions) -> Iterator[ThreadedSimulator]:
    """Serve a fleet in a thread for as long as the context lasts; raises as `running` does."""
    started = threading.Event()
    stop = asyncio.Event()
    outcome: list[ThreadedSimulator | BaseException] = []

    async def work() -> None:
        async with running(options) as simulator:
            outcome.append(ThreadedSimulator(simulator, asyncio.get_running_loop()))
            started.set()
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:  # handed to the caller, whose thread it concerns
            outcome.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="simulator")
    thread.start()
    started.wait()
    first = outcome[0]
    if isinstance(first, BaseException):
        thread.join()
        raise first
    try:
        yield first
    finally:
        first._loop.call_soon_threadsafe(stop.set)
        thread.join()
    if isinstance(outcome[-1], BaseException):
        raise outcome[-1]
