"""A bank of twelve appliances as views, and larger fleets, for tests of the screens that need no network."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from updeck.device.models import Certificate, HistoryEntry, Image, Info, Reach, Update
from updeck.fleet.chronicle import seen_event
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.orders import CertificateOffer
from updeck.fleet.state import FleetState, Step
from updeck.fleet.views import DeviceView, Next, Phase, Reading, Tone, Transfer, Watch
from updeck.journal.models import Actor, Baseline, DeviceRecord, End, Event, Intent, Op, Verdict
from updeck.ui.app import UpdeckApp
from updeck.ui.launch import UiOptions

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.journal.store import Journal

NOW = 1_772_449_450.0
ACTOR = Actor(1000, "mk", "jump1", "updeck", 4711, "boot", "1")
CHECKSUM = "3fa9c1d2" * 8


class Stage:
    """What the app needs of a fleet's service, with a state that tests put views into."""

    def __init__(self, views: Iterable[DeviceView] = (), events: Sequence[Event] = ()) -> None:
        self.state = FleetState()
        self.read_only = False
        self.journal: Journal | None = None
        self.polled: list[str] = []
        self.told = list(events)
        self.uploading: tuple[str, ...] = ()
        for view in views:
            self.state.put(view)

    def poll_now(self, names: Iterable[str]) -> None:
        self.polled += names

    def events(self, *, after_id: int = 0, limit: int = 500) -> list[Event]:
        return [event for event in self.told if event.id > after_id][-limit:]

    def events_token(self) -> int:
        return len(self.told)

    def unrecorded(self, *, after: int = 0) -> list[Event]:
        changes = self.state.seen_changes(after) if self.read_only else ()
        return [seen_event(change, Actor(0, "", "", "", 0, "", "")) for change in changes]

    def events_of(self, device: str, *, limit: int = 200) -> list[Event]:
        return [event for event in self.told if event.device == device][-limit:]

    def way(self, device: str) -> tuple[Step, ...]:
        return self.state.trail(device)

    def certificate(self, device: str) -> Future[CertificateOffer]:
        found: Future[CertificateOffer] = Future()
        found.set_result(CertificateOffer(device, Certificate("sha256:" + "ab" * 32), None, "verify"))
        return found

    def transfers(self) -> tuple[str, ...]:
        return self.uploading

    def stop(self) -> None:
        pass


def app_with(stage: Stage, options: UiOptions | None = None) -> UpdeckApp:
    """Return the app over a stage."""
    options = options or UiOptions(fleet_name="bank-eu", label="PRODUCTION", pace_s=0.05)
    return UpdeckApp(lambda: cast("FleetService", stage), options)


def update(state: str, *, description: str = "", target: str | None = None, history: str = "11.6.0 #23947") -> Update:
    """Return an update with one entry of history."""
    return Update(state, description, int(NOW) - 600, (HistoryEntry(1_539_786_920, history),), target)


def image(
    number: int, state: str = "VALID", version: str | None = "11.8.0 #28924", progress: float | None = None
) -> Image:
    """Return an image; VALID ones carry a checksum."""
    return Image(number, state, "", version, progress, CHECKSUM if state == "VALID" else None)


def device(
    name: str,
    state: str = "IDLE",
    *,
    next_text: str = "choose image",
    tone: Tone = Tone.REST,
    action: str | None = None,
    reach: Reach | None = Reach.OK,
    version: str = "11.6.0 #23947",
    target: str | None = None,
    description: str = "",
    images: tuple[Image, ...] = (),
    seen_s_ago: float = 2.0,
    now: float | None = None,
    **more: Any,
) -> DeviceView:
    """Return one device as the fleet would show it; `seen_s_ago` is the age of its last good answer."""
    at = (time.time() if now is None else now) - seen_s_ago
    site = name.split("-")[1] if "-" in name else None
    entry = DeviceEntry(name, f"https://10.20.1.{len(name)}", tags=("prod",), site=site)
    reading = Reading(
        at,
        update(state, description=description, target=target, history=version),
        images,
        Info(name, "AppResponse 4180", "VK2X9000" + str(len(name)), version),
        0.4,
    )
    view = DeviceView(
        entry=entry,
        reach=reach,
        error=None,
        reading=reading if reach is not None else None,
        record=DeviceRecord(name),
        next=Next(next_text, tone, action),
        interval_s=10,
        attempted_at=at,
        state_since=at - 900,
    )
    return replace(view, **more)


def intent(name: str, op: Op, at: float) -> Intent:
    """Return an intent of ours."""
    base = Baseline(at, "IDLE", 0, None, (), "11.6.0", "VK", name, "m", "https://x", expected="11.8.0 #28924")
    return Intent(1, "r1", name, 1, op, 1, at, ACTOR, base, {}, None)


def initialized(name: str, now: float | None = None) -> DeviceView:
    """Return a device that our own init has brought to INITIALIZED: start is what is next."""
    at = time.time() if now is None else now
    view = device(
        name,
        "INITIALIZED",
        next_text="start?",
        tone=Tone.READY,
        action="start",
        target="11.8.0 #28924",
        description="Ready to update",
        images=(image(7),),
        now=now,
    )
    assert view.reading is not None
    end = End(
        "r1", name, 1, Op.INIT, Verdict.INITIALIZED, "", at, ACTOR, view.reading.update.last_state_time, "11.8.0 #28924"
    )
    record = DeviceRecord(
        name,
        last_init=intent(name, Op.INIT, at - 900),
        last_init_end=end,
        last_end=end,
        proven_checksums=frozenset({CHECKSUM}),
    )
    return replace(view, record=record)


def bank(now: float | None = None) -> list[DeviceView]:
    """Return twelve devices: two data centres and the branches, with what goes wrong in real life."""
    at = time.time() if now is None else now
    return [
        device(
            "ar11-ams-br1",
            "FAILED_GRACEFUL",
            next_text="needs you: FAILED_GRACEFUL",
            tone=Tone.NEEDS,
            action="reset",
            description="Not enough space on /data; system unchanged",
            now=now,
        ),
        device(
            "ar11-lon-br3",
            next_text="no answer since 11:59",
            tone=Tone.MAY,
            action="view",
            reach=Reach.UNREACHABLE,
            seen_s_ago=260,
            now=now,
            error="10.20.1.12: connection refused",
            failing_since=at - 250,
        ),
        initialized("ar11-fra-dc1", now),
        device(
            "ar11-fra-dc2",
            "RUNNING",
            next_text="down, back by ~12:20",
            tone=Tone.MOVING,
            target="11.8.0 #28924",
            description="Installing packages (3 of 7)",
            images=(image(7),),
            now=now,
            watch=Watch(Phase.RUNNING, "down, back by ~12:20"),
        ),
        device("ar11-par-br1", version="11.8.0 #28924", next_text="proven 11.8.0 #28924", tone=Tone.GOOD, now=now),
        device(
            "ar11-par-br2",
            next_text="uploads 43 %, 0:31 left",
            tone=Tone.MOVING,
            images=(image(8, "UPLOADING", None, 43.0),),
            now=now,
            transfer=Transfer("ar11-11.8.0.iso", 1_290_000_000, 3_000_000_000, 81e6, at),
        ),
        device(
            "ar11-mil-br1",
            next_text="trust certificate",
            tone=Tone.NEEDS,
            action="credentials",
            reach=Reach.TRUST,
            seen_s_ago=4000,
            now=now,
            error="the certificate is not the pinned one",
        ),
        device("ar11-mad-br1", next_text="init?", tone=Tone.READY, action="init", images=(image(3),), now=now),
        device("ar11-zrh-br1", now=now),
        device("ar11-zrh-br2", now=now),
        device("ar11-vie-br1", "INITIALIZING", next_text="initializing", tone=Tone.MOVING, now=now),
        device("ar11-osl-br1", reach=None, next_text="connecting", now=now),
    ]


def many(count: int) -> list[DeviceView]:
    """Return a large fleet at rest."""
    return [device(f"ar11-s{number // 20:02}-{number:04}") for number in range(count)]


def some_events(now: float) -> list[Event]:
    """Return a few lines of activity."""
    rows = (
        ("ar11-par-br2", "intent", "upload of ar11-11.8.0.iso (3.00 GB) begins"),
        ("ar11-fra-dc1", "outcome", "init accepted, target 11.8.0 #28924"),
        ("ar11-fra-dc2", "outcome", "start accepted, target 11.8.0 #28924"),
        ("ar11-lon-br3", "state", "no answer: connection refused"),
        ("ar11-ams-br1", "state", 'FAILED_GRACEFUL "Not enough space on /data; system unchanged"'),
    )
    return [
        Event(number + 1, now - 500 + 60 * number, name, kind, text, ACTOR)
        for number, (name, kind, text) in enumerate(rows)
    ]
