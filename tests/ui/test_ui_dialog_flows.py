"""Flows by keys, on the real service and simulated devices over HTTPS: what a person sees, and what was truly sent."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from dialog_stage import words
from flow_desk import VERSION, Desk, Open, serving
from updeck.device.models import Image, Reach
from updeck.fleet.examine import INSECURE
from updeck.fleet.inventory import Fleet
from updeck.fleet.orders import Performed
from updeck.fleet.views import DeviceView
from updeck.journal.models import Op, Outcome
from updeck.simulator.options import Scenario
from updeck.ui import flows
from updeck.ui.flows.operations import told
from updeck.ui.flows.transfers import summary
from updeck.ui.recent import load_recent
from updeck.ui.screens.dialog import Dialog
from updeck.ui.screens.file_picker import FilePicker
from updeck.ui.screens.upload_dialog import UploadDialog


async def test_a_device_is_updated_by_keys_alone(desk: Open) -> None:
    async with desk() as bench:
        name = bench.simulator.names[0]
        path = bench.image()
        await bench.upload(name, path)
        await bench.initialize(name)
        bench.begin(lambda: flows.start_flow(bench.app, bench.app.service, name))
        await bench.asked(f"type {name} 11.8.0 and press enter")
        body = words(bench.app)
        assert f"→ {VERSION}" in body
        assert "as sent" in body
        assert "INITIALIZED since" in body
        await bench.type(f"{name} 11.8.0", "enter")
        await bench.wait(lambda: bench.notice == f"{name}: start accepted; it is watched to its end")
        await bench.until(name, lambda view: view.next.text == f"proven {VERSION}")
        await bench.wait(lambda: bench.notice == f"{name}: start ended SUCCESS: proven {VERSION}")
        truth = bench.simulator.truth(name)
        assert (truth["inits"], truth["starts"], truth["version"]) == (1, 1, VERSION)
        uploads = truth["uploads"]
        assert isinstance(uploads, list)
        assert [one["sha256"] for one in uploads] == [hashlib.sha256(path.read_bytes()).hexdigest()]


async def test_a_start_over_plain_http_takes_a_consent_for_this_very_device(desk: Open) -> None:
    async with desk(http=True) as bench:
        name = bench.simulator.names[0]
        await bench.upload(name, bench.image())
        await bench.initialize(name)
        bench.begin(lambda: flows.start_flow(bench.app, bench.app.service, name))
        await bench.asked(f"type {name} 11.8.0 insecure and press enter")
        assert f"! {INSECURE}" in words(bench.app)
        assert "plain http" in words(bench.app)
        await bench.type(f"{name} 11.8.0", "enter")
        await bench.asked("insecure")
        assert bench.count(name, "starts") == 0
        await bench.type(" insecure", "enter")
        await bench.until(name, lambda view: view.next.text == f"proven {VERSION}")
        assert bench.count(name, "starts") == 1


async def test_a_start_is_not_sent_when_the_device_changed_behind_the_dialog(desk: Open) -> None:
    async with desk() as bench:
        name = bench.simulator.names[0]
        await bench.upload(name, bench.image())
        await bench.initialize(name)
        bench.begin(lambda: flows.start_flow(bench.app, bench.app.service, name))
        await bench.asked("and press enter")
        bench.simulator.device(name).reset()
        await bench.type(f"{name} 11.8.0", "enter")
        await bench.asked("Nothing was sent.")
        assert "state: INITIALIZED → IDLE" in " ".join(words(bench.app).split())
        assert bench.count(name, "starts") == 0
        await bench.pilot.press("escape")
        await bench.wait(lambda: bench.told[-1:] == [None])


async def test_a_start_in_the_wrong_state_shows_the_reason_and_nothing_to_confirm(desk: Open) -> None:
    async with desk() as bench:
        name = bench.simulator.names[0]
        bench.begin(lambda: flows.start_flow(bench.app, bench.app.service, name))
        await bench.asked("init comes first")
        await bench.type(f"{name} 11.8.0", "y", "enter")
        await bench.wait(lambda: bench.told == [None])
        assert bench.count(name, "starts") == 0


async def test_an_upload_to_several_names_who_gets_it_and_who_not(desk: Open) -> None:
    async with desk(devices=3) as bench:
        first, second, third = bench.simulator.names
        path = bench.image()
        await bench.upload(first, path)
        await bench.initialize(first)
        bench.told.clear()
        bench.begin(lambda: flows.upload_flow(bench.app, bench.app.service, (first, second, third)))
        await bench.asked("choose a file")
        await bench.pilot.press("enter")  # the directory of last time, its one image under the cursor
        await bench.asked("press y to upload to 2 devices")
        body = words(bench.app)
        assert "2 devices get it, of 3 chosen" in body
        assert "un-init (reset) it first" in " ".join(body.split())
        await bench.pilot.press("y")
        for name in (second, third):
            await bench.until(name, lambda view: "VALID" in [image.state for image in images(view)])
        uploads = bench.simulator.truth(first)["uploads"]
        assert isinstance(uploads, list)
        assert len(uploads) == 1


async def test_a_file_that_is_not_what_its_publisher_states_is_not_sent(desk: Open) -> None:
    async with desk() as bench:
        name = bench.simulator.names[0]
        path = bench.image()
        path.with_name(path.name + ".sha256").write_text(f"{'0' * 64}  {path.name}\n")
        bench.begin(lambda: flows.upload_flow(bench.app, bench.app.service, (name,)))
        await bench.asked("choose a file")
        await bench.type(str(path), "enter")
        await bench.asked("not what its publisher states")
        await bench.pilot.press("y")
        assert isinstance(bench.app.screen, UploadDialog)
        await bench.pilot.press("escape")
        await bench.wait(lambda: bench.told == [None])
        assert bench.simulator.truth(name)["uploads"] == []


async def test_a_typed_path_in_one_burst_is_the_path(desk: Open) -> None:
    async with desk() as bench:
        path = bench.image()
        bench.begin(lambda: flows.upload_flow(bench.app, bench.app.service, bench.simulator.names[:1]))
        await bench.asked("choose a file")
        assert isinstance(bench.app.screen, FilePicker)
        await bench.type(str(path), "enter")
        await bench.asked(path.name)
        await bench.pilot.press("escape")


async def test_a_device_fetches_from_a_url(desk: Open) -> None:
    async with desk() as bench:
        name = bench.simulator.names[0]
        path = bench.image()
        async with serving(path) as url:
            bench.begin(lambda: flows.fetch_flow(bench.app, bench.app.service, (name,)))
            await bench.asked("type the URL")
            await bench.type(url)
            await bench.asked("127.0.0.1")
            await bench.pilot.press("tab", "tab", "tab")
            await bench.asked("press y to fetch")
            await bench.pilot.press("y")
            await bench.until(name, lambda view: view.next.text.startswith("init?"))
        assert bench.told == [f"fetch accepted by {name}"]


async def test_a_local_url_is_refused_where_the_inventory_does_not_allow_it(desk: Open) -> None:
    async with desk(change=without_local_fetch) as bench:
        name = bench.simulator.names[0]
        bench.begin(lambda: flows.fetch_flow(bench.app, bench.app.service, (name,)))
        await bench.asked("type the URL")
        await bench.type("http://127.0.0.1/update-11.8.0.iso")
        await bench.asked("fetch_local in the")
        await bench.pilot.press("tab", "tab", "tab", "y", "tab", "enter")
        assert "no device would get it" in words(bench.app, "remark")
        await bench.pilot.press("escape")
        await bench.wait(lambda: bench.told == [None])
        assert not any("fetch" in str(request) for request in posts(bench, name))


async def test_a_changed_certificate_is_trusted_only_by_its_name_typed(desk: Open) -> None:
    async with desk(change=with_wrong_pins) as bench:
        name = bench.simulator.names[0]
        await bench.until(name, lambda view: view.reach is Reach.TRUST)
        bench.begin(lambda: flows.credentials_flow(bench.app, bench.app.service, (name,)))
        await bench.asked(f"type trust {name} and press enter")
        presented = bench.simulator.fingerprint(name)
        assert presented is not None
        assert presented.removeprefix("sha256:")[:8] in words(bench.app)
        assert "trusted so far" in words(bench.app)
        await bench.pilot.press("y", "enter")
        assert bench.told == []
        await bench.pilot.press("ctrl+u")
        await bench.type(f"trust {name}", "enter")
        await bench.until(name, lambda view: view.reach is Reach.OK)
        await bench.wait(lambda: bench.told == [f"{name} is trusted now"])
        assert presented in bench.simulator.fleet_path.read_text()


async def test_certificates_of_several_are_trusted_by_one_typed_count(desk: Open) -> None:
    async with desk(change=with_wrong_pins) as bench:
        names = bench.simulator.names
        for name in names:
            await bench.until(name, lambda view: view.reach is Reach.TRUST)
        bench.begin(lambda: flows.credentials_flow(bench.app, bench.app.service, names))
        await bench.asked("type trust 2 and press enter")
        await bench.type("trust 2", "enter")
        await bench.wait(lambda: bench.told == ["2 devices trusted now"])
        for name in names:
            await bench.until(name, lambda view: view.reach is Reach.OK)


async def test_a_rejected_login_is_said_and_not_tried_again(desk: Open) -> None:
    async with desk(change=without_passwords) as bench:
        name = bench.simulator.names[0]
        await bench.until(name, lambda view: view.reach is Reach.AUTH)
        tried = bench.count(name, "logins")
        bench.begin(lambda: flows.credentials_flow(bench.app, bench.app.service, (name,)))
        await bench.asked("Log in to")
        await bench.type("wrong", "enter")
        await bench.asked("nothing more was tried")
        assert "wrong" not in bench.app.export_screenshot()
        await bench.type(bench.simulator.password, "enter")
        await bench.wait(lambda: bench.told == [f"logged in to {name} as admin"])
        await bench.until(name, lambda view: view.reach is Reach.OK)
        assert bench.count(name, "logins") - tried <= 2


async def test_an_acknowledgement_needs_a_note_and_leaves_the_top(desk: Open) -> None:
    async with desk(devices=12, scenario=Scenario.MIXED) as bench:
        name = bench.simulator.with_trait("failed_critical")
        await bench.until(name, lambda view: view.needs_me)
        bench.begin(lambda: flows.acknowledge_flow(bench.app, bench.app.service, (name,)))
        await bench.asked("Acknowledge")
        await bench.pilot.press("enter")
        assert "needs a note" in words(bench.app, "remark")
        await bench.type("case 4711 is open", "enter")
        await bench.wait(lambda: bench.told == [f"acknowledged: {name}"])
        await bench.until(name, lambda view: not view.needs_me and view.record.acknowledged_note == "case 4711 is open")
        last = bench.app.service.events_of(name)[-1]
        assert last.text == "acknowledged (call support): case 4711 is open"


async def test_quitting_asks_only_where_an_upload_would_be_lost(desk: Open) -> None:
    async with desk(change=saved_nowhere) as bench:
        name = bench.simulator.names[0]
        assert await flows.quit_flow(bench.app, bench.app.service)
        bench.simulator.fault(name, "delay", path="/images/upload", seconds=30.0)
        path = bench.image()
        bench.begin(lambda: flows.upload_flow(bench.app, bench.app.service, (name,)))
        await bench.asked("choose a file")
        await bench.type(str(path), "enter")
        await bench.asked("press y to upload")
        await bench.pilot.press("y")
        await bench.wait(lambda: bench.app.service.transfers() == (name,))
        bench.app.leave()
        await bench.asked("1 upload would be lost")
        assert name in words(bench.app)
        await bench.pilot.press("enter")  # Cancel has the focus
        await bench.wait(lambda: not isinstance(bench.app.screen, Dialog))
        assert bench.app.is_running
        bench.app.leave()
        await bench.asked("1 upload would be lost")
        await bench.pilot.press("y")
        await bench.wait(lambda: not bench.app.is_running)


def images(view: DeviceView) -> tuple[Image, ...]:
    return () if view.reading is None else view.reading.images


async def test_the_rate_of_an_upload_is_remembered_for_the_next(desk: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("updeck.ui.flows.transfers.SAMPLE_S", 0.05)
    async with desk() as bench:
        name = bench.simulator.names[0]
        bench.simulator.fault(name, "delay_after", path="/images/upload", times=1, seconds=6.0)
        await bench.upload(name, bench.image())
        await bench.wait(lambda: name in load_recent(bench.directory / "state").rates)
        bench.begin(lambda: flows.upload_flow(bench.app, bench.app.service, bench.simulator.names[:2]))
        await bench.asked("choose a file")
        await bench.type(str(bench.image("11.9.0")), "enter")
        await bench.asked("last time")
        assert words(bench.app).count("was not measured yet") == 1


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        ({"one": None}, "a.iso uploaded to one"),
        ({"one": None, "two": None}, "a.iso uploaded to 2 devices"),
        ({"one": None, "two": "refused: no room"}, "a.iso uploaded to 1 of 2 devices; two: refused: no room"),
        ({"one": "no answer", "two": "no room"}, "one: no answer (and 1 more)"),
    ],
)
def test_how_a_transfer_ended_is_one_sentence(ended: dict[str, str | None], sentence: str) -> None:
    assert summary("a.iso uploaded to", ended)[0] == sentence


@pytest.mark.parametrize(
    ("outcome", "text", "sentence"),
    [
        (Outcome.ACCEPTED, "", "box: start accepted; it is watched to its end"),
        (Outcome.REFUSED, "not possible", "box: start refused: not possible"),
        (Outcome.UNKNOWN, "reset", "box: start sent, its answer lost (reset): it is watched, and not sent again"),
        (None, "nothing was sent", "box: nothing was sent"),
    ],
)
def test_what_became_of_a_call_is_one_sentence(outcome: Outcome | None, text: str, sentence: str) -> None:
    assert told("box", Performed("0193", Op.START, outcome, text)) == sentence


def posts(bench: Desk, name: str) -> list[object]:
    requests = bench.simulator.truth(name)["requests"]
    assert isinstance(requests, list)
    return [one for one in requests if one["method"] == "POST"]


def without_local_fetch(fleet: Fleet) -> Fleet:
    return replace(fleet, devices=tuple(replace(entry, fetch_local=False) for entry in fleet.devices))


def with_wrong_pins(fleet: Fleet) -> Fleet:
    wrong = f"sha256:{'0' * 64}"
    return replace(fleet, devices=tuple(replace(entry, tls=replace(entry.tls, pin=wrong)) for entry in fleet.devices))


def saved_nowhere(fleet: Fleet) -> Fleet:
    return replace(fleet, path=None)


def without_passwords(fleet: Fleet) -> Fleet:
    return replace(fleet, devices=tuple(replace(entry, password=None) for entry in fleet.devices))
