"""Completing a selector while it is typed: by keywords, and by names, tags, sites, states and versions. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from updeck.device.models import Reach, UpdateState
from updeck.fleet.selectors import KEYWORDS, RELATIONS, Kind, Subject

__all__ = ["Completion", "complete"]

_WORD_BEFORE = re.compile(r"[^\s,]*$")


@dataclass(frozen=True, slots=True)
class Completion:
    """A text completed as far as it is clear, the cursor `at`, and what it could become where that is not clear."""

    text: str
    at: int
    choices: tuple[str, ...] = ()


def complete(text: str, at: int, subjects: Iterable[Subject]) -> Completion:
    """Complete the word that ends at the cursor; what stands behind the cursor stays."""
    found = _WORD_BEFORE.search(text[:at])
    word = found[0] if found else ""
    head, typed, choices = _choices(word, list(subjects))
    fitting = [one for one in choices if one.casefold().startswith(typed.casefold())]
    if not fitting:
        return Completion(text, at)
    only = len(fitting) == 1
    grown = fitting[0] if only else _common(fitting, typed)
    if only and not grown.endswith(":") and not text[at:].startswith((" ", ",")):
        grown += " "
    begun = text[: at - len(word)] + head + grown
    return Completion(begun + text[at:], len(begun), () if only else tuple(fitting))


def _common(fitting: Sequence[str], typed: str) -> str:
    """Return what all begin with, in the spelling of the first; never less than was typed."""
    alike = takewhile(lambda column: len(set(column)) == 1, zip(*(one.casefold() for one in fitting), strict=False))
    shared = sum(1 for _ in alike)
    return fitting[0][:shared] if shared > len(typed) else typed


def _choices(word: str, subjects: Sequence[Subject]) -> tuple[str, str, list[str]]:
    """Return what stays before the completed part, that part as typed, and all that it could be."""
    bare = word.lstrip("!")
    marks = word[: len(word) - len(bare)]
    keyword, colon, value = bare.partition(":")
    if not colon:
        names = [subject.name for subject in subjects]
        return marks, bare, [f"{one}:" for one in KEYWORDS] + names if bare else [f"{one}:" for one in KEYWORDS]
    if keyword.casefold() not in KEYWORDS:
        return word, "", []
    kind = Kind(keyword.casefold())
    sign = next((one for one in RELATIONS if value.startswith(one)), "") if kind in (Kind.VERSION, Kind.IMAGE) else ""
    return f"{marks}{keyword}:{sign}", value.removeprefix(sign), _values(kind, subjects)


def _values(kind: Kind, subjects: Sequence[Subject]) -> list[str]:
    match kind:
        case Kind.TAG:
            found = {tag for one in subjects for tag in one.tags}
        case Kind.SITE:
            found = {one.site for one in subjects if one.site}
        case Kind.PAIR:
            found = {one.pair for one in subjects if one.pair}
        case Kind.STATE:
            return [*UpdateState, *sorted({one.state for one in subjects if one.state} - set(UpdateState))]
        case Kind.REACH:
            return list(Reach)
        case Kind.VERSION:
            found = {_short(one.version) for one in subjects if one.version}
        case Kind.IMAGE:
            found = {_short(version) for one in subjects for version in one.image_versions}
        case _:
            return ["me"]
    return sorted(found, key=str.casefold)


def _short(version: str) -> str:
    """Return a version without its build: a word of a selector holds no space."""
    return version.split(" ")[0]
