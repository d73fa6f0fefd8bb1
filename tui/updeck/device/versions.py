"""Versions of appliance software: `11.6.0 #23947`, `11.11.1a`, `11.10` (`protocol.md` 2, `rollout.md` 4).

They compare as numbers (major, minor, patch, letter), so 11.10 is newer than 11.9; the build decides only
where both sides name one. What cannot be parsed is the same as its exact twin and neither newer nor older
than anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Version", "compare", "doubt", "newer", "same_version"]

_PATTERN = re.compile(
    r"(?P<major>[0-9]{1,6})\.(?P<minor>[0-9]{1,6})(?:\.(?P<patch>[0-9]{1,6}))?(?P<letter>[A-Za-z])?"
    r"(?:\s*#\s*(?P<build>[0-9]{1,12}))?"
)


@dataclass(frozen=True, slots=True)
class Version:
    """A parsed version. An absent patch is 0, an absent letter "" (before `a`), an absent build None."""

    major: int
    minor: int
    patch: int = 0
    letter: str = ""
    build: int | None = None

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """Return the version that `text` spells, or None where it spells none."""
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            return None
        return cls(
            int(match["major"]),
            int(match["minor"]),
            int(match["patch"] or 0),
            (match["letter"] or "").lower(),
            None if match["build"] is None else int(match["build"]),
        )

    @property
    def release(self) -> tuple[int, int, int, str]:
        """The part that always compares, and by which versions sort."""
        return (self.major, self.minor, self.patch, self.letter)


@lru_cache(maxsize=4096)
def compare(left: str, right: str) -> int | None:
    """Return -1, 0 or 1 for older, same and newer; None where that cannot be known.

    Without a build on both sides, equal releases are the same version: `11.8.0` is neither older nor newer
    than `11.8.0 #28924`.
    """
    a, b = Version.parse(left), Version.parse(right)
    if a is None or b is None:
        return 0 if left.strip() == right.strip() else None
    if a.release != b.release:
        return 1 if a.release > b.release else -1
    if a.build is None or b.build is None or a.build == b.build:
        return 0
    return 1 if a.build > b.build else -1


def same_version(left: str, right: str) -> bool:
    """Whether both spell the same version; what cannot be parsed must be the same string."""
    return compare(left, right) == 0


def doubt(version: str) -> str | None:
    """Return in words what cannot be done with a version that spells none, None for one that does.

    A person has to take it as it is explicitly: nothing tells whether it is older than what runs.
    """
    if Version.parse(version) is not None:
        return None
    return f'"{version}" is no version such as 11.8.0 #28924: it cannot be compared, only the same text is the same'


def newer(left: str, right: str) -> bool:
    """Whether `left` is surely newer than `right`."""
    return compare(left, right) == 1
