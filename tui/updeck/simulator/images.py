"""Image files: written for the simulator, recognised by it. One pass and constant memory on both sides.

A file is a header (`MAGIC`, the length of a JSON object in two bytes, the object `{"size_bytes", "version"}`), a
payload, and a seal: the SHA-256 of all that comes before it. So a receiver needs one hash, not one for the file and
one for the payload.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from updeck.errors import LocalFileError, UsageError
from updeck.text import clean

__all__ = ["ImageReader", "Received", "parse_size", "write_image"]

MAGIC = b"UPDECK-SIMULATED-IMAGE\x00\x01"
SEAL_BYTES = hashlib.sha256().digest_size
LENGTH_BYTES = 2
HEADER_MOST = 4096
BLOCK_BYTES = 1 << 20
VERSION_MOST = 64

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}

WRONG_PLATFORM = "Image is not for this platform"
BAD_SIGNATURE = "Signature check failed"


def parse_size(text: str) -> int:
    """Return the bytes meant by `300MB` (powers of 1000), `2GiB` (of 1024), `1.5G` or `4096`.

    Raises `UsageError` for anything else.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or (match[3] and not match[2]):
        raise UsageError(f"'{clean(text, 40)}' is no size", advice="write it like 300MB, 2GiB or 4096")
    size = float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2].lower()]
    return int(size)


def write_image(path: Path, version: str, size_bytes: int, *, corrupt: bool = False) -> str:
    """Write an image of exactly `size_bytes` to `path`, and `path`.sha256 beside it; return its SHA-256 in hex.

    The same version and size give the same bytes. A corrupt one has a broken seal, so that a device finds it INVALID,
    while the sum beside it is right. Raises `UsageError` for a size or version that cannot be, `LocalFileError` where
    the file cannot be written or is there and no simulated image.
    """
    header = _header(version, size_bytes)
    payload_bytes = size_bytes - len(header) - SEAL_BYTES
    if payload_bytes < 0:
        raise UsageError(f"an image has at least {len(header) + SEAL_BYTES} bytes, not {size_bytes}")
    try:
        _refuse_foreign(path)
        _require_room(path, size_bytes)
        digest = _write(path, header, payload_bytes, corrupt=corrupt)
        path.with_name(path.name + ".sha256").write_text(f"{digest}  {path.name}\n", encoding="utf-8")
    except OSError as error:
        raise LocalFileError(f"cannot write {path}: {error.strerror or error}") from error
    return digest


def _refuse_foreign(path: Path) -> None:
    """Raise `LocalFileError` for a file that no simulator wrote: it may be somebody's real image."""
    if not path.exists():
        return
    with path.open("rb") as file:
        if file.read(len(MAGIC)) not in (MAGIC, b""):
            raise LocalFileError(f"{path} is there and no simulated image", advice="name another file")


def _require_room(path: Path, size_bytes: int) -> None:
    """Raise `LocalFileError` before a disk is filled with what cannot fit on it."""
    room = shutil.disk_usage(path.parent).free + (path.stat().st_size if path.exists() else 0)
    if size_bytes > room:
        raise LocalFileError(f"cannot write {path}: it takes {size_bytes} bytes and there is room for {room}")


def _header(version: str, size_bytes: int) -> bytes:
    if not version.strip() or len(version) > VERSION_MOST or clean(version) != version:
        raise UsageError(f"'{clean(version, 40)}' is no version", advice="write it like '11.8.0 #28924'")
    text = json.dumps({"size_bytes": size_bytes, "version": version}, sort_keys=True).encode()
    return MAGIC + len(text).to_bytes(LENGTH_BYTES, "big") + text


def _write(path: Path, header: bytes, payload_bytes: int, *, corrupt: bool) -> str:
    block = hashlib.shake_256(header).digest(min(BLOCK_BYTES, payload_bytes))
    sha256 = hashlib.sha256(header)
    with path.open("wb") as file:
        file.write(header)
        left = payload_bytes
        while left:
            chunk = block if left >= len(block) else block[:left]
            sha256.update(chunk)
            file.write(chunk)
            left -= len(chunk)
        seal = sha256.digest()
        if corrupt:
            seal = bytes(byte ^ 0xFF for byte in seal)
        sha256.update(seal)
        file.write(seal)
    return sha256.hexdigest()


@dataclass(frozen=True, slots=True)
class Received:
    """What a device makes of the bytes that came. `fault` says why the image is INVALID, None for a good one."""

    size_bytes: int
    sha256: str
    version: str | None
    fault: str | None


class ImageReader:
    """Takes an image's bytes as they come, hashes and checks them, and keeps none but the first and the last few."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._sha256 = hashlib.sha256()
        self._head = b""
        self._tail = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.size_bytes += len(chunk)
        missing = HEADER_MOST - len(self._head)
        if missing > 0:
            self._head += chunk[:missing]
        if len(chunk) >= SEAL_BYTES:
            self._sha256.update(self._tail)
            body = memoryview(chunk)
            self._sha256.update(body[:-SEAL_BYTES])
            self._tail = bytes(body[-SEAL_BYTES:])
        else:
            joined = self._tail + chunk
            self._sha256.update(joined[:-SEAL_BYTES])
            self._tail = joined[-SEAL_BYTES:]

    def finish(self) -> Received:
        """Return what came; the reader stays usable."""
        sealed = self._sha256.digest() == self._tail
        whole = self._sha256.copy()
        whole.update(self._tail)
        version, size_bytes = self._read_header()
        if version is None:
            fault: str | None = WRONG_PLATFORM
        else:
            fault = None if sealed and size_bytes == self.size_bytes else BAD_SIGNATURE
        return Received(self.size_bytes, whole.hexdigest(), version, fault)

    def _read_header(self) -> tuple[str | None, int]:
        """Return version and size as the header says them; no version where it is no header of ours."""
        start = len(MAGIC) + LENGTH_BYTES
        if not self._head.startswith(MAGIC) or len(self._head) < start:
            return None, 0
        length = int.from_bytes(self._head[len(MAGIC) : start], "big")
        try:
            header = json.loads(self._head[start : start + length])
            return clean(str(header["version"]), VERSION_MOST), int(header["size_bytes"])
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None, 0
