"""What the journal keeps as JSON: baselines, details and what was observed of a device."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import Any

from updeck.journal.models import Baseline, Json
from updeck.text import clean

__all__ = [
    "baseline_from",
    "baseline_text",
    "detail_from",
    "detail_text",
    "digest",
    "json_text",
    "payload_from",
    "small_int",
]

_BASELINE_FIELDS = frozenset(field.name for field in fields(Baseline))
_MOVING = "progress"
_READ_MOST = 1024
"""So many texts that were read are remembered: those of a rollout over some hundred devices, not those of all time."""

_ENTRIES_MOST = 4096
"""So many entries of histories are remembered."""


def json_text(value: Json) -> str:
    """Return `value` in the one form that equal values share."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(value: Json) -> str:
    """Return a digest of all but the progress in `value`: it is the same as long as nothing but progress changes."""
    return hashlib.sha256(json_text(_at_rest(value)).encode("utf-8", "surrogatepass")).hexdigest()


def _at_rest(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _at_rest(one) for key, one in value.items() if key != _MOVING}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_at_rest(one) for one in value]
    return value


def _read(text: str) -> Any:
    """Return what JSON says; its escapes hide what the door saw of the text as a whole, so each string passes it."""
    return _cleaned(json.loads(text))


def _cleaned(value: Json) -> Json:
    match value:
        case str():
            return clean(value)
        case Mapping():
            return {clean(key, 80): _cleaned(inner) for key, inner in value.items()}
        case list():
            return [_cleaned(inner) for inner in value]
    return value


def payload_from(text: str) -> Mapping[str, Json]:
    """Return what `json_text` wrote of an observation."""
    payload: dict[str, Json] = _read(text)
    return payload


def baseline_text(baseline: Baseline) -> str:
    """Return a baseline as JSON."""
    return json_text(asdict(baseline))


@functools.lru_cache(maxsize=_ENTRIES_MOST, typed=True)
def _entry(at: int | None, version: str | None) -> tuple[int | None, str | None]:
    """Return an entry of a history as one value, however many baselines of the device repeat it."""
    return at, version


@functools.lru_cache(maxsize=_READ_MOST)
def baseline_from(text: str) -> Baseline:
    """Return the baseline that `baseline_text` wrote; fields of a newer program are left out."""
    values = {key: value for key, value in _read(text).items() if key in _BASELINE_FIELDS}
    values["history"] = tuple(_entry(entry[0], entry[1]) for entry in values["history"])
    values["image_ids"] = tuple(values.get("image_ids", ()))
    return Baseline(**values)


def detail_text(detail: Mapping[str, str]) -> str:
    """Return the detail of an intent as JSON, cleaned."""
    return json_text({clean(key, 40): clean(value) for key, value in detail.items()})


@functools.lru_cache(maxsize=_READ_MOST)
def detail_from(text: str) -> Mapping[str, str]:
    """Return what `detail_text` wrote."""
    return MappingProxyType(_read(text))


def small_int(value: int | None) -> int | None:
    """Return a device's number if the database can hold it, else None: a mad clock must not hinder a verdict."""
    return value if value is not None and -(2**63) <= value < 2**63 else None
