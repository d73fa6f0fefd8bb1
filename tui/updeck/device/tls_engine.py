"""TLS as a transformation of bytes, for connections of asyncio.

asyncio's own TLS keeps a buffer of 256 KiB for each connection, which for a thousand devices is more than twice the
memory that the whole program may take (`design.md` 6). This keeps what is on the way and nothing else.
"""

from __future__ import annotations

import ssl

from updeck.device.tls import Handshakes

__all__ = ["TlsEngine"]

_PIECE = 1 << 16


class TlsEngine:
    """The client's side of one TLS connection. Raises ssl.SSLError where the other side breaks its rules."""

    def __init__(self, handshakes: Handshakes, host: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = handshakes.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def shake_hands(self, data: bytes) -> bool:
        """Go on with the handshake; True once it is over and the certificate trusted.

        After an error nothing of `pending` may be sent: the last step of a handshake lies there that must not succeed.
        """
        self._incoming.write(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def decrypt(self, data: bytes) -> tuple[bytes, bool]:
        """Return what `data` says, and whether the other side has ended its talk."""
        self._incoming.write(data)
        parts: list[bytes] = []
        try:
            while part := self._object.read(_PIECE):
                parts.append(part)
        except ssl.SSLWantReadError:
            return b"".join(parts), False
        except ssl.SSLZeroReturnError:
            pass
        return b"".join(parts), True

    def encrypt(self, data: bytes) -> None:
        """Make `data` part of what is pending."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._object.write(rest) :]

    def pending(self) -> bytes:
        """Take what is to be sent."""
        return self._outgoing.read()
