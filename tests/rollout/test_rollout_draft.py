"""From what was seen of devices to the parts of a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rollout_records import NEW, SHA
from updeck.device.models import Image, Info, Reach, Update
from updeck.errors import Blocked
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.views import DeviceView, Next, Reading, Tone
from updeck.journal.models import DeviceRecord
from updeck.rollout.draft import planned_devices, present_image
from updeck.rollout.plan import PlannedDevice
from updeck.rollout.waves import parse_waves

THERE = Image(7, "VALID", version=NEW, checksum=SHA)
BARE = replace(THERE, checksum=None)
OTHER = replace(THERE, checksum="cd" * 32)


def view(name: str, *images: Image, reach: Reach = Reach.OK) -> DeviceView:
    entry = DeviceEntry(name, f"https://{name}", site="fra", pair="p")
    info = Info(f"box-{name}", "VSCAN", f"S-{name}", "11.6.0")
    reading = Reading(0.0, Update("IDLE", "", 100, ()), images, info, 0.0)
    return DeviceView(entry, reach, None, reading, DeviceRecord(name), Next("", Tone.REST), 10.0)


def test_devices_are_planned_in_their_order_with_wave_and_identity() -> None:
    first, second = planned_devices([view("a"), view("b")], parse_waves(None, canary=1))
    assert first == PlannedDevice("a", "https://a", 1, "S-a", "box-a", "VSCAN", "fra", "p")
    assert (second.name, second.wave) == ("b", 2)


def test_a_device_that_does_not_answer_now_is_known_by_its_address_alone() -> None:
    (device,) = planned_devices([view("a", reach=Reach.TRUST)], parse_waves(None))
    assert (device.serial, device.device_name, device.model) == ("", "", "")


@pytest.mark.parametrize(
    ("images", "allow", "sha256"),
    [
        ([[THERE], [THERE]], False, SHA),
        ([[THERE], []], False, SHA),
        ([[THERE], [BARE]], False, SHA),
        ([[THERE], [BARE]], True, None),
        ([[BARE], [BARE]], False, None),
        ([[], []], False, None),
        ([[THERE], [replace(OTHER, version="11.7.0")]], False, SHA),
        ([[THERE], [replace(OTHER, state="INVALID")]], False, SHA),
    ],
)
def test_the_image_that_is_there_is_pinned_by_the_sum_that_all_devices_name(
    images: list[list[Image]], allow: bool, sha256: str | None
) -> None:
    views = [view(f"d{index}", *held) for index, held in enumerate(images)]
    assert present_image(NEW, views, allow_unverified=allow).sha256 == sha256


def test_different_images_of_one_version_have_to_be_told_apart_by_a_person() -> None:
    views = [view("a", THERE), view("b", OTHER)]
    with pytest.raises(Blocked, match="the devices hold different images"):
        present_image(NEW, views)
    assert present_image(NEW, views, sha256=SHA).sha256 == SHA
    hidden = [view("a", THERE), view("b", OTHER, reach=Reach.AUTH)]
    assert present_image(NEW, hidden).sha256 == SHA
