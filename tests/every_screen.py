"""Every screen and every dialog over one fleet: how each is opened, and where each is left again.

What the devices and the files are called is in several scripts, wide and narrow, so that it is seen what becomes of it.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen

import updeck.ui
from dialog_stage import device_view, examination
from fleet_fixture import ACTOR, CHECKSUM, Stage, bank, some_events
from rollout_records import plan_of
from updeck.clock import Clock, SystemClock
from updeck.device.image_file import Checksums
from updeck.device.models import Certificate
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.fleet.orders import CertificateOffer, Examination
from updeck.journal.models import Baseline, Op, Outcome, Verdict
from updeck.journal.plan_models import Member, Position
from updeck.journal.store import Journal
from updeck.rollout.outlook import Fate, Outlook
from updeck.rollout.plan import Plan, PlannedDevice, PlannedImage, Source
from updeck.rollout.plan_document import stored_plan
from updeck.ui.app import UpdeckApp
from updeck.ui.confirmation import Ask, Deal
from updeck.ui.examined import ask_about
from updeck.ui.exports import Export
from updeck.ui.fingerprints import ask_to_trust, ask_to_trust_all
from updeck.ui.flows.asking import close_dialog, look_of, open_dialog
from updeck.ui.lines.plan import Planned, plan_lines
from updeck.ui.plan_draft import PAGES, first_draft
from updeck.ui.screens.activity import ActivityScreen
from updeck.ui.screens.confirm_dialog import ConfirmDialog
from updeck.ui.screens.copy_dialog import CopyDialog
from updeck.ui.screens.detail import DetailScreen
from updeck.ui.screens.device_log import DeviceLogScreen
from updeck.ui.screens.dialog import Dialog, Look
from updeck.ui.screens.export_dialog import ExportDialog
from updeck.ui.screens.fetch_dialog import FetchDialog
from updeck.ui.screens.file_picker import FilePicker
from updeck.ui.screens.first_run import FirstRun
from updeck.ui.screens.help import ROLLOUT, HelpScreen
from updeck.ui.screens.login_dialog import LoginDialog
from updeck.ui.screens.note_dialog import NoteDialog
from updeck.ui.screens.palette import PaletteScreen
from updeck.ui.screens.plan_dialog import PlanDialog, Step, Then
from updeck.ui.screens.quit_dialog import QuitDialog
from updeck.ui.screens.reason_dialog import Asked, ReasonDialog
from updeck.ui.screens.rollout import RolloutScreen
from updeck.ui.screens.rollouts import RolloutsScreen
from updeck.ui.screens.upload_dialog import UploadDialog
from updeck.ui.widgets.form import Entry

__all__ = ["DIALOGS", "LONG", "SCREENS", "EveryScreen", "concrete_screens", "opened"]

LONG = "ar11-a-name-that-goes-on-and-on-for-ever-nyc-dc1"
FOREIGN = "ar11-zürich-東京-ключ-é"
"""A name in four scripts, wide cells and a mark that combines among them."""

OLD, NEW = "11.6.0 #23947", "11.8.0 #28924"
HANG_S = 20.0

Make = Callable[[Path, Look], Dialog[Any]]


class EveryScreen(Stage):
    """A bank's fleet, a rollout in which devices succeeded, failed, move and wait, and events."""

    def __init__(self, directory: Path, clock: Clock | None = None) -> None:
        now = time.time()
        named = replace(bank()[0].entry, name=FOREIGN, tags=("größe",), site="Genève")
        first, *rest = bank()
        assert first.reading is not None
        told = replace(first.reading.update, state_description="Kein Platz auf „/data“ – 容量不足 ☃")
        foreign = replace(first, entry=named, reading=replace(first.reading, update=told))
        super().__init__([foreign, *rest], some_events(now))
        self.fleet = Fleet(path=None)
        self.journal = Journal.open(directory, actor=ACTOR, clock=clock or SystemClock())
        self.engine = Journal.open(directory, actor=replace(ACTOR, program="engine"), clock=clock or SystemClock())
        names = self.state.names[1:]  # a device of a rollout has an ASCII name
        planned = tuple(
            PlannedDevice(name, f"https://{name}", 1 + number // 4, serial="S") for number, name in enumerate(names)
        )
        plan = Plan(PlannedImage(NEW, Source.PRESENT), planned, ticket="CHG-é")
        members = [Member(one.name, one.wave, one.url) for one in planned]
        self.rollout = self.engine.register_plan(stored_plan(plan), plan.digest, members).id
        self.engine.take_over(self.rollout)
        for name, verdict in zip(names, (Verdict.FAILED_GRACEFUL, Verdict.SUCCESS), strict=False):
            self._send(name, now)
            self.engine.end(
                self.rollout,
                name,
                op=Op.START,
                verdict=verdict,
                reason="so – 終",
                last_state_time=1,
                target_version=NEW,
            )
        self._send(names[2], now)
        for view in [view for view in self.state.views() if view.name in names]:
            record = replace(view.record, rollout=self.engine.record(view.name).rollout)
            self.state.put(replace(view, record=record))
        stands = [Position(names[2], "INITIALIZING", "Entpacke „Größe“"), Position(names[3], "HELD", "ждёт")]
        self.engine.stand(self.rollout, stands)

    def _send(self, name: str, at: float) -> None:
        baseline = Baseline(at, "IDLE", 90, None, ((50, OLD),), OLD, "S", name, "m", f"https://{name}", expected=NEW)
        permit = self.engine.intend(self.rollout, name, Op.INIT, baseline=baseline, allow=lambda record: None)
        self.engine.outcome(permit.intent_id, Outcome.ACCEPTED, status=204, error=None)

    def _end(self, name: str, verdict: Verdict) -> None:
        why = "so – 終"
        self.engine.end(
            self.rollout, name, op=Op.START, verdict=verdict, reason=why, last_state_time=1, target_version=NEW
        )

    def events_token(self) -> int:
        """Return what changes with the journal."""
        assert self.journal is not None
        return self.journal.change_token()

    def stop(self) -> None:
        """Close both journals."""
        if self.journal is not None:
            self.journal.close()
            self.engine.close()
        self.journal = None


async def _examined(name: str) -> Examination:
    return examination()


async def _read(chosen: str | None) -> Examination:
    return examination()


def _never(*given: object) -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


async def _knock(entry: DeviceEntry) -> None:
    return None


def _no_table() -> Export:
    return Export("devices", {}, (), ())


def _confirm(look: Look, title: str, ask: Callable[[Examination], Ask], *, typed: bool = True) -> Dialog[Any]:
    return ConfirmDialog(title, look, Deal("confirm", _read, ask, _never, typed=typed))


def _start(look: Look, *, typed: bool) -> Dialog[Any]:
    return _confirm(look, f"Start: {LONG}", lambda shown: ask_about(shown, look.glyphs), typed=typed)


_OFFERS = [
    CertificateOffer(f"{FOREIGN}-{number}", Certificate("sha256:" + "ab" * 32), "sha256:" + "cd" * 32, "verify")
    for number in range(20)
]


def _planned(look: Look) -> Dialog[Any]:
    outlooks = tuple(Outlook(f"{LONG}-{fate}", 1, fate, f"{fate}: größer – 容量", None, ()) for fate in Fate)
    shown = Planned(plan_of(*[1] * 4), outlooks, {})
    return _confirm(
        look,
        "Begin the rollout to 4 devices",
        lambda read: Ask(lambda width: plan_lines(shown, look.glyphs, width), "4 11.8.0"),
    )


def _iso(place: Path) -> Path:
    path = place / f"größe-東京-update-11.8.0-{'x' * 60}.iso"
    path.write_bytes(b"image")
    return path


def _plan(page: int) -> Make:
    return lambda place, look: PlanDialog(look, 200, Step(Then.PAGE, first_draft(200, "11.8.0"), page))


def _reason(look: Look) -> Dialog[Any]:
    return ReasonDialog(look, Asked(f"Retry {LONG}", "retry", lambda width: [], Entry("value", "limit")))


_VIEW = device_view(name=LONG)
DIALOGS: dict[str, Make] = {
    "start": lambda place, look: _start(look, typed=True),
    "yes": lambda place, look: _start(look, typed=False),
    "certificate": lambda place, look: _confirm(
        look, f"Certificate of {FOREIGN}", lambda read: ask_to_trust(_OFFERS[0], look.glyphs, time.time())
    ),
    "certificates": lambda place, look: _confirm(
        look, "Certificates of 20 devices", lambda read: ask_to_trust_all(_OFFERS, look.glyphs)
    ),
    "begin": lambda place, look: _planned(look),
    "copy": lambda place, look: CopyDialog(look, LONG, {"name": FOREIGN, "checksum 7": CHECKSUM}),
    "export": lambda place, look: ExportDialog(look, "devices", 1000, _no_table, place),
    "fetch": lambda place, look: FetchDialog(
        look, [LONG], _examined, urls=["http://x/y"], allows_local=lambda name: True
    ),
    "pick": lambda place, look: FilePicker(look, _iso(place).parent, title="Upload"),
    "first": lambda place, look: FirstRun(look, str(place / ("tief" * 20)), _knock),
    "login": lambda place, look: LoginDialog(look, [_VIEW] * 40, _never),
    "note": lambda place, look: NoteDialog(look, [_VIEW] * 40),
    "quit": lambda place, look: QuitDialog(look, [_VIEW] * 40),
    "reason": lambda place, look: _reason(look),
    "upload": lambda place, look: UploadDialog(look, _iso(place), [LONG], _examined, checksums=Checksums(), rates={}),
    **{f"plan {page}": _plan(page) for page in range(len(PAGES))},
}
"""How each dialog is made; a dialog of one class stands there once for each look that differs."""


@dataclass(frozen=True)
class Stop:
    """A screen, how it is made (None: the home screen), and the keys pressed once it is there and before it goes."""

    make: Callable[[UpdeckApp], Screen[Any]] | None
    keys: tuple[str, ...] = ()
    back: tuple[str, ...] = ()


def _stage(app: UpdeckApp) -> EveryScreen:
    service: object = app.service
    assert isinstance(service, EveryScreen)
    return service


SCREENS: dict[str, Stop] = {
    "devices": Stop(None),
    "status pane": Stop(None, ("tab",), ("escape",)),
    "image pane": Stop(None, ("down", "down", "tab", "tab"), ("escape",)),
    "activity pane": Stop(None, ("tab", "tab", "tab"), ("escape",)),
    "filter": Stop(None, ("slash", "a", "r"), ("escape",)),
    "notice": Stop(None, ("D",)),
    "detail": Stop(DetailScreen),
    "activity": Stop(ActivityScreen),
    "rollouts": Stop(RolloutsScreen),
    "rollout": Stop(lambda app: RolloutScreen(app, _stage(app).rollout)),
    "device log": Stop(lambda app: DeviceLogScreen(app, _stage(app).rollout, _stage(app).state.names[1])),
    "help": Stop(HelpScreen),
    "help of a rollout": Stop(lambda app: HelpScreen(app, ROLLOUT), ("end",)),
    "palette": Stop(lambda app: PaletteScreen(app, app.home.context())),
}
"""How each screen is come to, the panes and lines of the home screen among them."""


@asynccontextmanager
async def opened(app: UpdeckApp, pilot: Pilot[Any], name: str, place: Path) -> AsyncIterator[Screen[Any]]:
    """Open a screen or dialog by its name here, and close it again; it is painted when it is yielded."""
    if name in DIALOGS:
        dialog = DIALOGS[name](place, look_of(app))
        await open_dialog(app, dialog)
        await _until(pilot, lambda: dialog.hearing)
        yield dialog
        dialog.leave(None)
        await close_dialog(app, dialog)
    else:
        stop = SCREENS[name]
        screen = app.home if stop.make is None else stop.make(app)
        if stop.make is not None:
            app.open(screen)
            await _until(pilot, lambda: app.screen is screen)
        await pilot.press(*stop.keys)
        await pilot.pause()
        yield screen
        await pilot.press(*stop.back)
        if stop.make is not None and app.screen is screen:
            app.close(screen)
    await _until(pilot, lambda: app.screen is app.home)


async def _until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_S):
        while not condition():
            await pilot.pause(0.01)
    await pilot.pause()


def concrete_screens() -> set[type[Screen[Any]]]:
    """Return every class of a screen in the source that a person can come to."""
    for module in pkgutil.walk_packages(updeck.ui.__path__, "updeck.ui."):
        importlib.import_module(module.name)
    found = set(_below(Screen))
    bases = {base for screen in found for base in inspect.getmro(screen)[1:]}
    return {screen for screen in found - bases if not screen.__name__.startswith("_")}


def _below(base: type[Screen[Any]]) -> Iterator[type[Screen[Any]]]:
    for screen in base.__subclasses__():
        yield from _below(screen)
        if screen.__module__.startswith("updeck.ui."):
            yield screen
