"""The services of a device and their definitions in reschema, which the vendor's client reads before it does anything.

Only what that client needs is defined (`protocol.md` 4): common 1.0 and npm.system_update 2.0.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["DEFINITIONS", "services"]

SCHEMA = "http://support.riverbed.com/apis/service_def/2.2"
OBJECT: Mapping[str, object] = {"type": "object"}
LIST: Mapping[str, object] = {"type": "array", "items": OBJECT}
IMAGE: Mapping[str, object] = {"type": "object", "properties": {"id": {"type": "integer"}}}
Links = Mapping[str, object]


def services(*, aaa: str | None, speaks_2_0: bool) -> list[dict[str, object]]:
    """Return the answer of `GET /services`; `aaa` is the version of mgmt.aaa, None where it is not offered.

    A device that does not `speaks_2_0` has npm.system_update 1.0 only."""
    offered: list[dict[str, object]] = [
        {"id": "common", "versions": ["1.0"]},
        {"id": "npm.packet_capture", "versions": ["1.0", "2.0"]},
        {"id": "npm.system_update", "versions": ["1.0", "2.0"] if speaks_2_0 else ["1.0"]},
    ]
    if aaa is not None:
        offered.append({"id": "mgmt.aaa", "versions": ["1.0"] if aaa == "1.0" else ["1.0", "2.0"]})
    return offered


def _link(method: str, path: str | None = None, **bodies: Mapping[str, object]) -> Links:
    """Return a link; `bodies` are request and response, each without a body unless given."""
    where = {} if path is None else {"path": path}
    return {"method": method, **where, **bodies}


def _resource(shape: Mapping[str, object], path: str, **links: Links) -> Mapping[str, object]:
    return {**shape, "links": {"self": {"path": path}, **links}}


def _definition(name: str, version: str, title: str, resources: Mapping[str, object]) -> Mapping[str, object]:
    return {
        "$schema": SCHEMA,
        "id": f"http://support.riverbed.com/apis/{name}/{version}",
        "provider": "riverbed",
        "name": name,
        "version": version,
        "title": title,
        "resources": resources,
    }


def _itself(resource: str) -> Mapping[str, object]:
    return {"$ref": f"#/resources/{resource}"}


COMMON = _definition(
    "common",
    "1.0",
    "Common resources",
    {
        "services": _resource(LIST, "$/services", get=_link("GET", response=_itself("services"))),
        "info": _resource(OBJECT, "$/info", get=_link("GET", response=_itself("info"))),
    },
)

SYSTEM_UPDATE = _definition(
    "npm.system_update",
    "2.0",
    "System update",
    {
        "images": _resource(
            OBJECT,
            "$/images",
            get=_link("GET", response=_itself("images")),
            fetch=_link("POST", "$/images/fetch", request=OBJECT, response=_itself("image")),
        ),
        "image": _resource(
            IMAGE,
            "$/images/items/{id}",
            get=_link("GET", response=_itself("image")),
            delete=_link("DELETE"),
        ),
        "update": _resource(
            OBJECT,
            "$/update",
            get=_link("GET", response=_itself("update")),
            init=_link("POST", "$/update/init"),
            start=_link("POST", "$/update/start"),
            reset=_link("POST", "$/update/reset"),
        ),
    },
)

DEFINITIONS: Mapping[str, Mapping[str, object]] = {
    "/api/common/1.0": COMMON,
    "/api/npm.system_update/2.0": SYSTEM_UPDATE,
}
"""By the path at which a device gives them."""
