"""How a device says no: an HTTP status and the error body of `protocol.md` 3."""

from __future__ import annotations

__all__ = ["Refusal", "bad_input", "conflict", "no_room", "not_found"]


class Refusal(Exception):
    """A call that the device does not take. `error_id` is one of `protocol.md` 3."""

    def __init__(self, status: int, error_id: str, error_text: str) -> None:
        super().__init__(error_text)
        self.status = status
        self.error_id = error_id
        self.error_text = error_text

    def body(self) -> dict[str, str]:
        """Return the error body."""
        return {"error_id": self.error_id, "error_text": self.error_text}


def bad_input(text: str) -> Refusal:
    """A request that cannot be meant: 400."""
    return Refusal(400, "REQUEST_INVALID_INPUT", text)


def not_found(text: str) -> Refusal:
    """Something that is not there: 404."""
    return Refusal(404, "RESOURCE_NOT_FOUND", text)


def conflict(text: str) -> Refusal:
    """A call in the wrong state: 409."""
    return Refusal(409, "REQUEST_INVALID_STATE", text)


def no_room(status: int, text: str) -> Refusal:
    """An image for which there is no room: 413 where it never fits, else 507."""
    return Refusal(status, "INSUFFICIENT_SPACE", text)
