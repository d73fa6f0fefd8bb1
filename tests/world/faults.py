"""What a fault on the way makes of a read and of a call; the real readers of answers say what an answer means."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from updeck.device import parse
from updeck.device.exchange import Answer
from updeck.device.models import Image, Update
from updeck.device.reply import call_error, made_image, read_error
from updeck.errors import DeviceError, Garbled, TrustError, UnknownOutcome, Unreachable
from world.script import Fault

__all__ = [
    "HOLE_S",
    "NOT_SENT",
    "after_call",
    "as_read",
    "before_call",
    "delay_of",
    "read_failure",
    "with_odd_progress",
]

HOLE_S = 30.0
_SLOW_S = 8.0

NOT_SENT = (Fault.REFUSED, Fault.CERTIFICATE)
"""With these no byte of a request leaves."""

_LOST: Mapping[Fault, str] = {
    Fault.REFUSED: "connection refused",
    Fault.RESET_BEFORE: "connection reset",
    Fault.RESET_AFTER: "connection reset",
    Fault.BLACK_HOLE: "no answer within 30 s",
    Fault.BLACK_HOLE_AFTER: "no answer within 30 s",
    Fault.TRUNCATED: "the answer breaks off",
    Fault.WRONG_LENGTH: "the answer is shorter than it says",
}
_HANDLED = (Fault.RESET_AFTER, Fault.BLACK_HOLE_AFTER, Fault.TRUNCATED, Fault.WRONG_LENGTH, Fault.HUGE)
_UNHANDLED = (Fault.RESET_BEFORE, Fault.BLACK_HOLE)
_STATUS: Mapping[Fault, int] = {
    Fault.AUTH: 401,
    Fault.FORBIDDEN: 403,
    Fault.UNSUPPORTED: 404,
    Fault.REFUSAL: 409,
    Fault.TOO_LARGE: 413,
    Fault.TOO_MANY: 429,
    Fault.ERROR_500: 500,
    Fault.UNAVAILABLE: 503,
    Fault.NO_ROOM: 507,
}
_OF_CALLS = (Fault.REFUSAL, Fault.TOO_LARGE, Fault.NO_ROOM)
"""Only what changes a device is answered so."""

_DAMAGE: Mapping[Fault, Callable[[bytes], bytes]] = {
    Fault.GARBLED: lambda body: body[: len(body) // 2],
    Fault.DEEP: lambda body: b"[" * 5000 + b"]" * 5000,
    Fault.MISSING: lambda body: b'{"state": "IDLE"}',
    Fault.TYPES: lambda body: b'{"state": 5, "state_description": [], "last_state_time": "now", "update_history": {}}',
}


def read_failure(fault: Fault | None) -> DeviceError | None:
    """Return what keeps a GET from being answered well."""
    if fault is None or fault in _OF_CALLS:
        return None
    if fault is Fault.CERTIFICATE:
        return TrustError("another certificate")
    if fault is Fault.HUGE:
        return Garbled("the answer is larger than 8 MiB")
    if fault in _LOST:
        return Unreachable(_LOST[fault])
    answer = _answered(fault)
    return None if answer is None else read_error(answer)


def as_read(fault: Fault | None, update: Update) -> Update:
    """Return the answer of `GET /update` as it is read from its bytes, which a fault can have damaged."""
    if fault is None or fault not in _DAMAGE:
        return update
    return parse.update(_DAMAGE[fault](_bytes_of(update)))


def with_odd_progress(images: tuple[Image, ...]) -> tuple[Image, ...]:
    """Return images whose progress is no percentage, as they are read."""
    odd = ("NaN", "-4", '"soon"', "250", "1e999")
    items = [
        {"id": one.id, "state": one.state, "state_description": one.state_description, "progress": f"<{index % 5}>"}
        | ({} if one.version is None else {"version": one.version})
        | ({} if one.checksum is None else {"checksum": one.checksum})
        for index, one in enumerate(images, (images[0].id or 0) if images else 0)
    ]
    text = json.dumps({"items": items})
    for index, spelled in enumerate(odd):
        text = text.replace(f'"<{index}>"', spelled)
    return parse.images(text.encode())


def before_call(op: str, fault: Fault | None) -> DeviceError | None:
    """Return the answer to a call that the device did not handle, None where it does."""
    if fault in _UNHANDLED:
        return UnknownOutcome(f"no answer to {op}")
    answer = None if fault is None else _answered(fault)
    return None if answer is None else call_error(op, answer, transfer=op in ("upload", "fetch"))


def after_call(op: str, fault: Fault | None) -> DeviceError | None:
    """Return what became of the answer to a call that was handled, None where it came well."""
    if fault in _HANDLED:
        return UnknownOutcome(f"no answer to {op}")
    if fault is not None and fault in _DAMAGE and op in ("upload", "fetch"):
        try:
            made_image(op, Answer(201, _DAMAGE[fault](b"{}")))
        except DeviceError as error:
            return error
    return None


def delay_of(fault: Fault | None) -> float:
    """Return how long an answer takes, in seconds."""
    if fault in (Fault.BLACK_HOLE, Fault.BLACK_HOLE_AFTER):
        return HOLE_S
    return _SLOW_S if fault is Fault.SLOW else 0.1


def _answered(fault: Fault) -> Answer | None:
    if fault is Fault.HTML_502:
        return Answer(502, b"<html>Bad gateway</html>", "text/html")
    if fault not in _STATUS:
        return None
    return Answer(_STATUS[fault], b'{"error_id": "X", "error_text": "no"}', "application/json")


def _bytes_of(update: Update) -> bytes:
    history = [{"time": one.time, "version": one.version} for one in update.history]
    told = {"state": update.state, "last_state_time": update.last_state_time, "update_history": history}
    return json.dumps({**told, "state_description": "", "target_version": update.target_version}).encode()
