"""The mutating calls, by the names under which the journal keeps them."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Op"]


class Op(StrEnum):
    """A mutating call."""

    UPLOAD = "upload"
    FETCH = "fetch"
    DELETE = "delete"
    INIT = "init"
    START = "start"
    RESET = "reset"
