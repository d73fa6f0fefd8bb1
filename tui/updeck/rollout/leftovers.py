"""Whether a process of a user survives the end of the session, as this host is set up (`design.md` 3).

logind may kill what a session leaves behind. Where lingering is on, a scope of the user's own service manager is out of
its reach; elsewhere a person is warned.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["kills_leftovers", "lingers", "logind_files", "scope_words"]

ASK_S = 5.0
"""Seconds that a tool of the system gets to answer."""

_SWITCH = re.compile(r"^\s*KillUserProcesses\s*=\s*(\S+)", re.MULTILINE)
_YES = ("1", "yes", "true", "on")
_PLACES = ("/usr/lib/systemd", "/run/systemd", "/etc/systemd")


def scope_words() -> tuple[str, ...]:
    """Return the words before a command that put it into a scope of its own, () where that cannot be had."""
    runner = shutil.which("systemd-run")
    words = () if runner is None else (runner, "--user", "--scope", "--quiet", "--collect", "--")
    return words if words and lingers() and _works([*words, "true"]) else ()


def lingers() -> bool:
    """Whether the user's service manager stays when the last session ends."""
    asked = shutil.which("loginctl")
    if asked is None or not hasattr(os, "getuid"):
        return False
    return _answer([asked, "show-user", str(os.getuid()), "-p", "Linger"]) == "Linger=yes"


def logind_files() -> list[str]:
    """Return the texts of logind's configuration, those that win last."""
    names = [Path(place, "logind.conf") for place in _PLACES]
    names += sorted((one for place in _PLACES for one in Path(place, "logind.conf.d").glob("*.conf")), key=_by_name)
    texts = []
    for name in names:
        try:
            texts.append(name.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return texts


def kills_leftovers(texts: Iterable[str]) -> bool:
    """Whether logind, by these texts of its configuration, kills what a session leaves behind."""
    found = [match for text in texts for match in _SWITCH.findall(text)]
    return bool(found) and found[-1].lower() in _YES


def _by_name(path: Path) -> str:
    return path.name


def _works(words: Sequence[str]) -> bool:
    return _answer(words) is not None


def _answer(words: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ASK_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
