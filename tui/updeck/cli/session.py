"""Opening the fleet for one command: inventory, selection, journal, service; and closing it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from updeck.cli.command import Invocation
from updeck.cli.waiting import Follower, Prompter
from updeck.errors import UpdeckError, UsageError
from updeck.fleet.inventory import Fleet, load_fleet
from updeck.fleet.selectors import Selector, resolve
from updeck.text import clean

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.fleet.views import DeviceView

__all__ = ["EVERYTHING", "Session", "fleet_of", "looked_at", "one_device", "opened", "possible_names"]

EVERYTHING = ("*",)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """A running service, and how to wait for it."""

    service: FleetService
    follower: Follower

    def chosen(self, selectors: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the devices that are to be acted upon; raises `UsageError` when there are none.

        Where a selector needs live data (`state:IDLE`), every device that it can mean is read once.
        """
        selector = Selector.parse(selectors)
        names = self.service.state.names
        if selector.live:
            self.result(self.service.read_once(names))
            names = tuple(view.name for view in self.service.state.views() if selector.matches(view))
        if not names:
            raise UsageError(f"no device matches {clean(' '.join(selectors), 200)}")
        self.follower.follow(names)
        return names

    def results(self, futures: Mapping[str, Future[T]]) -> dict[str, T | UpdeckError]:
        """Wait for one future per device; return by name its result or its error."""
        return self.follower.results(futures)

    def result(self, future: Future[T]) -> T:
        """Wait for one future; raises its error."""
        self.follower.results({"": future})
        return future.result()


def fleet_of(invocation: Invocation) -> Fleet:
    """Load the inventory that the command is about."""
    return load_fleet(invocation.fleet)


def one_device(fleet: Fleet, name: str) -> str:
    """Return `name` if it names one device; a pattern is refused, an unknown name is answered with the nearest."""
    if name in fleet.names:
        return name
    resolve(fleet, Selector.parse([name]))
    raise UsageError(f'"{clean(name, 80)}" is no name of one device', advice="name it as the inventory does")


def possible_names(fleet: Fleet, selectors: Sequence[str]) -> tuple[str, ...]:
    """Return the devices that the selectors can mean, as far as the inventory tells."""
    return resolve(fleet, Selector.parse(selectors))


def looked_at(invocation: Invocation, fleet: Fleet, selectors: Sequence[str]) -> list[DeviceView]:
    """Read the devices that are meant (all where no selector is given) once, side by side; return their views."""
    selector = Selector.parse(selectors or EVERYTHING)
    names = resolve(fleet, selector)
    with opened(invocation, fleet, names, polling=False, looking=True) as session:
        session.result(session.service.read_once(names))
        return [view for view in session.service.state.views() if not selector.live or selector.matches(view)]


@contextmanager
def opened(
    invocation: Invocation, fleet: Fleet, names: Sequence[str], *, polling: bool = True, looking: bool = False
) -> Iterator[Session]:
    """Run the service for these devices while the block runs. `looking` sends nothing and takes nothing over."""
    from updeck.clock import SystemClock
    from updeck.fleet.service import FleetService
    from updeck.journal.actor import this_actor
    from updeck.journal.store import Journal
    from updeck.paths import state_dir

    clock = SystemClock()
    prompter = Prompter()
    with closing(Journal.open(state_dir(), actor=this_actor("cli"), clock=clock)) as journal:
        service = FleetService(
            fleet,
            journal,
            names=names,
            read_only=looking or invocation.read_only,
            prompt=prompter.ask,
            clock=clock,
        )
        service.start(polling=polling)
        try:
            yield Session(service, Follower(invocation.out, service.state, prompter))
        finally:
            service.stop()
