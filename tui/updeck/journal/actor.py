"""Who acts: this process as the journal names it, and whether another process still runs."""

from __future__ import annotations

import functools
import os
import socket
import sys
from pathlib import Path

from updeck.journal.models import Actor
from updeck.text import clean

__all__ = ["is_gone", "this_actor"]

NO_UID = -1
"""The uid of an actor on a system without uids."""

_PROC = Path("/proc")
_DEAD = ("Z", "X")


def this_actor(program: str) -> Actor:
    """Return this process as an actor. `program` says which of our programs it is.

    The user is the owner of the process, not what the environment says. What a system does not tell is empty.
    """
    pid = os.getpid()
    _, started = _process(pid)
    return Actor(
        uid=os.getuid() if hasattr(os, "getuid") else NO_UID,
        user=clean(_user(), 80),
        host=clean(socket.gethostname(), 80),
        program=clean(program, 80),
        pid=pid,
        boot_id=_boot_id(),
        started=started,
    )


def is_gone(actor: Actor) -> bool:
    """Whether the process of `actor` surely runs no more; False where this cannot be known (`rollout.md` 3).

    It can be known on its own host, where the host was booted anew or where its pid is free or someone else's.
    """
    if os.name != "posix" or actor.host != clean(socket.gethostname(), 80):
        return False  # on Windows, os.kill with signal 0 would not ask but end
    boot, _, namespace = actor.boot_id.partition("/")
    own_boot, _, own_namespace = _boot_id().partition("/")
    if boot and own_boot and boot != own_boot:
        return True
    if (boot, namespace) != (own_boot, own_namespace):
        return False
    try:
        os.kill(actor.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it is another user's
    state, started = _process(actor.pid)
    return state in _DEAD or bool(started and actor.started and started != actor.started)


def _user() -> str:
    if sys.platform == "win32":
        return os.environ.get("USERNAME", "")
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


@functools.cache
def _boot_id() -> str:
    """Return the boot id of the system and the pid namespace, because a pid means something within one only."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return clean(f"{boot}/{(_PROC / 'self/ns/pid').readlink()}", 120)
    except (OSError, ValueError):
        return ""


def _process(pid: int) -> tuple[str, str]:
    """Return the state letter and the start time (clock ticks after boot) of a process, empty where unknown."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = text.rpartition(")")[2].split()  # the name in parentheses may hold anything
    return (fields[0], fields[19]) if len(fields) > 19 else ("", "")
