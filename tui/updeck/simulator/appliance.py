"""A simulated device on the network: its listener, its certificate, its HTTP face."""

from __future__ import annotations

import socket
import ssl

from updeck.simulator.certificates import Certificate, make_certificate
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.face import DeviceFace
from updeck.simulator.fetching import Fetcher
from updeck.simulator.listener import Door, Listener
from updeck.simulator.options import HOST
from updeck.simulator.timeline import Timeline

__all__ = ["Appliance"]

READ_BUFFER = 1 << 18
KEEPALIVE_S = 300.0


class Appliance:
    """A device with its own port; `certificate` is None for plain http. `bound` is its port's socket."""

    def __init__(
        self,
        device: SimulatedDevice,
        *,
        bound: socket.socket,
        certificate: Certificate | None,
        timeline: Timeline,
        fetcher: Fetcher,
    ) -> None:
        self.device = device
        self._certificate = certificate
        self._face = DeviceFace(device, timeline=timeline, fetcher=fetcher, secure=certificate is not None)
        server = Door(self._face.handle, keepalive_timeout=KEEPALIVE_S, read_bufsize=READ_BUFFER)
        self.listener = Listener(bound, server, self._context)
        device.on_link = self._follow
        device.on_new_certificate = self._renew_certificate

    @property
    def url(self) -> str:
        """The device's address."""
        scheme = "http" if self._certificate is None else "https"
        return f"{scheme}://{HOST}:{self.listener.port}"

    @property
    def fingerprint(self) -> str | None:
        """The fingerprint of the certificate that the device has now."""
        return None if self._certificate is None else self._certificate.fingerprint()

    async def close(self) -> None:
        """Go off the network for good."""
        self.device.on_link = lambda: None
        self.listener.want(up=False)
        await self._face.end()
        await self.listener.end()

    def _follow(self) -> None:
        self.listener.want(up=self.device.reachable, broken=self.device.tls_broken)

    def _context(self) -> ssl.SSLContext | None:
        return None if self._certificate is None else self._certificate.context()

    def _renew_certificate(self, *, expired: bool, at_once: bool) -> None:
        if self._certificate is None:
            return
        self._certificate = make_certificate(self.device.name, expired=expired)
        if at_once:
            self.listener.reopen()
