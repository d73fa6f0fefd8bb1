"""The calls of npm.system_update 2.0 (`protocol.md` 1), with what the vendor's client needs of them (4)."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from updeck.simulator.answer import Answer, in_json
from updeck.simulator.call import UPDATE, Call, Route, Routes, done, read_json
from updeck.simulator.descriptions import describe_image, describe_images, describe_update
from updeck.simulator.images import Received
from updeck.simulator.refusal import Refusal, bad_input, not_found
from updeck.simulator.shelf import Transfer, TransferBroken

__all__ = ["UPDATE_ROUTES"]

ITEMS = f"{UPDATE}/images/items/"


async def _list_images(call: Call) -> Answer:
    return in_json(describe_images(call.device))


async def _get_image(call: Call) -> Answer:
    return in_json(describe_image(call.device, call.device.shelf.get(_image_id(call))))


async def _delete_image(call: Call) -> Answer:
    call.device.require_open()
    call.device.shelf.delete(_image_id(call))
    return done(call)


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
    url = (await read_json(call)).get("url")
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
    return done(call)


async def _start(call: Call) -> Answer:
    call.device.start()
    return done(call)


async def _reset(call: Call) -> Answer:
    call.device.reset()
    return done(call)


UPDATE_ROUTES: Routes = {
    f"{UPDATE}/images": {"GET": Route(_list_images)},
    f"{UPDATE}/images/upload": {"POST": Route(_upload)},
    f"{UPDATE}/images/fetch": {"POST": Route(_fetch)},
    f"{ITEMS}*": {"GET": Route(_get_image), "DELETE": Route(_delete_image)},
    f"{UPDATE}/update": {"GET": Route(_get_update)},
    f"{UPDATE}/update/init": {"POST": Route(_init)},
    f"{UPDATE}/update/start": {"POST": Route(_start)},
    f"{UPDATE}/update/reset": {"POST": Route(_reset)},
}
