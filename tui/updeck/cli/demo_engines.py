"""The engines of a demo, which end with it, however it ends: with the UI that is quit, or with its simulator."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["end_engines"]

END_S = 10.0


def end_engines(state: Path) -> list[str]:
    """End the engines that were started in the demo, and wait until they are gone; return their rollouts."""
    from updeck.clock import SystemClock
    from updeck.journal.actor import is_gone, this_actor
    from updeck.journal.machine import Machine, silent
    from updeck.journal.store import FILE_NAME, Journal

    if not (state / FILE_NAME).is_file():
        return []
    actor, ended = this_actor("cli"), []
    with Journal.open(state, actor=actor, clock=SystemClock(), machine=Machine(witness=silent)) as journal:
        for row in journal.unfinished():
            engine = row.leased_by
            if row.kind != "plan" or engine is None or not row.lease_alive or engine.host != actor.host:
                continue
            with suppress(ProcessLookupError):
                os.kill(engine.pid, signal.SIGTERM)
            give_up_at = time.monotonic() + END_S
            while not is_gone(engine) and time.monotonic() < give_up_at:
                time.sleep(0.05)
            ended.append(row.id[:13])
    return ended
