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

    @property
    def words(self) -> str:
        """How people say it: `reset` alone would sound like a reboot."""
        return "un-init (reset)" if self is Op.RESET else self.value
