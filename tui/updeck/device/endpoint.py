"""Where a device is and on which terms it is spoken to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from updeck.device.trust import Tls
from updeck.errors import ConfigError

__all__ = ["AuthMethod", "Endpoint"]

AuthMethod = Literal["auto", "token", "cookie", "basic", "oauth"]

_ORIGIN = re.compile(r"https?://[^/?#@\s\\]+/?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A device as its client needs it. `url` is scheme, host and port only; raises ConfigError for any other.

    `proxy` is an http, socks5 or socks5h URL. `get_total_s` and `post_total_s` are the patience around a
    whole call, `relogin_s` the least time between two renewed logins, in seconds (`rollout.md` 5 and 6).
    """

    name: str
    url: str
    tls: Tls = field(default_factory=Tls)
    proxy: str | None = None
    auth: AuthMethod = "auto"
    read_only: bool = False
    get_total_s: float = 30.0
    post_total_s: float = 60.0
    relogin_s: float = 30.0

    def __post_init__(self) -> None:
        if not _ORIGIN.fullmatch(self.url):
            raise ConfigError("its url is not http(s)://HOST[:PORT]", device=self.name)

    @property
    def encrypted(self) -> bool:
        """Whether the device is spoken to in TLS."""
        return self.url[:6].lower() == "https:"

    @property
    def tls_note(self) -> str:
        """How far the connection can be trusted: verified, pinned, insecure or plain http."""
        if not self.encrypted:
            return "plain http"
        return {"pin": "pinned", "insecure": "insecure"}.get(self.tls.mode, "verified")
