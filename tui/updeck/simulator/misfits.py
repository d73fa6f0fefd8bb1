"""The devices that give trouble in the scenario `mixed` (`protocol.md` 5): each turns a healthy blueprint into one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from random import Random

from updeck.simulator.blueprint import Blueprint, ImageBlueprint

__all__ = ["choose_misfits", "image_of"]

Misfit = Callable[[Blueprint], Blueprint]

HOUR_S = 3600.0
GIB = 1 << 30
BASE = "11.6.0 #23947"
STAGED = "11.8.0 #28924"
OTHER = "11.11.1a"


def image_of(image_id: int, version: str, size_bytes: int = 2 * GIB) -> ImageBlueprint:
    """Return a VALID image; its checksum is made up from the version and the same on all devices of all fleets."""
    checksum = hashlib.sha256(version.encode()).hexdigest()
    return ImageBlueprint(image_id, "VALID", "", version, checksum, size_bytes)


def _on_base(device: Blueprint) -> Blueprint:
    """The device as it was when its newest installation was at most `BASE`, so that the staged image is an update."""
    versions = [entry.version for entry in device.history]
    if BASE not in versions:
        return device
    return replace(device, version=BASE, history=device.history[: versions.index(BASE) + 1])


def unreachable(device: Blueprint) -> Blueprint:
    """Nothing listens there."""
    return replace(device, unreachable=True, traits=("unreachable",))


def certificate_changed(device: Blueprint) -> Blueprint:
    """The inventory pins the certificate that it had before."""
    return replace(device, certificate_changed=True, traits=("certificate_changed",))


def password_expired(device: Blueprint) -> Blueprint:
    """The password is right and no longer accepted."""
    return replace(device, password_expired=True, traits=("password_expired",))


def failed_critical(device: Blueprint) -> Blueprint:
    """An update broke off after the system was modified."""
    return replace(
        _on_base(device),
        state="FAILED_CRITICAL",
        state_description="Update failed after the system was modified, contact support",
        state_age_s=26 * HOUR_S,
        images=(image_of(3, STAGED),),
        traits=("failed_critical",),
    )


def failed_graceful(device: Blueprint) -> Blueprint:
    """An update broke off in time; and its clock is wrong."""
    return replace(
        wrong_clock(_on_base(device)),
        state="FAILED_GRACEFUL",
        state_description="Not enough space on /data; system unchanged",
        state_age_s=3 * HOUR_S,
        images=(image_of(2, STAGED),),
        traits=("failed_graceful", "wrong_clock"),
    )


def two_valid(device: Blueprint) -> Blueprint:
    """Two images to choose from, and a device that tells neither history nor serial."""
    return replace(
        empty_serial(no_history(_on_base(device))),
        images=(image_of(4, STAGED), image_of(5, OTHER)),
        traits=("two_valid", "no_history", "empty_serial"),
    )


def ambiguous_target(device: Blueprint) -> Blueprint:
    """INITIALIZED by a foreign hand, from one of two images, and it does not say which."""
    return replace(
        _on_base(device),
        state="INITIALIZED",
        state_description="Ready to update",
        state_age_s=0.7 * HOUR_S,
        images=(image_of(2, STAGED), image_of(3, OTHER)),
        names_target=False,
        traits=("ambiguous_target", "two_valid", "foreign_init"),
    )


def foreign_init(device: Blueprint) -> Blueprint:
    """INITIALIZED by a foreign hand."""
    return replace(
        _on_base(device),
        state="INITIALIZED",
        state_description="Ready to update",
        target_version=STAGED,
        state_age_s=5 * HOUR_S,
        images=(image_of(2, STAGED),),
        traits=("foreign_init",),
    )


def running(device: Blueprint) -> Blueprint:
    """Being updated by a foreign hand, and just under way."""
    return replace(
        _on_base(device),
        state="RUNNING",
        state_description="Unpacking image",
        target_version=STAGED,
        state_age_s=2.0,
        images=(image_of(2, STAGED),),
        traits=("running",),
    )


def wrong_clock(device: Blueprint) -> Blueprint:
    """Its clock is 47 minutes ahead."""
    return replace(device, clock_offset_s=47 * 60.0, traits=("wrong_clock",))


def no_history(device: Blueprint) -> Blueprint:
    """It remembers no installation."""
    return replace(device, history=(), state_age_s=40 * 24 * HOUR_S, traits=("no_history",))


def empty_serial(device: Blueprint) -> Blueprint:
    """A virtual machine that has neither serial nor hardware version."""
    return replace(device, serial="", hw_version="", model="VSCAN-AZURE-010", traits=("empty_serial",))


def other_service(device: Blueprint) -> Blueprint:
    """It speaks another version of the service."""
    return replace(device, speaks_2_0=False, traits=("other_service",))


MISFITS: tuple[Misfit, ...] = (
    unreachable,
    certificate_changed,
    password_expired,
    failed_critical,
    failed_graceful,
    two_valid,
    ambiguous_target,
    foreign_init,
    running,
    wrong_clock,
    no_history,
    empty_serial,
    other_service,
)
"""The misfits, the ones that matter most first: a small fleet gets those only."""


def choose_misfits(count: int, random: Random) -> dict[int, Misfit]:
    """Return which of `count` devices are which misfits: seven of twelve at most, one dead box more for each fifty.

    The first device is always well.
    """
    wanted = list(MISFITS[: count * 7 // 12]) + [unreachable] * (count // 50)
    return dict(zip(random.sample(range(1, count), len(wanted)), wanted, strict=True))
