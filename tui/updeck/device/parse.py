"""The answers of npm.system_update 2.0 and common 1.0: bytes to models (`protocol.md` 1 to 3).

Each function returns a model or raises `Garbled`. Unknown fields are ignored and unknown states kept as they
came; absent strings, "" and "N/A" become None where a model allows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from updeck.device.models import HistoryEntry, Image, Info, Update
from updeck.device.strict_json import Fields, Json, items_of, read
from updeck.errors import Garbled

__all__ = ["Fault", "fault", "image", "images", "info", "services", "update"]

_FIRST_TIME = -62_135_596_800
_LAST_TIME = 253_402_300_799
"""The years 1 to 9999 in Unix seconds: what a date can show."""

_ID_LIMIT = 10**18
_NAME_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Fault:
    """A well-formed error body: `error_id` and `error_text`, clean."""

    error_id: str
    error_text: str


def image(data: bytes) -> Image:
    """Return the image that `GET /images/items/{id}` and the transfers answer."""
    return _image(read(data), "image")


def images(data: bytes) -> tuple[Image, ...]:
    """Return the images of `GET /images`, in the device's order; `items` is optional."""
    items = Fields(read(data), "answer").optional_items("items")
    return tuple(_image(item, f"items[{index}]") for index, item in enumerate(items))


def update(data: bytes) -> Update:
    """Return the answer of `GET /update`; the history in the device's order."""
    fields = Fields(read(data), "update")
    return Update(
        state=fields.text("state", _NAME_LIMIT),
        state_description=fields.text("state_description"),
        last_state_time=fields.whole("last_state_time", _FIRST_TIME, _LAST_TIME),
        history=tuple(
            _history_entry(item, f"update_history[{index}]")
            for index, item in enumerate(fields.items("update_history"))
        ),
        target_version=fields.optional_text("target_version", _NAME_LIMIT),
    )


def info(data: bytes) -> Info:
    """Return the answer of `GET /api/common/1.0/info`; absent strings are ""."""
    fields = Fields(read(data), "info")
    return Info(
        device_name=fields.optional_text("device_name") or "",
        model=fields.optional_text("model") or "",
        serial=fields.optional_text("serial") or "",
        sw_version=fields.optional_text("sw_version", _NAME_LIMIT) or "",
        hw_version=fields.optional_text("hw_version") or "",
        mgmt_addresses=fields.texts("mgmt_addresses"),
    )


def services(data: bytes) -> Mapping[str, tuple[str, ...]]:
    """Return the offered versions by service id, from `GET /api/common/1.0/services`."""
    offered: dict[str, tuple[str, ...]] = {}
    for index, item in enumerate(items_of(read(data), "services")):
        fields = Fields(item, f"services[{index}]")
        name = fields.text("id")
        offered[name] = offered.get(name, ()) + fields.texts("versions")
    return offered


def fault(data: bytes) -> Fault | None:
    """Return the error that a body states, None where it is no well-formed error body; never fails."""
    try:
        fields = Fields(read(data), "error")
        return Fault(fields.text("error_id", _NAME_LIMIT), fields.text("error_text"))
    except Garbled:
        return None


def _image(value: Json, where: str) -> Image:
    fields = Fields(value, where)
    checksum = fields.optional_text("checksum")
    return Image(
        id=fields.optional_whole("id", -_ID_LIMIT, _ID_LIMIT),
        state=fields.text("state", _NAME_LIMIT),
        state_description=fields.text("state_description"),
        version=fields.optional_text("version", _NAME_LIMIT),
        progress=fields.any_number("progress"),
        checksum=None if checksum is None else checksum.lower(),
    )


def _history_entry(value: Json, where: str) -> HistoryEntry:
    fields = Fields(value, where)
    return HistoryEntry(
        time=fields.optional_whole("time", _FIRST_TIME, _LAST_TIME),
        version=fields.optional_text("version", _NAME_LIMIT),
    )
