"""The HTTP face of one device: who may call, what its faults do to a call, and the answer on the wire."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from email.utils import formatdate

from aiohttp import web
from aiohttp.web_request import BaseRequest

from updeck.simulator.access import COOKIE
from updeck.simulator.answer import Answer, refused
from updeck.simulator.call import Call
from updeck.simulator.damage import damaged, stand_in
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.faults import Fault
from updeck.simulator.fetching import Fetcher
from updeck.simulator.refusal import Refusal, not_found
from updeck.simulator.routes import find_route
from updeck.simulator.shelf import TransferBroken
from updeck.simulator.timeline import Timeline
from updeck.simulator.wire import reset_connection, send, until_gone

__all__ = ["DeviceFace"]

READ_BYTES = 1 << 16


class DeviceFace:
    """Answers the requests of one device."""

    def __init__(self, device: SimulatedDevice, *, timeline: Timeline, fetcher: Fetcher, secure: bool) -> None:
        self._device = device
        self._timeline = timeline
        self._fetcher = fetcher
        self._secure = secure
        self._handling: set[asyncio.Task[object]] = set()
        self._last_read: Answer | None = None

    async def handle(self, request: BaseRequest) -> web.StreamResponse:
        """Answer a request, as an `aiohttp.web.Server` asks for it; goes on when the client has gone."""
        task = asyncio.current_task()
        assert task is not None
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)
        device = self._device
        wall = self._timeline.wall()
        with device.record.asked(wall, request.method, request.path, device.state) as asked:
            faults = device.faults.strike_request(request.path)
            answer = await self._decide(request, faults)
            if answer is None:
                reset_connection(request.transport)
                return web.Response()
            asked.status = answer.status
            try:
                by_kind = {fault.kind.id: fault for fault in faults}
                return await send(request, answer, by_kind, now=device.now(), timeline=self._timeline)
            except ConnectionError:  # the client has gone, and nobody reads what is returned
                return web.Response()

    async def end(self) -> None:
        """Give up all requests that are being handled."""
        handling = tuple(self._handling)
        for task in handling:
            task.cancel()
        if handling:
            await asyncio.wait(handling)

    async def _decide(self, request: BaseRequest, faults: list[Fault]) -> Answer | None:
        """Return the answer, None for a connection that is reset or gone."""
        for fault in faults:
            match fault.kind.id:
                case "reset_before":
                    return None
                case "black_hole":
                    await until_gone(request)
                    return None
                case "delay":
                    await self._timeline.sleep(fault.amount("seconds"))
                case "status" if fault.values["after_bytes"] is not None:
                    await _read_part(request, int(fault.amount("after_bytes")))
            instead = stand_in(fault, request.method, request.path)
            if instead is not None:
                return instead
        answer = await self._answer(request)
        return None if answer is None else await self._spoil(request, answer, faults)

    async def _answer(self, request: BaseRequest) -> Answer | None:
        """Return the device's own answer, None for a transfer that broke off."""
        try:
            return await self._call(request)
        except Refusal as refusal:
            return refused(refusal)
        except web.HTTPRequestEntityTooLarge:
            return refused(Refusal(413, "REQUEST_TOO_LARGE", "Request body is too large"))
        except (TransferBroken, web.RequestPayloadError, OSError):
            return None

    async def _spoil(self, request: BaseRequest, answer: Answer, faults: list[Fault]) -> Answer | None:
        """Return what faults make of an answer, None for a connection that is reset or gone."""
        own = answer
        for fault in faults:
            match fault.kind.id:
                case "reset_after":
                    return None
                case "black_hole_after":
                    await until_gone(request)
                    return None
                case "delay_after":
                    await self._timeline.sleep(fault.amount("seconds"))
                case "stale" if request.method == "GET":
                    dated = {"Date": formatdate(self._device.now(), usegmt=True), "Age": "0", **own.headers}
                    fault.kept.setdefault(request.path, replace(own, headers=dated))
                case "reordered" if request.method == "GET" and self._last_read is not None:
                    answer = self._last_read
                case _:
                    answer = damaged(fault, answer)
        if request.method == "GET":
            self._last_read = own
        return answer

    async def _call(self, request: BaseRequest) -> Answer:
        route = find_route(self._device, request.method, request.path)
        if route is None or not route.public:
            self._device.access.check(request.headers.get("Authorization"), request.cookies.get(COOKIE))
        if route is None:
            raise not_found("No such resource")
        return await route.handle(Call(request, self._device, self._fetcher, self._secure))


async def _read_part(request: BaseRequest, count: int) -> None:
    """Read so many bytes of a body, or all there are."""
    while count > 0:
        piece = await request.content.read(min(READ_BYTES, count))
        if not piece:
            return
        count -= len(piece)
