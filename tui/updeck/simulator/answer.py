"""An answer before it is on the wire, as a value: so that calls and faults are plain functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from updeck.simulator.refusal import Refusal

__all__ = ["Answer", "empty", "html", "in_json", "refused"]

JSON_TYPE = "application/json"
HTML_TYPE = "text/html"
PAGE = "<html><head><title>{headline}</title></head><body><h1>{headline}</h1><hr>nginx</body></html>\n"


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


def html(status: int, headline: str | None = None) -> Answer:
    """Answer with a page, as a front end does."""
    page = PAGE.format(headline=headline or f"{status} Bad Gateway")
    return Answer(status, page.encode(errors="surrogatepass"), HTML_TYPE)


def refused(refusal: Refusal) -> Answer:
    """Answer with an error body."""
    return in_json(refusal.body(), refusal.status)
