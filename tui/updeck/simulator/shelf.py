"""The images on a simulated device: room, transfers, validation. Bytes are counted and hashed, never kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from updeck.simulator.blueprint import ImageBlueprint
from updeck.simulator.faults import Fault, FaultBox
from updeck.simulator.images import ImageReader, Received
from updeck.simulator.player import Player
from updeck.simulator.refusal import conflict, no_room, not_found
from updeck.simulator.script import VALIDATE_S, Cue, Moment, validation_script
from updeck.simulator.timeline import Timeline

__all__ = ["Shelf", "StoredImage", "Transfer", "TransferBroken"]

ROOM_BYTES = 16 << 30
SLOTS = 4
NO_SPACE = "Not enough space on /data; delete an image"
UPLOADING, VALIDATING, UPLOAD_ERROR, VALID, INVALID = (
    "UPLOADING",
    "VALIDATING",
    "UPLOAD_ERROR",
    "VALID",
    "INVALID",
)


class TransferBroken(Exception):
    """The device gave a transfer up; its image says why."""


@dataclass(slots=True)
class StoredImage:
    """An image as the device has it; `version` and `checksum` are None until it was validated."""

    id: int
    state: str
    state_description: str
    version: str | None
    checksum: str | None
    size_bytes: int
    progress: float = 100.0


class Transfer:
    """An image on its way to the device. Give it bytes, then `complete` or `fail` it; `stop` ends its source."""

    def __init__(self, shelf: Shelf, image: StoredImage, expected: int | None, fault: Fault | None) -> None:
        self.image = image
        self.stop: Callable[[], None] = lambda: None
        self._shelf = shelf
        self._expected = expected
        self._fault = fault
        self._reader = ImageReader()

    def expect(self, size_bytes: int | None) -> None:
        """Take note of how many bytes will come, where that is known only now."""
        self._expected = size_bytes

    def feed(self, chunk: bytes) -> None:
        """Take bytes; raises `TransferBroken` where the device gives up, `Refusal` 507 where it is full."""
        self._reader.feed(chunk)
        image = self.image
        image.size_bytes = self._reader.size_bytes
        image.progress = 0.0 if not self._expected else min(100.0, 100.0 * image.size_bytes / self._expected)
        if image.state != UPLOADING:
            raise TransferBroken(image.state_description)
        if self._shelf.free_bytes() < 0:
            self.fail(NO_SPACE)
            raise no_room(507, NO_SPACE)
        fault = self._fault
        if fault is not None and (not self._expected or image.progress >= fault.amount("percent")):
            self.fail(fault.text("text"))
            raise TransferBroken(image.state_description)

    def complete(self) -> Received:
        """All bytes are there: the image is validated from now on."""
        received = self._reader.finish()
        if self.image.state == UPLOADING:
            self._shelf.validate(self.image, received)
        return received

    def fail(self, text: str) -> Received:
        """The transfer broke off; what came of it stays until it is deleted."""
        if self.image.state == UPLOADING:
            self.image.state = UPLOAD_ERROR
            self.image.state_description = text
            self._shelf.ended(self)
        return self._reader.finish()


class Shelf:
    """The images of one device; `changed` is called after each change but progress."""

    def __init__(
        self,
        images: tuple[ImageBlueprint, ...],
        *,
        timeline: Timeline,
        speed: float,
        faults: FaultBox,
        changed: Callable[[], None],
    ) -> None:
        self.images = [
            StoredImage(i.id, i.state, i.state_description, i.version, i.checksum, i.size_bytes) for i in images
        ]
        self._timeline = timeline
        self._validate_s = VALIDATE_S / speed
        self._faults = faults
        self._changed = changed
        self._transfers: dict[int, Transfer] = {}
        self._next_id = max((image.id for image in self.images), default=0) + 1

    def free_bytes(self) -> int:
        """Return the room that is left; below zero while a transfer takes too much."""
        return ROOM_BYTES - sum(image.size_bytes for image in self.images)

    def busy(self) -> bool:
        """Whether an image is being transferred or validated."""
        return any(image.state in (UPLOADING, VALIDATING) for image in self.images)

    def newest_valid(self) -> StoredImage | None:
        """Return the VALID image that came last, which is the one that init takes."""
        valid = [image for image in self.images if image.state == VALID]
        return max(valid, key=lambda image: image.id, default=None)

    def get(self, image_id: int) -> StoredImage:
        """Return an image; raises `Refusal` 404."""
        for image in self.images:
            if image.id == image_id:
                return image
        raise not_found(f"No image with id {image_id}")

    def delete(self, image_id: int) -> None:
        """Delete an image, one that is being fetched too; raises `Refusal` 404 or 409."""
        image = self.get(image_id)
        if image.state == VALIDATING:
            raise conflict(f"Image {image_id} is being validated")
        transfer = self._transfers.pop(image_id, None)
        if transfer is not None:
            transfer.fail("Deleted")
            transfer.stop()
        self.images.remove(image)
        self._changed()

    def begin(self, size_bytes: int | None) -> Transfer:
        """Make room for a transfer of `size_bytes` (None: not known); raises `Refusal` 413 or 507."""
        if size_bytes is not None and size_bytes > ROOM_BYTES:
            raise no_room(413, "Image is larger than /data")
        if len(self.images) >= SLOTS:
            raise no_room(507, f"There are {SLOTS} images already; delete one")
        if size_bytes is not None and size_bytes > self.free_bytes():
            raise no_room(507, NO_SPACE)
        image = StoredImage(self._next_id, UPLOADING, "", None, None, 0, progress=0.0)
        self._next_id += 1
        self.images.append(image)
        transfer = Transfer(self, image, size_bytes, self._faults.strike("upload_error"))
        self._transfers[image.id] = transfer
        self._changed()
        return transfer

    def ended(self, transfer: Transfer) -> None:
        """Take note that a transfer is over."""
        self._transfers.pop(transfer.image.id, None)
        self._changed()

    def validate(self, image: StoredImage, received: Received) -> None:
        """Check an image that is complete; it takes its time and ends VALID or INVALID."""
        self._transfers.pop(image.id, None)
        image.state = VALIDATING
        image.progress = 100.0
        checksum = received.sha256
        if self._faults.strike("wrong_checksum") is not None:
            checksum = hashlib.sha256(checksum.encode()).hexdigest()

        def act(moment: Moment) -> None:
            image.state_description = moment.text
            if moment.cue is Cue.END:
                image.checksum = checksum
                image.state = VALID if received.fault is None else INVALID
                image.version = received.version if received.fault is None else None
                image.state_description = received.fault or ""
            self._changed()

        Player(self._timeline).play(validation_script(), self._validate_s, act)
