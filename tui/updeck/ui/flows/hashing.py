"""The SHA-256 of a file, read once and remembered for all dialogs, with its progress told while it is read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from updeck.device.image_file import Checksums, ImageFile, publisher_sum
from updeck.errors import LocalFileError

__all__ = ["CHECKSUMS", "hashed"]

CHECKSUMS = Checksums()
"""The sums of all files that were hashed by this process."""

TELL_S = 1.0
"""How often the progress is told."""


async def hashed(path: Path, expected: str | None, tell: Callable[[str], None]) -> tuple[ImageFile, str]:
    """Return the file and its sum. Raises `LocalFileError` where it is not what is expected, or its publisher says."""
    source = await asyncio.to_thread(ImageFile.open, path)
    stated = expected or await asyncio.to_thread(publisher_sum, path)
    done, cancel = [0], threading.Event()

    def progress(done_bytes: int) -> None:
        done[0] = done_bytes

    work = asyncio.ensure_future(asyncio.to_thread(CHECKSUMS.of, source, progress=progress, cancel=cancel))
    try:
        while not (await asyncio.wait([work], timeout=TELL_S))[0]:
            tell(f"reading {source.name} for its SHA-256, {100 * done[0] // source.size_bytes} %")
    finally:
        cancel.set()
    digest = await work
    if stated is not None and stated != digest:
        whose = "was expected" if expected else "is what its publisher says"
        raise LocalFileError(f"{source.name} has the SHA-256 {digest}, and {stated} {whose}")
    return source, digest
