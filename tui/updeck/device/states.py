"""The closed sets of what a device can be (`protocol.md` 1 to 3, `rollout.md` 1).

Apart from the values that hold them, because the screen's first picture needs the words and no device.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ImageState", "Reach", "UpdateState"]


class Reach(StrEnum):
    """What the last poll was (`rollout.md` 1); never mixed with the device's own state."""

    OK = "OK"
    UNREACHABLE = "UNREACHABLE"
    AUTH = "AUTH"
    UNSUPPORTED = "UNSUPPORTED"
    TRUST = "TRUST"
    IDENTITY = "IDENTITY"
    GARBLED = "GARBLED"


class UpdateState(StrEnum):
    """The states of an update that are known."""

    IDLE = "IDLE"
    INITIALIZING = "INITIALIZING"
    INITIALIZED = "INITIALIZED"
    RUNNING = "RUNNING"
    FAILED_GRACEFUL = "FAILED_GRACEFUL"
    FAILED_CRITICAL = "FAILED_CRITICAL"


class ImageState(StrEnum):
    """The states of an image that are known."""

    UPLOADING = "UPLOADING"
    VALIDATING = "VALIDATING"
    UPLOAD_ERROR = "UPLOAD_ERROR"
    VALID = "VALID"
    INVALID = "INVALID"
