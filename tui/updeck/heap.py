"""The heap of the C library in a process that runs for days (`design.md` 6: memory stays flat).

As it comes, glibc gives each thread a heap of its own, and once a large piece was freed it cuts all others of that size
out of those heaps too. After an answer of megabytes small pieces then lie where it was, and its room is never given
back: a fleet that answers badly makes the program grow by the hour.
"""

from __future__ import annotations

import ctypes
import sys

__all__ = ["LARGE_BYTES", "keep_heap_small"]

LARGE_BYTES = 128 << 10
"""From this size on a piece has pages of its own, which go back to the system when it is freed."""

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""Options of `mallopt`, as <malloc.h> numbers them."""


def keep_heap_small() -> None:
    """Let all threads share one heap, and large pieces stand outside; to be called before there are other threads.

    Where the C library is another than glibc nothing is done.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_ARENA_MAX, 1)
