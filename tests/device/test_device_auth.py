"""Logging in: the four ways, no more often than it must be, and never into the wrong hands (`rollout.md` 6)."""

from __future__ import annotations

import asyncio
import base64
import json
from email.utils import formatdate
from urllib.parse import parse_qs

import pytest

from device.desk import PASSWORD, BookedSource, HandClock, Permit, client_of
from device.rogue import SERVICES, UPDATE, Asked, Handler, Rogue, but, fault, reply, reset, rogue, usual
from simulation import StartSimulator
from updeck.device.endpoint import AuthMethod
from updeck.device.trust import Tls
from updeck.errors import AuthError, Garbled, Unreachable, UpdeckError
from updeck.simulator.options import AuthMode, Scenario
from updeck.simulator.serving import Simulator

AAA = "/api/mgmt.aaa/2.0/token"
LOGIN = "/api/common/1.0/login"
OAUTH = "/api/common/1.0/oauth/token"


def source_of(fleet: Simulator, *, oauth: bool = False) -> BookedSource:
    code = fleet.oauth_code if oauth else None
    return BookedSource(fleet.password, username=fleet.username, oauth_code=code)


def paths(fleet: Simulator, name: str) -> list[str]:
    requests = fleet.truth(name)["requests"]
    assert isinstance(requests, list)
    return [f"{one['method']} {one['path']}" for one in requests]


def trust(fleet: Simulator, name: str) -> Tls:
    return Tls("pin", None, fleet.fingerprint(name))


@pytest.mark.parametrize(
    ("offered", "forced", "login"),
    [
        (AuthMode.ANY, "auto", f"POST {AAA}"),
        (AuthMode.COOKIE, "auto", f"POST {LOGIN}"),
        (AuthMode.OAUTH, "auto", f"POST {OAUTH}"),
        (AuthMode.BASIC, "auto", None),
        (AuthMode.TOKEN, "auto", f"POST {AAA}"),
        (AuthMode.ANY, "token", f"POST {AAA}"),
        (AuthMode.ANY, "cookie", f"POST {LOGIN}"),
        (AuthMode.ANY, "oauth", f"POST {OAUTH}"),
        (AuthMode.ANY, "basic", None),
    ],
)
async def test_a_device_is_logged_in_to_once_in_the_best_way_it_offers_or_the_one_that_is_forced(
    simulator: StartSimulator, offered: AuthMode, forced: AuthMethod, login: str | None
) -> None:
    fleet = await simulator(devices=1, auth=offered)
    name = fleet.names[0]
    source = source_of(fleet, oauth=True)
    async with client_of(fleet.url(name), source=source, tls=trust(fleet, name), auth=forced) as client:
        for _ in range(3):
            assert (await client.update()).state == "IDLE"
            await client.images()
            assert await client.info()
    posts = [path for path in paths(fleet, name) if path.startswith("POST")]
    assert posts == ([] if login is None else [login])
    assert source.book == ["entered", "accepted", "left"]


async def test_oauth_is_passed_over_without_a_code() -> None:
    methods = reply(200, {"supported_methods": ["OAUTH2.0", "Basic"]})
    async with rogue(but("/auth_info", methods)) as device, client_of(device.url, auth="auto") as client:
        await client.update()
        assert device.asked[-1].headers["authorization"].startswith("Basic ")


async def test_a_device_without_auth_info_takes_basic() -> None:
    async with rogue() as device, client_of(device.url, auth="auto") as client:
        await client.update()
        pair = base64.b64decode(device.asked[-1].headers["authorization"].removeprefix("Basic ")).decode()
        assert pair == f"admin:{PASSWORD}"


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ("auto", "no way to log in that is known here \\(KERBEROS\\)"),
        ("token", "offers no mgmt.aaa 2.0 or 1.0"),
        ("oauth", "names no oauth_code"),
    ],
)
async def test_a_way_that_cannot_be_gone_is_said(auth: AuthMethod, says: str) -> None:
    methods = reply(200, {"supported_methods": ["KERBEROS"]})
    async with rogue(but("/auth_info", methods)) as device, client_of(device.url, auth=auth) as client:
        with pytest.raises(AuthError, match=says):
            await client.update()


def appliance(*aaa: str, answer: bytes | Handler = b"") -> Handler:
    """An appliance that offers these versions of mgmt.aaa, and answers its token calls so."""
    services = reply(200, [*SERVICES, {"id": "mgmt.aaa", "versions": list(aaa)}])

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await but("/services", services)(asked, writer) if not asked.path.endswith("/token") else (
            await but("/token", answer)(asked, writer)
        )

    return handle


@pytest.mark.parametrize(("offered", "taken"), [(("1.0", "2.0"), "2.0"), (("1.0",), "1.0"), (("2.0",), "2.0")])
async def test_the_newest_known_token_service_is_taken(offered: tuple[str, ...], taken: str) -> None:
    grant = reply(201, {"access_token": "a.b.c"})
    async with rogue(appliance(*offered, answer=grant)) as device, client_of(device.url, auth="auto") as client:
        await client.update()
        (login,) = device.sent("POST", "/token")
        assert login.path == f"/api/mgmt.aaa/{taken}/token"
        assert login.headers["content-type"] == "application/json"
        assert json.loads(login.body) == {
            "user_credentials": {"username": "admin", "password": PASSWORD},
            "generate_refresh_token": True,
        }
        assert device.asked[-1].headers["authorization"] == "Bearer a.b.c"


async def test_a_cookie_is_sent_back_and_the_password_is_not() -> None:
    methods = reply(200, {"supported_methods": ["COOKIE", "BASIC"]})
    login = reply(200, {}, {"Set-Cookie": "SESSID=abc; Path=/; HttpOnly"})

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await but("/auth_info", methods)(asked, writer) if asked.path != LOGIN else writer.write(login)

    async with rogue(handle) as device, client_of(device.url, auth="auto") as client:
        await client.update()
        assert device.asked[-1].headers["cookie"] == "SESSID=abc"
        assert "authorization" not in device.asked[-1].headers


@pytest.mark.parametrize(("token", "scheme"), [("a.b.c", "SignedBearer"), ("abc", "Bearer"), ("a.b", "Bearer")])
async def test_an_oauth_login_proves_itself_by_its_state(token: str, scheme: str) -> None:
    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        writer.write(reply(200, {"access_token": token, "state": form["state"]}))

    source = BookedSource(oauth_code="c0de/+=")
    async with rogue(but("/oauth/token", handle)) as device:
        async with client_of(device.url, source=source, auth="oauth") as client:
            await client.update()
        (login,) = device.sent("POST", "/oauth/token")
        form = {name: values[0] for name, values in parse_qs(login.body.decode()).items()}
        assert form["grant_type"] == "access_code"
        assert form["assertion"] == "eyJhbGciOiJub25lIn0.c0de/+=."
        assert device.asked[-1].headers["authorization"] == f"{scheme} {token}"


async def test_an_oauth_answer_with_another_state_is_not_taken() -> None:
    answer = reply(200, {"access_token": "a.b.c", "state": "other"})
    source = BookedSource(oauth_code="code")
    async with rogue(but("/oauth/token", answer)) as device:
        async with client_of(device.url, source=source, auth="oauth") as client:
            with pytest.raises(AuthError, match="another state came back"):
                await client.update()
        assert source.book == ["entered", "left"]
        assert device.sent("GET", "/update") == []


WAYS: list[tuple[AuthMethod, str]] = [
    ("token", "/token"),
    ("cookie", "/login"),
    ("oauth", "/oauth/token"),
    ("basic", "/update"),
]


async def failing(
    auth: AuthMethod, path: str, answer: bytes | Handler
) -> tuple[AuthError | UpdeckError, BookedSource, Rogue]:
    """Return what two reads end in when the login is answered so; the second one's error."""
    source = BookedSource(oauth_code="c0de")
    services = reply(200, [*SERVICES, {"id": "mgmt.aaa", "versions": ["2.0"]}])

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (but(path, answer) if asked.path.endswith(path) else but("/services", services))(asked, writer)

    async with rogue(handle) as device, client_of(device.url, source=source, auth=auth, clock=HandClock()) as client:
        error: UpdeckError | None = None
        for _ in range(2):
            with pytest.raises(UpdeckError) as caught:
                await client.update()
            error = error or caught.value
        assert error is not None
        return error, source, device


@pytest.mark.parametrize(("auth", "path"), WAYS)
async def test_a_rejected_password_is_sent_once_and_never_again(auth: AuthMethod, path: str) -> None:
    error, source, device = await failing(auth, path, fault(401, "AUTH_INVALID_CREDENTIALS", f"No {PASSWORD} c0de"))
    assert isinstance(error, AuthError)
    assert error.rejected
    assert error.message == "No ••• •••"
    assert len([one for one in device.asked if one.path.endswith(path)]) == 1
    assert source.book == ["entered", "rejected: No ••• •••", "left"]


@pytest.mark.parametrize(("auth", "path"), WAYS)
@pytest.mark.parametrize(
    ("error_id", "advice"),
    [
        ("AUTH_EXPIRED_PASSWORD", "set a new password on the device"),
        ("AUTH_DISABLED_ACCOUNT", "enable the account"),
        ("AUTH_FORBIDDEN", "give the account the right"),
    ],
)
async def test_an_account_that_may_not_is_said_with_advice_and_rejects_no_password(
    auth: AuthMethod, path: str, error_id: str, advice: str
) -> None:
    error, source, _ = await failing(auth, path, fault(403, error_id, "Sorry"))
    assert isinstance(error, AuthError)
    assert not error.rejected
    assert str(error).startswith(f"ar11: Sorry; {advice}")
    assert not any("rejected" in line for line in source.book)


@pytest.mark.parametrize(("auth", "path"), WAYS)
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (fault(500), Unreachable),
        (reply(503, "<html/>"), Unreachable),
        (reset, Unreachable),
        (reply(200, "<html/>"), Unreachable),
    ],
)
async def test_a_login_that_nobody_answered_rejects_no_password(
    auth: AuthMethod, path: str, answer: bytes | Handler, kind: type[UpdeckError]
) -> None:
    error, source, _ = await failing(auth, path, answer)
    assert isinstance(error, kind)
    assert not any("rejected" in line or "accepted" in line for line in source.book)


@pytest.mark.parametrize("answer", [reply(201, {"access_token": "x\r\nEvil: 1"}), reply(201, {}), reply(201, b"{")])
async def test_a_token_that_cannot_be_one_is_garbled(answer: bytes) -> None:
    error, source, _ = await failing("token", "/token", answer)
    assert isinstance(error, Garbled)
    assert "accepted" not in source.book


async def test_a_login_without_a_cookie_is_said() -> None:
    error, _, _ = await failing("cookie", "/login", reply(200, {}))
    assert "set no session cookie" in str(error)


async def test_a_login_that_meets_a_dying_connection_is_not_sent_again() -> None:
    source = BookedSource()
    async with rogue(but("/login", reset)) as device, client_of(device.url, source=source, auth="cookie") as client:
        with pytest.raises(Unreachable):
            await client.update()
        assert len(device.sent("POST", "/login")) == 1


async def test_another_password_is_tried_after_a_rejection_and_a_person_may_lift_it() -> None:
    wanted = "right"

    async def check(asked: Asked, writer: asyncio.StreamWriter) -> None:
        pair = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
        writer.write(reply(200, UPDATE) if pair == f"admin:{wanted}" else fault(401, "AUTH_INVALID_CREDENTIALS"))

    clock = HandClock()
    async with rogue(but("/update", check)) as device:
        source = BookedSource("wrong")
        async with client_of(device.url, source=source, clock=clock) as client:
            for _ in range(3):
                with pytest.raises(AuthError):
                    await client.update()
            assert len(device.sent("GET", "/update")) == 1
            source.current = BookedSource(wanted).current
            assert (await client.update()).state == "IDLE"
        source = BookedSource("now right")
        async with client_of(device.url, source=source, clock=clock) as client:
            with pytest.raises(AuthError):
                await client.update()
            wanted = "now right"
            client.release_logins()
            assert (await client.update()).state == "IDLE"


async def test_a_dead_device_takes_no_turn() -> None:
    source = BookedSource()
    async with rogue(but("/services", reply(503))) as device, client_of(device.url, source=source) as client:
        with pytest.raises(Unreachable):
            await client.update()
    async with client_of(device.url, source=source) as client:
        with pytest.raises(Unreachable):
            await client.update()
    assert source.book == []


class Sessions:
    """An appliance with Basic whose sessions end whenever a test says so."""

    def __init__(self) -> None:
        self.refuse = 0
        self.logins = 0

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path.endswith("/update"):
            self.logins += 1
        if asked.path.endswith("/images") and self.refuse:
            self.refuse -= 1
            writer.write(fault(401, "AUTH_EXPIRED_TOKEN", "Over"))
            return
        await usual(asked, writer)


async def test_a_session_that_ended_is_replaced_once_and_the_read_repeated() -> None:
    sessions = Sessions()
    async with rogue(sessions) as device, client_of(device.url, clock=HandClock()) as client:
        await client.images()
        sessions.refuse = 1
        assert await client.images()
        assert sessions.logins == 2
        assert len(device.sent("GET", "/images")) == 3


async def test_a_session_that_one_read_replaced_stays_when_another_hears_late_that_the_old_one_ended() -> None:
    sessions, replaced = Sessions(), asyncio.Event()

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        number = len(device.sent("GET", "/images"))
        if asked.path.endswith("/images") and number == 2:
            await replaced.wait()
        elif asked.path.endswith("/images") and number == 4:
            replaced.set()
        if asked.path.endswith("/images") and number in (2, 3):
            writer.write(fault(401, "AUTH_EXPIRED_TOKEN", "Over"))
        else:
            await sessions(asked, writer)

    async with rogue(handle) as device, client_of(device.url, clock=HandClock()) as client:
        await client.images()
        assert all(await asyncio.gather(client.images(), client.images()))
        assert len(device.sent("GET", "/images")) == 5
        assert sessions.logins == 2


async def test_logins_again_are_spaced_and_after_five_of_them_held_until_a_person_says_so() -> None:
    sessions, clock = Sessions(), HandClock()
    async with rogue(sessions) as device, client_of(device.url, clock=clock) as client:
        await client.images()
        sessions.refuse = 1
        for again in range(1, 6):
            await client.images()
            assert sessions.logins == 1 + again
            sessions.refuse = 1
            clock.now += 29
            with pytest.raises(AuthError, match="the next login is due in 1 s" if again < 5 else "on hold"):
                await client.images()
            assert sessions.logins == 1 + again
            clock.now += 2
        with pytest.raises(AuthError, match="5 times within 10 minutes; logins are on hold"):
            await client.images()
        clock.now += 100_000
        with pytest.raises(AuthError, match="on hold"):
            await client.images()
        assert sessions.logins == 6
        client.release_logins()
        assert await client.images()
        assert sessions.logins == 7


async def test_five_logins_in_a_longer_time_hold_nothing() -> None:
    sessions, clock = Sessions(), HandClock()
    async with rogue(sessions) as device, client_of(device.url, clock=clock) as client:
        for _ in range(12):
            sessions.refuse = 1
            await client.images()
            clock.now += 151


async def test_a_device_that_refuses_each_new_session_is_not_hammered() -> None:
    sessions = Sessions()
    async with rogue(sessions) as device, client_of(device.url, clock=HandClock()) as client:
        sessions.refuse = 1000
        for _ in range(10):
            with pytest.raises(AuthError):
                await client.images()
        assert sessions.logins == 2


class Tokens:
    """An appliance with mgmt.aaa whose tokens last as long as a test says; its clock is far off."""

    def __init__(self, clock: HandClock, *, life_s: float, renews: bool = True) -> None:
        self.clock = clock
        self.life_s = life_s
        self.renews = renews
        self.granted: list[str] = []

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path.endswith("/services"):
            writer.write(reply(200, [*SERVICES, {"id": "mgmt.aaa", "versions": ["2.0"]}]))
        elif asked.path.endswith("/token"):
            renewal = "refresh_token" in json.loads(asked.body)
            if renewal and not self.renews:
                writer.write(fault(401, "AUTH_INVALID_TOKEN", "No more"))
                return
            self.granted.append("renewed" if renewal else "logged in")
            expires_at = 1_000_000_000 + self.clock.now + self.life_s
            body = {"access_token": f"t{len(self.granted)}", "expires_at": expires_at, "refresh_token": "r"}
            writer.write(reply(201, body, {"Date": formatdate(1_000_000_000 + self.clock.now, usegmt=True)}))
        else:
            await usual(asked, writer)


async def test_a_token_is_renewed_before_it_ends_by_the_devices_own_clock() -> None:
    clock = HandClock()
    tokens = Tokens(clock, life_s=600)
    async with rogue(tokens) as device, client_of(device.url, auth="token", clock=clock) as client:
        await client.update()
        clock.now = 539
        await client.update()
        assert tokens.granted == ["logged in"]
        clock.now = 541
        await client.update()
        assert tokens.granted == ["logged in", "renewed"]
        assert device.asked[-1].headers["authorization"] == "Bearer t2"


async def test_a_token_that_is_not_renewed_is_used_to_its_end_and_then_replaced() -> None:
    clock = HandClock()
    tokens = Tokens(clock, life_s=600, renews=False)
    async with rogue(tokens) as device, client_of(device.url, auth="token", clock=clock) as client:
        await client.update()
        clock.now = 560
        await client.update()
        assert tokens.granted == ["logged in"]
        clock.now = 601
        await client.update()
        assert tokens.granted == ["logged in", "logged in"]
        assert device.asked[-1].headers["authorization"] == "Bearer t2"


@pytest.mark.parametrize("renews", [True, False])
async def test_a_token_that_would_end_during_an_upload_is_replaced_before_it(renews: bool) -> None:
    clock = HandClock()
    tokens = Tokens(clock, life_s=600, renews=renews)
    async with rogue(tokens) as device, client_of(device.url, auth="token", clock=clock) as client:
        await client.update()
        await client.prepare_upload(lasting_s=300)
        assert len(tokens.granted) == 1
        await client.prepare_upload(lasting_s=900)
        assert tokens.granted == ["logged in", "renewed" if renews else "logged in"]


async def test_a_token_of_which_no_end_is_known_is_used_until_the_device_ends_it(simulator: StartSimulator) -> None:
    fleet = await simulator(devices=1, auth=AuthMode.TOKEN, virtual=True, token_life_s=100)
    name = fleet.names[0]
    source = source_of(fleet)
    async with client_of(fleet.url(name), source=source, tls=trust(fleet, name), auth="auto") as client:
        await client.update()
        await fleet.advance(101)
        assert (await client.update()).state == "IDLE"
    assert paths(fleet, name).count(f"POST {AAA}") == 2


async def test_concurrent_reads_share_one_login() -> None:
    source = BookedSource()
    async with rogue() as device, client_of(device.url, source=source) as client:
        await asyncio.gather(*(client.images() for _ in range(5)), client.start(Permit()))
    assert source.book == ["entered", "accepted", "left"]


async def test_a_wrong_password_reaches_a_real_device_once(simulator: StartSimulator) -> None:
    for auth in AuthMode:
        fleet = await simulator(devices=1, auth=auth)
        name = fleet.names[0]
        source = BookedSource("wrong", username=fleet.username, oauth_code="wrong")
        async with client_of(fleet.url(name), source=source, tls=trust(fleet, name), auth="auto") as client:
            for _ in range(3):
                with pytest.raises(AuthError):
                    await client.update()
        assert fleet.truth(name)["logins"] == 1


async def test_an_expired_password_is_said_as_the_device_says_it_and_sent_once_until_a_person_says_so(
    simulator: StartSimulator,
) -> None:
    fleet = await simulator(devices=12, scenario=Scenario.MIXED)
    name = fleet.with_trait("password_expired")
    async with client_of(fleet.url(name), source=source_of(fleet), tls=Tls("insecure"), auth="auto") as client:
        for expected in (1, 1, 2):
            if expected == 2:
                client.release_logins()
            with pytest.raises(AuthError, match="set a new password on the device") as caught:
                await client.update()
            assert not caught.value.rejected
            assert fleet.truth(name)["logins"] == expected
