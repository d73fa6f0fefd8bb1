"""An answer before it is on the wire, as a value: so that calls and faults are plain functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from updeck.simulator.faults import Fault
from updeck.simulator.refusal import Refusal

__all__ = ["Answer", "empty", "fault_answer", "html", "in_json", "refused"]

JSON_TYPE = "application/json"
HTML_TYPE = "text/html"
PAGE = "<html><head><title>{status}</title></head><body><h1>{status} Bad Gateway</h1><hr>nginx</body></html>\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers; `content_type` is None where there is no body."""

    status: int
    content: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def in_json(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with a JSON body."""
    return Answer(status, json.dumps(body).encode(), JSON_TYPE, headers or {})


def empty(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer without a body."""
    return Answer(status, headers=headers or {})


def html(status: int) -> Answer:
    """Answer with a page, as a front end does."""
    return Answer(status, PAGE.format(status=status).encode(), HTML_TYPE)


def refused(refusal: Refusal) -> Answer:
    """Answer with an error body."""
    return in_json(refusal.body(), refusal.status)


def fault_answer(fault: Fault) -> Answer | None:
    """Return what a fault answers in place of the device; None where it leaves the request to it."""
    status = int(fault.amount("status")) if "status" in fault.values else 0
    if fault.kind.id == "html":
        return html(status)
    if fault.kind.id != "status":
        return None
    location = fault.values["location"]
    headers = {} if location is None else {"Location": str(location)}
    body = fault.values["body"]
    if body is not None:
        return Answer(status, str(body).encode(errors="surrogatepass"), JSON_TYPE, headers)
    return in_json(Refusal(status, fault.text("error_id"), fault.text("error_text")).body(), status, headers)
