"""The paths of the three services (`protocol.md` 1 and 3)."""

from __future__ import annotations

__all__ = [
    "AUTH_INFO",
    "FETCH",
    "IMAGES",
    "INFO",
    "LOGIN",
    "OAUTH_TOKEN",
    "PING",
    "SERVICES",
    "UPDATE",
    "UPLOAD",
    "image_path",
    "token_path",
    "update_call",
]

_COMMON = "/api/common/1.0"
_SYSTEM_UPDATE = "/api/npm.system_update/2.0"

SERVICES = f"{_COMMON}/services"
AUTH_INFO = f"{_COMMON}/auth_info"
LOGIN = f"{_COMMON}/login"
OAUTH_TOKEN = f"{_COMMON}/oauth/token"
PING = f"{_COMMON}/ping"
INFO = f"{_COMMON}/info"

IMAGES = f"{_SYSTEM_UPDATE}/images"
UPLOAD = f"{IMAGES}/upload"
FETCH = f"{IMAGES}/fetch"
UPDATE = f"{_SYSTEM_UPDATE}/update"


def image_path(image_id: int) -> str:
    """Return the path of one image."""
    return f"{IMAGES}/items/{image_id}"


def update_call(verb: str) -> str:
    """Return the path of init, start or reset."""
    return f"{UPDATE}/{verb}"


def token_path(version: str) -> str:
    """Return the path of mgmt.aaa's tokens."""
    return f"/api/mgmt.aaa/{version}/token"
