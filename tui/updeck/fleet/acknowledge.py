"""Acknowledging what a device needs, with a note; after a start that nobody can judge, this also resolves it."""

from __future__ import annotations

from updeck.device.models import UpdateState
from updeck.errors import UsageError
from updeck.fleet.monitor import Monitor
from updeck.fleet.tracked import Tracked
from updeck.fleet.views import attention_key
from updeck.journal.models import Verdict

__all__ = ["acknowledge"]


async def acknowledge(monitor: Monitor, tracked: Tracked, note: str) -> None:
    """Record the note. A REVIEW of a start is resolved by it once the device is back in IDLE (`rollout.md` 3).

    Raises `UsageError` for an empty note.
    """
    if not note.strip():
        raise UsageError("an acknowledgement needs a note", device=tracked.entry.name)
    view = tracked.view()
    name, key = view.name, attention_key(view)
    await monitor.record(lambda journal: journal.acknowledge(name, key, note, view.next.text))
    record = tracked.record
    if record.start_unresolved and record.last_start is not None and tracked.state_word == UpdateState.IDLE:
        rollout = record.last_start.rollout
        await monitor.record(lambda journal: journal.resolve(rollout, name, Verdict.REVIEW, note))
    await monitor.reload(tracked)
