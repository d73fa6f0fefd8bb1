"""When a set of devices would be through, if every step takes as long as it took others. Pure.

The limits are those of the gate (`rollout.md` 7): boxes down, transfers, boxes down per site, pairs, and the window.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from updeck.rollout.plan import Limits
from updeck.rollout.window import Window

__all__ = ["Course", "Job", "Step", "run"]


class Step(StrEnum):
    """What is done to a device, and takes its time."""

    TRANSFER = "transfer"
    INIT = "init"
    START = "start"

    @property
    def takes_down(self) -> bool:
        """Whether the box is, or may be, down meanwhile."""
        return self is not Step.TRANSFER


@dataclass(frozen=True, slots=True)
class Job:
    """One device with the steps it has left, each with its seconds; `under_way`: the first of them has begun."""

    device: str
    steps: tuple[tuple[Step, float], ...]
    under_way: bool = False
    site: str | None = None
    pair: str | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """When each device is through, when each began its start, and which the window leaves no time for; Unix seconds."""

    through: Mapping[str, float]
    starts: Mapping[str, float]
    left_out: tuple[str, ...] = ()


class _Run:
    """The devices as they wait, are busy and get through; queues by site, so that a full one is passed over whole."""

    def __init__(self, limits: Limits, window: Window | None, now: float) -> None:
        self.limits = limits
        self.window = window
        self.now = now
        self.through: dict[str, float] = {}
        self.starts: dict[str, float] = {}
        self.events: list[tuple[float, int, Job | None]] = []
        self._transfers: deque[Job] = deque()
        self._waiting: dict[str | None, list[tuple[int, int, Job]]] = {}
        self._sites: Counter[str | None] = Counter()
        self._pairs: set[str] = set()
        self._moving = self._down = self._count = 0

    @property
    def waiting(self) -> tuple[str, ...]:
        """The devices that nothing was begun with any more."""
        left = [job for queue in self._waiting.values() for _, _, job in queue]
        return tuple(job.device for job in (*self._transfers, *left))

    def wait(self, job: Job) -> None:
        """Queue a job: what is further on first, then in the order in which it came."""
        if not job.steps[0][0].takes_down:
            self._transfers.append(job)
            return
        self._count += 1
        heapq.heappush(self._waiting.setdefault(job.site, []), (len(job.steps), self._count, job))

    def begin(self, job: Job) -> None:
        """Let the first step of a job begin, or go on."""
        step, seconds = job.steps[0]
        self._occupy(job, 1)
        if step is Step.START and not job.under_way:
            self.starts[job.device] = self.now
        self.wake(self.now + seconds, job)

    def wake(self, at: float, job: Job | None) -> None:
        """Note an event: the end of a step, or a time at which more may begin."""
        self._count += 1
        heapq.heappush(self.events, (at, self._count, job))

    def end(self, job: Job) -> None:
        """End the first step of a job."""
        self._occupy(job, -1)
        if len(job.steps) == 1:
            self.through[job.device] = self.now
        else:
            self.wait(Job(job.device, job.steps[1:], site=job.site, pair=job.pair))

    def begin_what_may(self) -> None:
        """Begin whatever no limit stands against."""
        most = self.limits.max_transfers
        while self._transfers and (most is None or self._moving < most):
            self.begin(self._transfers.popleft())
        if self.window is not None and self.window.refusal(self.now) is not None:
            return
        for site, queue in self._waiting.items():
            self._begin_of_site(site, queue)

    def _begin_of_site(self, site: str | None, queue: list[tuple[int, int, Job]]) -> None:
        beside = []
        while queue and self._room(site):
            entry = heapq.heappop(queue)
            if entry[2].pair in self._pairs:
                beside.append(entry)
            else:
                self.begin(entry[2])
        for entry in beside:
            heapq.heappush(queue, entry)

    def _room(self, site: str | None) -> bool:
        most, most_here = self.limits.max_parallel, self.limits.max_per_site
        here = site is None or most_here is None or self._sites[site] < most_here
        return here and (most is None or self._down < most)

    def _occupy(self, job: Job, change: int) -> None:
        if not job.steps[0][0].takes_down:
            self._moving += change
            return
        self._down += change
        self._sites[job.site] += change
        if job.pair is not None:
            (self._pairs.add if change > 0 else self._pairs.discard)(job.pair)


def run(jobs: Sequence[Job], limits: Limits, window: Window | None, since: float) -> Course:
    """Run the jobs from `since` (Unix seconds) on, one event after the other, and return how that ends."""
    state = _Run(limits, window, since)
    for job in jobs:
        if not job.steps:
            state.through[job.device] = since
        elif job.under_way:
            state.begin(job)
        else:
            state.wait(job)
    if window is not None and since < window.opens_at:
        state.wake(window.opens_at, None)
    state.begin_what_may()
    while state.events:
        state.now, _, done = heapq.heappop(state.events)
        if done is not None:
            state.end(done)
        state.begin_what_may()
    return Course(state.through, state.starts, state.waiting)
