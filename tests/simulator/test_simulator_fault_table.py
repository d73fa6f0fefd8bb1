"""Every fault, armed over real sockets and seen by a client that is not ours: what does nothing fails here.

A case says what shows that the fault is there; the same must not show without it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from plain_caller import COMMON, UPDATE, Heard, plain, unverified
from simulation import StartSimulator
from updeck.simulator.access import COOKIE
from updeck.simulator.device import SimulatedDevice
from updeck.simulator.fault_kinds import HOSTILE, KINDS, FaultError
from updeck.simulator.images import write_image
from updeck.simulator.serving import Simulator

UPDATE_IS = f"{UPDATE}/update"
IMAGES = f"{UPDATE}/images"
INFO = f"{COMMON}/info"
TARGET = "11.8.0 #28924"


@dataclass(frozen=True)
class Site:
    """A device with a staged image, in virtual time at speed 1."""

    fleet: Simulator
    name: str
    room: Path
    sessions: list[str] = field(default_factory=list)

    @property
    def device(self) -> SimulatedDevice:
        return self.fleet.device(self.name)

    def arm(self, fault: str, **fields: object) -> None:
        self.fleet.fault(self.name, fault, **fields)

    async def get(self, path: str) -> Heard:
        async with plain(self.fleet, self.name) as caller:
            return await caller.get(path)

    async def post(self, path: str, body: bytes = b"") -> Heard:
        async with plain(self.fleet, self.name) as caller:
            return await caller.post(path, body)

    async def state(self) -> str:
        return str((await self.get(UPDATE_IS)).json["state"])


def staged(fleet: Simulator) -> list[str]:
    """Return the devices that an update can be done on."""
    return [name for name in fleet.names if fleet.device(name).shelf.newest_valid() is not None]


Shown = Callable[[Site], Awaitable[bool]]


async def connects(site: Site) -> bool:
    try:
        return (await site.get(f"{COMMON}/ping")).status == 200
    except (OSError, asyncio.IncompleteReadError):
        return False


async def refused(site: Site) -> bool:
    try:
        await site.get(f"{COMMON}/ping")
    except ConnectionRefusedError:
        return True
    return False


async def reset(site: Site) -> bool:
    """Whether a start is broken off by a reset."""
    try:
        await site.post(f"{UPDATE_IS}/reset")
    except (ConnectionError, asyncio.IncompleteReadError):
        return True
    return False


async def tls_broken(site: Site) -> bool:
    """Whether the connection is taken and its handshake is not."""
    url = urlsplit(site.fleet.url(site.name))
    _, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.close()
    try:
        await certificate(site)
    except (ConnectionError, ssl.SSLError):
        return True
    return False


async def certificate(site: Site) -> x509.Certificate:
    url = urlsplit(site.fleet.url(site.name))
    _, writer = await asyncio.open_connection(url.hostname, url.port, ssl=unverified())
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(der)


async def expired(site: Site) -> bool:
    return (await certificate(site)).not_valid_after_utc.year < 2026


async def changed(site: Site) -> bool:
    """Whether the certificate is another one than the inventory pins."""
    seen = await certificate(site)
    return f"sha256:{seen.fingerprint(hashes.SHA256()).hex()}" not in site.fleet.fleet_path.read_text()


async def forgotten(site: Site) -> bool:
    """Whether a session that was begun before the fault is not known any more."""
    site.sessions[:] = site.sessions or [site.device.access.log_in(site.fleet.username, site.fleet.password)]
    async with plain(site.fleet, site.name) as caller:
        caller.login = f"Cookie: {COOKIE}={site.sessions[0]}"
        return (await caller.get(INFO)).status == 401


def answers(path: str, shows: Callable[[Heard], bool]) -> Shown:
    """Return what asks for a path and looks at the answer."""

    async def shown(site: Site) -> bool:
        return shows(await site.get(path))

    return shown


def body(path: str, shows: Callable[[Any], bool]) -> Shown:
    """Return what looks at a body, which has to be JSON."""
    return answers(path, lambda heard: shows(heard.json))


def no_json(heard: Heard) -> bool:
    try:
        json.loads(heard.content)
    except ValueError:
        return True
    return False


def no_text(heard: Heard) -> bool:
    try:
        heard.content.decode()
    except UnicodeDecodeError:
        return True
    return False


def twice(heard: Heard) -> bool:
    pairs = json.loads(heard.content, object_pairs_hook=lambda pairs: pairs)
    return [value for key, value in pairs if key == "state"] == ["IDLE", "RUNNING"]


def unpacked(heard: Heard) -> bytes:
    return gzip.decompress(heard.content) if heard.headers.get("content-encoding") == "gzip" else b""


def texts(value: Any) -> list[str]:
    """Return all texts in a JSON value but states."""
    if isinstance(value, dict):
        return [text for key, each in value.items() if key != "state" for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


def hostile(value: Any) -> bool:
    return set(texts(value)) == {HOSTILE}


async def doubled(site: Site) -> bool:
    async with plain(site.fleet, site.name) as caller:
        first = await caller.get(INFO)
        return not await caller.silent() and first.status == 200


async def out_of_order(site: Site) -> bool:
    async with plain(site.fleet, site.name) as caller:
        await caller.get(INFO)
        return "serial" in (await caller.get(UPDATE_IS)).json


async def stale(site: Site) -> bool:
    """Whether an init is not seen although it was done."""
    before = await site.get(UPDATE_IS)
    assert (await site.post(f"{UPDATE_IS}/init")).status < 300
    await site.fleet.advance(10)
    after = await site.get(UPDATE_IS)
    assert (after.json["state"] == "IDLE") == (after.headers["date"] == before.headers["date"])
    await site.post(f"{UPDATE_IS}/reset")
    return str(after.json["state"]) == "IDLE"


async def truncated(site: Site) -> bool:
    try:
        await site.get(INFO)
    except asyncio.IncompleteReadError as error:
        return len(error.partial) > 0
    return False


async def more_than_announced(site: Site) -> bool:
    async with plain(site.fleet, site.name) as caller:
        heard = await caller.get(INFO)
        return no_json(heard) and (await caller.reader.read(100)).endswith(b"}")


async def endless(site: Site) -> bool:
    async with plain(site.fleet, site.name) as caller:
        await caller.ask("GET", INFO)
        came = b""
        while len(came) < 2 << 20 and b"\r\n\r\n" not in came:
            came += await caller.reader.read(1 << 16)
        return b"\r\n\r\n" not in came


async def silent(site: Site) -> bool:
    async with plain(site.fleet, site.name) as caller:
        await caller.ask("POST", f"{UPDATE_IS}/init")
        return await caller.silent()


async def late(site: Site) -> bool:
    async with plain(site.fleet, site.name) as caller:
        await caller.ask("GET", INFO)
        if not await caller.silent():
            return False
        await site.fleet.advance(5)
        return (await caller.hear()).status == 200


async def dripping(site: Site) -> bool:
    async with plain(site.fleet, site.name) as caller:
        await caller.ask("GET", INFO)
        length = int((await caller.head()).headers["content-length"])
        for _ in range(min(3, length)):
            if not await caller.silent():
                return False
            await site.fleet.advance(0.1)
            await caller.reader.readexactly(1)
        return True


def says(**wanted: object) -> Shown:
    """Return what looks at the update."""
    return body(UPDATE_IS, lambda update: all(update.get(key) == value for key, value in wanted.items()))


async def date_off(site: Site) -> bool:
    heard = await site.get(INFO)
    return abs(parsedate_to_datetime(heard.headers["date"]).timestamp() - site.fleet.timeline.wall()) > 3000


CASES: dict[str, tuple[dict[str, object], Shown]] = {
    "refuse": ({}, refused),
    "tls_broken": ({}, tls_broken),
    "reset_before": ({"path": "/reset"}, reset),
    "reset_after": ({"path": "/reset"}, reset),
    "black_hole": ({"path": "/init"}, silent),
    "black_hole_after": ({"path": "/init"}, silent),
    "delay": ({}, late),
    "delay_after": ({}, late),
    "drip": ({}, dripping),
    "status": ({"path": "/info", "status": 503}, answers(INFO, lambda heard: heard.status == 503)),
    "redirect": ({"path": "/info"}, answers(INFO, lambda heard: heard.headers.get("location") == f"{INFO}/")),
    "html": ({"path": "/info"}, answers(INFO, lambda heard: heard.content.startswith(b"<html>"))),
    "stale": ({"path": "/update"}, stale),
    "reordered": ({"path": "/update"}, out_of_order),
    "duplicated": ({"path": "/info"}, doubled),
    "truncated": ({"path": "/info"}, truncated),
    "wrong_length": ({"path": "/info"}, more_than_announced),
    "endless_headers": ({"path": "/info"}, endless),
    "wrong_date": ({"path": "/info"}, date_off),
    "gzip": ({"path": "/info"}, answers(INFO, lambda heard: b"serial" in unpacked(heard))),
    "gzip_bomb": (
        {"path": "/info", "bytes": 1 << 24},
        answers(INFO, lambda heard: len(heard.content) < 1 << 16 and len(unpacked(heard)) > 1 << 24),
    ),
    "broken_json": ({"path": "/update"}, answers(UPDATE_IS, no_json)),
    "huge_json": ({"path": "/update"}, answers(UPDATE_IS, lambda heard: len(heard.content) > 8 << 20)),
    "deep_json": ({"path": "/update"}, answers(UPDATE_IS, lambda heard: heard.content.count(b"[") > 100_000)),
    "duplicate_key": ({"path": "/update"}, answers(UPDATE_IS, twice)),
    "unknown_state": ({"path": "/update"}, says(state="DEFROSTING")),
    "missing_field": ({"path": "/update"}, body(UPDATE_IS, lambda update: "state" not in update)),
    "wrong_type": ({"path": "/update"}, says(state=7)),
    "odd_number": ({"path": "/images"}, answers(IMAGES, lambda heard: b'"progress": NaN' in heard.content)),
    "long_number": (
        {"path": "/update"},
        answers(UPDATE_IS, lambda heard: re.search(rb'"last_state_time": 9{5000}\b', heard.content) is not None),
    ),
    "lone_surrogate": ({"path": "/update"}, says(state_description="\ud800")),
    "broken_utf8": ({"path": "/update"}, answers(UPDATE_IS, no_text)),
    "hostile_text": ({}, body(INFO, hostile)),
    "identity": ({}, body(INFO, lambda info: info["serial"] == "JD0XVOTHERBOX")),
}
"""Faults that are there until they are taken out: fields, and what shows them."""

LASTING: dict[str, Shown] = {
    "change_certificate": changed,
    "expired_certificate": expired,
    "clock_step": date_off,
    "forget_logins": forgotten,
    "foreign_actor": says(state="INITIALIZING"),
}
"""Faults that happen at once and for good, and what shows them."""


async def init(site: Site) -> None:
    assert (await site.post(f"{UPDATE_IS}/init")).status < 300
    await site.fleet.advance(120)


async def start(site: Site) -> None:
    assert (await site.post(f"{UPDATE_IS}/start")).status < 300


async def run(site: Site) -> None:
    await init(site)
    await start(site)
    for _ in range(6):
        await site.fleet.advance(101)


async def upload(site: Site) -> None:
    image = site.room / "new.iso"
    write_image(image, TARGET, 200_000)
    async with plain(site.fleet, site.name) as caller:
        await caller.ask("POST", f"{IMAGES}/upload", image.read_bytes())
        with suppress(OSError, asyncio.IncompleteReadError):
            await caller.hear()
    await site.fleet.advance(60)


def newest(shows: Callable[[Any], bool]) -> Shown:
    """Return what looks at the image that came last."""
    return body(IMAGES, lambda images: shows(images["items"][-1]))


async def mislabelled(site: Site) -> bool:
    image = (await site.get(IMAGES)).json["items"][-1]
    assert image["state"] == "VALID"
    return str(image["checksum"]) not in (site.room / "new.iso.sha256").read_text()


async def silent_of_target(site: Site) -> bool:
    return "target_version" not in (await site.get(UPDATE_IS)).json


async def started_late(site: Site) -> bool:
    await start(site)
    return await site.state() == "INITIALIZED"


async def as_it_was(site: Site) -> bool:
    update = (await site.get(UPDATE_IS)).json
    info = (await site.get(INFO)).json
    return str(update["state"]) == "IDLE" and info["sw_version"] == site.device.blueprint.version


async def forgetful(site: Site) -> bool:
    """Whether the new version runs and its history comes later."""
    installed = site.device.blueprint.history
    before = (await site.get(UPDATE_IS)).json["update_history"]
    assert (await site.get(INFO)).json["sw_version"] != site.device.blueprint.version
    await site.fleet.advance(60)
    after = (await site.get(UPDATE_IS)).json["update_history"]
    assert len(after) == len(installed) + 1
    return len(before) == len(installed)


async def falls(site: Site) -> int:
    """Init and start, and return how often nobody answered on the way."""
    await init(site)
    await start(site)
    seen = []
    for _ in range(61):
        await site.fleet.advance(10)
        seen.append(await connects(site))
    return sum(before and not after for before, after in pairwise(seen))


async def falls_thrice(site: Site) -> bool:
    return await falls(site) == 3


async def nothing(site: Site) -> None:
    pass


EVENTS: dict[str, tuple[dict[str, object], Callable[[Site], Awaitable[None]], Shown]] = {
    "wrong_checksum": ({}, upload, mislabelled),
    "upload_error": ({}, upload, newest(lambda image: image["state"] == "UPLOAD_ERROR")),
    "init_failure": ({}, init, says(state="FAILED_GRACEFUL")),
    "no_target": ({}, init, silent_of_target),
    "wrong_target": ({"version": "11.0.0"}, init, says(state="INITIALIZED", target_version="11.0.0")),
    "late_start": ({}, init, started_late),
    "run_failure_graceful": ({}, run, says(state="FAILED_GRACEFUL")),
    "run_failure_critical": ({}, run, says(state="FAILED_CRITICAL")),
    "no_effect": ({}, run, as_it_was),
    "never_back": ({}, run, refused),
    "reboots": ({}, nothing, falls_thrice),
    "late_history": ({"seconds": 50}, run, forgetful),
    "new_certificate": ({}, run, changed),
}
"""Faults that lie in wait for an event: fields, what leads to it, and what shows them."""


@pytest.fixture
async def site(simulator: StartSimulator, tmp_path: Path) -> Site:
    fleet = await simulator(devices=16, speed=1, virtual=True)
    return Site(fleet, staged(fleet)[0], tmp_path)


def test_no_fault_is_left_out() -> None:
    assert {*CASES, *LASTING, *EVENTS} == set(KINDS)


@pytest.mark.parametrize("fault", LASTING)
async def test_a_fault_that_is_for_good_shows_from_then_on(site: Site, fault: str) -> None:
    shown = LASTING[fault]
    assert not await shown(site), "it shows without the fault"
    site.arm(fault)
    assert await shown(site), "it does not show"


@pytest.mark.parametrize("fault", EVENTS)
async def test_a_fault_that_lies_in_wait_shows_once_that_has_come(site: Site, fault: str) -> None:
    fields, lead, shown = EVENTS[fault]
    other = Site(site.fleet, staged(site.fleet)[1], site.room)
    for each in (other, site):
        if each is site:
            each.arm(fault, times=1, **fields)
        await lead(each)
        assert await shown(each) is (each is site), each.device.faults.describe()
    assert site.device.faults.describe() == []


HANDLED = {
    "reset_before": False,
    "reset_after": True,
    "black_hole": False,
    "black_hole_after": True,
    "delay": False,
    "delay_after": True,
    "status": False,
    "redirect": False,
    "html": False,
    "truncated": True,
    "drip": True,
    "endless_headers": True,
    "duplicated": True,
}


@pytest.mark.parametrize("fault", HANDLED)
async def test_whether_a_call_was_handled_is_as_the_fault_says(site: Site, fault: str) -> None:
    site.arm(fault, path="/update/init", times=1)
    broken_off = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError)
    with suppress(*broken_off):
        async with plain(site.fleet, site.name) as caller, asyncio.timeout(0.3):
            await caller.post(f"{UPDATE_IS}/init")
    assert site.device.record.inits == int(HANDLED[fault])


@pytest.mark.parametrize(
    ("status", "error_id"),
    [
        (401, "AUTH_INVALID_SESSION"),
        (403, "AUTH_FORBIDDEN"),
        (404, "RESOURCE_NOT_FOUND"),
        (409, "REQUEST_INVALID_STATE"),
        (413, "REQUEST_TOO_LARGE"),
        (429, "REQUEST_LIMIT_REACHED"),
        (500, "INTERNAL_ERROR"),
        (503, "INTERNAL_ERROR"),
        (507, "INSUFFICIENT_SPACE"),
    ],
)
async def test_a_status_comes_with_the_error_id_that_goes_with_it(site: Site, status: int, error_id: str) -> None:
    site.arm("status", path="/info", status=status)
    heard = await site.get(INFO)
    assert (heard.status, heard.json["error_id"]) == (status, error_id)


async def test_a_401_comes_in_the_middle_of_an_upload(site: Site) -> None:
    site.arm("status", path="/upload", status=401, after_bytes=50_000)
    async with plain(site.fleet, site.name) as caller:
        await caller.ask("POST", f"{IMAGES}/upload", b"x" * 40_000, announced=1 << 20)
        assert await caller.silent()
        await caller.send(b"x" * 10_000)
        assert (await caller.hear()).status == 401
    assert site.device.record.uploads == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", [None, "https://192.0.2.1/elsewhere", "http://127.0.0.1:9/api", "//other/"])
async def test_a_redirect_names_where_to(site: Site, status: int, location: str | None) -> None:
    site.arm("redirect", path="/update/init", status=status, location=location)
    heard = await site.post(f"{UPDATE_IS}/init")
    assert (heard.status, heard.headers["location"]) == (status, location or f"{UPDATE_IS}/init/")
    assert site.device.record.inits == 0


@pytest.mark.parametrize("by", [-7, 0, 3])
async def test_a_wrong_length_is_off_by_as_much_as_was_asked_for(site: Site, by: int) -> None:
    right = int((await site.get(INFO)).headers["content-length"])
    site.arm("wrong_length", path="/info", by=by)
    async with plain(site.fleet, site.name) as caller:
        await caller.ask("GET", INFO)
        assert int((await caller.head()).headers["content-length"]) == right + by
        assert await caller.silent() is False


@pytest.mark.parametrize(("field", "value"), [("update_history", {}), ("last_state_time", "seven"), ("version", 7)])
async def test_the_wrong_type_goes_to_the_field_that_was_asked_for_however_deep(
    site: Site, field: str, value: object
) -> None:
    site.arm("wrong_type", path="/update", field=field)
    update = (await site.get(UPDATE_IS)).json
    assert (update[field] if field in update else update["update_history"][0][field]) == value


@pytest.mark.parametrize("path", [UPDATE_IS, IMAGES, INFO, f"{IMAGES}/items/99"])
async def test_hostile_text_is_in_every_text_of_every_answer_and_states_stay(site: Site, path: str) -> None:
    site.arm("hostile_text")
    heard = (await site.get(path)).json
    assert hostile(heard)
    assert heard.get("state", "IDLE") == "IDLE"


async def test_hostile_text_goes_to_one_field_only_where_that_was_asked_for(site: Site) -> None:
    site.arm("hostile_text", field="state", text="\x1b[2J")
    update = (await site.get(UPDATE_IS)).json
    assert (update["state"], update["state_description"]) == ("\x1b[2J", "")


async def test_another_box_gives_its_own_name_and_model_where_it_has_no_serial(site: Site) -> None:
    site.arm("identity", serial="", device_name="ar11-other", model="VSCAN-2000")
    info = (await site.get(INFO)).json
    assert (info["serial"], info["device_name"], info["model"]) == ("", "ar11-other", "VSCAN-2000")


async def test_a_foreign_actor_is_refused_as_anybody_would_be(site: Site) -> None:
    with pytest.raises(FaultError, match="refuses start: Update cannot be started in state IDLE"):
        site.arm("foreign_actor", call="start")
    with pytest.raises(FaultError, match="must be init, start or reset"):
        site.arm("foreign_actor", call="melt")
    assert site.device.faults.describe() == []


async def test_a_certificate_that_changes_at_once_resets_who_is_connected(site: Site) -> None:
    async with plain(site.fleet, site.name) as caller:
        await caller.get(INFO)
        site.arm("change_certificate")
        assert not await caller.silent()


async def test_damages_add_up_and_what_is_no_json_any_more_stays_as_it_is(site: Site) -> None:
    site.arm("broken_json", path="/update")
    site.arm("missing_field", path="/update")
    site.arm("gzip", path="/update")
    heard = await site.get(UPDATE_IS)
    assert unpacked(heard).startswith(b'{"state"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(unpacked(heard))


@pytest.mark.parametrize("fault", CASES)
async def test_a_fault_shows_while_it_is_there_and_not_before_or_after(site: Site, fault: str) -> None:
    fields, shown = CASES[fault]
    assert not await shown(site), "it shows without the fault"
    site.arm(fault, **fields)
    assert await shown(site), "it does not show"
    site.fleet.clear_faults(site.name)
    assert not await shown(site), "it shows when the fault is gone"
