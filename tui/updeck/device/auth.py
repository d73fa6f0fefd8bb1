"""Logging in: the four ways of `protocol.md` 3, and the session they give.

`auto` takes mgmt.aaa, then a cookie, then OAuth where a code is configured, then Basic. A login is sent once, in a
turn of the credential's source, and a password once rejected is not sent again (`security.md`, lock-out); nor is one
to a device that bars its account, until a person says so.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from updeck.clock import Clock
from updeck.device import parse, parse_login
from updeck.device.credentials import Credential, CredentialSource
from updeck.device.endpoint import Endpoint
from updeck.device.exchange import Answer, Call, Departure
from updeck.device.login_limits import LoginLimits
from updeck.device.paths import AUTH_INFO, LOGIN, OAUTH_TOKEN, SERVICES, UPDATE, token_path
from updeck.device.reply import auth_error, read_error, told
from updeck.errors import AccountBarred, AuthError, Unreachable, Unsupported

if TYPE_CHECKING:
    from updeck.device.wire import Wire

__all__ = ["Authenticator", "Session"]

_SERVICE, _SERVICE_VERSION = "npm.system_update", "2.0"
_AAA, _AAA_VERSIONS = "mgmt.aaa", ("2.0", "1.0")
_RENEW_AHEAD_S = 60.0
_SCHEMES = ("Bearer", "SignedBearer", "Basic")
_SECRET_LEAST = 8
"""The shortest text in a session that proves anything, in characters."""


@dataclass(frozen=True, slots=True)
class Session:
    """A login that holds: the header fields that prove it. `ends_at` is monotonic, None where no end is known."""

    headers: Mapping[str, str] = field(repr=False)
    ends_at: float | None = None
    renew_at: float | None = None
    refresh_token: str | None = field(default=None, repr=False)
    token_path: str | None = None

    def secrets(self) -> Iterator[str]:
        """Yield what must not be told: what stands in the header fields, and the refresh token; no flag of a cookie.

        A token is told without the word before it, which is no secret: it would be kept twice for each device.
        """
        for value in (*self.headers.values(), self.refresh_token or ""):
            scheme, _, last = value.rpartition(" ")
            whole = "" if scheme in _SCHEMES and len(last) >= _SECRET_LEAST else value
            parts = (whole, last, *(part.partition("=")[2] for part in value.split("; ")))
            yield from (part for part in parts if len(part) >= _SECRET_LEAST)


class Authenticator:
    """Gives the client of one device its session: logs in when there is none, renews it before it ends."""

    def __init__(self, endpoint: Endpoint, wire: Wire, source: CredentialSource, clock: Clock) -> None:
        self._endpoint = endpoint
        self._wire = wire
        self._source = source
        self._clock = clock
        self._limits = LoginLimits(clock, spacing_s=endpoint.relogin_s)
        self._lock = asyncio.Lock()
        self._session: Session | None = None
        self._sent: tuple[str | None, ...] = ()
        self._rejected: tuple[Credential, AuthError] | None = None
        self._trying = ""
        self.way = ""
        """Which of the four ways the session came by; "" before the first."""

    async def session(self, *, lasting_s: float = 0.0) -> Session:
        """Return a session that is not known to end within `lasting_s` seconds.

        Raises AuthError, Unsupported, SecretError, and whatever keeps the device from answering.
        """
        async with self._lock:
            session = self._session
            if session is None:
                session = await self._log_in()
            elif self._is_ending(session, lasting_s):
                session = await self._renew(session) or await self._log_in_before_the_end(session, lasting_s)
            if session is not self._session:
                self._wire.echoes.learn(*session.secrets(), *self._sent)  # of both, tokens are replaced more often
                self._session = session
            return session

    def drop(self, session: Session) -> None:
        """Forget a session that the device ended; one made meanwhile stays."""
        if self._session is session:
            self._session = None

    def release(self) -> None:
        """Lift the holds of a rejected password, a barred account and too many logins, because a person said so."""
        self._rejected = None
        self._limits.release()

    def _is_ending(self, session: Session, lasting_s: float) -> bool:
        if session.ends_at is None or session.renew_at is None:
            return False
        now = self._clock.monotonic()
        return now >= session.renew_at or now + lasting_s > session.ends_at

    async def _log_in_before_the_end(self, session: Session, lasting_s: float) -> Session:
        """Replace a session that cannot be renewed: once it ended, or earlier for what would outlast it."""
        alive = session.ends_at is not None and self._clock.monotonic() < session.ends_at
        if alive and not lasting_s:
            return session
        try:
            return await self._log_in()
        except AuthError as error:
            if alive and not error.rejected:
                return session
            raise

    async def _log_in(self) -> Session:
        log_in = await self._way_in()
        credential = await self._source.credential()
        self._sent = (credential.password, credential.oauth_code)
        self._wire.echoes.learn(*self._sent)
        if self._rejected is not None and self._rejected[0] == credential:
            why = self._rejected[1]
            raise AuthError(why.message, advice=why.advice, rejected=why.rejected)
        self._limits.check()
        departure = Departure()
        try:
            async with self._source.turn() as turn:
                try:
                    session = await log_in(credential, departure)
                except AuthError as error:
                    if error.rejected:
                        turn.rejected(error.message)
                    if error.rejected or isinstance(error, AccountBarred):
                        self._rejected = (credential, error)
                    raise
                turn.accepted()
                self.way = self._trying
        finally:
            if departure.left:
                self._limits.note()
        return session

    async def _way_in(self) -> Callable[[Credential, Departure], Awaitable[Session]]:
        """Read what the device offers and return the login to use."""
        offered = parse.services(await self._get(SERVICES))
        _require_service(offered)
        wanted = self._endpoint.auth
        aaa = next((version for version in _AAA_VERSIONS if version in offered.get(_AAA, ())), None)
        if wanted == "token" or (wanted == "auto" and aaa is not None):
            if aaa is None:
                raise AuthError(f"it offers no {_AAA} {' or '.join(_AAA_VERSIONS)} to log in with a token")
            path, self._trying = token_path(aaa), "token"
            return lambda credential, departure: self._by_token(path, credential, departure)
        ways = {"cookie": self._by_cookie, "oauth": self._by_oauth, "basic": self._by_basic}
        self._trying = wanted if wanted != "auto" else await self._best_way()
        return ways[self._trying]

    async def _best_way(self) -> str:
        answer = await self._wire.exchange(Call("GET", AUTH_INFO, self._endpoint.get_total_s))
        if answer.status == 404:
            return "basic"
        error = read_error(answer)
        if error is not None:
            raise error
        methods = parse_login.auth_methods(answer.body)
        if "COOKIE" in methods:
            return "cookie"
        if any(method.startswith("OAUTH") for method in methods) and (await self._source.credential()).oauth_code:
            return "oauth"
        if "BASIC" in methods:
            return "basic"
        raise AuthError(f"it offers no way to log in that is known here ({', '.join(sorted(methods)) or 'none'})")

    async def _by_token(self, path: str, credential: Credential, departure: Departure) -> Session:
        user = {"username": credential.username, "password": credential.password}
        body = {"user_credentials": user, "generate_refresh_token": True}
        answer = await self._post_json(path, body, departure)
        _require_login(answer)
        return self._token_session(path, answer)

    async def _renew(self, session: Session) -> Session | None:
        """Return the session with a fresh token, None where the device does not renew it."""
        if session.refresh_token is None or session.token_path is None:
            return None
        answer = await self._post_json(session.token_path, {"refresh_token": session.refresh_token}, Departure())
        if answer.good:
            return self._token_session(session.token_path, answer, session.refresh_token)
        if 400 <= answer.status < 500:
            return None
        raise Unreachable(f"the token was not renewed: it answers {told(answer)}")

    def _token_session(self, path: str, answer: Answer, old_refresh_token: str | None = None) -> Session:
        grant = parse_login.token(answer.body)
        ends_at = renew_at = None
        if grant.expires_at is not None:
            device_now = answer.device_time()
            lasts_s = grant.expires_at - (self._clock.wall() if device_now is None else device_now)
            if lasts_s > 0:
                ends_at = self._clock.monotonic() + lasts_s
                renew_at = ends_at - min(_RENEW_AHEAD_S, lasts_s / 4)
        return Session(
            {"Authorization": f"Bearer {grant.access_token}"},
            ends_at=ends_at,
            renew_at=renew_at,
            refresh_token=grant.refresh_token or old_refresh_token,
            token_path=path,
        )

    async def _by_cookie(self, credential: Credential, departure: Departure) -> Session:
        body = {"username": credential.username, "password": credential.password}
        answer = await self._post_json(LOGIN, body, departure)
        _require_login(answer)
        cookie = parse_login.cookie_header(answer.set_cookies)
        if cookie is None:
            raise AuthError("it took the login and set no session cookie")
        return Session({"Cookie": cookie})

    async def _by_oauth(self, credential: Credential, departure: Departure) -> Session:
        if not credential.oauth_code:
            raise AuthError("its login is OAuth, and the inventory names no oauth_code")
        state = secrets.token_hex(16)
        header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode("ascii")
        assertion = f"{header}.{credential.oauth_code}."
        form = urlencode({"grant_type": "access_code", "assertion": assertion, "state": state}, quote_via=quote)
        content_type = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._post(OAUTH_TOKEN, content_type, form.encode("ascii"), departure)
        _require_login(answer)
        token, returned = parse_login.oauth_token(answer.body)
        if not secrets.compare_digest(returned, state):
            raise AuthError("it answered the OAuth login of somebody else (another state came back)")
        scheme = "SignedBearer" if token.count(".") == 2 else "Bearer"
        return Session({"Authorization": f"{scheme} {token}"})

    async def _by_basic(self, credential: Credential, departure: Departure) -> Session:
        """Basic has no login of its own: the first GET with the password is it."""
        pair = f"{credential.username}:{credential.password}".encode()
        session = Session({"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"})
        call = Call("GET", UPDATE, self._endpoint.get_total_s, headers=session.headers, departure=departure)
        _require_login(await self._wire.exchange(call))
        return session

    async def _get(self, path: str) -> bytes:
        answer = await self._wire.exchange(Call("GET", path, self._endpoint.get_total_s))
        error = read_error(answer)
        if error is not None:
            raise error
        return answer.body

    async def _post_json(self, path: str, body: Mapping[str, object], departure: Departure) -> Answer:
        content_type = {"Content-Type": "application/json"}  # with a charset some versions answer 415
        return await self._post(path, content_type, json.dumps(body).encode("ascii"), departure)

    async def _post(self, path: str, headers: Mapping[str, str], body: bytes, departure: Departure) -> Answer:
        return await self._wire.exchange(Call("POST", path, self._endpoint.post_total_s, headers, body, departure))


def _require_service(offered: Mapping[str, tuple[str, ...]]) -> None:
    """Raise Unsupported, naming what there is, for a device without npm.system_update 2.0."""
    versions = offered.get(_SERVICE, ())
    if _SERVICE_VERSION in versions:
        return
    if versions:
        raise Unsupported(f"it offers {_SERVICE} {', '.join(versions)}, not {_SERVICE_VERSION}")
    raise Unsupported(f"it offers no {_SERVICE}")


def _require_login(answer: Answer) -> None:
    """Raise what kept a login from being accepted."""
    if answer.good and not answer.html:
        return
    fault = parse.fault(answer.body)
    if answer.status == 401 or (fault is not None and fault.error_id == "AUTH_INVALID_CREDENTIALS"):
        raise auth_error(answer, rejected=True)
    raise read_error(answer) or Unreachable(f"the login was answered {told(answer)}")
