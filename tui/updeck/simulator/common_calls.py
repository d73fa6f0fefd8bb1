"""The calls of common 1.0 and mgmt.aaa (`protocol.md` 3): who the device is, and the ways to log in."""

from __future__ import annotations

from updeck.simulator.access import COOKIE
from updeck.simulator.answer import Answer, empty, in_json
from updeck.simulator.call import COMMON, Call, Handler, Route, Routes, done, read_json
from updeck.simulator.definitions import DEFINITIONS, services
from updeck.simulator.descriptions import describe_info
from updeck.simulator.options import AuthMode
from updeck.simulator.refusal import not_found

__all__ = ["COMMON_ROUTES"]


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
    body = await read_json(call)
    session = call.device.access.log_in(body.get("username"), body.get("password"))
    secure = "; Secure" if call.secure else ""
    return in_json({}, headers={"Set-Cookie": f"{COOKIE}={session}; Path=/; HttpOnly{secure}"})


async def _log_out(call: Call) -> Answer:
    call.device.access.log_out(call.request.cookies.get(COOKIE))
    return done(call)


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
        body = await read_json(call)
        return in_json(device.access.issue_token(body, device_offset_s=device.clock_offset_s), status=201)

    return issue


COMMON_ROUTES: Routes = {
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
