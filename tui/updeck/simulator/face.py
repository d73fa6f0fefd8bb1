"""The HTTP face of one device: who may call, what its faults do to a call, and the answer on the wire."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from dataclasses import replace
from email.utils import formatdate

from aiohttp import web
from aiohttp.web_request import BaseRequest

from updeck.simulator.access import COOKIE
from updeck.simulator.answer import Answer, fault_answer, refused
from updeck.simulator.call import Call
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.faults import Fault
from updeck.simulator.fetching import Fetcher
from updeck.simulator.refusal import Refusal, not_found
from updeck.simulator.routes import find_route
from updeck.simulator.shelf import TransferBroken
from updeck.simulator.timeline import Timeline

__all__ = ["DeviceFace", "reset_connection"]

SERVER = "nginx"
NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class DeviceFace:
    """Answers the requests of one device."""

    def __init__(self, device: SimulatedDevice, *, timeline: Timeline, fetcher: Fetcher, secure: bool) -> None:
        self._device = device
        self._timeline = timeline
        self._fetcher = fetcher
        self._secure = secure
        self._handling: set[asyncio.Task[object]] = set()

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
                return await self._send(request, answer, {fault.kind.id: fault for fault in faults})
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
        """Return the answer, None for a connection that is reset."""
        for fault in faults:
            if fault.kind.id == "reset_before":
                return None
            if fault.kind.id == "delay":
                await self._timeline.sleep(fault.amount("seconds"))
            answered = fault_answer(fault)
            if answered is not None:
                return answered
        try:
            answer = await self._call(request)
        except Refusal as refusal:
            answer = refused(refusal)
        except web.HTTPRequestEntityTooLarge:
            answer = refused(Refusal(413, "REQUEST_TOO_LARGE", "Request body is too large"))
        except (TransferBroken, web.RequestPayloadError, OSError):
            return None
        for fault in faults:
            if fault.kind.id == "reset_after":
                return None
            if fault.kind.id == "delay_after":
                await self._timeline.sleep(fault.amount("seconds"))
            if fault.kind.id == "broken_json":
                answer = replace(answer, content=answer.content[: len(answer.content) // 2])
        return answer

    async def _call(self, request: BaseRequest) -> Answer:
        route = find_route(self._device, request.method, request.path)
        if route is None or not route.public:
            self._device.access.check(request.headers.get("Authorization"), request.cookies.get(COOKIE))
        if route is None:
            raise not_found("No such resource")
        return await route.handle(Call(request, self._device, self._fetcher, self._secure))

    async def _send(self, request: BaseRequest, answer: Answer, faults: dict[str, Fault]) -> web.StreamResponse:
        headers = {
            "Date": formatdate(self._device.now(), usegmt=True),
            "Server": SERVER,
            **answer.headers,
        }
        if answer.content_type is not None:
            headers["Content-Type"] = answer.content_type
        if "drip" in faults:
            return await self._drip(request, answer, headers, faults["drip"].amount("bytes_per_second"))
        if "truncated" in faults:
            return await self._truncate(request, answer, headers)
        return web.Response(status=answer.status, body=answer.content or None, headers=headers)

    async def _drip(
        self, request: BaseRequest, answer: Answer, headers: dict[str, str], bytes_per_s: float
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=headers)
        response.content_length = len(answer.content)
        await response.prepare(request)
        for position in range(len(answer.content)):
            await self._timeline.sleep(1.0 / bytes_per_s)
            await response.write(answer.content[position : position + 1])
        return response

    async def _truncate(self, request: BaseRequest, answer: Answer, headers: dict[str, str]) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=headers)
        response.content_length = len(answer.content) + 1
        response.force_close()
        await response.prepare(request)
        await response.write(answer.content[: len(answer.content) // 2])
        if request.transport is not None:
            request.transport.close()
        return response


def reset_connection(transport: asyncio.Transport | None) -> None:
    """End a connection with a TCP reset, as a box that goes down does; None is a connection that is gone already."""
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()
