"""The simulator against an OpenAPI description that was not made from it: what it answers conforms, whatever is asked.

`UPDECK_SCHEMA_EXAMPLES` says how many requests are made up for each call and kind; a hundred take minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from updeck.simulator.device import SimulatedDevice
from updeck.simulator.options import Scenario, ServeOptions
from updeck.simulator.threaded import ThreadedSimulator, running_in_thread

EXAMPLES = int(os.environ.get("UPDECK_SCHEMA_EXAMPLES", "8"))
SCHEMA = schemathesis.openapi.from_path(Path(__file__).with_name("npm.system_update-2.0.yaml"))
Operation = schemathesis.APIOperation[Any, Any, Any, Any]
AnyCase = Case[Any]
BASE = "/api/npm.system_update/2.0"
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
CONFORMS = [status_code_conformance, content_type_conformance, response_schema_conformance]
PATHS = SCHEMA.raw_schema["paths"]
STATES = ("IDLE", "INITIALIZING", "INITIALIZED", "RUNNING", "FAILED_GRACEFUL", "FAILED_CRITICAL")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
NO_ROOM = 507
REFUSABLE = ("POST /images/fetch", "GET /images/items/{id}", "DELETE /images/items/{id}")
"""What has a body or a parameter that can be against the description."""

EMPTY_CALLS = ("/update/init", "/update/start", "/update/reset")


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


def named(case: AnyCase) -> str:
    return f"{case.method} {case.path}"


def conforms(case: AnyCase, session: requests.Session, url: str) -> None:
    """Send a request that was made up, and hold the answer against the description."""
    response = case.call(base_url=f"{url}{BASE}", session=session, timeout=20)
    assert response.status_code < 500 or response.status_code == NO_ROOM, f"{named(case)}: {response.status_code}"
    case.validate_response(response, checks=CONFORMS)
    if response.status_code < 300 and (case.path in EMPTY_CALLS or case.method == "DELETE"):
        assert response.content == b"", "no body is promised"


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        pytest.param(each, mode, id=f"{each.label} {mode.value}")
        for each in OPERATIONS
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        if mode is GenerationMode.POSITIVE or each.label in REFUSABLE
    ],
)
def test_whatever_is_asked_the_answer_conforms(
    fleet: ThreadedSimulator, session: requests.Session, operation: Operation, mode: GenerationMode
) -> None:
    name = fleet.names[3]

    @given(case=operation.as_strategy(mode))
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def send(case: AnyCase) -> None:
        fleet.act(name, lambda device: set_state(device, "IDLE"))
        conforms(case, session, fleet.url(name))

    send()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("operation", OPERATIONS, ids=[each.label for each in OPERATIONS])
def test_in_every_state_each_call_conforms(
    fleet: ThreadedSimulator, session: requests.Session, operation: Operation, state: str
) -> None:
    name = fleet.names[3]

    @given(case=operation.as_strategy())
    @settings(max_examples=max(1, EXAMPLES // 4), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def send(case: AnyCase) -> None:
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
        SCHEMA[path]["GET"].validate_response(response)


@pytest.mark.parametrize("path", list(PATHS))
def test_other_methods_are_refused_as_a_device_would(
    fleet: ThreadedSimulator, session: requests.Session, path: str
) -> None:
    for method in METHODS:
        if method.lower() in PATHS[path]:
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
