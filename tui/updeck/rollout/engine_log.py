"""The log of one rollout's engine: a file in the state directory that cannot grow without bound."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from updeck.clock import Clock, rfc3339
from updeck.errors import fault_in_words
from updeck.paths import private_file, ready_state_dir
from updeck.text import clean

__all__ = ["EngineLog", "log_path"]

MOST_BYTES = 1 << 20
"""Beyond this the file becomes `….log.1`, in place of the one before."""

_APPEND = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def log_path(state_dir: Path, rollout: str) -> Path:
    """Return where the engine of a rollout writes what it does."""
    return state_dir / f"engine-{rollout}.log"


class EngineLog:
    """Appends clean lines with their time; what cannot be written is dropped, because the journal is the record."""

    def __init__(self, path: Path, mode: int, clock: Clock) -> None:
        self.path = path
        self._mode = mode
        self._clock = clock

    @classmethod
    def open(cls, state_dir: Path, rollout: str, clock: Clock) -> Self:
        """Make or continue the log of a rollout; raises `ConfigError` for a file that others could swap."""
        mode = ready_state_dir(state_dir)
        path = log_path(state_dir, rollout)
        private_file(path, mode)
        return cls(path, mode, clock)

    def line(self, text: str) -> None:
        """Append one line."""
        data = f"{rfc3339(self._clock.wall())}  {clean(text)}\n".encode()
        try:
            if self.path.stat().st_size + len(data) > MOST_BYTES:
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))
                private_file(self.path, self._mode)
            handle = os.open(self.path, _APPEND)
            try:
                os.write(handle, data)
            finally:
                os.close(handle)
        except OSError:
            return

    def crash(self, error: BaseException) -> None:
        """Append where an error of ours arose; not what the values were, because one may be a secret."""
        self.line(f"crashed: {fault_in_words(error)}")
