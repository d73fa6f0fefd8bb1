"""A process that opens the journal of a directory and does what its standard input says, one line at a time."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from journal_bench import BASELINE
from updeck.errors import UpdeckError
from updeck.journal.actor import this_actor
from updeck.journal.machine import Machine, silent
from updeck.journal.models import Op, Outcome, Verdict
from updeck.journal.store import Journal


class AheadClock:
    """The machine's clock, so many seconds ahead: to it, leases of others have run out."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead_s = ahead_s

    def wall(self) -> float:
        return time.time() + self._ahead_s

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the journal never waits")


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


class Obedient:
    """What the commands mean."""

    def __init__(self, journal: Journal, clock: AheadClock) -> None:
        self.journal = journal
        self.clock = clock

    def begin(self, device: str) -> str:
        return self.journal.begin_manual(device, Op.START, url="https://10.1.2.3").id

    def take(self, rollout: str) -> str:
        return "taken" if self.journal.take_over(rollout) else "not taken"

    def intend(self, rollout: str, device: str) -> str:
        """Intend a start and send it: that is, say so."""
        baseline = replace(BASELINE, observed_at=self.clock.wall())
        permit = self.journal.intend(rollout, device, Op.START, baseline=baseline)
        permit.claim("start", device)
        return f"sent {permit.intent_id}"

    def snatch(self, rollout: str, device: str) -> str:
        """Take a rollout over if need be and send its start, as fast as possible."""
        self.journal.take_over(rollout)
        return self.intend(rollout, device)

    def outcome(self, intent: str, outcome: str) -> str:
        self.journal.outcome(int(intent), Outcome(outcome), status=None, error=None)
        return "noted"

    def limit(self, size: str) -> str:
        """Let no file grow beyond so many bytes: the disk is full."""
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
        return "limited"

    def many(self, prefix: str) -> str:
        """Drive one device after the other to its end, saying what is sent, until killed."""
        number = 0
        while True:
            number += 1
            device = f"{prefix}-{number}"
            rollout = self.begin(device)
            say(f"{rollout} {device} {self.intend(rollout, device)}")
            self.journal.outcome(number, Outcome.ACCEPTED, status=200, error=None)
            self.journal.end(
                rollout,
                device,
                op=Op.START,
                verdict=Verdict.SUCCESS,
                reason="",
                last_state_time=None,
                target_version=None,
            )


def main() -> None:
    clock = AheadClock(float(sys.argv[2]))
    machine = Machine(witness=silent)
    journal = Journal.open(Path(sys.argv[1]), actor=this_actor("child"), clock=clock, machine=machine)
    obedient = Obedient(journal, clock)
    say("open")
    for line in sys.stdin:
        name, *words = line.split()
        try:
            say(getattr(obedient, name)(*words))
        except UpdeckError as error:
            say(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
