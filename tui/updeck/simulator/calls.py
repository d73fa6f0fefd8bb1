"""The calls of a device: what each does and answers (`protocol.md` 1, 3 and 4)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.web_request import BaseRequest

from updeck.simulator.access import COOKIE
from updeck.simulator.answer import Answer, empty, in_json
from updeck.simulator.answers import describe_image, describe_images, describe_info, describe_update
from updeck.simulator.definitions import DEFINITIONS, services
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.fetching import Fetcher
from updeck.simulator.images import Received
from updeck.simulator.options import AuthMode
from updeck.simulator.refusal import Refusal, bad_input, not_found
from updeck.simulator.shelf import Transfer, TransferBroken

__all__ = ["Call", "find_call"]

COMMON = "/api/common/1.0"
UPDATE = "/api/npm.system_update/2.0"
ITEMS = f"{UPDATE}/images/items/"


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


def find_call(device: SimulatedDevice, method: str, path: str) -> Route | None:
    """Return the route of a call; None where there is no such path, `Refusal` 405 where the method is wrong."""
    if path.startswith(UPDATE) and not device.blueprint.speaks_2_0:
        return None
    pattern = f"{ITEMS}*" if path.startswith(ITEMS) else path
    by_method = ROUTES.get(pattern)
    if by_method is None:
        return None
    if method not in by_method:
        raise Refusal(405, "REQUEST_INVALID_METHOD", f"{method} is not allowed here")
    return by_method[method]


async def _read_json(call: Call) -> Mapping[str, object]:
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


async def _list_images(call: Call) -> Answer:
    return in_json(describe_images(call.device))


async def _get_image(call: Call) -> Answer:
    return in_json(describe_image(call.device, call.device.shelf.get(_image_id(call))))


async def _delete_image(call: Call) -> Answer:
    call.device.require_open()
    call.device.shelf.delete(_image_id(call))
    return _done(call)


def _image_id(call: Call) -> int:
    text = call.request.path.removeprefix(ITEMS)
    if not text.isdecimal() or len(text) > 12:
        raise not_found("No such image")
    return int(text)


async def _upload(call: Call) -> Answer:
    """Take the bytes as they come. Content-Type may be missing; the answer is 200 (`protocol.md` 4)."""
    device, request = call.device, call.request
    device.require_open()
    if request.content_length == 0 or not request.body_exists:
        raise bad_input("There is no image in the request")
    transfer = device.shelf.begin(request.content_length)
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        async for chunk in request.content.iter_any():
            transfer.feed(chunk)
        received = transfer.complete()
    except (TransferBroken, Refusal):
        _note_upload(call, transfer, transfer.fail(""), complete=False)
        raise
    except (OSError, web.RequestPayloadError):
        _note_upload(call, transfer, transfer.fail("Connection closed by peer"), complete=False)
        raise TransferBroken from None
    _note_upload(call, transfer, received, complete=True)
    return in_json(describe_image(device, transfer.image))


def _note_upload(call: Call, transfer: Transfer, received: Received, *, complete: bool) -> None:
    call.device.record.uploads.append(
        {
            "bytes": received.size_bytes,
            "sha256": received.sha256,
            "image_id": transfer.image.id,
            "complete": complete,
        }
    )


async def _fetch(call: Call) -> Answer:
    call.device.require_open()
    url = (await _read_json(call)).get("url")
    if not isinstance(url, str) or not url:
        raise bad_input("url is required")
    try:
        parts = urlsplit(url)
        fetchable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fetchable = False
    if not fetchable:
        raise bad_input("url must be http or https")
    transfer = call.device.shelf.begin(None)
    call.fetcher.fetch(call.device, transfer, url)
    return in_json(describe_image(call.device, transfer.image))


async def _get_update(call: Call) -> Answer:
    return in_json(describe_update(call.device))


async def _init(call: Call) -> Answer:
    call.device.init()
    return _done(call)


async def _start(call: Call) -> Answer:
    call.device.start()
    return _done(call)


async def _reset(call: Call) -> Answer:
    call.device.reset()
    return _done(call)


def _done(call: Call) -> Answer:
    return empty(call.device.blueprint.manners.empty_status)


async def _services(call: Call) -> Answer:
    device = call.device
    aaa = device.aaa if device.access.offers(AuthMode.TOKEN) else None
    return in_json(services(aaa=aaa, speaks_2_0=device.blueprint.speaks_2_0))


async def _auth_info(call: Call) -> Answer:
    methods = call.device.access.methods()
    if methods == ["BASIC"] and not call.device.blueprint.manners.tells_methods:
        raise not_found("No such resource")
    return in_json({"supported_methods": methods})


async def _ping(call: Call) -> Answer:
    return empty(200)


async def _info(call: Call) -> Answer:
    return in_json(describe_info(call.device))


async def _definition(call: Call) -> Answer:
    return in_json(DEFINITIONS[call.request.path])


async def _log_in(call: Call) -> Answer:
    body = await _read_json(call)
    session = call.device.access.log_in(body.get("username"), body.get("password"))
    secure = "; Secure" if call.secure else ""
    return in_json({}, headers={"Set-Cookie": f"{COOKIE}={session}; Path=/; HttpOnly{secure}"})


async def _log_out(call: Call) -> Answer:
    call.device.access.log_out(call.request.cookies.get(COOKIE))
    return _done(call)


async def _oauth(call: Call) -> Answer:
    form = await call.request.post()
    return in_json(
        call.device.access.exchange_code({key: value for key, value in form.items() if isinstance(value, str)})
    )


def _token(version: str) -> Handler:
    async def issue(call: Call) -> Answer:
        if version == "2.0" and call.device.aaa == "1.0":
            raise not_found("No such service")
        device = call.device
        body = await _read_json(call)
        return in_json(device.access.issue_token(body, device_offset_s=device.clock_offset_s), status=201)

    return issue


ROUTES: Mapping[str, Mapping[str, Route]] = {
    f"{UPDATE}/images": {"GET": Route(_list_images)},
    f"{UPDATE}/images/upload": {"POST": Route(_upload)},
    f"{UPDATE}/images/fetch": {"POST": Route(_fetch)},
    f"{ITEMS}*": {"GET": Route(_get_image), "DELETE": Route(_delete_image)},
    f"{UPDATE}/update": {"GET": Route(_get_update)},
    f"{UPDATE}/update/init": {"POST": Route(_init)},
    f"{UPDATE}/update/start": {"POST": Route(_start)},
    f"{UPDATE}/update/reset": {"POST": Route(_reset)},
    f"{COMMON}/services": {"GET": Route(_services, public=True)},
    f"{COMMON}/auth_info": {"GET": Route(_auth_info, public=True)},
    f"{COMMON}/ping": {"GET": Route(_ping, public=True)},
    f"{COMMON}/info": {"GET": Route(_info)},
    f"{COMMON}/login": {"POST": Route(_log_in, public=True)},
    f"{COMMON}/logout": {"POST": Route(_log_out, public=True)},
    f"{COMMON}/oauth/token": {"POST": Route(_oauth, public=True)},
    "/api/mgmt.aaa/1.0/token": {"POST": Route(_token("1.0"), public=True)},
    "/api/mgmt.aaa/2.0/token": {"POST": Route(_token("2.0"), public=True)},
    **{path: {"GET": Route(_definition)} for path in DEFINITIONS},
}
