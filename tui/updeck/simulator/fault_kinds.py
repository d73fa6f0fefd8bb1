"""The kinds of fault that a simulated device can have (`contracts.md` 4, `rollout.md` 9, `security.md`).

`GET /faults` lists `KINDS`; what is asked for in JSON is refused with a sentence where a field does not belong to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from updeck.simulator.fault_fields import LASTS, FaultError, Field, Kind, Value, event, now, read_value, request
from updeck.text import clean

__all__ = ["KINDS", "FaultError", "Kind", "Value", "describe_kinds", "read_fault"]

DECADE_S = 3.2e8
MIB = 1 << 20
HOSTILE = (
    "\x1b]0;owned\x07\x1b]52;c;aGk=\x07\x1b[2J\x1bP1$q\x1b\\\x9b31m\x00\x7f\x08"
    "\u202e\u2066\u200b\ufeff[/x][@click=app.quit]%s{0}<b>\u0301\u0301\u0301\u0301\u0301=1+1|\r\n"
)
"""A text of what a terminal, a markup or a table may take for more than text."""


def _after(default: float, about: str) -> Field:
    return Field("seconds", float, default, about)


def _status(default: int, least: int = 200, most: int = 599) -> Field:
    return Field("status", int, default, "the HTTP status", least=least, most=most)


def _text(default: str) -> Field:
    return Field("text", str, default, "the state_description")


def _of(default: str) -> Field:
    return Field("field", str, default, "which field, wherever in the answer it stands")


def _bytes(default: int) -> Field:
    return Field("bytes", int, default, "how many", least=1, most=1 << 30)


LOCATION = Field("location", str, None, "where to; null for the same path with a slash at its end")

CONNECTION = (
    now("refuse", "The listener is closed: connections are refused.", LASTS),
    now("tls_broken", "Connections are reset in the middle of the TLS handshake.", LASTS),
    now("change_certificate", "The device has a new certificate from now on; its connections are reset."),
    now("expired_certificate", "The device has a new certificate that has expired; its connections are reset."),
    request("reset_before", "The connection is reset and the request not handled."),
    request("reset_after", "The request is handled and the connection reset instead of an answer."),
    request("black_hole", "The request is neither handled nor answered, and the connection stays open."),
    request("black_hole_after", "The request is handled and never answered, and the connection stays open."),
    request("delay", "The request is handled late.", _after(5, "how long it waits before it is handled")),
    request(
        "delay_after",
        "The request is handled and answered late.",
        _after(5, "how long the answer waits after it was handled"),
    ),
)

ANSWERS = (
    request(
        "status",
        "The request is not handled but answered with this status.",
        _status(500),
        Field("error_id", str, None, "of the error body; null for the one that goes with the status"),
        Field("error_text", str, None, "of the error body; null for the status in words"),
        Field("body", str, None, "sent instead of the error body, as JSON"),
        Field("location", str, None, "a Location header, for redirects"),
        Field("after_bytes", int, None, "how much of the request's body is read before", least=1, most=1 << 40),
    ),
    request("redirect", "The request is not handled but sent elsewhere.", _status(302, 300, 399), LOCATION),
    request(
        "html",
        "A front end answers with a page in HTML and the request is not handled.",
        _status(502),
        Field("text", str, None, "the page's headline; null for the status"),
    ),
    request("stale", "A cache answers GETs with what it got first since the fault was put in, Date and all."),
    request("reordered", "A GET gets the answer to the GET before it, whatever that asked for."),
    request("duplicated", "The answer comes twice on the connection."),
    request("drip", "The answer comes byte by byte.", Field("bytes_per_second", float, 10.0, "how fast")),
    request("truncated", "The request is handled and the connection ends in the middle of its answer."),
    request(
        "wrong_length",
        "The Content-Length of the answer is not its length.",
        Field("by", int, -7, "how much more than the body is announced; below zero: less", least=-MIB, most=MIB),
    ),
    request("endless_headers", "The answer has headers without end."),
    request("wrong_date", "The Date header is off.", Field("by", float, 3600.0, "seconds", least=-DECADE_S)),
    request("gzip", "The answer is compressed though nobody asked for that."),
    request("gzip_bomb", "The answer is compressed and unpacks to very much.", _bytes(64 * MIB)),
)

JSON = (
    request("broken_json", "The request is handled and its answer is half a JSON text."),
    request("huge_json", "The JSON of the answer is huge.", _bytes(8 * MIB)),
    request(
        "deep_json", "The JSON of the answer is deep.", Field("depth", int, 100_000, "how deep", least=1, most=MIB)
    ),
    request(
        "duplicate_key",
        "A key of the JSON in the answer stands there twice.",
        _of("state"),
        Field("text", str, "RUNNING", "its second value"),
    ),
    request("unknown_state", "A state in the answer is none that is known.", Field("state", str, "DEFROSTING", "it")),
    request("missing_field", "A field of the answer is missing.", _of("state")),
    request("wrong_type", "A field of the answer is of another type.", _of("state")),
    request(
        "odd_number",
        "A number in the answer is none, such as NaN, Infinity or 1e999.",
        _of("progress"),
        Field("text", str, "NaN", "what stands there"),
    ),
    request(
        "long_number",
        "A number in the answer is very long.",
        _of("last_state_time"),
        Field("digits", int, 5000, "how many it has", least=1, most=MIB),
    ),
    request("lone_surrogate", "A text in the answer is half a character.", _of("state_description")),
    request("broken_utf8", "The JSON of the answer has bytes that are no UTF-8."),
    request(
        "hostile_text",
        "Every text in the answer but states, services and tokens is hostile to terminals, or all of one field.",
        Field("field", str, None, "which field only; null for all"),
        Field("text", str, HOSTILE, "what stands there"),
    ),
)

TRANSFERS = (
    event("wrong_checksum", "The next image has another checksum than its bytes."),
    event(
        "upload_error",
        "The next upload or fetch breaks off midway with UPLOAD_ERROR.",
        Field("percent", float, 50.0, "where; of an upload without a length at once", least=0, most=100),
        _text("Connection closed by peer"),
    ),
)

UPDATES = (
    event("init_failure", "Init ends in FAILED_GRACEFUL.", _text("Not enough space on /data; system unchanged")),
    event("no_target", "After init the device does not name its target version."),
    event(
        "wrong_target",
        "Init takes another version than that of its image.",
        Field("version", str, None, "the version that it takes", required=True),
    ),
    event("late_start", "After start INITIALIZED is still reported for a while.", _after(10, "for how long")),
    event(
        "run_failure_graceful",
        "The run ends in FAILED_GRACEFUL, the old version intact.",
        _text("Not enough space on /data; system unchanged"),
    ),
    event(
        "run_failure_critical",
        "The run ends in FAILED_CRITICAL after the reboot.",
        _text("Update failed after the system was modified, contact support"),
    ),
    event("no_effect", "The run ends in IDLE and nothing was installed."),
    event("never_back", "The device goes down in the run and does not come back."),
    event(
        "reboots",
        "The device goes down several times in the run.",
        Field("count", int, 3, "how often", least=1, most=50),
    ),
    event("late_history", "The run ends in IDLE and the history is written later.", _after(10, "how much later")),
    event("new_certificate", "After its next reboot the device has a new certificate."),
    now(
        "foreign_actor",
        "Somebody else calls the device; refused where the device would refuse it.",
        Field("call", str, "init", "init, start or reset"),
    ),
)

BOX = (
    now(
        "clock_step",
        "The device's clock jumps.",
        Field("by", float, 3600.0, "seconds ahead; below zero: back", least=-DECADE_S, most=DECADE_S),
    ),
    now(
        "identity",
        "Another box answers at the address.",
        Field("serial", str, "JD0XVOTHERBOX", "the serial that it gives"),
        Field("device_name", str, None, "the name that it gives; null for the own"),
        Field("model", str, None, "the model that it gives; null for the own"),
    ),
    now("forget_logins", "Every session and token ends."),
)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {kind.id: kind for group in (CONNECTION, ANSWERS, JSON, TRANSFERS, UPDATES, BOX) for kind in group}
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
    return kind, {name: read_value(kind, field, asked.get(name)) for name, field in known.items()}
