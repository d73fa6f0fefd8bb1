"""From nothing to a live device by keys, over HTTPS; and what a person is told where it does not go that well."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Never
from urllib.parse import urlsplit

import pytest
from textual.events import Paste

from device.certificates import issue
from dialog_stage import words
from flow_desk import Desk, Open
from updeck.device.models import Reach
from updeck.device.tls import context_for
from updeck.fleet.inventory import NAME_RULE, DeviceEntry, Fleet, load_fleet, single_device_fleet
from updeck.simulator.serving import Simulator
from updeck.ui import flows
from updeck.ui.layout import Part
from updeck.ui.screens.dialog import Dialog
from updeck.ui.widgets.canvas import Canvas
from updeck.ui.widgets.form import Form

NAME = "ar11-nyc-1"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """Return where the inventory will be; there is none yet."""
    path = tmp_path / "config" / "fleet.toml"
    path.parent.mkdir(mode=0o700)
    return path


def typed(bench: Desk, key: str) -> str:
    """Return what stands in a line of the open dialog."""
    return bench.app.screen.query_one(Form).value(key)


def first_line(part: Canvas) -> str:
    return part.render_line(0).text if part.lines else ""


async def begin(bench: Desk) -> None:
    """Press the one key that the empty list names."""
    await bench.wait(lambda: "enter adds the first" in bench.app.home.board.devices.nothing)
    await bench.pilot.press("enter")
    await bench.asked("The first device")


def contents(path: Path) -> str:
    return path.read_text()


def saved(path: Path) -> tuple[DeviceEntry, ...]:
    """Return the devices of the inventory; none where there is no file."""
    return load_fleet(path).devices if path.exists() else ()


async def home(bench: Desk) -> None:
    await bench.wait(lambda: not isinstance(bench.app.screen, Dialog) and bench.app.busy is None)


def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


async def test_the_whole_way_by_keys(desk: Open, inventory: Path) -> None:
    async with desk(fleet=Fleet(inventory)) as bench:
        await begin(bench)
        assert str(inventory) in "".join(words(bench.app).split("\n             "))
        url = bench.simulator.url(bench.simulator.names[0])
        await bench.type(url.removeprefix("https://"), "enter")
        await bench.type(NAME, "enter")  # takes the place of what was suggested
        await bench.type("nyc lab", "enter")
        await bench.asked("type trust and press enter")
        await bench.type("trust", "enter")
        await bench.asked(f"Log in to {NAME}")
        assert typed(bench, "username") == "admin"
        await bench.type("", "enter")
        await bench.type(bench.simulator.password, "enter")
        await home(bench)
        await bench.until(NAME, lambda view: view.reach is Reach.OK)
        assert f"{NAME} is live and saved, its password is not" in bench.notice
        assert [(one.name, one.url, one.tags, one.username, one.tls.mode) for one in saved(inventory)] == [
            (NAME, url, ("nyc", "lab"), "admin", "pin")
        ]
        assert bench.simulator.password not in contents(inventory)
        assert bench.app.options.fleet_name == "fleet"
        await bench.pilot.press("enter")  # what is next is done, as the notice says
        await bench.asked(f"Upload to {NAME}")


async def test_five_keys_beside_address_and_password_are_enough(desk: Open, inventory: Path) -> None:
    async with desk(fleet=Fleet(inventory)) as bench:
        await begin(bench)
        url = bench.simulator.url(bench.simulator.names[0])
        await bench.type(url, "enter", "enter", "enter")
        await bench.asked("type trust and press enter")
        await bench.type("trust", "enter")
        await bench.asked("Log in to")
        await bench.type("", "enter")
        await bench.type(bench.simulator.password, "enter")
        await home(bench)
        (entry,) = saved(inventory)
        assert (entry.name, entry.url) == (url.removeprefix("https://").replace(":", "-"), url)


async def test_a_pasted_name_takes_the_place_of_the_suggested_one(desk: Open, inventory: Path) -> None:
    async with desk(fleet=Fleet(inventory)) as bench:
        await begin(bench)
        await bench.type("10.1.2.3", "enter")
        assert typed(bench, "name") == "10.1.2.3"
        bench.app.post_message(Paste(NAME))
        await bench.wait(lambda: typed(bench, "name") == NAME)
        bench.app.post_message(Paste("-b"))
        await bench.wait(lambda: typed(bench, "name") == f"{NAME}-b")
        assert saved(inventory) == ()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("10.0.0.300", "no valid IPv4 address"),
        ("ftp://x", "http"),
        ("https://a/b", "leave out path"),
        ("", "type the address of an appliance first"),
        (f"{'x' * 64}.example", "has no valid host name"),
    ],
)
async def test_a_wrong_address_gets_one_sentence(desk: Open, inventory: Path, address: str, sentence: str) -> None:
    async with desk(fleet=Fleet(inventory)) as bench:
        await begin(bench)
        await bench.type(address, "enter")
        await bench.pilot.press("ctrl+u")
        await bench.type("box", "enter", "enter")
        await bench.asked(sentence)
        assert bench.app.screen.query_one(Form).at == "address"
        assert saved(inventory) == ()


@pytest.mark.parametrize(
    ("name", "tags", "at", "sentence"),
    [
        ("box 1", "lab", "name", f"no name: {NAME_RULE}"),
        ("box-1", "lab, x*", "tags", "x* is no tag, site or pair; use no spaces"),
    ],
)
async def test_the_line_that_is_wrong_gets_the_keys_and_one_sentence(
    desk: Open, inventory: Path, name: str, tags: str, at: str, sentence: str
) -> None:
    async with desk(fleet=Fleet(inventory)) as bench:
        await begin(bench)
        await bench.pilot.resize_terminal(60, 15)
        await bench.pilot.pause()
        await bench.type("10.1.2.3", "enter", "ctrl+u")
        await bench.type(name, "enter")
        await bench.type(tags, "enter")
        await bench.asked(sentence)
        form = bench.app.screen.query_one(Form)
        assert form.at == at
        drawn = " ".join("".join(one.text for one in form.render_line(y)).strip() for y in (3, 4))
        assert drawn == form.remark


async def test_the_empty_list_says_whole_what_adds_the_first_device(desk: Open, inventory: Path) -> None:
    async with desk(fleet=Fleet(inventory)) as bench:
        await bench.pilot.resize_terminal(60, 15)
        board = bench.app.home.board
        parts = (board.devices, board.part(Part.NEXT))
        await bench.wait(lambda: "no devices yet: enter adds the first" in "".join(map(first_line, parts)))


async def test_where_nothing_answers_the_address_can_be_mended_at_once(desk: Open, inventory: Path) -> None:
    async with desk(fleet=Fleet(inventory)) as bench:
        await begin(bench)
        await bench.type(f"127.0.0.1:{unused_port()}", "enter")
        await bench.type("box", "enter")
        await bench.type("lab", "enter")
        await bench.asked("the connection was refused")
        assert (typed(bench, "name"), typed(bench, "tags")) == ("box", "lab")
        await bench.pilot.press("ctrl+u")  # the address has the keys again
        await bench.type(bench.simulator.url(bench.simulator.names[0]), "enter", "enter", "enter")
        await bench.asked("type trust and press enter")
        assert "Certificate of box" in words(bench.app, "title")
        assert saved(inventory) == ()


async def test_a_name_that_nobody_knows_gets_one_sentence_and_the_address_has_the_keys(
    desk: Open, inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(asked: object, *more: object, **named: object) -> Never:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with desk(fleet=Fleet(inventory)) as bench:
        await begin(bench)
        monkeypatch.setattr(socket, "getaddrinfo", unknown)  # the system's resolver, which would ask the network
        await bench.type("no-such-box.invalid", "enter")
        await bench.type("box", "enter", "enter")
        await bench.asked("https://no-such-box.invalid: its name cannot be resolved: Name or service not known")
        monkeypatch.undo()
        assert bench.app.screen.query_one(Form).at == "address"
        assert saved(inventory) == ()


async def test_a_certificate_that_the_system_vouches_for_is_not_pinned_and_asks_nothing(
    desk: Open, inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(fleet=Fleet(inventory)) as bench:
        url = bench.simulator.url(bench.simulator.names[0])
        address = urlsplit(url)
        presented = await asyncio.to_thread(ssl.get_server_certificate, (address.hostname or "", address.port or 0))
        store = tmp_path / "store.pem"
        await asyncio.to_thread(store.write_text, presented)
        monkeypatch.setenv("SSL_CERT_FILE", str(store))  # where OpenSSL's own store is
        context_for.cache_clear()
        await begin(bench)
        await bench.type(url, "enter")
        await bench.type(NAME, "enter", "enter")
        await bench.asked(f"Log in to {NAME}")
        await bench.type("", "enter")
        await bench.type(bench.simulator.password, "enter")
        await home(bench)
        await bench.until(NAME, lambda view: view.reach is Reach.OK)
        assert [one.tls.mode for one in saved(inventory)] == ["verify"]
        assert "tls" not in contents(inventory), "it is the default"
    context_for.cache_clear()


async def test_an_answer_for_an_address_that_was_changed_meanwhile_counts_no_more(desk: Open, inventory: Path) -> None:
    called, release = asyncio.Event(), asyncio.Event()

    async def hang_up_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        await release.wait()
        writer.close()

    async with (
        desk(fleet=Fleet(inventory)) as bench,
        await asyncio.start_server(hang_up_later, "127.0.0.1", 0) as server,
    ):
        await begin(bench)
        await bench.type(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", "enter", "enter", "enter")
        await bench.wait(called.is_set)
        await bench.asked("asking https://127.0.0.1")
        await bench.pilot.press("up", "up", "ctrl+u")
        await bench.type("10.1.2.3")
        release.set()
        await bench.wait(lambda: all(one.is_finished for one in bench.app.workers if one.node is bench.app.screen))
        assert words(bench.app, "remark") == ""
        assert typed(bench, "address") == "10.1.2.3"


async def test_what_is_no_appliance_is_not_saved(desk: Open, inventory: Path) -> None:
    async with desk(fleet=Fleet(inventory)) as bench:
        await begin(bench)
        await bench.type(bench.simulator.control_url)
        await bench.asked("whoever listens reads the password")
        await bench.type("", "enter", "enter", "enter")
        await bench.asked("it does not offer this service")
        assert bench.app.service.fleet.devices == ()
        await bench.pilot.press("escape")
        await home(bench)
        assert bench.app.home.lineup.size == 0
        assert saved(inventory) == ()


async def test_an_appliance_over_plain_http_is_led_to_its_login_with_the_warning(desk: Open, inventory: Path) -> None:
    async with desk(fleet=Fleet(inventory), http=True) as bench:
        await begin(bench)
        await bench.type(bench.simulator.url(bench.simulator.names[0]), "enter", "enter", "enter")
        await bench.asked("Log in to")
        await bench.asked("whoever listens reads the password")
        await bench.type("", "enter")
        await bench.type(bench.simulator.password, "enter")
        await home(bench)
        assert "is live and saved" in bench.notice


async def test_an_expired_certificate_says_so_and_can_be_left_for_another_address(
    desk: Open, inventory: Path, tmp_path: Path
) -> None:
    old = issue(from_days=-30, to_days=-1)

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with (
        desk(fleet=Fleet(inventory)) as bench,
        await asyncio.start_server(never, "127.0.0.1", 0, ssl=old.server(tmp_path)) as server,
    ):
        await begin(bench)
        await bench.type(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", "enter", "enter", "enter")
        await bench.asked("It has expired")
        assert old.fingerprint.removeprefix("sha256:")[:8] in words(bench.app)
        await bench.pilot.press("escape")
        await bench.asked("not trusted, nothing was saved")
        assert typed(bench, "address").startswith("https://127.0.0.1:")
        await bench.pilot.press("escape")
        await home(bench)
        assert bench.notice == "no device yet: enter leads to the first one"
        assert saved(inventory) == ()


async def test_a_wrong_password_is_told_and_typed_anew_and_leaving_it_keeps_the_device(
    desk: Open, inventory: Path
) -> None:
    async with desk(fleet=Fleet(inventory)) as bench:
        await begin(bench)
        await bench.type(bench.simulator.url(bench.simulator.names[0]), "enter")
        await bench.type(NAME, "enter", "enter")
        await bench.asked("type trust and press enter")
        await bench.type("trust", "enter")
        await bench.asked(f"Log in to {NAME}")
        await bench.type("", "enter")
        await bench.type("wrong", "enter")
        await bench.asked(f"rejected by {NAME}")
        assert typed(bench, "password") == ""
        await bench.pilot.press("escape")
        await home(bench)
        assert bench.notice == f"{NAME} is saved; nobody is logged in: enter does that"
        await bench.pilot.press("enter")
        await bench.asked(f"Log in to {NAME}")
        assert logins(bench.simulator) == 1, "one wrong password, one login"


def logins(simulator: Simulator) -> object:
    return simulator.truth(simulator.names[0])["logins"]


async def test_one_box_by_its_address_is_led_to_its_login_and_saved_nowhere(desk: Open, inventory: Path) -> None:
    async with desk(change=lambda fleet: single_device_fleet(fleet.devices[0].url)) as bench:
        bench.begin(lambda: flows.first_run_flow(bench.app, bench.app.service))
        (entry,) = bench.app.service.fleet.devices
        await bench.asked(f"type trust {entry.name} and press enter")
        await bench.type(f"trust {entry.name}", "enter")
        await bench.asked(f"Log in to {entry.name}")
        await bench.type("", "enter")
        await bench.type(bench.simulator.password, "enter")
        await bench.until(entry.name, lambda view: view.reach is Reach.OK)
        assert saved(inventory) == ()


async def test_a_box_that_needs_nothing_opens_no_dialog(desk: Open) -> None:
    async with desk(devices=1) as bench:
        bench.begin(lambda: flows.first_run_flow(bench.app, bench.app.service))
        await bench.wait(lambda: bench.told == [None])
        assert not isinstance(bench.app.screen, Dialog)
