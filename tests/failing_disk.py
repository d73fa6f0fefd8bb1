"""Files whose reading fails midway or never ends, as of a stick that was pulled out or of a share that is gone."""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["end_reading", "fail_reading", "gone", "hanging"]


def fail_reading(patch: pytest.MonkeyPatch, path: Path, after_bytes: int, error: int = errno.EIO) -> None:
    """Let every file of this name, opened from now on, fail to be read once so many bytes were read of it."""

    def broken() -> bytes:
        raise OSError(error, os.strerror(error))

    _open_as(patch, path, after_bytes, broken)


def end_reading(patch: pytest.MonkeyPatch, path: Path, after_bytes: int) -> None:
    """Let every file of this name end so early, opened from now on, whatever its directory says of its size."""
    _open_as(patch, path, after_bytes, bytes)


def _open_as(patch: pytest.MonkeyPatch, path: Path, after_bytes: int, beyond: Callable[[], bytes]) -> None:
    opened = os.fdopen

    class Failing(io.FileIO):
        """Reads up to a place, and there what is `beyond`."""

        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= after_bytes:
                return beyond()
            return super().read(-1 if size is None else min(size, after_bytes - self.tell())) or b""

        def readinto(self, buffer: Buffer, /) -> int:
            room = memoryview(buffer).cast("B")
            came = self.read(len(room))
            room[: len(came)] = came
            return len(came)

    def fdopen(descriptor: int, *rest: object, **more: object) -> object:
        if Path(f"/proc/self/fd/{descriptor}").readlink() == path.resolve():
            return Failing(descriptor, "rb")
        return opened(descriptor, *rest, **more)  # type: ignore[call-overload]

    patch.setattr(os, "fdopen", fdopen)


def gone(patch: pytest.MonkeyPatch, path: Path, error: int) -> None:
    """Let nobody look at this path any more, as beneath a mount that has failed."""
    stat, lstat = Path.stat, Path.lstat

    def looked(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if self == path:
            raise OSError(error, os.strerror(error))
        return stat(self, follow_symlinks=follow_symlinks)

    def looked_at_link(self: Path) -> os.stat_result:
        if self == path:
            raise OSError(error, os.strerror(error))
        return lstat(self)

    patch.setattr(Path, "stat", looked)
    patch.setattr(Path, "lstat", looked_at_link)


@contextmanager
def hanging(path: Path) -> Iterator[list[str]]:
    """Let nobody who opens this file get on until the context ends, as on a mount whose server is gone.

    Gives the names of the threads that hang.
    """
    opened, back, here = os.open, threading.Event(), []

    def hung(wanted: object, *rest: int, **more: int | None) -> int:
        if wanted == path:
            here.append(threading.current_thread().name)
            back.wait()
        return opened(wanted, *rest, **more)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", hung)
        try:
            yield here
        finally:
            back.set()
