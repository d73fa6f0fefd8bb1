"""What the journal asks of the machine that it runs on, handed in so that tests can answer in its place."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from updeck.journal.actor import is_gone
from updeck.journal.models import Actor

__all__ = ["Machine", "silent", "system_log"]


_SOCKETS = ("/dev/log", "/var/run/syslog")
"""Where systems have their log."""

_NOTICE_OF_A_USER = 1 << 3 | 5
"""Facility and severity of a line, as RFC 3164 counts them."""

_PATIENCE_S = 0.1
"""How long a log may take to accept a line. syslog(3) would wait without end, and with it who is about to send."""


def system_log(line: str, sockets: Sequence[str] = _SOCKETS) -> None:
    """Write a line to syslog where there is one; a second witness, because a journal's owner can rewrite it."""
    with contextlib.suppress(Exception):  # a witness that fails, hangs or is not there must not fail the record
        import socket

        where = next(one for one in sockets if Path(one).exists())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.settimeout(_PATIENCE_S)
            log.sendto(f"<{_NOTICE_OF_A_USER}>updeck[{os.getpid()}]: {line}".encode(), where)


def silent(line: str) -> None:
    """Write nowhere; for records that are of no consequence, such as the demo's."""


def _mount_table() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    return ""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine's side of the journal.

    `witness` takes one clean line per intent and outcome; `gone` tells whether a process surely runs no more;
    `mounts` gives the mount table in the form of `/proc/self/mounts`, empty where there is none; `entropy` gives
    that many random bytes.
    """

    witness: Callable[[str], None] = system_log
    gone: Callable[[Actor], bool] = is_gone
    mounts: Callable[[], str] = _mount_table
    entropy: Callable[[int], bytes] = os.urandom
