"""From a call to an answer over httpx: which transport, which trust, which limits. The only door to the network.

`trust_env` and its kin play no part: the transports are spoken to directly, so proxies, .netrc and
certificates of the environment are never looked at (`security.md`, environment).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from contextlib import suppress

import httpx

from updeck.device.echoes import Echoes
from updeck.device.endpoint import Endpoint
from updeck.device.exchange import CONNECT_S, READ_S, TLS_S, Answer, Call, Departure
from updeck.device.guard import AsyncGuardedTransport, Guard, departure_of, extensions
from updeck.device.lean_transport import LeanTransport
from updeck.device.reasons import causes, explain
from updeck.device.tls import PresentedError, context_for, handshakes_for, present
from updeck.device.trust import Tls
from updeck.errors import ConfigError, DeviceError, TrustError, Unreachable
from updeck.text import clean

__all__ = ["AGENT", "Wire", "departs", "handshake", "proxy_of"]

AGENT = "updeck"

for _name in ("httpx", "httpcore"):  # at DEBUG they would log header fields, session cookies among them
    logging.getLogger(_name).setLevel(logging.WARNING)


_NOTHING = httpx.ByteStream(b"")


class Wire:
    """The asynchronous way to one device; opens nothing before the first call.

    What comes back of the secrets in `echoes` is masked here, before anybody reads it.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.echoes = Echoes()
        self._endpoint = endpoint
        self._guard = Guard(read_only=endpoint.read_only)
        self._transport = AsyncGuardedTransport(self._guard, self._open)
        self._urls: dict[str, httpx.URL] = {}
        self._said: tuple[Mapping[str, str], httpx.Headers] | None = None

    def check_call(self, method: str, path: str) -> None:
        """Raise ReadOnly where such a call may not be sent."""
        self._guard.check_call(method, path)

    async def exchange(self, call: Call) -> Answer:
        """Send a call and return the whole answer; raises errors of ours where there is none.

        The call's departure tells afterwards whether a byte of it had left.
        """
        request = self._request(call)
        try:
            with self.echoes.in_errors():
                return self.echoes.masked(await self._transport.exchange(request))
        except TrustError as error:
            distrust = error
        raise await self._with_certificate(distrust)

    async def close(self) -> None:
        """Close the idle connection."""
        await self._transport.aclose()

    def _request(self, call: Call) -> httpx.Request:
        """Return a call as a request; a GET takes the header of the last one, where it proves the same login."""
        terms = extensions(
            call.departure,
            total_s=call.total_s,
            read_s=READ_S if call.method == "GET" else call.total_s,
            connect_s=TLS_S if self._endpoint.proxy else CONNECT_S,
        )
        url = self._url(call.path)
        said = self._said
        if said is not None and call.method == "GET" and not call.body and said[0] == call.headers:
            return httpx.Request("GET", url, headers=said[1], stream=_NOTHING, extensions=terms)
        own = {"User-Agent": AGENT, "Accept": "application/json", "Accept-Encoding": "identity"}
        request = httpx.Request(call.method, url, headers={**own, **call.headers}, content=call.body, extensions=terms)
        if call.method == "GET" and not call.body:
            self._said = (call.headers, request.headers)
        return request

    def _url(self, path: str) -> httpx.URL:
        found = self._urls.get(path)
        if found is None:
            found = self._urls[path] = httpx.URL(self._endpoint.url.rstrip("/") + path)
        return found

    def _open(self) -> httpx.AsyncBaseTransport:
        tls, proxy = self._endpoint.tls, self._endpoint.proxy
        if not self._endpoint.encrypted:
            return _open_transport(None, proxy)
        return LeanTransport(handshakes_for(tls)) if proxy is None else _open_transport(context_for(tls), proxy)

    async def _with_certificate(self, error: TrustError) -> TrustError:
        """Return the error with the certificate that was presented; OpenSSL does not tell it after a failure."""
        if error.presented is None:
            with suppress(DeviceError):
                certificate = await present(self._endpoint.url, proxy=self._endpoint.proxy, total_s=CONNECT_S + TLS_S)
                error.presented = certificate.fingerprint
        return error


async def handshake(url: str, context: ssl.SSLContext, *, proxy: str | None, total_s: float) -> bytes:
    """Return the DER bytes of the certificate presented at `url`, with a context that lets no handshake succeed."""
    transport = _open_transport(context, proxy)
    terms = extensions(Departure(), total_s=total_s, read_s=READ_S, connect_s=TLS_S)
    try:
        async with asyncio.timeout(total_s):
            await transport.handle_async_request(httpx.Request("GET", url, extensions=terms))
    except (httpx.HTTPError, OSError) as error:
        for cause in causes(error):
            if isinstance(cause, PresentedError) and cause.der:
                return cause.der
        raise explain(error) from error
    finally:
        await transport.aclose()
    raise Unreachable("it presents no certificate")


def proxy_of(url: str) -> httpx.Proxy:
    """Return the proxy that the inventory names; raises ConfigError where httpx cannot use it."""
    try:
        return httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL) as error:
        raise ConfigError(f"the proxy cannot be used: {clean(error)}") from error


def departs(event: str, info: Mapping[str, object]) -> bool:
    """Whether this trace event of httpcore is the first byte of the request itself, not of a proxy's CONNECT."""
    method = getattr(info.get("request"), "method", b"")
    return event.endswith("send_request_headers.started") and method != b"CONNECT"


class _ProxiedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, for what goes through a proxy; tells the departure as ours does."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        departure = departure_of(request)

        async def trace(event: str, info: Mapping[str, object]) -> None:
            if departs(event, info):
                departure.leave()

        request.extensions = {**request.extensions, "trace": trace}
        return await super().handle_async_request(request)


def _open_transport(context: ssl.SSLContext | None, proxy: str | None) -> httpx.AsyncBaseTransport:
    if proxy is None:
        return LeanTransport(context)
    return _ProxiedTransport(
        verify=context or context_for(Tls("insecure")), proxy=proxy_of(proxy), trust_env=False, retries=0
    )
