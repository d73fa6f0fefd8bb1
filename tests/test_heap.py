"""What a process that runs for days asks of the C library's heap, in processes of their own."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from terminal_fixture import SOURCE, on_terminal

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heap of another C library")

PROGRAM = """
import ctypes, json, os, sys, tempfile, threading
sys.path.insert(0, sys.argv[1])
from updeck.heap import LARGE_BYTES, keep_heap_small
if sys.argv[2] == "small":
    keep_heap_small()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.malloc.argtypes = [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
library.free(library.malloc(8 << 20))  # as after a long answer

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", *"12345")]

library.mallinfo2.restype = Info
before = library.mallinfo2().hblks
for _ in range(50):
    library.malloc(LARGE_BYTES)
together = threading.Barrier(9)

def take():
    library.malloc(1000)
    together.wait()

threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads:
    thread.start()
together.wait()
with tempfile.TemporaryFile("w+") as file:
    library.fdopen.restype = ctypes.c_void_p
    library.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
    library.fflush.argtypes = [ctypes.c_void_p]
    stream = library.fdopen(os.dup(file.fileno()), b"w")
    library.malloc_info(0, stream)
    library.fflush(stream)
    file.seek(0)
    heaps = file.read().count("<heap ")
print(json.dumps({"outside": library.mallinfo2().hblks - before, "heaps": heaps}))
"""


def seen(kind: str) -> dict[str, Any]:
    """Return how many of 50 large pieces stand outside the heaps, and how many heaps eight threads make."""
    words = [sys.executable, "-c", PROGRAM, str(SOURCE), kind]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_large_pieces_go_back_to_the_system_and_threads_share_one_heap() -> None:
    small = seen("small")
    assert small["outside"] >= 45, "but for those that find room among what was free before"
    assert small["heaps"] == 1
    as_it_comes = seen("as it comes")
    assert as_it_comes["outside"] == 0
    assert as_it_comes["heaps"] > 1


THREAD_HEAP_BYTES = 64 << 20
"""The room that glibc sets aside for the heap of a thread, at a multiple of itself."""


def thread_heaps(pid: int) -> int:
    """Return how many heaps of threads a process has: room of which the first part is in use."""
    pieces = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, rights, _ = line.split(maxsplit=2)
        start, end = (int(address, 16) for address in place.split("-"))
        pieces.append((start, end, rights))
    return sum(
        start % THREAD_HEAP_BYTES == 0 and start + THREAD_HEAP_BYTES == last and rights == "---p"
        for (start, _, _), (_, last, rights) in pairwise(pieces)
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process as Linux tells it")
def test_no_thread_of_the_screen_has_a_heap_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text('[devices.box]\nurl = "https://127.0.0.1:9"\n')
    told = {"UPDECK_CONFIG": str(tmp_path), "UPDECK_STATE": str(tmp_path / "state"), "HOME": str(tmp_path)}
    with on_terminal("-m", "updeck", environment=told) as terminal:
        terminal.until(lambda seen: "refuse" in seen.text)
        assert thread_heaps(terminal.process.pid) == 0
