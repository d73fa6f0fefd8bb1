"""The plan, the inventory and the patience of a script."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from updeck.device.trust import Tls
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.rollout.plan import Fence, Goal, Limits, Plan, PlannedDevice, PlannedImage, Promotion, Source, Via
from updeck.rollout.window import Window
from updeck.settings import Patience, PollSettings
from world.device import NEW, SHA
from world.script import Script

__all__ = ["PATIENCE", "fleet_of", "plan_of"]

BEGINNING = datetime(2023, 11, 14, 22, 13)
"""The world begins 20 s later, in UTC."""

PATIENCE = Patience(
    initializing_soft=120,
    initializing_hard=300,
    starting_soft=30,
    starting_hard=120,
    init_soft=30,
    init_hard=120,
    reset_soft=30,
    reset_hard=120,
    validating_soft=60,
    validating_hard=120,
    fetch_soft=60,
    fetch_hard=300,
    running_soft=300,
    running_hard=900,
    unreachable_soft=240,
    unreachable_hard=600,
    proving_soft=60,
    proving_hard=400,
    attempt_hard=3600,
    success=20,
)
POLL = PollSettings(rest=10, moving=4, running=5, unreachable=10, unreachable_most=30)


def fleet_of(plan: Plan) -> Fleet:
    """Return an inventory with the planned devices."""
    tls = Tls("pin", pin="sha256:" + "00" * 32)
    entries = tuple(DeviceEntry(one.name, one.url, pair=one.pair, site=one.site, tls=tls) for one in plan.devices)
    return Fleet(None, devices=entries, patience=PATIENCE, poll=POLL)


def plan_of(script: Script, names: Sequence[str], directory: Path) -> Plan:
    """Return the plan of a script; its image lies in `directory` where it is to be sent."""
    waves = script.waves or (1,) * len(names)
    devices = tuple(
        PlannedDevice(
            name,
            f"https://{name}",
            wave,
            serial=f"S-{name}",
            pair=_letter(script.pairs, index),
            site=_letter(script.sites, index),
        )
        for index, (name, wave) in enumerate(zip(names, waves, strict=True))
    )
    return Plan(
        _image(Source(script.source), directory),
        devices,
        until=Goal(script.until),
        fence=Fence.START if script.fence else Fence.NONE,
        via=Via.FETCH if script.source == "url" else Via.PUSH,
        limits=Limits(
            max_parallel=script.max_parallel,
            max_failures=script.max_failures,
            max_per_site=script.max_per_site,
            max_transfers=script.max_transfers,
        ),
        window=_window(script.window),
        bake_s=script.bake_s,
        promote=Promotion.MANUAL if script.manual else Promotion.AUTO,
    )


def _image(source: Source, directory: Path) -> PlannedImage:
    match source:
        case Source.FILE:
            file = directory / "image.iso"
            file.write_bytes(b"image")
            return PlannedImage(NEW, source, SHA, file.stat().st_size, str(file))
        case Source.URL:
            return PlannedImage(NEW, source, SHA, None, "https://images.example/image.iso")
        case Source.PRESENT:
            return PlannedImage(NEW, source, SHA)


def _letter(letters: str, index: int) -> str | None:
    letter = letters[index : index + 1]
    return letter if letter.isalpha() else None


def _window(minutes: tuple[int, int, int] | None) -> Window | None:
    if minutes is None:
        return None
    opens, last_start, closes = (BEGINNING + timedelta(minutes=one) for one in minutes)
    return Window(opens, closes, last_start, "UTC")
