"""What a shell may complete: devices and selectors from the inventory, rollouts from the journal. Nothing is asked.

A key press must not complain: where inventory or journal cannot be read there is nothing to complete.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from updeck.cli.command import Invocation
from updeck.errors import UpdeckError

if TYPE_CHECKING:
    from updeck.fleet.inventory import Fleet

__all__ = ["device_names", "rollout_ids", "selector_words"]

_MOST_ROLLOUTS = 50
_NEEDS = "needs:me"


def device_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the name of a device."""
    fleet = _fleet(context)
    return [] if fleet is None else _beginning(incomplete, [(entry.name, entry.url) for entry in fleet.devices])


def selector_words(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the last word of a selector: a name, a tag, a site, a pair, a state."""
    from updeck.device.models import Reach, UpdateState

    fleet = _fleet(context)
    if fleet is None:
        return []
    kept = incomplete[: max(incomplete.rfind(sign) for sign in ", !") + 1]
    words = [(entry.name, entry.url) for entry in fleet.devices]
    for entry in fleet.devices:
        words += [(f"tag:{tag}", "") for tag in entry.tags]
        words += [(f"site:{entry.site}", "")] if entry.site else []
        words += [(f"pair:{entry.pair}", "")] if entry.pair else []
    words += [(f"state:{state.value}", "") for state in UpdateState] + [(f"reach:{reach.value}", "") for reach in Reach]
    words += [(word, "") for word in (_NEEDS, "version:", "image:")]
    return _beginning(incomplete, [(kept + word, help_) for word, help_ in dict.fromkeys(words)])


def rollout_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the id of a rollout, the newest first."""
    from updeck.clock import SystemClock
    from updeck.journal.actor import this_actor
    from updeck.journal.machine import Machine, silent
    from updeck.journal.store import FILE_NAME, Journal
    from updeck.paths import state_dir

    try:
        if not (state_dir() / FILE_NAME).exists():
            return []
        machine = Machine(witness=silent)
        with Journal.open(state_dir(), actor=this_actor("cli"), clock=SystemClock(), machine=machine) as journal:
            found = journal.marks(limit=_MOST_ROLLOUTS)
    except (UpdeckError, OSError):
        return []
    return _beginning(incomplete, [(one, "") for one in found])


def _fleet(context: click.Context) -> Fleet | None:
    from updeck.fleet.inventory import load_fleet

    invocation = context.find_object(Invocation)
    try:
        return load_fleet(None if invocation is None else invocation.fleet)
    except (UpdeckError, OSError):
        return None


def _beginning(incomplete: str, words: Iterable[tuple[str, str]]) -> list[CompletionItem[str]]:
    return [CompletionItem(word, help=help_ or None) for word, help_ in words if word.startswith(incomplete)]
