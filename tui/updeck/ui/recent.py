"""What the dialogs remember between runs: the last directory, fetch URLs without their query, measured rates.

A convenience, kept in one JSON file of the state directory: where it cannot be read it is empty, where it cannot be
written nothing is said. It never holds a secret: the query string of a URL may be one, and is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from updeck.errors import UpdeckError
from updeck.paths import write_atomic
from updeck.text import clean

__all__ = [
    "Recent",
    "load_recent",
    "save_recent",
    "with_directory",
    "with_filter",
    "with_rate",
    "with_url",
    "without_query",
]

URLS_KEPT = 20
RATES_KEPT = 2000
FILTERS_KEPT = 50


@dataclass(frozen=True, slots=True)
class Recent:
    """The remembered values: newest URL and filter first; rates of finished uploads in bytes per second by device."""

    directory: str | None = None
    urls: tuple[str, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    filters: tuple[str, ...] = ()


def _file(state_dir: Path) -> Path:
    """Return the file of this person: a state directory may be shared by several."""
    return state_dir / (f"recent-{os.getuid()}.json" if hasattr(os, "getuid") else "recent.json")


def without_query(url: str) -> str:
    """Return a URL without user info, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def with_directory(recent: Recent, directory: str) -> Recent:
    """Return `recent` with this directory as the last."""
    return replace(recent, directory=directory)


def with_url(recent: Recent, url: str) -> Recent:
    """Return `recent` with this URL as the newest."""
    kept = without_query(url)
    return replace(recent, urls=(kept, *(known for known in recent.urls if known != kept))[:URLS_KEPT])


def with_filter(recent: Recent, text: str) -> Recent:
    """Return `recent` with this filter as the newest."""
    return replace(recent, filters=(text, *(known for known in recent.filters if known != text))[:FILTERS_KEPT])


def with_rate(recent: Recent, device: str, rate_bps: float) -> Recent:
    """Return `recent` with the rate at which an upload to `device` really ran."""
    rates = {name: rate for name, rate in recent.rates.items() if name != device} | {device: rate_bps}
    return replace(recent, rates=dict(list(rates.items())[-RATES_KEPT:]))


def load_recent(state_dir: Path) -> Recent:
    """Read what is remembered; anything that is not as written by us is ignored."""
    try:
        data = json.loads(_file(state_dir).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return Recent()
    if not isinstance(data, dict):
        return Recent()
    directory, rates = data.get("directory"), data.get("rates")
    return Recent(
        directory if isinstance(directory, str) else None,
        _texts(data.get("urls"), URLS_KEPT),
        {
            clean(name): float(rate)
            for name, rate in (rates.items() if isinstance(rates, dict) else ())
            if isinstance(rate, int | float) and not isinstance(rate, bool) and 0 < rate < float("inf")
        },
        _texts(data.get("filters"), FILTERS_KEPT),
    )


def _texts(value: object, most: int) -> tuple[str, ...]:
    return tuple(clean(one, 2000) for one in value if isinstance(one, str))[:most] if isinstance(value, list) else ()


def save_recent(state_dir: Path, recent: Recent) -> None:
    """Write what is to be remembered; failing is no error."""
    data = {
        "directory": recent.directory,
        "urls": list(recent.urls),
        "rates": dict(recent.rates),
        "filters": list(recent.filters),
    }
    try:
        write_atomic(_file(state_dir), json.dumps(data, indent=1) + "\n", 0o600)
    except (OSError, UpdeckError):
        return
