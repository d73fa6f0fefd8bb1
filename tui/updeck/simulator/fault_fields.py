"""What a fault is made of: its kind, the fields of that kind, and how a field is read from JSON (`contracts.md` 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

__all__ = ["LASTS", "FaultError", "Field", "Kind", "Strikes", "Value", "event", "now", "read_value", "request"]

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
TIMES = Field("times", int, None, "how often it strikes; null for until it is removed", least=1)
LASTS = Field("seconds", float, None, "how long it is in force; null for until it is removed")


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


def request(fault_id: str, about: str, *fields: Field) -> Kind:
    """Return a kind that lies in wait for requests, of one path or of all."""
    return Kind(fault_id, about, Strikes.REQUEST, (PATH, TIMES, *_lasts(fields), *fields))


def event(fault_id: str, about: str, *fields: Field) -> Kind:
    """Return a kind that lies in wait for something that the device does."""
    return Kind(fault_id, about, Strikes.EVENT, (TIMES, *_lasts(fields), *fields))


def now(fault_id: str, about: str, *fields: Field) -> Kind:
    """Return a kind that happens at once."""
    return Kind(fault_id, about, Strikes.NOW, fields)


def _lasts(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return () if any(field.name == LASTS.name for field in fields) else (LASTS,)


def read_value(kind: Kind, field: Field, value: object) -> Value:
    """Return the value of a field as it was asked for in JSON; raises `FaultError`."""
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
        raise FaultError(f"{kind.id}: '{field.name}' must be from {field.least:.10g} to {field.most:.10g}")
    return number
