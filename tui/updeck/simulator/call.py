"""A call of a device: what its handlers get, and how they read a body."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp.web_request import BaseRequest

from updeck.simulator.answer import Answer, empty
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.fetching import Fetcher
from updeck.simulator.refusal import Refusal, bad_input

__all__ = ["COMMON", "UPDATE", "Call", "Handler", "Route", "Routes", "done", "read_json"]

COMMON = "/api/common/1.0"
UPDATE = "/api/npm.system_update/2.0"


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a device. `secure` tells whether it came over TLS."""

    request: BaseRequest
    device: SimulatedDevice
    fetcher: Fetcher
    secure: bool


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """A handler, and whether it may be called without login."""

    handle: Handler
    public: bool = False


Routes = Mapping[str, Mapping[str, Route]]
"""Routes by path and method; a last part of `*` stands for any."""


async def read_json(call: Call) -> Mapping[str, object]:
    """Return the JSON object in the body; raises `Refusal` 400, or 415 from a device that minds a charset."""
    content_type = call.request.headers.get("Content-Type", "")
    if call.device.blueprint.manners.refuses_charset and "charset" in content_type.lower():
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", f"Unsupported Content-Type {content_type}")
    try:
        body = json.loads(await call.request.read())
    except (ValueError, RecursionError):
        raise bad_input("Request body is not JSON") from None
    if not isinstance(body, dict):
        raise bad_input("Request body is not a JSON object")
    return body


def done(call: Call) -> Answer:
    """Answer without a body, with the status that this device has for it."""
    return empty(call.device.blueprint.manners.empty_status)
