"""The selector language (`contracts.md` 1), the same in commands, filter and plans. Pure.

Words within one argument mean *and*, commas and several arguments *or*, a leading `!` *not*. Letter case does
not matter. A word is a name or glob, or `keyword:value`, where the value may be a glob as well.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol

from updeck.device.models import Reach, UpdateState
from updeck.device.versions import Version, compare
from updeck.errors import UsageError
from updeck.fleet.inventory import Fleet
from updeck.text import clean
from updeck.toml_table import nearest

__all__ = ["Kind", "Labelled", "Selector", "Subject", "Word", "resolve"]

RELATIONS = {"<=": (-1, 0), ">=": (0, 1), "<": (-1,), ">": (1,), "=": (0,)}
"""Which results of a comparison each relation of versions takes; longer signs first."""

_WORD = re.compile(r"[^\s,]+")
_GLOB = re.compile(r"[*?\[]")


class Labelled(Protocol):
    """What the inventory tells of a device."""

    @property
    def name(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def site(self) -> str | None: ...
    @property
    def pair(self) -> str | None: ...


class Subject(Labelled, Protocol):
    """A device with what it last said; None or () where that is unknown."""

    @property
    def state(self) -> str | None: ...
    @property
    def reach(self) -> str | None: ...
    @property
    def version(self) -> str | None: ...
    @property
    def image_versions(self) -> tuple[str, ...]: ...
    @property
    def needs_me(self) -> bool: ...


class Kind(StrEnum):
    """What a word is about: the name, a part of the name (in the filter only), or one of the keywords."""

    NAME = "name"
    PART = "part"
    TAG = "tag"
    SITE = "site"
    PAIR = "pair"
    STATE = "state"
    REACH = "reach"
    VERSION = "version"
    IMAGE = "image"
    NEEDS = "needs"


_NAMED = (Kind.NAME, Kind.PART)
_LABELS = (Kind.TAG, Kind.SITE, Kind.PAIR)
_VERSIONS = (Kind.VERSION, Kind.IMAGE)
KEYWORDS = tuple(kind.value for kind in Kind if kind not in _NAMED)


@dataclass(frozen=True, slots=True)
class Word:
    """One condition. `value` is in folded case; `relation` counts for versions only."""

    kind: Kind
    value: str
    relation: str = "="
    negated: bool = False

    @property
    def live(self) -> bool:
        """Whether it needs what the device says, beyond the inventory."""
        return self.kind not in _NAMED and self.kind not in _LABELS

    @property
    def exact(self) -> bool:
        """Whether the value is meant letter by letter, and is no glob."""
        return not _GLOB.search(self.value)

    def possible(self, device: Labelled) -> bool:
        """Whether it holds as far as the inventory knows; what only the device knows is left open."""
        return self.live or self._labelled(device) is not self.negated

    def matches(self, subject: Subject) -> bool:
        """Whether it holds for a device."""
        holds = self._said(subject) if self.live else self._labelled(subject)
        return holds is not self.negated

    def _labelled(self, device: Labelled) -> bool:
        if self.kind is Kind.PART:
            return self.value in device.name.casefold()
        return any(self._like(label) for label in _labels(device, self.kind))

    def _said(self, subject: Subject) -> bool:
        match self.kind:
            case Kind.STATE:
                return self._like(subject.state)
            case Kind.REACH:
                return self._like(subject.reach)
            case Kind.VERSION:
                return self._agrees(subject.version)
            case Kind.IMAGE:
                return any(self._agrees(version) for version in subject.image_versions)
            case _:
                return subject.needs_me

    def _like(self, text: str | None) -> bool:
        return text is not None and fnmatchcase(text.casefold(), self.value)

    def _agrees(self, version: str | None) -> bool:
        if version is None or not self.exact:
            return self._like(version)
        return compare(version.casefold(), self.value) in RELATIONS[self.relation]


@dataclass(frozen=True, slots=True)
class Selector:
    """Alternatives, of which one must hold; each is a row of words that must all hold."""

    alternatives: tuple[tuple[Word, ...], ...]

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Selector:
        """Return the selector that the arguments spell; raises UsageError naming the word and its column."""
        alternatives: list[tuple[Word, ...]] = []
        for argument in arguments:
            start = 0
            for part in argument.split(","):
                words = tuple(
                    _parse_word(argument, found[0], start + found.start() + 1) for found in _WORD.finditer(part)
                )
                if not words:
                    raise UsageError(_place("nothing stands here", argument, start + 1))
                alternatives.append(words)
                start += len(part) + 1
        if not alternatives:
            raise UsageError("no device is named", advice="name some, or * for all")
        return cls(tuple(alternatives))

    @classmethod
    def filter(cls, text: str) -> tuple[Selector, str | None]:
        """Return the selector of a text being typed, and what is wrong with it so far, if anything.

        Plain words match as parts of names. A word that is wrong or unfinished is left out; never raises.
        """
        problem: str | None = None
        alternatives: list[tuple[Word, ...]] = []
        start = 0
        for part in text.split(","):
            words: list[Word] = []
            for found in _WORD.finditer(part):
                try:
                    words.append(_loosened(_parse_word(text, found[0], start + found.start() + 1)))
                except UsageError as error:
                    problem = problem or str(error).removeprefix(_argument(text))
            if words:
                alternatives.append(tuple(words))
            start += len(part) + 1
        return cls(tuple(alternatives) or ((),)), problem

    @property
    def live(self) -> bool:
        """Whether any word needs what the devices say, beyond the inventory."""
        return any(word.live for words in self.alternatives for word in words)

    def matches(self, subject: Subject) -> bool:
        """Whether a device is selected."""
        return any(all(word.matches(subject) for word in words) for words in self.alternatives)

    def possible(self, device: Labelled) -> bool:
        """Whether a device can be selected, by what the inventory tells; exact where `live` is false."""
        return any(all(word.possible(device) for word in words) for words in self.alternatives)


def resolve(fleet: Fleet, selector: Selector) -> tuple[str, ...]:
    """Return the names that the selector means, in the order of the inventory.

    For a `live` selector these are the devices to ask; `Selector.matches` then decides on their answers. A
    name, tag, site or pair that no device has is refused with the nearest one, also after `!`, where it would
    silently exclude nobody.
    """
    for words in selector.alternatives:
        for word in words:
            _refuse_stranger(fleet, word)
    return tuple(entry.name for entry in fleet.devices if selector.possible(entry))


def _refuse_stranger(fleet: Fleet, word: Word) -> None:
    if word.live or word.kind is Kind.PART or not word.exact:
        return
    known = {label for entry in fleet.devices for label in _labels(entry, word.kind)}
    if word.value in {label.casefold() for label in known}:
        return
    hint = nearest(word.value, known)
    having = "is named" if word.kind is Kind.NAME else f"has the {word.kind.value}"
    advice = f"did you mean {hint}?" if hint else None
    raise UsageError(f"no device {having} {clean(word.value, 80)}", advice=advice)


def _labels(device: Labelled, kind: Kind) -> tuple[str, ...]:
    match kind:
        case Kind.TAG:
            return device.tags
        case Kind.SITE:
            return (device.site,) if device.site else ()
        case Kind.PAIR:
            return (device.pair,) if device.pair else ()
        case _:
            return (device.name,)


def _parse_word(argument: str, text: str, column: int) -> Word:
    bare = text.lstrip("!")
    negated = (len(text) - len(bare)) % 2 == 1
    column += len(text) - len(bare)
    keyword, colon, value = bare.partition(":")
    if not bare:
        raise UsageError(_place("nothing follows !", argument, column))
    if not colon:
        return Word(Kind.NAME, bare.casefold(), negated=negated)
    if keyword.casefold() not in KEYWORDS:
        hint = nearest(keyword, KEYWORDS)
        advice = f"did you mean {hint}:?" if hint else f"known are {', '.join(KEYWORDS)}"
        raise UsageError(_place(f"unknown keyword {clean(keyword, 40)}:", argument, column), advice=advice)
    kind = Kind(keyword.casefold())
    sign = next((sign for sign in RELATIONS if value.startswith(sign)), "") if kind in _VERSIONS else ""
    word = Word(kind, value.removeprefix(sign).casefold(), sign or "=", negated)
    problem, remedy = _doubt(word)
    if problem:
        raise UsageError(_place(f"{kind.value}: {problem}", argument, column), advice=remedy)
    return word


def _doubt(word: Word) -> tuple[str | None, str | None]:
    """Return what is wrong with a keyword's value, with advice; (None, None) where nothing is."""
    if not word.value:
        return "needs a value", None
    shown = clean(word.value, 40)
    match word.kind:
        case Kind.NEEDS if word.value != "me":
            return f"knows no {shown}", "write needs:me"
        case Kind.STATE:
            return _unknown(word, UpdateState.__members__, "reach", Reach.__members__)
        case Kind.REACH:
            problem, advice = _unknown(word, Reach.__members__, "state", UpdateState.__members__)
            if problem is None and word.exact and word.value.upper() not in Reach.__members__:
                return f"knows no {shown.upper()}", f"known are {', '.join(Reach.__members__)}"
            return problem, advice
        case Kind.VERSION | Kind.IMAGE if word.relation != "=" and Version.parse(word.value) is None:
            return f"cannot order {shown}", "write a version such as 11.8.0"
    return None, None


def _unknown(
    word: Word, known: Collection[str], other: str, elsewhere: Collection[str]
) -> tuple[str | None, str | None]:
    """Doubt a value that is near a known one or belongs to the other keyword; a new state stays possible."""
    value = word.value.upper()
    if value in known or not word.exact:
        return None, None
    if value in elsewhere:
        return f"knows no {value}", f"write {other}:{value}"
    hint = nearest(value, known)
    return (f"knows no {clean(value, 40)}", f"did you mean {hint}?") if hint else (None, None)


def _place(problem: str, argument: str, column: int) -> str:
    return f"{_argument(argument)}column {column}: {problem}"


def _argument(argument: str) -> str:
    return f"selector {clean(argument, 120)!r}, "


def _loosened(word: Word) -> Word:
    if word.kind is Kind.NAME and word.exact:
        return Word(Kind.PART, word.value, negated=word.negated)
    return word
