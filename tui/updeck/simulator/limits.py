"""How many sockets a process may have; a large fleet needs more than most systems give by default."""

from __future__ import annotations

import os

from updeck.errors import UsageError

__all__ = ["raise_file_limit"]

PER_DEVICE = 4
RESERVE = 128


def raise_file_limit(devices: int) -> None:
    """Ask for room for a listener and three connections per device; raises `UsageError` where it is refused."""
    if os.name != "posix":
        return
    import resource

    needed = devices * PER_DEVICE + RESERVE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UsageError(
            f"{devices} devices need {needed} open files and this system allows {hard}",
            advice="ask for fewer devices or raise the limit (ulimit -Hn)",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
