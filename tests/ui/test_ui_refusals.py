"""401 and 403 as a person sees them: the word in the list, the reason beside it, and the way back in by keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from dialog_stage import words
from failing_disk import hanging
from flow_desk import HANG_S, Desk, Open
from simulation import hold
from updeck.device.models import Reach
from updeck.fleet.inventory import Fleet
from updeck.fleet.secret_sources import FileSecret
from updeck.fleet.views import DeviceView
from updeck.ui import flows
from updeck.ui.glyphs import UNICODE
from updeck.ui.ink import EMPTY, text_of
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


async def test_a_refused_login_is_a_word_a_reason_and_a_way_back_in(desk: Open) -> None:
    async with desk(devices=len(REFUSALS), change=with_own_passwords) as bench:
        names = bench.simulator.names
        for name in names:
            await bench.until(name, lambda view: view.reach is Reach.OK)
        for name, answer in zip(names, REFUSALS.values(), strict=True):
            refuse(bench, name, *answer)
        for name, refusal in zip(names, REFUSALS, strict=True):
            await seen_and_let_in_again(bench, name, refusal)
        assert "another password" not in bench.app.export_screenshot()


async def seen_and_let_in_again(bench: Desk, name: str, refusal: str) -> None:
    """See what is told of a device that refuses, and log in to it by keys once it does no more."""
    view = await bench.until(name, lambda view: view.reach is Reach.AUTH and SAID in (view.error or ""))
    assert (view.next.text, view.next.action) == ("log in", "credentials"), refusal
    assert view.needs_me
    assert SAID in pane(bench, view), refusal
    lineup = bench.app.home.lineup
    await bench.wait(lambda: "no login" in row(bench, name))
    lineup.go(lineup.shown.index(name))
    await bench.pilot.press("c")
    await bench.asked(f"Log in to {name}")
    assert SAID in " ".join(words(bench.app).split()), "wherever its line is broken"
    await bench.type("another password", "enter")
    await bench.asked("nothing more was tried")
    bench.simulator.clear_faults(name)
    await bench.type(bench.simulator.password, "enter")
    await bench.until(name, lambda view: view.reach is Reach.OK)
    await bench.wait(lambda: f"logged in to {name} as admin" in bench.notice)


def row(bench: Desk, name: str) -> str:
    """Return the row of a device in the list on the home screen."""
    lines = map(text_of, bench.app.home.board.devices.lines)
    return next((line for line in lines if name in line), "")


def with_own_passwords(fleet: Fleet) -> Fleet:
    """Return the fleet with a password file for each device: what one rejects is not kept from the others.

    There is no time between two logins, so that each poll asks and hears the same reason.
    """
    devices = []
    for entry in fleet.devices:
        assert isinstance(entry.password, FileSecret)
        own = entry.password.path.with_name(f"password-{entry.name}")
        own.write_text(entry.password.path.read_text())
        own.chmod(0o600)
        devices.append(replace(entry, password=FileSecret(own)))
    return replace(fleet, devices=tuple(devices), patience=fleet.patience._replace(relogin=0.0))


async def test_a_password_file_whose_server_is_gone_keeps_nobody_else_and_no_end_waiting(desk: Open) -> None:
    with ExitStack() as mount:

        def first_lost(fleet: Fleet) -> Fleet:
            fleet = with_own_passwords(fleet)
            source = fleet.devices[0].password
            assert isinstance(source, FileSecret)
            hung.append(mount.enter_context(hanging(source.path)))
            return fleet

        hung: list[list[str]] = []
        async with asyncio.timeout(HANG_S), desk(devices=3, change=first_lost) as bench:
            lost, *others = bench.simulator.names
            for name in others:
                await bench.until(name, lambda view: view.reach is Reach.OK)
            assert len(hung[0]) == 1
            assert (view := bench.app.service.state.view(lost)) is None or view.reach is not Reach.OK
            before = bench.app.home.lineup.cursor
            await bench.pilot.press("down")
            await bench.wait(lambda: bench.app.home.lineup.cursor != before)


CALLS = {
    "upload": "/images/upload",
    "fetch": "/images/fetch",
    "delete": "/images/items/1",
    "init": "/update/init",
    "start": "/update/start",
    "un-init": "/update/reset",
}
ANSWERS = [(401, "AUTH_EXPIRED_TOKEN"), (403, "AUTH_FORBIDDEN"), (403, "AUTH_DISABLED_ACCOUNT")]


async def test_a_call_that_is_refused_so_is_told_with_its_reason_and_not_sent_again(desk: Open) -> None:
    async with desk(devices=1, change=by_hand) as bench:
        name = bench.simulator.names[0]
        hold(bench.simulator.device(name), bench.image().read_bytes())
        await bench.until(name, lambda view: view.next.text.startswith("init?"))
        for call, path in CALLS.items():
            if call == "start":
                bench.simulator.clear_faults(name)
                await bench.initialize(name)
            for status, error_id in ANSWERS:
                bench.simulator.clear_faults(name)
                fault = {"path": path, "status": status, "error_id": error_id, "error_text": SAID}
                bench.simulator.fault(name, "status", **fault)
                await refused_once(bench, name, call, f"{SAID} ({status})")


async def refused_once(bench: Desk, name: str, call: str, reason: str) -> None:
    """Confirm a call that is refused, and see that it is told, sent once, and no word more about the login."""
    before = sent(bench, name, CALLS[call])
    bench.told.clear()
    bench.app.say(EMPTY)
    bench.begin(partial(begun, bench, name, call))
    await confirmed(bench, call)
    await bench.wait(lambda: bench.told != [] and bench.app.busy is None)
    await bench.wait(lambda: "refused" in bench.notice)
    assert reason in bench.notice, call
    assert sent(bench, name, CALLS[call]) == before + 1, call
    await bench.until(name, lambda view: view.reach is Reach.OK)


async def confirmed(bench: Desk, call: str) -> None:
    """Press what the dialog of a call asks for."""
    match call:
        case "upload":
            await bench.asked("choose a file")
            await bench.type(str(bench.image("11.12.0 #40000")), "enter")
            await bench.asked("press y to upload")
            await bench.pilot.press("y")
        case "fetch":
            await bench.asked("type the URL")
            await bench.type("http://127.0.0.1:9/x.iso", "tab", "tab", "tab")
            await bench.asked("press y to fetch")
            await bench.pilot.press("y")
        case "init":
            await bench.asked("press y to init")
            await bench.pilot.press("y")
        case _:
            await bench.asked("and press enter")
            token = words(bench.app, "remark").removeprefix("type ").removesuffix(" and press enter")
            await bench.type(token, "enter")


def begun(bench: Desk, name: str, call: str) -> Awaitable[str | None]:
    """Return the flow of a call."""
    app, service = bench.app, bench.app.service
    match call:
        case "upload":
            return flows.upload_flow(app, service, (name,))
        case "fetch":
            return flows.fetch_flow(app, service, (name,))
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


def by_hand(fleet: Fleet) -> Fleet:
    """Return the fleet saved nowhere, so that no engine sends uploads, and with no time between two logins.

    So a session that the device ended is replaced at once.
    """
    return replace(fleet, path=None, patience=fleet.patience._replace(relogin=0.0))
