"""What an answer means: to a reading call, and to one that changes the device (`rollout.md` 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from updeck.device import parse
from updeck.device.exchange import Answer, Departure
from updeck.device.models import Image
from updeck.errors import (
    AccountBarred,
    AuthError,
    DeviceError,
    Garbled,
    Refused,
    UnknownOutcome,
    Unreachable,
    Unsupported,
)

__all__ = ["auth_error", "call_error", "made_image", "named", "outcome_known", "read_error", "told"]

_ADVICE = {
    "AUTH_EXPIRED_PASSWORD": "set a new password on the device",
    "AUTH_DISABLED_ACCOUNT": "enable the account on the device",
    "AUTH_FORBIDDEN": "give the account the right to update the device",
}
_LOG_IN = "check user name and password with `updeck devices login`"


def told(answer: Answer) -> str:
    """Return what a device said with an unwelcome status, such as `409: Wrong state`."""
    fault = parse.fault(answer.body)
    if fault is None:
        return f"{answer.status} with a web page" if answer.html else f"{answer.status}"
    return f"{answer.status}: {fault.error_text or fault.error_id}"


def read_error(answer: Answer) -> DeviceError | None:
    """Return what keeps a GET's answer from being read, None for a good one."""
    if answer.good:
        return Unreachable("it answers with a web page instead of data") if answer.html else None
    match answer.status:
        case 401 | 403:
            return auth_error(answer)
        case 404:
            return Unsupported(f"it does not offer this service (it answers {told(answer)})")
        case _:
            return Unreachable(f"it answers {told(answer)}")


def auth_error(answer: Answer, *, rejected: bool = False) -> AuthError:
    """Return a 401 or 403 in words; `rejected` where the credential itself was refused."""
    fault = parse.fault(answer.body)
    error_id = fault.error_id if fault else ""
    text = (fault.error_text or fault.error_id) if fault else f"it answers {told(answer)}"
    kind = AccountBarred if error_id in _ADVICE else AuthError
    return kind(text, advice=_ADVICE.get(error_id, _LOG_IN), rejected=rejected)


def call_error(op: str, answer: Answer, *, transfer: bool = False) -> DeviceError | None:
    """Return what became of a call that changes the device; None where it was accepted (any 2xx).

    Refused is sure: a 4xx but 408, or 507 on a transfer, with a well-formed error body. All else is unknown.
    """
    if answer.good and not answer.html:
        return None
    fault = parse.fault(answer.body)
    sure = (400 <= answer.status < 500 and answer.status != 408) or (transfer and answer.status == 507)
    if fault is not None and sure:
        text = fault.error_text or fault.error_id
        return Refused(f"{op} was refused: {text} ({answer.status})", status=answer.status, error_id=fault.error_id)
    return UnknownOutcome(f"{op} was answered {told(answer)}", status=answer.status)


def made_image(op: str, answer: Answer) -> Image:
    """Return the image that a transfer's answer promises; without a readable one nobody knows what became of it."""
    try:
        return parse.image(answer.body)
    except Garbled as error:
        raise UnknownOutcome(f"{op} was answered {answer.status}, but {error.message}", status=answer.status) from error


@contextmanager
def outcome_known(op: str, departure: Departure) -> Iterator[None]:
    """Make a failure `UnknownOutcome` once the call has left; before, it was surely not sent and stays what it is."""
    try:
        yield
    except DeviceError as error:
        if not departure.left:
            raise
        raise UnknownOutcome(f"{op} was sent and not answered: {error.message}") from error


@contextmanager
def named(device: str) -> Iterator[None]:
    """Put the device's name into every error of its own."""
    try:
        yield
    except DeviceError as error:
        error.device = error.device or device
        raise
