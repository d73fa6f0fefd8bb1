"""The simulator against an OpenAPI description that was not made from it: what it answers conforms, whatever is asked.

`UPDECK_SCHEMA_EXAMPLES` says how many requests are made up for each call and kind; a hundred take minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings

from updeck.simulator.device import SimulatedDevice
from updeck.simulator.options import Scenario, ServeOptions
from updeck.simulator.threaded import ThreadedSimulator, running_in_thread

if TYPE_CHECKING:
    import schemathesis

EXAMPLES = int(os.environ.get("UPDECK_SCHEMA_EXAMPLES", "8"))
BASE = "/api/npm.system_update/2.0"
CALLS = (
    *(
        "GET /images",
        "POST /images/upload",
        "POST /images/fetch",
        "GET /images/items/{id}",
        "DELETE /images/items/{id}",
    ),
    *("GET /update", "POST /update/init", "POST /update/start", "POST /update/reset"),
)
"""All calls of the description, which only the worker that runs these tests reads: that takes most of a second."""

PATHS = tuple(dict.fromkeys(call.partition(" ")[2] for call in CALLS))
STATES = ("IDLE", "INITIALIZING", "INITIALIZED", "RUNNING", "FAILED_GRACEFUL", "FAILED_CRITICAL")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
NO_ROOM = 507
REFUSABLE = ("POST /images/fetch", "GET /images/items/{id}", "DELETE /images/items/{id}")
"""What has a body or a parameter that can be against the description."""

EMPTY_CALLS = ("/update/init", "/update/start", "/update/reset")


@cache
def schema() -> schemathesis.schemas.BaseSchema:
    """Read the description."""
    import schemathesis

    return schemathesis.openapi.from_path(Path(__file__).with_name("npm.system_update-2.0.yaml"))


@cache
def operations() -> dict[str, schemathesis.APIOperation[Any, Any, Any, Any]]:
    """Return the calls of the description by their names."""
    from schemathesis.core.result import Ok

    return {found.ok().label: found.ok() for found in schema().get_all_operations() if isinstance(found, Ok)}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadedSimulator]:
    options = ServeOptions(
        fleet_out=tmp_path_factory.mktemp("schema") / "fleet.toml",
        devices=16,
        scenario=Scenario.CALM,
        http=True,
        speed=0.001,  # what is under way stays so
    )
    with running_in_thread(options) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def session(fleet: ThreadedSimulator) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.auth = (fleet.username, fleet.password)
        session.trust_env = False
        yield session


def set_state(device: SimulatedDevice, state: str) -> None:
    """Put a device into a state as if it had come there by itself, with the images that it came with."""
    device.state = state
    device.state_description = ""
    device.shelf.images[:] = [image for image in device.shelf.images if image.id == 1]
    device.target_version = "11.8.0 #28924" if state in ("INITIALIZED", "RUNNING") else None


def named(case: schemathesis.Case[Any]) -> str:
    return f"{case.method} {case.path}"


def conforms(case: schemathesis.Case[Any], session: requests.Session, url: str) -> None:
    """Send a request that was made up, and hold the answer against the description."""
    from schemathesis.specs.openapi import checks

    response = case.call(base_url=f"{url}{BASE}", session=session, timeout=20)
    assert response.status_code < 500 or response.status_code == NO_ROOM, f"{named(case)}: {response.status_code}"
    conformances = (
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    )
    case.validate_response(response, checks=list(conformances))
    if response.status_code < 300 and (case.path in EMPTY_CALLS or case.method == "DELETE"):
        assert response.content == b"", "no body is promised"


def test_no_call_is_left_out() -> None:
    assert set(operations()) == set(CALLS)
    assert set(schema().raw_schema["paths"]) == set(PATHS)


@pytest.mark.parametrize(
    ("call", "mode"),
    [
        pytest.param(call, mode, id=f"{call} {mode}")
        for call in CALLS
        for mode in ("positive", "negative")
        if mode == "positive" or call in REFUSABLE
    ],
)
def test_whatever_is_asked_the_answer_conforms(
    fleet: ThreadedSimulator, session: requests.Session, call: str, mode: str
) -> None:
    from schemathesis import GenerationMode

    name = fleet.names[3]

    @given(case=operations()[call].as_strategy(GenerationMode(mode)))
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def send(case: schemathesis.Case[Any]) -> None:
        fleet.act(name, lambda device: set_state(device, "IDLE"))
        conforms(case, session, fleet.url(name))

    send()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("call", CALLS)
def test_in_every_state_each_call_conforms(
    fleet: ThreadedSimulator, session: requests.Session, call: str, state: str
) -> None:
    name = fleet.names[3]

    @given(case=operations()[call].as_strategy())
    @settings(max_examples=max(1, EXAMPLES // 4), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def send(case: schemathesis.Case[Any]) -> None:
        fleet.act(name, lambda device: set_state(device, state))
        conforms(case, session, fleet.url(name))

    send()


@pytest.mark.parametrize("index", range(16))
def test_devices_of_all_manners_conform_in_what_they_say(
    fleet: ThreadedSimulator, session: requests.Session, index: int
) -> None:
    url = fleet.url(fleet.names[index])
    for path in ("/update", "/images"):
        response = session.get(f"{url}{BASE}{path}", timeout=20)
        schema()[path]["GET"].validate_response(response)


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_refused_as_a_device_would(
    fleet: ThreadedSimulator, session: requests.Session, path: str
) -> None:
    for method in METHODS:
        if f"{method} {path}" in CALLS:
            continue
        response = session.request(method, f"{fleet.url(fleet.names[3])}{BASE}{path.format(id=1)}", timeout=20)
        assert response.status_code == 405, method
        assert method == "HEAD" or set(response.json()) == {"error_id", "error_text"}, method


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/update/", "/updates", "/update/init/", "/update/init/x", "/images/items", "/images/items/",
        "/images/items/1/2", "/images/items/-1", "/images/items/1.0", "/images/items/%31%00", "/images/items/٣",
        "/images/items/" + "9" * 5000, "/../2.0/update/x", "//update", "/update;x", "/%2e%2e/x", "/\u202e",
    ],
)  # fmt: skip
def test_other_paths_are_not_found_or_a_definition(
    fleet: ThreadedSimulator, session: requests.Session, path: str
) -> None:
    response = session.get(f"{fleet.url(fleet.names[3])}{BASE}{path}", timeout=20)
    assert response.status_code == (200 if not path else 404)
    assert path == "" or set(response.json()) == {"error_id", "error_text"}
