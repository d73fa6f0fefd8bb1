"""What a device says of itself, in JSON: to clients (`protocol.md`), and the truth (`contracts.md` 4)."""

from __future__ import annotations

from updeck.simulator.device import SimulatedDevice
from updeck.simulator.shelf import StoredImage

__all__ = ["describe_image", "describe_images", "describe_info", "describe_update", "truth_of"]


def describe_update(device: SimulatedDevice) -> dict[str, object]:
    """Return the update of `protocol.md` 1."""
    described: dict[str, object] = {
        "state": device.state,
        "state_description": device.state_description,
        "last_state_time": device.last_state_time,
        "update_history": _history(device),
    }
    if device.target_version is not None:
        described["target_version"] = device.target_version
    return described


def describe_image(device: SimulatedDevice, image: StoredImage) -> dict[str, object]:
    """Return the image of `protocol.md` 1; what is not known yet is absent in the device's own manner."""
    manners = device.blueprint.manners
    described: dict[str, object] = {
        "id": image.id,
        "state": image.state,
        "state_description": image.state_description,
        "progress": round(image.progress, 1) if manners.fractional_progress else int(image.progress),
    }
    for name, value in (("version", image.version), ("checksum", image.checksum)):
        known = manners.absent if value is None else value
        if known is not None:
            described[name] = known
    return described


def describe_images(device: SimulatedDevice) -> dict[str, object]:
    """Return the list of images of `protocol.md` 1."""
    return {"items": [describe_image(device, image) for image in device.shelf.images]}


def describe_info(device: SimulatedDevice) -> dict[str, object]:
    """Return the info of common 1.0."""
    return {
        "device_name": device.passport.device_name,
        "hw_version": device.blueprint.hw_version,
        "mgmt_addresses": ["127.0.0.1"],
        "model": device.passport.model,
        "serial": device.passport.serial,
        "sw_version": device.version,
    }


def truth_of(device: SimulatedDevice) -> dict[str, object]:
    """Return what the device really is and what was really asked of it.

    Beside the contract: `reachable` tells whether its listener is open; `starts` and its like count accepted calls.
    """
    return {
        "name": device.name,
        "state": device.state,
        "state_description": device.state_description,
        "last_state_time": device.last_state_time,
        "version": device.version,
        "target_version": device.target_version,
        "serial": device.passport.serial,
        "history": _history(device),
        "images": [_true_image(image) for image in device.shelf.images],
        "reachable": device.reachable,
        "traits": list(device.blueprint.traits),
        "logins": device.access.logins,
        "rejected_logins": device.access.rejected_logins,
        "faults": device.faults.describe(),
        **device.record.describe(),
    }


def _history(device: SimulatedDevice) -> list[dict[str, object]]:
    return [{"time": entry.time, "version": entry.version} for entry in device.history]


def _true_image(image: StoredImage) -> dict[str, object]:
    return {
        "id": image.id,
        "state": image.state,
        "state_description": image.state_description,
        "version": image.version,
        "progress": image.progress,
        "checksum": image.checksum,
        "size_bytes": image.size_bytes,
    }
