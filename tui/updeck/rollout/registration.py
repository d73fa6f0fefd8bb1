"""Registering a plan that a person confirmed: what is to be carried out is what was shown (`rollout.md` 3)."""

from __future__ import annotations

from pathlib import Path

from updeck.errors import Blocked, ConfigError, JournalError, UsageError
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.journal.models import RolloutRow
from updeck.journal.plan_models import Member, RolloutRecord
from updeck.journal.store import Journal
from updeck.rollout.plan import Plan, PlannedDevice, canonical
from updeck.rollout.plan_document import read_plan, stored_plan
from updeck.text import clean

__all__ = ["check_code", "check_fleet", "gone", "load_plan", "plan_of", "register"]

PLAN_LIMIT_BYTES = 16 << 20


def load_plan(path: Path) -> Plan:
    """Return the plan in a file, its digest computed anew; raises `ConfigError` for whatever is wrong with it."""
    name = clean(path)
    try:
        with path.open("rb") as file:
            data = file.read(PLAN_LIMIT_BYTES + 1)
        text = data.decode("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read the plan {name}: {error.strerror or 'error'}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the plan {name} is not UTF-8 text") from None
    if len(data) > PLAN_LIMIT_BYTES:
        raise ConfigError(f"the plan {name} is larger than {PLAN_LIMIT_BYTES >> 20} MiB")
    return read_plan(text, name)


def check_code(plan: Plan, code: str) -> None:
    """Raise `UsageError` unless `code` is the plan's; case and spaces do not matter."""
    if code.strip().upper() != plan.code:
        raise UsageError(
            f'--confirm "{clean(code, 40)}" is not the code of this plan; nothing was sent',
            advice="read what `updeck rollout plan` printed, and repeat the code under it",
        )


def check_fleet(plan: Plan, fleet: Fleet) -> None:
    """Raise `Blocked` when a device is no more what it was when planned, or when none of them is left.

    A device that is gone from the inventory is no difference: the engine records it as SKIPPED.
    """
    for planned in plan.devices:
        entry = fleet.get(planned.name)
        changed = [] if entry is None else _differences(planned, entry)
        if changed:
            raise Blocked(
                f"the inventory differs from the plan: {'; '.join(changed)}; nothing was sent",
                device=planned.name,
                advice="plan anew",
            )
    if len(gone(plan, fleet)) == len(plan.devices):
        raise Blocked("no device of the plan is in the inventory; nothing was sent", advice="plan anew")


def gone(plan: Plan, fleet: Fleet) -> tuple[str, ...]:
    """Return the planned devices that are not in the inventory any more."""
    return tuple(device.name for device in plan.devices if fleet.get(device.name) is None)


def register(plan: Plan, fleet: Fleet, journal: Journal) -> RolloutRow:
    """Register a rollout with all its devices; nobody drives it yet.

    Raises `Blocked` when the inventory differs from the plan, or a device belongs to another rollout.
    """
    check_fleet(plan, fleet)
    return journal.register_plan(stored_plan(plan), plan.digest, [_member(one, fleet) for one in plan.devices])


def plan_of(record: RolloutRecord) -> Plan:
    """Return the plan as registered; raises `ConfigError` where the journal's copy is not what was confirmed."""
    plan = read_plan(record.plan, f"the plan of rollout {record.row.id}")
    if plan.digest != record.digest:
        raise JournalError(f"the plan of rollout {record.row.id} is not the one that was confirmed")
    return plan


def _member(device: PlannedDevice, fleet: Fleet) -> Member:
    known = {"serial": device.serial, "device_name": device.device_name, "model": device.model}
    mates = tuple(one.name for one in fleet.devices if device.pair is not None and one.pair == device.pair)
    others = tuple(name for name in mates if name != device.name)
    return Member(device.name, device.wave, device.url, canonical(known), others)


def _differences(planned: PlannedDevice, entry: DeviceEntry) -> list[str]:
    compared = (
        ("address", planned.url, entry.url),
        ("site", planned.site, entry.site),
        ("pair", planned.pair, entry.pair),
    )
    return [f"{what} {now or 'none'}, planned {then or 'none'}" for what, then, now in compared if then != now]
