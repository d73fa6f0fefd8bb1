"""What a person has put into the plan dialog so far: its lines page by page, and the terms that they spell. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from updeck.device.image_file import suggest_version
from updeck.errors import UsageError
from updeck.rollout.plan import Fence, Goal, Promotion
from updeck.rollout.standing import stops_at
from updeck.rollout.terms import TRANSFERS_AT_ONCE, Terms
from updeck.rollout.waves import wave_numbers
from updeck.text import clean, plural
from updeck.ui.widgets.form import Entry

__all__ = ["MORE", "OPTIONS", "PAGES", "Draft", "changed", "first_draft", "suggested_version", "terms_of", "wave_words"]

Draft = Mapping[str, str]
"""What stands in each line of all pages, by the key of its entry."""

MANY = 4
"""From so many devices on, the first is proposed to go alone."""

_ASKS, _BY_ITSELF = "asks a person first", "by itself"
_FENCES = {_ASKS: Fence.START, _BY_ITSELF: Fence.NONE}
_A_PERSON, _AUTO = "a person promotes the next wave", "the next wave opens by itself"
_PROMOTIONS = {_A_PERSON: Promotion.MANUAL, _AUTO: Promotion.AUTO}
_NO, _YES = "no", "yes"

OPTIONS: Mapping[str, Sequence[str]] = {
    "until": [goal.value for goal in Goal],
    "fence": list(_FENCES),
    "promote": list(_PROMOTIONS),
    "unverified": [_NO, _YES],
}

PAGES: Sequence[tuple[str, Sequence[Entry]]] = (
    (
        "",
        (
            Entry("image", "image", hint="a path or a URL; empty: what the devices hold"),
            Entry("sha256", "SHA-256", hint="of a URL; a file is compared with its .sha256"),
            Entry("version", "version", hint="what the image installs"),
            Entry("until", "goal", chooses=True),
            Entry("fence", "start", chooses=True),
            Entry("waves", "waves", hint="how many are done after each: 1,25%,100%"),
        ),
    ),
    (
        "waves and failures",
        (
            Entry("failures", "failures", hint="how many may go wrong"),
            Entry("canary", "canary", hint="a first wave of so many devices; empty: none"),
            Entry("bake", "bake time", hint="how long a wave rests: 30m, 2h; 0: not at all"),
            Entry("promote", "promotion", chooses=True),
        ),
    ),
    (
        "limits",
        (
            Entry("parallel", "down at once", hint="boxes; empty: no limit"),
            Entry("per_site", "per site", hint="boxes down at once at one site; empty: no limit"),
            Entry("transfers", "transfers", hint="images on their way at once; empty: no limit"),
            Entry("rate", "rate", hint="of all uploads together, 50MB/s; empty: no limit"),
        ),
    ),
    (
        "window and record",
        (
            Entry("opens", "from", hint="2026-12-01T22:00; empty: at any time"),
            Entry("closes", "to", hint="2026-12-02T04:00"),
            Entry("tz", "time zone", hint="Europe/Berlin, UTC"),
            Entry("last_start", "last start", hint="03:00; empty: until the window closes"),
            Entry("ticket", "ticket", hint="the change it belongs to"),
            Entry("unverified", "unverified", chooses=True),
        ),
    ),
)
"""The lines of each page under its title; the first one is all that the simple case needs."""

MORE = tuple(title for title, _ in PAGES[1:])

_USUAL = {
    "until": Goal.UPDATED.value,
    "fence": _ASKS,
    "failures": "0",
    "bake": "0",
    "promote": _A_PERSON,
    "transfers": str(TRANSFERS_AT_ONCE),
    "unverified": _NO,
}


def first_draft(count: int, version: str) -> Draft:
    """Return what is usual for so many devices; `version` is that of the image which all of them hold, or empty."""
    waves = "1,25%,100%" if count >= MANY else "100%"
    keys = [entry.key for _, entries in PAGES for entry in entries]
    return dict.fromkeys(keys, "") | _USUAL | {"version": version, "waves": waves}


def suggested_version(place: str) -> str | None:
    """Return the version that the name of a file or URL speaks of."""
    return suggest_version(clean(place.partition("?")[0].rpartition("/")[2]))


def terms_of(draft: Draft) -> Terms:
    """Return the terms that the lines spell; raises `UsageError` for the first that spells none."""
    given = {key: text.strip() for key, text in draft.items()}
    terms = Terms(
        version=given["version"],
        image=given["image"] or None,
        sha256=given["sha256"] or None,
        until=Goal(given["until"]),
        fence=_FENCES[given["fence"]] if given["until"] == Goal.UPDATED else Fence.NONE,
        canary=_count("canary", given["canary"], 1),
        waves=given["waves"] or None,
        max_parallel=_count("down at once", given["parallel"], 1),
        max_transfers=_count("transfers", given["transfers"], 1),
        limit_rate=given["rate"] or None,
        max_per_site=_count("per site", given["per_site"], 1),
        max_failures=_count("failures", given["failures"] or "0", 0) or 0,
        bake=given["bake"] or "0",
        promote=_PROMOTIONS[given["promote"]],
        window=_window(given["opens"], given["closes"]),
        tz=given["tz"] or None,
        last_start=given["last_start"] or None,
        ticket=given["ticket"],
        allow_unverified=given["unverified"] == _YES,
    )
    terms.check()
    return terms


def _count(what: str, text: str, least: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < len(str(10**7))) or int(text) < least:
        raise UsageError(f'{what}: "{clean(text, 40)}" is no number from {least} on')
    return int(text)


def _window(opens: str, closes: str) -> str | None:
    if not opens and not closes:
        return None
    if not opens or not closes:
        raise UsageError("a window needs both its from and its to")
    return "/".join(text.replace(" ", "T", 1) for text in (opens, closes))


def wave_words(terms: Terms, count: int) -> str:
    """Return how many devices each wave holds, and at which failure it stops; raises `UsageError`."""
    sizes = Counter(wave_numbers(terms.shares(), count))
    waves = " + ".join(str(sizes[wave]) for wave in sorted(sizes))
    return f"{plural(len(sizes), 'wave')}, {waves}; {stops_at(terms.max_failures, count)}"


def changed(draft: Draft, count: int) -> str:
    """Return in words which of the further terms are not the usual ones, "" where all are."""
    usual = first_draft(count, "")
    differing = [
        f"{entry.caption} {draft[entry.key]}"
        for _, entries in PAGES[1:]
        for entry in entries
        if draft[entry.key].strip() != usual[entry.key]
    ]
    return clean(", ".join(differing), 300)
