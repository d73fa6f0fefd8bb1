"""What faults make of an answer: another one in place of the device's, or its own, damaged. Plain functions."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from http.client import responses
from types import MappingProxyType

from updeck.simulator.answer import JSON_TYPE, Answer, empty, html, in_json
from updeck.simulator.faults import Fault
from updeck.simulator.refusal import Refusal

__all__ = ["damaged", "stand_in"]

ERROR_IDS = {
    400: "REQUEST_INVALID_INPUT",
    401: "AUTH_INVALID_SESSION",
    403: "AUTH_FORBIDDEN",
    404: "RESOURCE_NOT_FOUND",
    409: "REQUEST_INVALID_STATE",
    413: "REQUEST_TOO_LARGE",
    429: "REQUEST_LIMIT_REACHED",
    507: "INSUFFICIENT_SPACE",
}
KNOWN_TEXTS = frozenset({"state", "id", "versions", "supported_methods", "access_token", "refresh_token"})
"""Fields that are no free text: a client could not go on without them, and would read nothing more."""

BLOCK = b"x" * (1 << 20)
PLACE = "THE-PLACE-OF-A-NUMBER"
SURROGATE = "\ud800"
ABSENT = object()

Change = Callable[[object], object]


def stand_in(fault: Fault, method: str, path: str) -> Answer | None:
    """Return what a fault answers in place of the device; None where it leaves the request to it."""
    match fault.kind.id:
        case "html":
            return html(int(fault.amount("status")), fault.word("text"))
        case "redirect":
            location = fault.word("location") or f"{path}/"
            return empty(int(fault.amount("status")), {"Location": location})
        case "status":
            return _status(fault)
        case "stale" if method == "GET":
            return fault.kept.get(path)
        case _:
            return None


def damaged(fault: Fault, answer: Answer) -> Answer:
    """Return the answer as a fault leaves it; one that does not fit the answer leaves it as it is."""
    if fault.kind.id == "gzip":
        return _compressed(answer, gzip.compress(answer.content, mtime=0))
    if fault.kind.id == "gzip_bomb":
        return _compressed(answer, _bomb(int(fault.amount("bytes"))))
    damage = DAMAGES.get(fault.kind.id)
    if damage is None or answer.content_type != JSON_TYPE:
        return answer
    try:
        return replace(answer, content=damage(fault, answer.content))
    except (ValueError, RecursionError):  # another fault left no JSON of it
        return answer


def _status(fault: Fault) -> Answer:
    status = int(fault.amount("status"))
    location = fault.word("location")
    headers = {} if location is None else {"Location": location}
    body = fault.word("body")
    if body is not None:
        return Answer(status, body.encode(errors="surrogatepass"), JSON_TYPE, headers)
    error_id = fault.word("error_id") or ERROR_IDS.get(status, "INTERNAL_ERROR")
    error_text = fault.word("error_text") or responses.get(status, "Internal error")
    return in_json(Refusal(status, error_id, error_text).body(), status, headers)


def _compressed(answer: Answer, content: bytes) -> Answer:
    return replace(answer, content=content, headers={**answer.headers, "Content-Encoding": "gzip"})


@lru_cache(maxsize=2)
def _bomb(size: int) -> bytes:
    """Return what unpacks to a JSON text of so many bytes, in memory that does not grow with them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    head = packer.compress(b'{"state": "IDLE", "padding": "')
    middle = [packer.compress(BLOCK[: size - start]) for start in range(0, size, len(BLOCK))]
    return b"".join((head, *middle, packer.compress(b'"}'), packer.flush()))


def _with(content: bytes, key: bytes, value: bytes) -> bytes:
    """Return a JSON text with one more value at the end of its object, or of its array."""
    body, end = content.rstrip()[:-1], content.rstrip()[-1:]
    comma = b", " if len(body.strip()) > 1 else b""
    return body + comma + (b'"' + key + b'": ' if end == b"}" else b"") + value + end


def _half(fault: Fault, content: bytes) -> bytes:
    return content[: len(content) // 2]


def _huge(fault: Fault, content: bytes) -> bytes:
    return _with(content, b"padding", b'"' + b"x" * int(fault.amount("bytes")) + b'"')


def _deep(fault: Fault, content: bytes) -> bytes:
    depth = int(fault.amount("depth"))
    return _with(content, b"deep", b"[" * depth + b"]" * depth)


def _twice(fault: Fault, content: bytes) -> bytes:
    return _with(content, json.dumps(fault.text("field")).encode()[1:-1], json.dumps(fault.text("text")).encode())


def _no_utf8(fault: Fault, content: bytes) -> bytes:
    return _with(content, b"note", b'"\xc3\x28\xff"')


def _unknown(fault: Fault, content: bytes) -> bytes:
    return _changed(content, "state", lambda _: fault.text("state"))


def _missing(fault: Fault, content: bytes) -> bytes:
    return _changed(content, fault.text("field"), lambda _: ABSENT)


def _mistyped(fault: Fault, content: bytes) -> bytes:
    def other(value: object) -> object:
        if isinstance(value, str):
            return 7
        return {} if isinstance(value, list) else "seven"

    return _changed(content, fault.text("field"), other)


def _number(fault: Fault, content: bytes) -> bytes:
    text = fault.text("text") if fault.kind.id == "odd_number" else "9" * int(fault.amount("digits"))
    placed = _changed(content, fault.text("field"), lambda _: PLACE)
    return placed.replace(f'"{PLACE}"'.encode(), text.encode())


def _surrogate(fault: Fault, content: bytes) -> bytes:
    return _changed(content, fault.text("field"), lambda _: SURROGATE)


def _hostile(fault: Fault, content: bytes) -> bytes:
    field, text = fault.word("field"), fault.text("text")
    if field is not None:
        return _changed(content, field, lambda _: text)
    return json.dumps(_texts(json.loads(content), text)).encode()


def _texts(value: object, text: str) -> object:
    if isinstance(value, dict):
        return {key: each if key in KNOWN_TEXTS else _texts(each, text) for key, each in value.items()}
    if isinstance(value, list):
        return [_texts(each, text) for each in value]
    return text if isinstance(value, str) else value


def _changed(content: bytes, field: str, change: Change) -> bytes:
    """Return a JSON text in which every value of `field` was changed, or left out where it becomes `ABSENT`."""
    return json.dumps(_walked(json.loads(content), field, change)).encode()


def _walked(value: object, field: str, change: Change) -> object:
    if isinstance(value, list):
        return [_walked(each, field, change) for each in value]
    if not isinstance(value, dict):
        return value
    walked = {key: change(each) if key == field else _walked(each, field, change) for key, each in value.items()}
    return {key: each for key, each in walked.items() if each is not ABSENT}


DAMAGES: Mapping[str, Callable[[Fault, bytes], bytes]] = MappingProxyType(
    {
        "broken_json": _half,
        "huge_json": _huge,
        "deep_json": _deep,
        "duplicate_key": _twice,
        "unknown_state": _unknown,
        "missing_field": _missing,
        "wrong_type": _mistyped,
        "odd_number": _number,
        "long_number": _number,
        "lone_surrogate": _surrogate,
        "broken_utf8": _no_utf8,
        "hostile_text": _hostile,
    }
)
