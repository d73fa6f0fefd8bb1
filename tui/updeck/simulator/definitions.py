"""The services of a device and their definitions in reschema, which the vendor's client reads before it does anything.

Only what that client needs is defined (`protocol.md` 4): common 1.0 and npm.system_update 2.0.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["DEFINITIONS", "services"]

SCHEMA = "http://support.riverbed.com/apis/service_def/2.2"
ANYTHING: Mapping[str, object] = {"type": "any"}
Links = Mapping[str, object]


def services(*, aaa: str | None) -> list[dict[str, object]]:
    """Return the answer of `GET /services`; `aaa` is the version of mgmt.aaa, None where it is not offered."""
    offered: list[dict[str, object]] = [
        {"id": "common", "versions": ["1.0"]},
        {"id": "npm.packet_capture", "versions": ["1.0", "2.0"]},
        {"id": "npm.system_update", "versions": ["1.0", "2.0"]},
    ]
    if aaa is not None:
        offered.append({"id": "mgmt.aaa", "versions": ["1.0"] if aaa == "1.0" else ["1.0", "2.0"]})
    return offered


def _link(method: str, path: str | None = None, response: Mapping[str, object] = ANYTHING) -> Links:
    link: dict[str, object] = {"method": method, "response": response}
    if method in ("POST", "PUT"):
        link["request"] = ANYTHING
    if path is not None:
        link["path"] = path
    return link


def _resource(type_: str, path: str, **links: Links) -> Mapping[str, object]:
    return {"type": type_, "links": {"self": {"path": path}, **links}}


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
        "services": _resource("array", "$/services", get=_link("GET", None, _itself("services"))),
        "info": _resource("object", "$/info", get=_link("GET", None, _itself("info"))),
    },
)

SYSTEM_UPDATE = _definition(
    "npm.system_update",
    "2.0",
    "System update",
    {
        "images": _resource(
            "object",
            "$/images",
            get=_link("GET", None, _itself("images")),
            fetch=_link("POST", "$/images/fetch", _itself("image")),
        ),
        "image": _resource(
            "object",
            "$/images/items/{id}",
            get=_link("GET", None, _itself("image")),
            delete={"method": "DELETE"},
        ),
        "update": _resource(
            "object",
            "$/update",
            get=_link("GET", None, _itself("update")),
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
