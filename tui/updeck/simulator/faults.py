"""The faults of one device: put in, lying in wait, striking, and gone again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from updeck.simulator.answer import Answer
from updeck.simulator.fault_fields import Kind, Strikes, Value
from updeck.simulator.timeline import Timeline

__all__ = ["Fault", "FaultBox"]


@dataclass(slots=True, eq=False)
class Fault:
    """A fault that a device has; `times_left` None is for ever. `kept` are answers that it gives again, by path."""

    kind: Kind
    values: Mapping[str, Value]
    times_left: int | None
    kept: dict[str, Answer] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a field that is a text."""
        return str(self.values[name])

    def word(self, name: str) -> str | None:
        """Return a field that is a text or null."""
        value = self.values[name]
        return None if value is None else str(value)

    def amount(self, name: str) -> float:
        """Return a field that is a number."""
        value = self.values[name]
        return float(value) if value is not None else 0.0

    def describe(self) -> dict[str, Value]:
        """Return the fault as JSON."""
        return {"fault": self.kind.id, **self.values, "times_left": self.times_left}


class FaultBox:
    """The faults of one device, in the order they were put in; `changed` is called when one comes or goes."""

    def __init__(self, timeline: Timeline, changed: Callable[[], None]) -> None:
        self._timeline = timeline
        self._changed = changed
        self._faults: list[Fault] = []

    def put(self, kind: Kind, values: dict[str, Value]) -> Fault:
        """Put a fault in; one whose seconds say how long it is in force is taken out by itself."""
        times = values.get("times")
        fault = Fault(kind, values, int(times) if times is not None else None)
        self._faults.append(fault)
        if kind.lasting and values.get("seconds") is not None:
            self._timeline.call_later(fault.amount("seconds"), lambda: self.remove(fault))
        self._changed()
        return fault

    def clear(self) -> int:
        """Take all faults out and return how many there were."""
        count = len(self._faults)
        self._faults.clear()
        self._changed()
        return count

    def has(self, fault_id: str) -> bool:
        """Whether such a fault is in the box."""
        return any(fault.kind.id == fault_id for fault in self._faults)

    def strike(self, fault_id: str) -> Fault | None:
        """Return the first fault of that kind, if any, and count that it struck."""
        for fault in self._faults:
            if fault.kind.id == fault_id:
                return self._count(fault)
        return None

    def strike_request(self, path: str) -> list[Fault]:
        """Return the faults that lie in wait for a request of `path`, in order, and count that they struck."""
        waiting = [
            fault
            for fault in self._faults
            if fault.kind.strikes is Strikes.REQUEST and path.endswith(str(fault.values["path"] or ""))
        ]
        return [self._count(fault) for fault in waiting]

    def describe(self) -> list[dict[str, Value]]:
        """Return the faults as JSON."""
        return [fault.describe() for fault in self._faults]

    def remove(self, fault: Fault) -> None:
        """Take a fault out, if it is still in."""
        if fault in self._faults:
            self._faults.remove(fault)
            self._changed()

    def _count(self, fault: Fault) -> Fault:
        if fault.times_left is not None:
            fault.times_left -= 1
            if fault.times_left == 0:
                self._faults.remove(fault)
        return fault
