"""The kinds of fault that a simulated device can have, and how one is asked for (`contracts.md` 4).

`GET /faults` lists `KINDS`; what is asked for in JSON is refused with a sentence where a field does not belong to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from updeck.text import clean

__all__ = ["KINDS", "FaultError", "Field", "Kind", "Strikes", "Value", "describe_kinds", "read_fault"]

DECADE_S = 3.2e8

Value = str | int | float | None


class FaultError(Exception):
    """A fault that cannot be; the message is a sentence."""


class Strikes(Enum):
    """What a fault lies in wait for."""

    REQUEST = "a request"
    EVENT = "an event of the device"
    NOW = "nothing: it happens at once"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a kind; `default` stands in where it is not given. All seconds are real ones, whatever the speed.

    A number is from `least` to `most`.
    """

    name: str
    type: type[str] | type[int] | type[float]
    default: Value
    about: str
    required: bool = False
    least: float = 0.001
    most: float = 1e9


PATH = Field("path", str, None, "end of the request's path; null for every request")
TIMES = Field("times", int, None, "how often it strikes; null for until it is removed")
LASTS = Field("seconds", float, None, "how long it is in force; null for until it is removed")


def _after(default: float, about: str) -> Field:
    return Field("seconds", float, default, about)


def _status(default: int) -> Field:
    return Field("status", int, default, "the HTTP status", least=200, most=599)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: its id, what it does in one sentence, and its fields."""

    id: str
    about: str
    strikes: Strikes
    fields: tuple[Field, ...]

    @property
    def lasting(self) -> bool:
        """Whether its seconds say how long it is in force, and not how long what it does takes."""
        return LASTS in self.fields


def _request(fault_id: str, about: str, *fields: Field) -> Kind:
    return Kind(fault_id, about, Strikes.REQUEST, (PATH, TIMES, *_lasts(fields), *fields))


def _event(fault_id: str, about: str, *fields: Field) -> Kind:
    return Kind(fault_id, about, Strikes.EVENT, (TIMES, *_lasts(fields), *fields))


def _now(fault_id: str, about: str, *fields: Field) -> Kind:
    return Kind(fault_id, about, Strikes.NOW, fields)


def _lasts(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return () if any(field.name == LASTS.name for field in fields) else (LASTS,)


def _text(default: str) -> Field:
    return Field("text", str, default, "the state_description")


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.id: kind
        for kind in (
            _now("refuse", "The listener is closed: connections are refused.", LASTS),
            _request("reset_before", "The connection is reset and the request not handled."),
            _request("reset_after", "The request is handled and the connection reset instead of an answer."),
            _request(
                "delay",
                "The request is handled late.",
                _after(5, "how long it waits before it is handled"),
            ),
            _request(
                "delay_after",
                "The request is handled and answered late.",
                _after(5, "how long the answer waits after it was handled"),
            ),
            _request(
                "drip",
                "The answer comes byte by byte.",
                Field("bytes_per_second", float, 10.0, "how fast"),
            ),
            _request(
                "status",
                "The request is not handled but answered with this status.",
                _status(500),
                Field("error_id", str, "INTERNAL_ERROR", "of the error body"),
                Field("error_text", str, "Internal error", "of the error body"),
                Field("body", str, None, "sent instead of the error body, as JSON"),
                Field("location", str, None, "a Location header, for redirects"),
            ),
            _request(
                "html",
                "A front end answers with a page in HTML and the request is not handled.",
                _status(502),
            ),
            _request("broken_json", "The request is handled and its answer is half a JSON text."),
            _request("truncated", "The request is handled and the connection ends in the middle of its answer."),
            _event("wrong_checksum", "The next image has another checksum than its bytes."),
            _event(
                "upload_error",
                "The next upload or fetch breaks off midway with UPLOAD_ERROR.",
                Field("percent", float, 50.0, "where; of an upload without a length at once", least=0, most=100),
                _text("Connection closed by peer"),
            ),
            _event(
                "init_failure", "Init ends in FAILED_GRACEFUL.", _text("Not enough space on /data; system unchanged")
            ),
            _event("no_target", "After init the device does not name its target version."),
            _event(
                "wrong_target",
                "Init takes another version than that of its image.",
                Field("version", str, None, "the version that it takes", required=True),
            ),
            _event(
                "late_start",
                "After start INITIALIZED is still reported for a while.",
                _after(10, "for how long"),
            ),
            _event(
                "run_failure_graceful",
                "The run ends in FAILED_GRACEFUL, the old version intact.",
                _text("Not enough space on /data; system unchanged"),
            ),
            _event(
                "run_failure_critical",
                "The run ends in FAILED_CRITICAL after the reboot.",
                _text("Update failed after the system was modified, contact support"),
            ),
            _event("no_effect", "The run ends in IDLE and nothing was installed."),
            _event("never_back", "The device goes down in the run and does not come back."),
            _event(
                "late_history",
                "The run ends in IDLE and the history is written later.",
                _after(10, "how much later"),
            ),
            _event("new_certificate", "After its next reboot the device has a new certificate."),
            _now(
                "clock_step",
                "The device's clock jumps.",
                Field("by", float, 3600.0, "seconds ahead; below zero: back", least=-DECADE_S, most=DECADE_S),
            ),
            _now(
                "identity",
                "Another box answers at the address.",
                Field("serial", str, "JD0XVOTHERBOX", "the serial that it gives"),
            ),
            _now("forget_logins", "Every session and token ends."),
        )
    }
)


def describe_kinds() -> list[dict[str, object]]:
    """Return all kinds as JSON for `GET /faults`."""
    return [
        {
            "fault": kind.id,
            "about": kind.about,
            "fields": {
                field.name: {
                    "type": field.type.__name__,
                    "default": field.default,
                    "required": field.required,
                    "about": field.about,
                }
                for field in kind.fields
            },
        }
        for kind in KINDS.values()
    ]


def read_fault(asked: object) -> tuple[Kind, dict[str, Value]]:
    """Return kind and values of a fault asked for in JSON; raises `FaultError`."""
    if not isinstance(asked, dict):
        raise FaultError("a fault is a JSON object")
    kind = KINDS.get(str(asked.get("fault")))
    if kind is None:
        raise FaultError(f"there is no fault '{clean(asked.get('fault'), 40)}'; GET /faults lists them")
    known = {field.name: field for field in kind.fields}
    for name, value in asked.items():
        if name != "fault" and value is not None and name not in known:
            raise FaultError(f"{kind.id} has no field '{clean(name, 40)}', only {', '.join(known) or 'none'}")
    return kind, {name: _read_value(kind, field, asked.get(name)) for name, field in known.items()}


def _read_value(kind: Kind, field: Field, value: object) -> Value:
    if value is None:
        if field.required:
            raise FaultError(f"{kind.id} needs '{field.name}': {field.about}")
        return field.default
    if isinstance(value, bool):
        raise FaultError(f"{kind.id}: '{field.name}' must be {field.type.__name__}")
    if field.type is str and isinstance(value, str):
        return value
    if field.type is int and isinstance(value, int):
        number: int | float = value
    elif field.type is float and isinstance(value, int | float) and math.isfinite(value):
        number = float(value)
    else:
        raise FaultError(f"{kind.id}: '{field.name}' must be {field.type.__name__}")
    if not field.least <= number <= field.most:
        raise FaultError(f"{kind.id}: '{field.name}' must be from {field.least:g} to {field.most:g}")
    return number
