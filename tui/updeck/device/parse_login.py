"""The answers around a login: methods, tokens, cookies (`protocol.md` 3). Secrets stay as they came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from updeck.device.strict_json import Fields, read

__all__ = ["TokenGrant", "auth_methods", "cookie_header", "oauth_token", "token"]


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """A bearer token. `expires_at` is in Unix seconds of the device's clock, None where it is not said."""

    access_token: str = field(repr=False)
    expires_at: float | None = None
    refresh_token: str | None = field(default=None, repr=False)


def auth_methods(data: bytes) -> frozenset[str]:
    """Return the methods of `GET /api/common/1.0/auth_info`, in upper case: BASIC, COOKIE, OAUTH2.0."""
    return frozenset(name.upper() for name in Fields(read(data), "auth_info").texts("supported_methods"))


def token(data: bytes) -> TokenGrant:
    """Return the answer of `POST /api/mgmt.aaa/{version}/token`."""
    fields = Fields(read(data), "token")
    return TokenGrant(
        access_token=fields.secret("access_token"),
        expires_at=fields.any_number("expires_at"),
        refresh_token=fields.optional_secret("refresh_token"),
    )


def oauth_token(data: bytes) -> tuple[str, str]:
    """Return access token and state of `POST /api/common/1.0/oauth/token`."""
    fields = Fields(read(data), "token")
    return fields.secret("access_token"), fields.secret("state")


def cookie_header(set_cookies: Iterable[str]) -> str | None:
    """Return the `Cookie` header that answers these `Set-Cookie` values; None where they set nothing.

    One session speaks to one address only, so the attributes (domain, path, age) decide nothing.
    """
    pairs: dict[str, str] = {}
    for line in set_cookies:
        name, equals, value = line.partition(";")[0].strip().partition("=")
        if equals and name and value and (name + value).isascii() and (name + value).isprintable():
            pairs[name] = value
    return "; ".join(f"{name}={value}" for name, value in pairs.items()) or None
