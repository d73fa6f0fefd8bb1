"""From what is seen of devices to the parts of a plan: who they are, in which wave, which image is meant. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from updeck.device.models import Reach
from updeck.errors import Blocked
from updeck.fleet.views import DeviceView, Reading
from updeck.rollout.checks import planned_images
from updeck.rollout.plan import Goal, Limits, Plan, PlannedDevice, PlannedImage, Source, Via
from updeck.rollout.waves import ALL, Share, wave_numbers

__all__ = ["planned_devices", "present_image", "staging_plan"]


def staging_plan(image: PlannedImage, views: Sequence[DeviceView], *, at_once: int) -> Plan:
    """Return the plan of an upload or a fetch by hand: the image on each of these devices, and nothing more.

    Every device is on its own, so no failure holds the others back; nothing is started, so what may be uploaded to
    over a connection that nothing proves stays what it was.
    """
    return Plan(
        image,
        planned_devices(views, (ALL,)),
        until=Goal.STAGED,
        via=Via.FETCH if image.source is Source.URL else Via.PUSH,
        limits=Limits(max_transfers=at_once, max_failures=len(views)),
        allow_insecure=True,
    )


def planned_devices(views: Sequence[DeviceView], shares: Sequence[Share]) -> tuple[PlannedDevice, ...]:
    """Return these devices in their order, each with its wave and what identifies it as far as it answered."""
    waves = wave_numbers(shares, len(views))
    return tuple(_planned(view, wave) for view, wave in zip(views, waves, strict=True))


def present_image(
    version: str, views: Sequence[DeviceView], *, sha256: str | None = None, allow_unverified: bool = False
) -> PlannedImage:
    """Return the image of a version that the devices hold already.

    Where nobody gave its sum, the one sum that all devices name is taken; a device that names none is then skipped,
    unless the unverified is allowed. Raises `Blocked` where devices hold different images of that version.
    """
    image = PlannedImage(version, Source.PRESENT, sha256)
    if sha256 is not None:
        return image
    held = [one.checksum for view in views if (seen := _answered(view)) for one in planned_images(seen, image)]
    sums = Counter(checksum for checksum in held if checksum is not None)
    if len(sums) > 1:
        named = ", ".join(f"{checksum[:12]}… on {count}" for checksum, count in sums.most_common(3))
        raise Blocked(f"the devices hold different images {version}: {named}", advice="name one of them with --sha256")
    if not sums or (None in held and allow_unverified):
        return image
    return PlannedImage(version, Source.PRESENT, next(iter(sums)))


def _planned(view: DeviceView, wave: int) -> PlannedDevice:
    seen = _answered(view)
    info = None if seen is None else seen.info
    return PlannedDevice(
        name=view.name,
        url=view.url,
        wave=wave,
        serial="" if info is None else info.serial,
        device_name="" if info is None else info.device_name,
        model="" if info is None else info.model,
        site=view.site,
        pair=view.pair,
    )


def _answered(view: DeviceView) -> Reading | None:
    return view.reading if view.reach is Reach.OK else None
