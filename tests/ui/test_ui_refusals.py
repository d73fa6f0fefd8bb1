"""401 and 403 as a person sees them: the word in the list, the reason beside it, and the way back in by keys."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from functools import partial

import pytest

from dialog_stage import words
from flow_desk import Desk, Open
from updeck.device.models import Reach
from updeck.fleet.inventory import Fleet
from updeck.fleet.views import DeviceView
from updeck.ui import flows
from updeck.ui.glyphs import UNICODE
from updeck.ui.ink import text_of
from updeck.ui.lines.status import status_lines

REFUSALS = {
    "a wrong password": ("/token", 401, "AUTH_INVALID_CREDENTIALS"),
    "a disabled account at login": ("/token", 403, "AUTH_DISABLED_ACCOUNT"),
    "an expired password at login": ("/token", 403, "AUTH_EXPIRED_PASSWORD"),
    "a forbidden login": ("/token", 403, "AUTH_FORBIDDEN"),
    "an ended session at each poll": ("/update", 401, "AUTH_EXPIRED_TOKEN"),
    "a forbidden poll": ("/update", 403, "AUTH_FORBIDDEN"),
    "a disabled account at a poll": ("/update", 403, "AUTH_DISABLED_ACCOUNT"),
}
SAID = "the box says why"


def refuse(bench: Desk, name: str, path: str, status: int, error_id: str) -> None:
    """Have a device refuse from now on, every session ended."""
    bench.simulator.fault(name, "status", path=path, status=status, error_id=error_id, error_text=SAID)
    bench.simulator.fault(name, "forget_logins")


def pane(bench: Desk, view: DeviceView) -> str:
    """Return the text of the pane beside the list."""
    return " ".join(" ".join(map(text_of, status_lines(view, 60, UNICODE, bench.app.clock.wall()))).split())


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refused_login_is_a_word_a_reason_and_a_way_back_in(desk: Open, refusal: str) -> None:
    async with desk(devices=1) as bench:
        name = bench.simulator.names[0]
        await bench.until(name, lambda view: view.reach is Reach.OK)
        refuse(bench, name, *REFUSALS[refusal])
        view = await bench.until(name, lambda view: view.reach is Reach.AUTH)
        assert (view.next.text, view.next.action) == ("log in", "credentials")
        assert view.needs_me
        assert SAID in (view.error or "")
        assert SAID in pane(bench, view)
        await bench.wait(lambda: "no login" in shown(bench))
        await bench.pilot.press("c")
        await bench.asked(f"Log in to {name}")
        assert SAID in words(bench.app)
        await bench.type("another password", "enter")
        await bench.asked("nothing more was tried")
        bench.simulator.clear_faults(name)
        await bench.type(bench.simulator.password, "enter")
        await bench.until(name, lambda view: view.reach is Reach.OK)
        await bench.wait(lambda: f"logged in to {name} as admin" in bench.notice)
        assert "another password" not in bench.app.export_screenshot()


def shown(bench: Desk) -> str:
    """Return the home screen's list."""
    return bench.app.export_screenshot().replace("&#160;", " ")


CALLS = {"delete": "/images/items/1", "init": "/update/init", "start": "/update/start", "un-init": "/update/reset"}
ANSWERS = [(401, "AUTH_EXPIRED_TOKEN"), (403, "AUTH_FORBIDDEN"), (403, "AUTH_DISABLED_ACCOUNT")]


@pytest.mark.parametrize(("status", "error_id"), ANSWERS)
async def test_a_call_that_is_refused_so_is_told_with_its_reason_and_not_sent_again(
    desk: Open, status: int, error_id: str
) -> None:
    async with desk(devices=1, change=without_spacing) as bench:
        name = bench.simulator.names[0]
        await bench.upload(name, bench.image())
        for call, path in CALLS.items():
            if call == "start":
                bench.simulator.clear_faults(name)
                await bench.initialize(name)
            fault = {"path": path, "status": status, "error_id": error_id, "error_text": SAID}
            bench.simulator.fault(name, "status", **fault)
            before = sent(bench, name, path)
            bench.told.clear()
            bench.begin(partial(begun, bench, name, call))
            await bench.asked("press y to init" if call == "init" else "and press enter")
            if call == "init":
                await bench.pilot.press("y")
            else:
                token = words(bench.app, "remark").removeprefix("type ").removesuffix(" and press enter")
                await bench.type(token, "enter")
            await bench.wait(lambda: bench.told != [])
            assert "refused" in str(bench.told[0])
            assert f"{SAID} ({status})" in str(bench.told[0])
            assert sent(bench, name, path) == before + 1
            await bench.until(name, lambda view: view.reach is Reach.OK)


def begun(bench: Desk, name: str, call: str) -> Awaitable[str | None]:
    """Return the flow of a call."""
    app, service = bench.app, bench.app.service
    match call:
        case "init":
            return flows.init_flow(app, service, name)
        case "start":
            return flows.start_flow(app, service, name)
        case "un-init":
            return flows.reset_flow(app, service, name)
        case _:
            return flows.delete_flow(app, service, name, 1)


def sent(bench: Desk, name: str, path: str) -> int:
    """Return how often a device truly got a call that changes it."""
    requests = bench.simulator.truth(name)["requests"]
    assert isinstance(requests, list)
    return len([one for one in requests if one["method"] != "GET" and one["path"].endswith(path)])


def without_spacing(fleet: Fleet) -> Fleet:
    """Return the fleet with no time between two logins: a session that the device ended is replaced at once."""
    return replace(fleet, patience=fleet.patience._replace(relogin=0.0))
