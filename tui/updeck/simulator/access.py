"""Who may in: passwords, sessions and tokens of a simulated device, in all the ways of `protocol.md` 3."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from updeck.simulator.options import AuthMode
from updeck.simulator.refusal import Refusal, bad_input, not_found
from updeck.simulator.timeline import Timeline

__all__ = ["COOKIE", "Access", "Credentials"]

COOKIE = "mgmt_session"
"""Name of the session cookie."""

REFRESH_LIFE_S = 86_400.0
GRANTS_MOST = 200


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a device accepts: a user with a password, and an access code for OAuth."""

    username: str
    password: str
    oauth_code: str


@dataclass(frozen=True, slots=True)
class _Grant:
    scheme: str
    expires_at: float


class Access:
    """The door of one device. Counts every login that was tried; a wrong Basic password is one."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        mode: AuthMode,
        timeline: Timeline,
        token_life_s: float,
        expired_password: bool = False,
    ) -> None:
        self.logins = 0
        self.rejected_logins = 0
        self._credentials = credentials
        self._mode = mode
        self._timeline = timeline
        self._life_s = token_life_s
        self._expired_password = expired_password
        self._grants: dict[str, _Grant] = {}

    def offers(self, mode: AuthMode) -> bool:
        """Whether this way to log in is offered."""
        return self._mode in (AuthMode.ANY, mode)

    def methods(self) -> list[str]:
        """Return the `supported_methods` of auth_info; OAuth in both spellings that clients look for."""
        methods: list[str] = []
        if self.offers(AuthMode.BASIC):
            methods.append("BASIC")
        if self.offers(AuthMode.COOKIE):
            methods.append("COOKIE")
        if self.offers(AuthMode.OAUTH):
            methods += ["OAUTH2.0", "OAUTH_2_0"]
        return methods

    def log_in(self, username: object, password: object) -> str:
        """Return a new session; raises `Refusal`."""
        self._require(AuthMode.COOKIE)
        self._check_password(username, password)
        return self._grant("Cookie")

    def log_out(self, session: str | None) -> None:
        """End a session."""
        if session is not None:
            self._grants.pop(session, None)

    def issue_token(self, asked: Mapping[str, object], *, device_offset_s: float) -> dict[str, object]:
        """Return the answer of mgmt.aaa to credentials or a refresh token; `expires_at` by the device's clock."""
        self._require(AuthMode.TOKEN)
        credentials = asked.get("user_credentials")
        answer: dict[str, object] = {}
        if isinstance(credentials, Mapping):
            self._check_password(credentials.get("username"), credentials.get("password"))
            if asked.get("generate_refresh_token") is True:
                answer["refresh_token"] = self._grant("Refresh", REFRESH_LIFE_S)
        elif isinstance(asked.get("refresh_token"), str):
            self._check_grant("Refresh", str(asked["refresh_token"]))
        else:
            raise bad_input("user_credentials or refresh_token is needed")
        answer["access_token"] = self._grant("Bearer", signed=True)
        answer["expires_at"] = int(self._timeline.wall() + device_offset_s + self._life_s)
        return answer

    def exchange_code(self, form: Mapping[str, str]) -> dict[str, object]:
        """Return the answer of oauth/token to an access code; raises `Refusal`."""
        self._require(AuthMode.OAUTH)
        if form.get("grant_type") != "access_code":
            raise bad_input("grant_type must be access_code")
        head, _, rest = form.get("assertion", "").partition(".")
        code, _, tail = rest.rpartition(".")
        if tail or _json_of(head) != {"alg": "none"}:
            raise bad_input("assertion is not <header>.<code>.")
        self._count(accepted=_equal(code, self._credentials.oauth_code))
        return {"access_token": self._grant("SignedBearer", signed=True), "state": form.get("state", "")}

    def check(self, authorization: str | None, session: str | None) -> None:
        """Let a request pass, or raise `Refusal` with the error id that says why not."""
        if authorization is not None:
            scheme, _, value = authorization.strip().partition(" ")
            if scheme == "Basic" and self.offers(AuthMode.BASIC):
                self._check_basic(value.strip())
                return
            if scheme in ("Bearer", "SignedBearer"):
                self._check_grant(scheme, value.strip())
                return
        elif session is not None:
            self._check_grant("Cookie", session)
            return
        raise Refusal(401, "AUTH_REQUIRED", "Authentication required")

    def forget(self) -> None:
        """End every session and token, as a restart does."""
        self._grants.clear()

    def _require(self, mode: AuthMode) -> None:
        if not self.offers(mode):
            raise not_found("Not offered by this device")

    def _check_password(self, username: object, password: object) -> None:
        if not isinstance(username, str) or not isinstance(password, str):
            raise bad_input("username and password are needed")
        wanted = self._credentials
        self._count(accepted=_equal(f"{username}\0{password}", f"{wanted.username}\0{wanted.password}"))

    def _count(self, *, accepted: bool) -> None:
        self.logins += 1
        if accepted and not self._expired_password:
            return
        self.rejected_logins += 1
        if accepted:
            raise Refusal(403, "AUTH_EXPIRED_PASSWORD", "Password has expired and must be changed")
        raise Refusal(401, "AUTH_INVALID_CREDENTIALS", "Invalid user name or password")

    def _check_basic(self, value: str) -> None:
        try:
            username, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Refusal(401, "AUTH_INVALID_CREDENTIALS", "Malformed Basic credentials") from None
        logins = self.logins
        self._check_password(username, password if colon else None)
        self.logins = logins  # a right password that comes with every request is no login

    def _grant(self, scheme: str, life_s: float | None = None, *, signed: bool = False) -> str:
        now = self._timeline.wall()
        if len(self._grants) >= GRANTS_MOST:
            self._grants.pop(next(iter(self._grants)))
        token = secrets.token_urlsafe(24)
        if signed:
            token = f"{secrets.token_urlsafe(9)}.{token}.{secrets.token_urlsafe(9)}"
        self._grants[token] = _Grant(scheme, now + (self._life_s if life_s is None else life_s))
        return token

    def _check_grant(self, scheme: str, token: str) -> None:
        grant = self._grants.get(token)
        if grant is None or grant.scheme != scheme:
            error_id = "AUTH_INVALID_SESSION" if scheme == "Cookie" else "AUTH_INVALID_TOKEN"
            raise Refusal(401, error_id, "Session or token is not known")
        if grant.expires_at <= self._timeline.wall():
            error_id = "AUTH_INVALID_SESSION" if scheme == "Cookie" else "AUTH_EXPIRED_TOKEN"
            raise Refusal(401, error_id, "Session or token has expired")


def _equal(given: str, wanted: str) -> bool:
    return secrets.compare_digest(given.encode(errors="surrogatepass"), wanted.encode())


def _json_of(encoded: str) -> object:
    """Return the JSON in a base64url text, with or without its padding; None where there is none."""
    try:
        return json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        return None
