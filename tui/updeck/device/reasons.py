"""Why a device could not be reached, in a sentence: exceptions of sockets, TLS and HTTP to errors of ours."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx

from updeck.device.certificate import fingerprint
from updeck.device.tls import PresentedError
from updeck.errors import DeviceError, TrustError, Unreachable
from updeck.text import clean

__all__ = ["causes", "explain"]

_TRUST_ADVICE = "compare its fingerprint with the device's own, then pin it with `updeck devices trust`"
_SELF_SIGNED, _EXPIRED, _NOT_YET, _WRONG_NAME = (18, 19), 10, 9, (62, 64)
_TLS_REASONS = {
    "WRONG_VERSION_NUMBER": "it does not speak TLS on this port",
    "HTTP_REQUEST": "it does not speak TLS on this port",
    "UNSUPPORTED_PROTOCOL": "it offers only TLS older than 1.2",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it offers only TLS older than 1.2",
    "UNEXPECTED_EOF_WHILE_READING": "TLS was broken off",
}


def explain(error: BaseException) -> DeviceError:
    """Return what `error`, or the first of its causes that is understood, means for a person."""
    for cause in causes(error):
        found = _one(cause)
        if found is not None:
            return found
    return Unreachable(f"no usable answer: {clean(error) or type(error).__name__}")


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes, itself first; groups are gone into.

    httpcore suppresses the causes of its errors, so what was handled meanwhile counts as well; whatever the caller
    was handling stands behind all of it.
    """
    yield error
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from causes(inner)
    deeper = error.__cause__ or error.__context__
    if deeper is not None:
        yield from causes(deeper)


def _one(error: BaseException) -> DeviceError | None:
    match error:
        case PresentedError():
            return TrustError(
                "its certificate is not the pinned one",
                presented=fingerprint(error.der),
                expected=error.expected,
                advice=_TRUST_ADVICE,
            )
        case ssl.SSLCertVerificationError():
            return TrustError(_distrust(error), advice=_TRUST_ADVICE)
        case ssl.SSLError():
            reason = _TLS_REASONS.get(error.reason or "", f"TLS failed: {clean(error.reason or error)}")
            return Unreachable(reason)
        case socket.gaierror():
            return Unreachable(f"its name cannot be resolved: {clean(error.strerror)}")
        case ConnectionRefusedError():
            return Unreachable("the connection was refused")
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return Unreachable("the connection was reset")
        case httpx.ProxyError():
            return Unreachable(f"the proxy does not connect: {clean(error)}")
        case httpx.WriteTimeout():
            return Unreachable("it stopped taking bytes")
        case httpx.TimeoutException():
            ours = isinstance(error.__cause__, TimeoutError | None)
            return Unreachable(clean(error) if ours else "no answer in time")
        case httpx.RemoteProtocolError() | httpx.ConnectError() if error.__cause__ is None:
            return Unreachable(clean(error))
        case TimeoutError() if error.errno is None:
            return Unreachable("no answer in time")
        case OSError() if error.errno is not None:
            return Unreachable(f"no connection: {clean(error.strerror)}")
    return None


def _distrust(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _SELF_SIGNED:
        return "its certificate is self-signed"
    if error.verify_code == _EXPIRED:
        return "its certificate has expired"
    if error.verify_code == _NOT_YET:
        return "its certificate is not valid yet"
    if error.verify_code in _WRONG_NAME:
        return "its certificate is for another name"
    return f"its certificate is not trusted: {clean(error.verify_message)}"
