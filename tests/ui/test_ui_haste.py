"""Every dialog that confirms something: no haste sends anything, nor does read-only, and the same keys meant do."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from fleet_fixture import ACTOR, app_with
from flow_desk import Desk
from haste import Case, Person, Step, askers
from journal_plans import rollouts
from rollout_desk import end_engines
from rollout_stage import NEW, SHORT, World, plan
from simulation import StartSimulator, hold, writes
from updeck.clock import SystemClock
from updeck.device.models import Reach
from updeck.fleet.inventory import Fleet, load_fleet
from updeck.fleet.service import FleetService
from updeck.journal.actor import this_actor
from updeck.journal.models import Op, Verdict
from updeck.journal.plan_models import ControlKind, Position
from updeck.journal.store import Journal
from updeck.rollout.plan import Fence
from updeck.simulator.fleet import build_fleet
from updeck.simulator.images import write_image
from updeck.simulator.options import Scenario
from updeck.simulator.serving import Simulator
from updeck.ui.actions import ACTIONS, Group, Pane
from updeck.ui.app import UpdeckApp
from updeck.ui.launch import UiOptions
from updeck.ui.screens.rollout import VERBS, RolloutScreen

HANG_S = 60.0
NAMES = [one.name for one in build_fleet(12, 1, Scenario.CALM)]
READY, STAGED, SHELF, BROKEN, HALF_SENT, FETCHER, LOCKED, NAMELESS, HOLDER, CHANGED, *OTHERS = NAMES
PLANNED = (HOLDER, LOCKED)


def one(action: str, key: str, shows: str, answer: Iterable[str], asks: str, *devices: str) -> Case:
    """Return the case of one dialog that one key opens."""
    return Case(action, asks, (Step((key,), shows),), tuple(answer), devices=devices)


def token(action: str, key: str, words: str, asks: str, *devices: str) -> Case:
    """Return the case of one dialog that one key opens, and that has words typed."""
    return one(action, key, f"type {words} and press enter", (words, "enter"), asks, *devices)


TO_PLAN = (
    Step(("n",), "Plan a rollout to 2 devices"),
    Step(("enter",) * 6, f"type 2 {SHORT} and press enter"),
    Step((f"2 {SHORT}", "enter"), f"Log in to {LOCKED}"),
)
TO_UPLOAD = (Step(("u",), "choose a file"), Step(("{image}", "enter"), "press y to upload"))
AT_DEVICES = (
    token("start", "S", f"{READY} {SHORT}", "operations._operate", READY),
    one("init", "I", "press y to init", "y", "operations._operate", STAGED),
    token("reset", "X", STAGED, "operations._operate", STAGED),
    Case(
        "delete",
        "operations._operate",
        (Step(("tab", "tab")), Step(("D",), f"type {SHELF} and press enter")),
        (SHELF, "enter"),
        devices=(SHELF,),
    ),
    one("acknowledge", "a", f"Acknowledge {BROKEN}", ("seen", "enter"), "leaving.acknowledge_flow", BROKEN),
    token("next", "enter", BROKEN, "operations._operate", BROKEN),
    replace(
        one("upload", "u", "choose a file", ("{image}", "enter"), "transfers.choose_file", HALF_SENT),
        leads="press y to upload",
    ),
    Case("upload", "transfers.upload_flow", TO_UPLOAD, ("y",), devices=(HALF_SENT,)),
    one("fetch", "f", "type the URL", ("{url}", "tab", "tab", "tab", "y"), "transfers.fetch_flow", FETCHER),
    token("credentials", "c", f"trust {CHANGED}", "credentials._trust", CHANGED),
    token("credentials", "c", "trust 2", "credentials._trust", *OTHERS),
    one("credentials", "c", f"Log in to {NAMELESS}", ("{password}", "enter"), "credentials._log_in", NAMELESS),
    Case("plan", "planning.plan_flow", TO_PLAN[:1], TO_PLAN[1].keys, TO_PLAN[1].shows, PLANNED),
    Case("plan", "planning._confirmed", TO_PLAN[:2], TO_PLAN[2].keys, TO_PLAN[2].shows, PLANNED),
    Case("plan", "engines._credentials", TO_PLAN, ("{password}", "enter"), devices=PLANNED, again=False),
    replace(one("export", "e", "Export devices", ("enter", "enter"), "carrying.export_flow"), defaults=True),
    replace(one("copy", "Y", "Copy from", ("enter",), "carrying.copy_flow", READY), defaults=True),
    one("quit", "q", "1 upload would be lost", "y", "leaving.quit_flow"),
)


ALLOWED = ("credentials._log_in", "carrying.export_flow", "carrying.copy_flow", "leaving.quit_flow")
"""Where read-only asks as well: nothing but logins leaves it, and the inventory stays as it is."""

IN_A_ROLLOUT = "rollouts._confirmed"
"""Where most is asked that a person wants of a rollout."""


def reasoned(action: str, key: str, shows: str, device: str, *, asks: str = "rollouts._reasoned") -> Case:
    """Return the case of a dialog that takes a reason."""
    return one(action, key, shows, ("because", "enter"), asks, device)


def let_go(stage: World) -> None:
    """Press the brake of all rollouts, for somebody to let it go."""
    assert stage.journal is not None
    stage.journal.brake(on=True)


def pause(stage: World) -> None:
    """Pause the rollout, for somebody to resume it."""
    stage.engine.control(stage.rollout, ControlKind.PAUSE)


def foreign(stage: World) -> None:
    """Have a device be held, because somebody else initialized it."""
    stage.engine.stand(stage.rollout, [Position("ar11-fra", "HELD", "somebody else initialized it")])


def armed(stage: World) -> None:
    """Bring a device to the fence."""
    stage.arm("ar11-ams")


def failed(stage: World) -> None:
    """Stop the rollout by failures, the verdict of one of which is for a person."""
    stage.end("ar11-lon", Verdict.REVIEW, "no answer for an hour")
    stage.end("ar11-mad", Verdict.TRANSFER_FAILED, "the disk is full")


def canary_done(stage: World) -> None:
    """End the first wave well."""
    stage.canary_done()


AT_A_ROLLOUT = (
    one("brake", "!", "All rollouts may init and start again", "y", "rollouts.brake_flow"),
    one("pause", "p", "nothing is sent a second time", "y", IN_A_ROLLOUT, "ar11-ams"),
    reasoned("adopt", "m", "is taken as ours", "ar11-fra"),
    reasoned("skip", "s", "It is left out", "ar11-mil"),
    token("arm", "S", f"ar11-ams {SHORT}", IN_A_ROLLOUT, "ar11-ams"),
    token("reset", "X", "reset 1", "undoing.undo_flow", "ar11-ams"),
    one(
        "resolve",
        "y",
        "Look at the device first",
        ("right", "enter", "seen", "enter"),
        "rollouts.resolve_flow",
        "ar11-lon",
    ),
    one("reopen", "g", "It stopped after", ("9", "enter", "because", "enter"), "rollouts.reopen_flow", "ar11-ams"),
    reasoned("retry", "t", "Another attempt is opened", "ar11-mad"),
    token("promote", "P", f"3 {SHORT}", IN_A_ROLLOUT, "ar11-ams"),
    token("abort", "A", "abort 5", IN_A_ROLLOUT, "ar11-ams"),
)
PREPARED = {"brake": let_go, "pause": pause, "adopt": foreign, "arm": armed, "reset": failed, "promote": canary_done}
TO_TRUST = (
    Step(("enter",), "The first device"),
    Step(("{url}", "enter", "enter", "enter"), "type trust and press enter"),
    Step(("trust", "enter"), "Log in to"),
)
AT_THE_FIRST = (
    Case("next", "beginning._found", TO_TRUST[:1], TO_TRUST[1].keys, TO_TRUST[1].shows),
    Case("next", "beginning._trusted", TO_TRUST[:2], TO_TRUST[2].keys, TO_TRUST[2].shows),
    Case("next", "beginning._log_in", TO_TRUST, ("enter", "{password}", "enter"), again=False),
)
OPTIONS = UiOptions(fleet_name="bench", label="LAB", pace_s=0.05)


def test_every_action_and_every_place_in_the_source_that_asks_has_a_case() -> None:
    cases = (*AT_DEVICES, *AT_A_ROLLOUT, *AT_THE_FIRST)
    acting = {action.id for action in ACTIONS if action.group in (Group.ACT, Group.ROLLOUT)}
    assert (acting | set(VERBS)) - {case.action for case in cases} == set()
    asked = Counter(case.asks for case in cases)
    assert {where: places for where, places in askers().items() if asked[where] < places} == {}
    assert set(asked) - set(askers()) == set(), "a case of what is gone"


class Fleetwide:
    """A simulated fleet with a device for each case, and what was truly done there so far."""

    def __init__(self, simulator: Simulator, room: Path) -> None:
        self.simulator = simulator
        self.room = room
        self.image, self.held = room / "update-11.12.0-40000.iso", room / "held.iso"
        write_image(self.image, "11.12.0 #40000", 100_000)
        write_image(self.held, NEW, 100_000)
        self.running: UpdeckApp | None = None

    @property
    def known(self) -> dict[str, str]:
        """What stands in braces in the keys."""
        url = "http://127.0.0.1:9/update-11.12.0-40000.iso"
        return {"image": str(self.image), "url": url, "password": self.simulator.password}

    def stock(self, name: str) -> None:
        """Have a device hold an image."""
        hold(self.simulator.device(name), self.held.read_bytes())

    async def fail(self, name: str) -> None:
        """Have a device fail at an init, so that it needs a person."""
        self.stock(name)
        await self.simulator.until(name, lambda device: not device.shelf.busy())
        self.simulator.fault(name, "init_failure")
        self.simulator.device(name).init()
        await self.simulator.until_state(name, "FAILED_GRACEFUL")

    def inventory(self) -> Fleet:
        """Pin wrong certificates in the inventory, and return it with devices whose password nobody knows."""
        path, wrong = self.simulator.fleet_path, f"sha256:{'0' * 64}"
        text = path.read_text()
        for name in (CHANGED, *OTHERS):
            text = text.replace(self.simulator.fingerprint(name) or "", wrong)
        path.write_text(text)
        fleet = load_fleet(path)
        without = {
            entry.name: replace(entry, password=None) for entry in fleet.devices if entry.name in (LOCKED, NAMELESS)
        }
        return replace(fleet, devices=tuple(without.get(entry.name, entry) for entry in fleet.devices))

    def deeds(self) -> object:
        """Return all that was truly sent, written, noted or taken along."""
        app = self.running
        assert app is not None
        journal = app.service.journal
        assert journal is not None
        return (
            writes(self.simulator),
            [self.simulator.truth(name)["logins"] for name in (LOCKED, NAMELESS)],
            self.simulator.fleet_path.read_bytes(),
            [one.row.id for one in rollouts(journal) if one.row.kind == "plan"],
            [journal.record(name).acknowledged_note for name in NAMES],
            sorted(self.room.glob("updeck-*")),
            (app.clipboard, app.is_running),
        )

    @asynccontextmanager
    async def shown(self, service: FleetService, options: UiOptions) -> AsyncIterator[Desk]:
        """Show the fleet of a service, every device of which has been asked."""
        async with shown(self.simulator, self.room, service, options) as bench:
            self.running = bench.app
            await bench.wait(lambda: bench.app.home.lineup.size == len(NAMES))
            await bench.wait(lambda: all(view.reach is not None for view in bench.app.home.lineup.views()))
            yield bench

    async def place(self, case: Case) -> None:
        """Put the cursor on the device of a case, or mark its devices."""
        app = self.running
        assert app is not None
        home = app.home
        home.use(Pane.DEVICES)
        home.lineup.clear_marks()
        for name in case.devices:
            home.lineup.go(home.lineup.shown.index(name))
            if len(case.devices) > 1:
                home.lineup.toggle_mark()
        home.cursor_moved()
        home.show_detail()


@asynccontextmanager
async def shown(simulator: Simulator, room: Path, service: FleetService, options: UiOptions) -> AsyncIterator[Desk]:
    """Show the fleet of a service."""

    def opened() -> FleetService:
        service.start()
        return service

    app = UpdeckApp(opened, options)
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            bench = Desk(app, pilot, simulator, room)
            await bench.wait(lambda: app.service_or_none is not None)
            yield bench
    finally:
        await asyncio.to_thread(service.stop)


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """Open a journal where engines find it too; what is written into the working directory stays in the test's."""
    monkeypatch.setenv("UPDECK_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    with closing(Journal.open(tmp_path / "state", actor=this_actor("ui"), clock=SystemClock())) as opened:
        yield opened
    end_engines(tmp_path / "state")


async def test_what_acts_on_a_device_is_sent_by_keys_that_mean_it_and_never_by_haste_nor_read_only(
    simulator: StartSimulator, journal: Journal, tmp_path: Path
) -> None:
    fleetwide = Fleetwide(await simulator(devices=len(NAMES)), tmp_path)
    await asyncio.gather(fleetwide.fail(BROKEN), fleetwide.fail(HALF_SENT))
    for name in (READY, STAGED, SHELF, HOLDER):
        fleetwide.stock(name)
    fleetwide.simulator.fault(HALF_SENT, "delay", path="/images/upload", seconds=600.0)
    fleet = fleetwide.inventory()
    async with fleetwide.shown(FleetService(fleet, journal), OPTIONS) as bench:
        service = bench.app.service
        for name in (STAGED, SHELF, BROKEN, HALF_SENT, FETCHER, HOLDER):
            await bench.until(name, lambda view: view.reach is Reach.OK)
        for name in (CHANGED, *OTHERS):
            await bench.until(name, lambda view: view.reach is Reach.TRUST)
        for name in (LOCKED, NAMELESS):
            await bench.until(name, lambda view: view.reach is Reach.AUTH)
        ready = await asyncio.wrap_future(service.examine(READY, Op.INIT))
        await asyncio.wrap_future(service.perform(ready))
        await bench.until(READY, lambda view: view.next.text == "start?")
    read_only = FleetService(fleet, journal, read_only=True)
    async with fleetwide.shown(read_only, OPTIONS._replace(read_only=True)) as bench:
        person = Person(bench.app, bench.pilot, fleetwide.deeds, fleetwide.place, fleetwide.known)
        await bench.until(READY, lambda view: view.next.text == "start?")
        for case in AT_DEVICES:
            if case.asks not in ALLOWED:
                await person.tries_read_only(case)
    async with fleetwide.shown(FleetService(fleet, journal), OPTIONS) as bench:
        person = Person(bench.app, bench.pilot, fleetwide.deeds, fleetwide.place, fleetwide.known)
        for case in AT_DEVICES:
            if case.action == "reset":
                await bench.until(STAGED, lambda view: view.next.text == "start?")
            await person.hurries(case)
            await person.means_it(case)
            end_engines(tmp_path / "state")  # what was planned would go on, among what other keys do


async def test_what_steers_a_rollout_is_recorded_by_keys_that_mean_it_and_never_by_haste_nor_read_only(
    journal: Journal, tmp_path: Path
) -> None:
    actor = replace(ACTOR, program="engine")
    with closing(Journal.open(tmp_path / "state", actor=actor, clock=SystemClock())) as engine:
        stage = World(journal, engine, plan(fence=Fence.START))
        app = app_with(stage, OPTIONS)

        def deeds() -> object:
            record = stage.record
            return record.controls, record.braked, [member.attempt.resolve for member in record.members]

        async with app.run_test(size=(80, 24)) as pilot:

            async def place(case: Case) -> None:
                await placed(app, pilot, stage, case)

            person = Person(app, pilot, deeds, place)
            for case in AT_A_ROLLOUT:
                engine.renew()
                if case.action in PREPARED:
                    PREPARED[case.action](stage)
                app.options = OPTIONS._replace(read_only=True)
                await person.tries_read_only(case)
                app.options = OPTIONS
                await person.hurries(case)
                await person.means_it(case)


async def placed(app: UpdeckApp, pilot: Pilot[None], stage: World, case: Case) -> None:
    """Open the rollout at the device of a case, as the journal has it now; the home screen where it has none."""

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(HANG_S):
            while not condition():
                await pilot.pause(0.01)

    def known() -> bool:
        found = app.rollouts.found.get(stage.rollout)
        record = stage.record
        return (
            found is not None
            and found[0].members == record.members
            and (found[0].controls, found[0].braked) == (record.controls, record.braked)
        )

    if case.devices:
        app.show_rollout(stage.rollout, case.devices[0])
        await until(lambda: isinstance(app.screen, RolloutScreen) and app.screen.sight is not None)
    await until(known)


async def test_what_leads_to_the_first_device_is_done_by_keys_that_mean_it_and_never_by_haste_nor_read_only(
    simulator: StartSimulator, journal: Journal, tmp_path: Path
) -> None:
    served = await simulator(devices=1)
    (name,) = served.names
    inventory = tmp_path / "config" / "fleet.toml"
    inventory.parent.mkdir(mode=0o700)
    known = {"url": served.url(name), "password": served.password}

    def saved() -> object:
        return inventory.exists()

    def logins() -> object:
        return served.truth(name)["logins"]

    async def place(case: Case) -> None:
        """Begin at the home screen."""

    for read_only in (True, False):
        service = FleetService(Fleet(inventory), journal, read_only=read_only)
        async with shown(served, tmp_path, service, OPTIONS._replace(read_only=read_only)) as bench:
            person = Person(bench.app, bench.pilot, lambda: (saved(), logins()), place, known)
            if read_only:
                await person.tries_read_only(AT_THE_FIRST[-1])
                bench.app.begin()  # as where the program is started without an inventory
                await bench.wait(lambda: "no device is added" in bench.notice)
                continue
            found, trusted, logged_in = AT_THE_FIRST
            await person.hurries(found)
            await person.means_it(found)
            await person.hurries(trusted)
            assert not saved()
            person = Person(bench.app, bench.pilot, logins, place, known)
            await person.hurries(logged_in)
            assert saved(), "the certificate was trusted on the way, by the same keys meant"
            await person.means_it(logged_in)
