"""The whole path of one device over real HTTPS: upload, init, start, reboot, verdict; and what must not be sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from simulation import StartSimulator
from updeck.clock import SystemClock
from updeck.device import parse
from updeck.device.models import Reach
from updeck.errors import Blocked, ReadOnly
from updeck.fleet.inventory import load_fleet
from updeck.fleet.orders import Examination, FetchOrder, Performed, UploadOrder
from updeck.fleet.service import FleetService
from updeck.fleet.views import DeviceView
from updeck.journal.actor import this_actor
from updeck.journal.models import End, Op, Outcome, Verdict
from updeck.journal.store import Journal
from updeck.simulator.images import write_image
from updeck.simulator.serving import Simulator

HANG_S = 60.0
NEW = "11.8.0 #28924"


class Bench:
    """A simulated fleet with services on it; each service has a state directory in common, as on one host."""

    def __init__(self, simulator: Simulator, directory: Path, stack: AsyncExitStack) -> None:
        self.simulator = simulator
        self.directory = directory
        self._stack = stack

    async def service(self, *, read_only: bool = False, state: str = "state") -> FleetService:
        journal = Journal.open(self.directory / state, actor=this_actor("ui"), clock=SystemClock())
        service = FleetService(load_fleet(self.simulator.fleet_path), journal, read_only=read_only)
        await asyncio.to_thread(service.start)
        self._stack.push_async_callback(self.close, service)
        return service

    async def close(self, service: FleetService) -> None:
        await asyncio.to_thread(service.stop)
        if service.journal is not None:
            service.journal.close()

    def image(self, version: str = NEW, size_bytes: int = 300_000) -> UploadOrder:
        path = self.directory / f"{version.split()[0]}.iso"
        write_image(path, version=version, size_bytes=size_bytes, corrupt=False)
        return UploadOrder(path, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size, version)

    def count(self, name: str, what: str) -> int:
        number = self.simulator.truth(name)[what]
        assert isinstance(number, int)
        return number


@pytest.fixture
async def bench(simulator: StartSimulator, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Bench]]]:
    async with AsyncExitStack() as stack:

        async def make(*, devices: int = 2) -> Bench:
            return Bench(await simulator(devices=devices), tmp_path, stack)

        yield make


async def until(service: FleetService, name: str, fulfilled: Callable[[DeviceView], bool]) -> DeviceView:
    """Wait until a view is as asked, poll by poll."""
    async with asyncio.timeout(HANG_S):
        while True:
            view = service.state.view(name)
            if view is not None and fulfilled(view):
                return view
            await asyncio.wrap_future(service.read_once([name]))


async def upload(service: FleetService, name: str, order: UploadOrder) -> End:
    performed = await asyncio.wrap_future(service.upload(name, order))
    assert performed.outcome is Outcome.ACCEPTED, performed.text
    return await ended(service, performed)


async def examine(service: FleetService, name: str, op: Op) -> Examination:
    return await asyncio.wrap_future(service.examine(name, op))


async def perform(service: FleetService, name: str, op: Op, *, expect: str | None = None) -> Performed:
    return await asyncio.wrap_future(service.perform(await examine(service, name, op), expect=expect))


async def ended(service: FleetService, performed: Performed) -> End:
    async with asyncio.timeout(HANG_S):
        return await asyncio.wrap_future(service.wait_end(performed.rollout))


async def initialized(bench: Bench, service: FleetService, name: str) -> None:
    """Bring a device to an INITIALIZED of ours."""
    end = await upload(service, name, bench.image())
    assert end.verdict is Verdict.STAGED, end.reason
    assert (await ended(service, await perform(service, name, Op.INIT))).verdict is Verdict.INITIALIZED


async def test_a_device_is_updated_end_to_end(bench: Callable[..., Awaitable[Bench]]) -> None:
    site = await bench()
    name = site.simulator.names[0]
    service = await site.service()
    await initialized(site, service, name)
    shown = await examine(service, name, Op.START)
    assert shown.refusal is None
    assert shown.target == NEW
    assert shown.token == f"{name} 11.8.0"
    end = await ended(service, await perform(service, name, Op.START, expect="11.8.0"))
    assert end.verdict is Verdict.SUCCESS, end.reason
    truth = site.simulator.truth(name)
    assert (truth["inits"], truth["starts"], truth["version"]) == (1, 1, NEW)
    assert shown.image is not None
    arrived = {"bytes": 300_000, "sha256": site.image().sha256, "image_id": shown.image.id, "complete": True}
    assert truth["uploads"] == [arrived]
    view = await until(service, name, lambda view: view.next.text == f"proven {NEW}")
    assert view.version == NEW


async def test_a_box_that_is_down_says_since_when_and_a_state_says_since_when_it_stands(
    bench: Callable[..., Awaitable[Bench]],
) -> None:
    site = await bench()
    name = site.simulator.names[0]
    service = await site.service()
    began = site.simulator.truth(name)["last_state_time"]
    assert isinstance(began, int)
    view = await until(service, name, lambda view: view.reading is not None)
    assert view.state_since is not None
    assert abs(view.state_since - began) < 5, "not since when somebody began to look"
    await initialized(site, service, name)
    site.simulator.fault(name, "never_back")
    await perform(service, name, Op.START)
    down = await until(service, name, lambda view: view.reach is Reach.UNREACHABLE)
    assert down.failing_since is not None
    assert down.next.text == f"down since {datetime.fromtimestamp(down.failing_since):%H:%M}"


async def test_what_another_process_of_ours_does_is_never_taken_for_foreign(
    bench: Callable[..., Awaitable[Bench]],
) -> None:
    site = await bench()
    name = site.simulator.names[0]
    acting, looking = await site.service(), await site.service()
    assert (await upload(acting, name, site.image())).verdict is Verdict.STAGED
    await until(looking, name, lambda view: view.state == "IDLE" and bool(view.reading and view.reading.valid))
    performed = await perform(acting, name, Op.INIT)
    view = await until(looking, name, lambda view: view.state != "IDLE")
    assert view.record.last_init is not None
    assert view.next.text in (f"init by {view.record.last_init.actor.user}", "start?")
    await ended(acting, performed)


async def test_a_start_whose_answer_was_lost_is_never_sent_again(bench: Callable[..., Awaitable[Bench]]) -> None:
    site = await bench()
    name = site.simulator.names[0]
    service = await site.service()
    await initialized(site, service, name)
    site.simulator.fault(name, "reset_after", path="/update/start", times=1)
    site.simulator.fault(name, "late_start", seconds=1.0)
    performed = await perform(service, name, Op.START)
    assert performed.outcome is Outcome.UNKNOWN
    with pytest.raises(Blocked, match="not sent again"):
        await perform(service, name, Op.START)
    await site.close(service)
    again = await site.service()
    with pytest.raises(Blocked):
        await perform(again, name, Op.START)
    end = await ended(again, performed)
    assert end.verdict is Verdict.SUCCESS, end.reason
    assert site.count(name, "starts") == 1


async def test_an_image_that_is_there_is_not_sent_twice(bench: Callable[..., Awaitable[Bench]]) -> None:
    site = await bench()
    name = site.simulator.names[0]
    service = await site.service()
    order = site.image()
    await upload(service, name, order)
    again = await asyncio.wrap_future(service.upload(name, order))
    assert again.outcome is None
    assert "already" in again.text
    assert len(_listed(site, name, "uploads")) == 1


async def test_a_start_is_refused_when_the_target_is_another(bench: Callable[..., Awaitable[Bench]]) -> None:
    site = await bench()
    name = site.simulator.names[0]
    service = await site.service()
    await initialized(site, service, name)
    with pytest.raises(Blocked, match=r"not 11\.9\.0"):
        await perform(service, name, Op.START, expect="11.9.0")
    assert site.count(name, "starts") == 0


async def test_a_start_is_refused_when_the_device_changed_since_it_was_shown(
    bench: Callable[..., Awaitable[Bench]],
) -> None:
    site = await bench()
    name = site.simulator.names[0]
    service, other = await site.service(), await site.service(state="another-host")
    await initialized(site, service, name)
    shown = await examine(service, name, Op.START)
    await ended(other, await perform(other, name, Op.RESET))
    with pytest.raises(Blocked, match="state: INITIALIZED → IDLE"):
        await asyncio.wrap_future(service.perform(shown))
    site.simulator.fault(name, "clock_step", by=5.0)
    await ended(other, await perform(other, name, Op.INIT))
    with pytest.raises(Blocked, match="INITIALIZED again"):
        await asyncio.wrap_future(service.perform(shown))
    refused = await examine(service, name, Op.START)
    assert refused.refusal is not None
    assert "someone else" in refused.refusal
    assert site.count(name, "starts") == 0


async def test_a_fetch_is_proven_by_its_checksum(bench: Callable[..., Awaitable[Bench]], tmp_path: Path) -> None:
    site = await bench()
    name = site.simulator.names[0]
    service = await site.service()
    order = site.image()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = order.path.read_bytes()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/update.iso?token=secret"
        performed = await asyncio.wrap_future(service.fetch(name, FetchOrder(url, order.sha256, NEW)))
        end = await ended(service, performed)
    assert end.verdict is Verdict.STAGED, end.reason
    assert "proven" in end.reason
    assert not any("secret" in event.text for event in service.events())


async def test_read_only_sends_nothing(bench: Callable[..., Awaitable[Bench]]) -> None:
    site = await bench()
    name = site.simulator.names[0]
    service = await site.service(read_only=True)
    with pytest.raises(ReadOnly):
        await asyncio.wrap_future(service.upload(name, site.image()))
    shown = await examine(service, name, Op.INIT)
    with pytest.raises(Blocked):
        await asyncio.wrap_future(service.perform(shown))
    before, presented = site.simulator.fleet_path.read_bytes(), site.simulator.fingerprint(name)
    assert presented is not None
    with pytest.raises(ReadOnly):
        await asyncio.wrap_future(service.trust(name, presented))
    assert site.simulator.fleet_path.read_bytes() == before
    assert not any(request["method"] != "GET" for request in _mutating(site, name))


def _mutating(site: Bench, name: str) -> list[dict[str, object]]:
    return [request for request in _listed(site, name, "requests") if "system_update" in str(request["path"])]


def _listed(site: Bench, name: str, what: str) -> list[dict[str, object]]:
    found = site.simulator.truth(name)[what]
    assert isinstance(found, list)
    return found


async def test_an_init_refused_by_the_device_ends_not_started(bench: Callable[..., Awaitable[Bench]]) -> None:
    site = await bench()
    name = site.simulator.names[0]
    service = await site.service()
    await upload(service, name, site.image())
    site.simulator.fault(name, "status", path="/update/init", times=1, status=409)
    performed = await perform(service, name, Op.INIT)
    assert performed.outcome is Outcome.REFUSED
    assert (await ended(service, performed)).verdict is Verdict.NOT_STARTED
    assert (await ended(service, await perform(service, name, Op.INIT))).verdict is Verdict.INITIALIZED


async def test_a_dead_simulator_is_shown_and_recovers_by_itself(bench: Callable[..., Awaitable[Bench]]) -> None:
    site = await bench()
    name = site.simulator.names[0]
    service = await site.service()
    await until(service, name, lambda view: view.reach == "OK")
    site.simulator.fault(name, "refuse", seconds=0.5)
    view = await until(service, name, lambda view: view.reach == "UNREACHABLE")
    assert view.state == "IDLE", "the last good state stays on view"
    await until(service, name, lambda view: view.reach == "OK")


async def test_a_fault_of_ours_with_one_device_is_told_without_a_value_and_ends_the_polling_of_none(
    bench: Callable[..., Awaitable[Bench]], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await bench()
    odd, other = site.simulator.names
    known = str(site.simulator.truth(odd)["last_state_time"]).encode()
    with monkeypatch.context() as patch:
        patch.setattr(parse, "update", failing_over(known, parse.update))
        service = await site.service()
        await told(service, f"{odd}: this is a fault in updeck itself (ZeroDivisionError in test_fleet_service.py:")
        assert "canary" not in (service.state.trouble or "")
        asked = site.simulator.device(other).record
        before = len(asked.requests())
        await site.simulator.until(other, lambda _: len(asked.requests()) > before + 3)
    await told(service, None)
    view = service.state.view(odd)
    assert view is not None
    assert view.reach is Reach.OK


async def test_a_fault_of_ours_while_a_call_is_sent_leaves_its_outcome_unknown_and_records_no_value(
    bench: Callable[..., Awaitable[Bench]], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await bench(devices=1)
    (name,) = site.simulator.names
    service = await site.service()
    await until(service, name, lambda view: view.reach == "OK")
    monkeypatch.setattr(parse, "image", failing_over(b"", parse.image))
    done = await asyncio.wrap_future(service.fetch(name, FetchOrder("http://127.0.0.1:9/x.iso")))
    assert (done.outcome, "ZeroDivisionError in test_fleet_service.py" in done.text) == (Outcome.UNKNOWN, True)
    assert "canary" not in done.text


async def test_a_fault_of_ours_in_the_books_is_told_and_they_are_kept_on(
    bench: Callable[..., Awaitable[Bench]], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await (await bench(devices=1)).service()
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "change_token", failing_over(b"", lambda _: b""))
        await told(service, "this is a fault in updeck itself (ZeroDivisionError in test_fleet_service.py:")
    await told(service, None)


def failing_over(known: bytes, work: Callable[..., Any]) -> Callable[..., Any]:
    """Return work that breaks over what holds these bytes, or over anything where there are none."""

    def broken(given: Any) -> Any:
        if not known or known in given:
            raise ZeroDivisionError("canary")
        return work(given)

    return broken


async def told(service: FleetService, trouble: str | None) -> None:
    """Wait until a service says so of itself, or that all is well."""

    def so() -> bool:
        found = service.state.trouble
        return found is None if trouble is None else trouble in (found or "")

    async with asyncio.timeout(HANG_S):
        while not so():  # noqa: ASYNC110 (the state tells nobody)
            await asyncio.sleep(0.01)


async def test_ending_the_program_while_an_answer_is_awaited_records_that_it_is_unknown(
    bench: Callable[..., Awaitable[Bench]],
) -> None:
    site = await bench()
    name = site.simulator.names[0]
    service = await site.service()
    await upload(service, name, site.image())
    shown = await examine(service, name, Op.INIT)
    site.simulator.fault(name, "delay_after", path="/update/init", seconds=30.0, times=1)
    service.perform(shown)
    await site.simulator.until(name, lambda device: device.state != "IDLE")
    await asyncio.to_thread(service.stop)
    assert service.journal is not None
    record = service.journal.record(name)
    assert record.intents[-1].outcome is not None
    assert record.intents[-1].outcome.outcome is Outcome.UNKNOWN


async def test_silence_is_told_from_its_beginning_by_a_process_that_comes_later(
    bench: Callable[..., Awaitable[Bench]],
) -> None:
    site = await bench(devices=1)
    (name,) = site.simulator.names
    first = await site.service()
    await until(first, name, lambda view: view.reach is Reach.OK)
    site.simulator.fault(name, "refuse", seconds=600.0)
    silent = await until(first, name, lambda view: view.reach is Reach.UNREACHABLE)
    await until(first, name, lambda view: view.failing_since is not None)
    await site.close(first)
    second = await site.service(read_only=True)
    again = await until(second, name, lambda view: view.reach is Reach.UNREACHABLE)
    assert silent.failing_since is not None
    assert again.failing_since is not None
    assert silent.failing_since <= again.failing_since <= (silent.attempted_at or 0.0) + 1.0
    assert again.next.text == silent.next.text
    site.simulator.clear_faults(name)
    assert (await until(second, name, lambda view: view.reach is Reach.OK)).failing_since is None


async def test_a_view_tells_how_it_came_by_what_it_says(bench: Callable[..., Awaitable[Bench]]) -> None:
    site = await bench(devices=1)
    (name,) = site.simulator.names
    view = await until(await site.service(), name, lambda view: view.reach is Reach.OK)
    assert view.login_note == "token"
    assert view.reading is not None
    assert view.reading.latency_s is not None
    assert view.reading.latency_s > 0
    assert view.reading.info_at is not None
    assert abs(view.reading.info_at - view.reading.at) < HANG_S, "it was told on our clock"


async def test_sessions_that_end_at_once_cost_each_device_one_login(bench: Callable[..., Awaitable[Bench]]) -> None:
    site = await bench(devices=40)
    service = await site.service(read_only=True)
    names = site.simulator.names
    for name in names:
        await until(service, name, lambda view: view.reach is Reach.OK)
    assert [site.count(name, "logins") for name in names] == [1] * 40
    for name in names:
        site.simulator.fault(name, "status", path="/update", status=401, times=1)
    await asyncio.wrap_future(service.read_once(names))
    for name in names:
        await until(service, name, lambda view: view.reach is Reach.OK)
    assert [site.count(name, "logins") for name in names] == [2] * 40
