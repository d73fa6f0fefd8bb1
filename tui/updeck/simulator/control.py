"""The control port: the truth about each device, and its faults, on plain HTTP (`contracts.md` 4)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web

from updeck.simulator.descriptions import truth_of
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.fault_kinds import FaultError, describe_kinds
from updeck.text import clean

__all__ = ["control_application"]


def control_application(devices: Mapping[str, SimulatedDevice]) -> web.Application:
    """Return the application of the control port; it answers while a device is down, too."""

    def device_of(request: web.Request) -> SimulatedDevice:
        name = request.match_info["name"]
        if name not in devices:
            raise _problem(web.HTTPNotFound, f"there is no device '{clean(name, 60)}'")
        return devices[name]

    async def truth(request: web.Request) -> web.Response:
        return web.json_response(truth_of(device_of(request)))

    async def all_truth(_: web.Request) -> web.Response:
        return web.json_response({"devices": [_brief(truth_of(device)) for device in devices.values()]})

    async def kinds(_: web.Request) -> web.Response:
        return web.json_response({"faults": describe_kinds()})

    async def put(request: web.Request) -> web.Response:
        device = device_of(request)
        try:
            fault = device.put_fault(json.loads(await request.read()))
        except (ValueError, RecursionError):
            raise _problem(web.HTTPBadRequest, "the body is not JSON") from None
        except FaultError as error:
            raise _problem(web.HTTPBadRequest, str(error)) from None
        return web.json_response(fault.describe(), status=201)

    async def clear(request: web.Request) -> web.Response:
        return web.json_response({"removed": device_of(request).clear_faults()})

    application = web.Application()
    application.add_routes(
        [
            web.get("/truth", all_truth),
            web.get("/truth/{name}", truth),
            web.get("/faults", kinds),
            web.post("/faults/{name}", put),
            web.delete("/faults/{name}", clear),
        ]
    )
    return application


def _brief(truth: dict[str, object]) -> dict[str, object]:
    """Return the truth without the requests, which are many."""
    return {key: value for key, value in truth.items() if key != "requests"}


def _problem(kind: type[web.HTTPError], sentence: str) -> web.HTTPError:
    return kind(text=json.dumps({"error": sentence}), content_type="application/json")
