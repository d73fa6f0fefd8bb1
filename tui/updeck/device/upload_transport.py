"""How an upload goes over the network, blocking, on one connection: straight to the device, or through a proxy.

Straight it is a few lines around a socket, because httpx's way costs for each piece as much as curl takes to send it,
and holds the lock that all threads share meanwhile (`design.md` 6). A proxy is spoken to by httpx itself.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping

import httpx

from updeck.device.endpoint import Endpoint
from updeck.device.exchange import READ_S
from updeck.device.guard import departure_of, patience_of
from updeck.device.http1 import Head, read_body, read_head, request_head
from updeck.device.incoming import BlockingIncoming, run_blocking
from updeck.device.tls import context_for
from updeck.device.trust import Tls
from updeck.device.wire import departs, proxy_of

__all__ = ["Pieces", "upload_transport"]


class Pieces(httpx.SyncByteStream):
    """The body of an upload; each of its pieces holds only until the next is asked for."""

    def __init__(self, pieces: Iterator[memoryview]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return map(bytes, self.pieces)


def upload_transport(endpoint: Endpoint, hold: Callable[[socket.socket], None]) -> httpx.BaseTransport:
    """Return what sends one upload to a device; `hold` gets each socket that takes the place of the last."""
    context = context_for(endpoint.tls) if endpoint.encrypted else None
    if endpoint.proxy is None:
        return _StraightTransport(context, hold)
    return _ProxiedTransport(context or context_for(Tls("insecure")), endpoint.proxy, hold)


class _StraightTransport(httpx.BaseTransport):
    """Sends one request over a connection of its own, in plain text where there is no context; never tries again."""

    def __init__(self, context: ssl.SSLContext | None, hold: Callable[[socket.socket], None]) -> None:
        self._context = context
        self._hold = hold

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; the response has to be closed."""
        body = request.stream
        if not isinstance(body, Pieces):
            raise TypeError("an upload is sent in pieces")
        head = request_head(request)
        talk = self._connected(request)
        try:
            talk.settimeout(patience_of(request, "write"))
            departure_of(request).leave()
            if _sent(talk, head):
                for piece in body.pieces:
                    if not _sent(talk, piece):
                        break
            talk.settimeout(patience_of(request, "read"))
            incoming = BlockingIncoming(talk)
            answer = run_blocking(read_head(incoming, READ_S))
        except BaseException:
            talk.close()
            raise
        return httpx.Response(answer.status, headers=answer.fields, stream=_Body(talk, incoming, answer))

    def _connected(self, request: httpx.Request) -> socket.socket:
        """Return a connected socket, with its handshake and the trust check in it over."""
        host, within_s = request.url.raw_host.decode("ascii"), patience_of(request, "connect")
        try:
            raw = socket.create_connection((host, request.url.port or (443 if self._context else 80)), within_s)
        except TimeoutError as error:
            if error.errno is not None:
                raise
            raise httpx.ConnectTimeout(f"no connection within {within_s:g} s") from error
        talk = raw
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._hold(raw)
            if self._context is not None:
                talk = secured = self._context.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
                self._hold(secured)  # before it shakes hands: that too can be broken off
                secured.do_handshake()
        except TimeoutError as error:
            talk.close()
            raise httpx.ConnectTimeout(f"no TLS handshake within {within_s:g} s") from error
        except BaseException:
            talk.close()
            raise
        return talk


def _sent(talk: socket.socket, data: bytes | memoryview) -> bool:
    """Send all of `data`, without a copy of it; False where the other side takes no more, as it may have answered."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[talk.send(rest) :]
    except TimeoutError as error:
        raise httpx.WriteTimeout("it stopped taking bytes") from error
    except OSError:
        return False
    return True


class _Body(httpx.SyncByteStream):
    """The body of an answer; closed it ends the connection."""

    def __init__(self, talk: socket.socket, incoming: BlockingIncoming, head: Head) -> None:
        self._talk = talk
        self._parts = read_body(incoming, head)

    def __iter__(self) -> Iterator[bytes]:
        while True:
            try:
                yield run_blocking(anext(self._parts))
            except StopAsyncIteration:
                return

    def close(self) -> None:
        self._talk.close()


class _ProxiedTransport(httpx.HTTPTransport):
    """httpx's blocking transport, one connection, without retries; tells the departure and shows its sockets."""

    def __init__(self, context: ssl.SSLContext, proxy: str, hold: Callable[[socket.socket], None]) -> None:
        super().__init__(
            verify=context,
            proxy=proxy_of(proxy),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
            trust_env=False,
            retries=0,
        )
        self._hold = hold

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        departure = departure_of(request)

        def trace(event: str, info: Mapping[str, object]) -> None:
            if departs(event, info):
                departure.leave()
            elif event.endswith(("connect_tcp.complete", "start_tls.complete")):
                self._show(info.get("return_value"))

        request.extensions = {**request.extensions, "trace": trace}
        return super().handle_request(request)

    def _show(self, stream: object) -> None:
        """Show the socket of httpcore's network stream, which TLS replaces on the way."""
        get_extra_info = getattr(stream, "get_extra_info", None)
        found = get_extra_info("socket") if callable(get_extra_info) else None
        if isinstance(found, socket.socket):
            self._hold(found)
