"""Logging in to a simulated device over real sockets, in each of the four ways, and being turned away."""

from __future__ import annotations

import base64
from email.utils import parsedate_to_datetime

import pytest

from device_caller import COMMON, UPDATE, DeviceCaller, Reply, operator, stranger
from simulation import StartSimulator
from updeck.simulator.options import AuthMode, Scenario
from updeck.simulator.serving import Simulator

TOKEN = "/api/mgmt.aaa/2.0/token"


def basic(username: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"}


def user(fleet: Simulator, password: str | None = None) -> dict[str, object]:
    return {"user_credentials": {"username": "admin", "password": password or fleet.password}}


async def oauth(caller: DeviceCaller, code: str, state: str = "s1") -> Reply:
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    form = {"grant_type": "access_code", "assertion": f"{header}.{code}.", "state": state}
    types = {"Content-Type": "application/x-www-form-urlencoded"}
    return await caller.call("POST", f"{COMMON}/oauth/token", form, types)


async def read(caller: DeviceCaller, headers: dict[str, str] | None = None) -> Reply:
    return await caller.get(f"{UPDATE}/update", headers)


async def test_services_and_auth_info_need_no_login_and_all_else_does(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    async with stranger(fleet) as caller:
        assert b'"npm.system_update"' in (await caller.get(f"{COMMON}/services")).content
        methods = (await caller.get(f"{COMMON}/auth_info")).json["supported_methods"]
        assert isinstance(methods, list)
        assert {"BASIC", "COOKIE", "OAUTH2.0"} <= set(methods)
        for path in (f"{UPDATE}/update", f"{UPDATE}/images", f"{COMMON}/info", "/api/nothing"):
            reply = await caller.get(path)
            assert (reply.status, reply.error_id) == (401, "AUTH_REQUIRED")


async def test_a_cookie_opens_the_device_until_logout(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    async with operator(fleet) as caller:
        assert (await read(caller)).status == 200
        await caller.post(f"{COMMON}/logout")
        assert (await read(caller)).error_id == "AUTH_INVALID_SESSION"


async def test_a_token_opens_the_device_expires_by_its_clock_and_can_be_renewed(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1, virtual=True, token_life_s=600)
    device = fleet.device(fleet.names[0])
    async with stranger(fleet) as caller:
        reply = await caller.post(TOKEN, {**user(fleet), "generate_refresh_token": True})
        assert reply.status == 201
        assert reply.number("expires_at") == int(device.now() + 600)
        bearer = {"Authorization": f"Bearer {reply.text('access_token')}"}
        assert (await read(caller, bearer)).status == 200
        await fleet.advance(601)
        assert (await read(caller, bearer)).error_id == "AUTH_EXPIRED_TOKEN"
        renewed = await caller.post(TOKEN, {"refresh_token": reply.json["refresh_token"]})
        assert (await read(caller, {"Authorization": f"Bearer {renewed.text('access_token')}"})).status == 200
    assert fleet.truth(device.name)["logins"] == 1


async def test_an_oauth_code_gives_a_signed_token_and_the_state_back(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1, auth=AuthMode.OAUTH)
    async with stranger(fleet) as caller:
        reply = await oauth(caller, fleet.oauth_code, "xyz")
        assert reply.json["state"] == "xyz"
        token = reply.text("access_token")
        assert token.count(".") == 2
        assert (await read(caller, {"Authorization": f"SignedBearer {token}"})).status == 200
        assert (await read(caller, {"Authorization": f"Bearer {token}"})).error_id == "AUTH_INVALID_TOKEN"
        assert (await oauth(caller, "wrong")).error_id == "AUTH_INVALID_CREDENTIALS"


async def test_basic_goes_with_every_request_and_only_a_wrong_one_counts_as_login(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    async with stranger(fleet) as caller:
        for _ in range(3):
            assert (await read(caller, basic("admin", fleet.password))).status == 200
        assert (await read(caller, basic("admin", "wrong"))).error_id == "AUTH_INVALID_CREDENTIALS"
        assert (await read(caller, {"Authorization": "Basic ???"})).status == 401
    truth = fleet.truth(fleet.names[0])
    assert (truth["logins"], truth["rejected_logins"]) == (1, 1)


async def test_a_wrong_password_is_401_and_counted(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    async with stranger(fleet) as caller:
        for reply in (await caller.log_in("admin", "wrong"), await caller.post(TOKEN, user(fleet, "wrong"))):
            assert (reply.status, reply.error_id) == (401, "AUTH_INVALID_CREDENTIALS")
    truth = fleet.truth(fleet.names[0])
    assert (truth["logins"], truth["rejected_logins"]) == (2, 2)


async def test_an_expired_password_is_403_with_the_right_password_only(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=12, scenario=Scenario.MIXED)
    async with stranger(fleet, fleet.with_trait("password_expired")) as caller:
        for reply in (
            await caller.log_in("admin", fleet.password),
            await caller.post(TOKEN, user(fleet)),
            await read(caller, basic("admin", fleet.password)),
        ):
            assert (reply.status, reply.error_id) == (403, "AUTH_EXPIRED_PASSWORD")
        assert (await caller.log_in("admin", "wrong")).status == 401


@pytest.mark.parametrize("mode", [mode for mode in AuthMode if mode is not AuthMode.ANY])
async def test_a_device_that_offers_one_way_refuses_the_others(simulator: StartSimulator, mode: AuthMode) -> None:
    fleet = await simulator(devices=1, auth=mode)
    async with stranger(fleet) as caller:
        cookie = await caller.log_in("admin", fleet.password)
        token = await caller.post(TOKEN, user(fleet))
        code = await oauth(caller, fleet.oauth_code)
        plain = await read(caller, basic("admin", fleet.password))
        services = (await caller.get(f"{COMMON}/services")).content
    assert cookie.status == (200 if mode is AuthMode.COOKIE else 404)
    assert token.status == (201 if mode is AuthMode.TOKEN else 404)
    assert code.status == (200 if mode is AuthMode.OAUTH else 404)
    assert (plain.status == 200) == (mode is AuthMode.BASIC)
    assert (b"mgmt.aaa" in services) == (mode is AuthMode.TOKEN)


async def test_some_devices_with_basic_only_have_no_auth_info(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=12, auth=AuthMode.BASIC)
    statuses = set()
    for name in fleet.names:
        async with stranger(fleet, name) as caller:
            statuses.add((await caller.get(f"{COMMON}/auth_info")).status)
    assert statuses == {200, 404}


async def test_some_devices_refuse_a_charset_in_the_content_type(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=12)
    statuses = set()
    for name in fleet.names:
        async with stranger(fleet, name) as caller:
            typed = {"Content-Type": "application/json; charset=utf-8"}
            statuses.add((await caller.post(TOKEN, user(fleet), typed)).status)
            assert (await caller.post(TOKEN, user(fleet))).status == 201
    assert statuses == {201, 415}


async def test_a_device_with_old_software_has_the_older_login_service_only(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    fleet.device(fleet.names[0]).version = "11.5.0"
    async with stranger(fleet) as caller:
        assert (await caller.post(TOKEN, user(fleet))).status == 404
        assert (await caller.post("/api/mgmt.aaa/1.0/token", user(fleet))).status == 201
        assert b'{"id": "mgmt.aaa", "versions": ["1.0"]}' in (await caller.get(f"{COMMON}/services")).content


@pytest.mark.parametrize("body", [None, [], "x", {}, {"username": "admin"}, {"username": 1, "password": "x"}])
async def test_a_login_that_is_none_is_400_and_not_counted(simulator: StartSimulator, body: object) -> None:
    fleet = await simulator(devices=1)
    async with stranger(fleet) as caller:
        reply = await caller.post(f"{COMMON}/login", body)
        assert (reply.status, reply.error_id) == (400, "REQUEST_INVALID_INPUT")
    assert fleet.truth(fleet.names[0])["logins"] == 0


async def test_a_password_of_odd_characters_is_refused_and_never_an_error(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1)
    async with stranger(fleet) as caller:
        reply = await caller.call("POST", f"{COMMON}/login", b'{"username": "\\ud800", "password": "\\u0000"}')
        assert reply.error_id == "AUTH_INVALID_CREDENTIALS"


async def test_the_date_header_shows_the_wrong_clock_of_a_device(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=12, scenario=Scenario.MIXED, virtual=True)
    ahead = {}
    for name in (fleet.names[0], fleet.with_trait("wrong_clock")):
        async with stranger(fleet, name) as caller:
            reply = await caller.get(f"{COMMON}/ping")
            shown = parsedate_to_datetime(reply.headers["Date"]).timestamp()
            ahead[name] = round((shown - fleet.timeline.wall()) / 60)
    assert list(ahead.values()) == [0, 47]
