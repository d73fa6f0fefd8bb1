"""One directory as the file picker shows it: names cleaned for the eye, raw for the hand."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from updeck.text import clean

__all__ = ["FileEntry", "Listing", "complete", "first_directory", "matching", "read_directory", "split_typed"]

LISTED_MOST = 5000
"""Entries read of one directory; a directory with more says so."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A name in a directory. `path` is raw, as the system knows it; `name` is clean. `modified` in Unix seconds."""

    path: Path
    name: str
    is_directory: bool
    size_bytes: int | None = None
    modified: float | None = None

    @property
    def is_image(self) -> bool:
        """Whether the name is that of an update image."""
        return not self.is_directory and self.name.lower().endswith(".iso")


@dataclass(frozen=True, slots=True)
class Listing:
    """A directory's entries in the order shown, or the sentence that says why there are none. `cut`: there are more."""

    directory: Path
    entries: tuple[FileEntry, ...]
    error: str | None = None
    cut: bool = False


def first_directory(remembered: str | None) -> Path:
    """Return where to look for an image first: where the last one was, else here if one is here, else at home."""
    if remembered is not None and Path(remembered).is_dir():
        return Path(remembered)
    here = Path.cwd()
    if any(entry.is_image for entry in read_directory(here).entries):
        return here
    try:
        return Path.home()
    except RuntimeError:
        return here


def read_directory(directory: Path) -> Listing:
    """Read a directory: *.iso files first (newest first), then directories, then other files; hidden ones left out."""
    try:
        with os.scandir(directory) as scan:
            found: list[FileEntry] = []
            for item in scan:
                if item.name.startswith("."):
                    continue
                if len(found) >= LISTED_MOST:
                    return Listing(directory, _sorted(found), cut=True)
                found.append(_entry(item))
    except OSError as error:
        return Listing(directory, (), f"{clean(directory)} cannot be read: {clean(error.strerror or error)}")
    except ValueError:
        return Listing(directory, (), f"{clean(directory)} is no directory name")
    return Listing(directory, _sorted(found))


def _entry(item: os.DirEntry[str]) -> FileEntry:
    try:
        status = item.stat()
    except OSError:
        return FileEntry(Path(item.path), clean(item.name), is_directory=False)
    folder = stat.S_ISDIR(status.st_mode)
    size = status.st_size if stat.S_ISREG(status.st_mode) else None
    return FileEntry(Path(item.path), clean(item.name), folder, size, status.st_mtime)


def _sorted(entries: Iterable[FileEntry]) -> tuple[FileEntry, ...]:
    def rank(entry: FileEntry) -> tuple[int, float, str]:
        if entry.is_image:
            return 0, -(entry.modified or 0.0), entry.name
        return (1 if entry.is_directory else 2), 0.0, entry.name.lower()

    return tuple(sorted(entries, key=rank))


def matching(entries: Iterable[FileEntry], typed: str) -> tuple[FileEntry, ...]:
    """Return the entries whose name begins with what was typed, or else contains it; case does not matter.

    The one of exactly that name comes first.
    """
    known = tuple(entries)
    needle = typed.lower()
    if not needle:
        return known
    begin = [entry for entry in known if entry.name.lower().startswith(needle)]
    begin.sort(key=lambda entry: entry.name != typed)
    return tuple(begin) or tuple(entry for entry in known if needle in entry.name.lower())


def complete(entries: Iterable[FileEntry], typed: str) -> str:
    """Return `typed` made longer by what all names that begin with it have in common; a lone directory gets its `/`."""
    begin = [entry for entry in entries if entry.name.lower().startswith(typed.lower())]
    if not begin:
        return typed
    if len(begin) == 1:
        return begin[0].name + ("/" if begin[0].is_directory else "")
    alike = 0
    for characters in zip(*(entry.name.lower() for entry in begin), strict=False):
        if len(set(characters)) > 1:
            break
        alike += 1
    return begin[0].name[:alike] if alike > len(typed) else typed


def split_typed(typed: str, directory: Path) -> tuple[Path | None, str]:
    """Split what was typed into the directory that it names, or None, and the rest behind the last `/`.

    `~` is the home directory; a relative path starts at `directory`.
    """
    separator = max(typed.rfind("/"), typed.rfind(os.sep))
    if separator < 0:
        return None, typed
    head, rest = typed[: separator + 1], typed[separator + 1 :]
    if head.startswith("~"):
        try:
            return Path(head).expanduser(), rest
        except RuntimeError:
            return Path(head), rest
    return directory / head, rest
