"""The way from an engine to a device of the world, in memory: `DeviceClient`'s calls, and all that goes wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from updeck.device.client import DeviceClient, Endpoint
from updeck.device.credentials import Credential, LoginTurn
from updeck.device.image_file import ImageFile
from updeck.device.models import Image, Info, Update
from updeck.device.permission import Permission
from updeck.device.upload import UploadSession
from updeck.errors import (
    AuthError,
    DeviceError,
    Garbled,
    Refused,
    SecretError,
    TrustError,
    UnknownOutcome,
    Unreachable,
    Unsupported,
)
from updeck.fleet.inventory import DeviceEntry
from updeck.journal.permit import Permit
from world.device import Device
from world.script import Fault

if TYPE_CHECKING:
    from world.process import Process
    from world.world import World

__all__ = ["Arrival", "Told", "WorldClient"]

_READS: Mapping[Fault, Callable[[], DeviceError]] = {
    Fault.REFUSED: lambda: Unreachable("connection refused"),
    Fault.RESET_BEFORE: lambda: Unreachable("connection reset"),
    Fault.RESET_AFTER: lambda: Unreachable("connection reset"),
    Fault.BLACK_HOLE: lambda: Unreachable("no answer within 30 s"),
    Fault.BLACK_HOLE_AFTER: lambda: Unreachable("no answer within 30 s"),
    Fault.HTML_502: lambda: Unreachable("502 in HTML"),
    Fault.ERROR_500: lambda: Unreachable("500"),
    Fault.AUTH: lambda: AuthError("401"),
    Fault.UNSUPPORTED: lambda: Unsupported("404"),
    Fault.GARBLED: lambda: Garbled("no schema"),
    Fault.CERTIFICATE: lambda: TrustError("another certificate"),
}
_UNHANDLED = (Fault.RESET_BEFORE, Fault.BLACK_HOLE, Fault.HTML_502, Fault.ERROR_500, Fault.GARBLED)
_HANDLED = (Fault.RESET_AFTER, Fault.BLACK_HOLE_AFTER)
_SLOW_S = 8.0
_HOLE_S = 30.0


@dataclass(frozen=True)
class Told:
    """What an engine was last told of a device; `good` is False after a read that failed."""

    at: float
    good: bool
    state: str = ""
    target: str | None = None
    serial: str | None = None
    state_at: int = 0


@dataclass(frozen=True)
class Arrival:
    """A mutating call as it came to a device (or to the box that stood in its place, which `serial` names)."""

    at: float
    pid: int
    device: str
    op: str
    intent_id: int
    serial: str
    state: str
    told: Told | None
    others_busy: tuple[str, ...]


class _NoLogin:
    """The devices of the world ask for no login."""

    async def credential(self) -> Credential:
        raise SecretError("there is no credential")

    def turn(self) -> AbstractAsyncContextManager[LoginTurn]:
        raise SecretError("there is no credential")


class WorldClient(DeviceClient):
    """Reaches one device of the world for one process."""

    def __init__(self, world: World, process: Process, entry: DeviceEntry) -> None:
        super().__init__(Endpoint(name=entry.name, url=entry.url, tls=entry.tls), _NoLogin())
        self._world = world
        self._process = process
        self._device = world.devices[entry.name]
        self._told: Told | None = None
        self._cached: tuple[float, Update] | None = None
        self._before: Update | None = None

    @property
    def tls_note(self) -> str:
        return "pinned"

    async def update(self) -> Update:
        self._told = Told(self._world.now(), False)
        fault = await self._read_fault()
        box = self._box(fault)
        answer = box.update() if box is not None else Update("IDLE", "", self._device.state_at, ())
        if fault is Fault.STALE:
            begun = self._world.fault_began(self._device.name, fault)
            if self._cached is None or self._cached[0] != begun:
                self._cached = (begun, self._before or answer)
            answer = self._cached[1]
        elif fault is Fault.REORDERED and self._before is not None:
            answer, self._before = self._before, answer
        else:
            self._before = answer
        if fault is Fault.UNKNOWN_STATE:
            answer = Update("PONDERING", "", answer.last_state_time, answer.history, answer.target_version)
        known = self._told.serial if self._told is not None else None
        self._told = Told(self._world.now(), True, answer.state, answer.target_version, known, answer.last_state_time)
        return answer

    async def images(self) -> tuple[Image, ...]:
        box = self._box(await self._read_fault())
        return () if box is None else tuple(box.images.values())

    async def info(self) -> Info | None:
        fault = await self._read_fault()
        info = self._device.info()
        if fault in (Fault.IDENTITY, Fault.TWIN):
            info = Info("stranger", "VSCAN", "S-stranger", info.sw_version)
        told = self._told
        if told is not None:
            self._told = Told(told.at, told.good, told.state, told.target, info.serial, told.state_at)
        return info

    async def fetch(self, permission: Permission, url: str) -> Image:
        found: list[Image | None] = []

        def take(box: Device) -> bool:
            found.append(box.receive())
            return True

        await self._send(permission, "fetch", take)
        if not found or found[0] is None:
            raise UnknownOutcome("the answer names no image")
        return found[0]

    async def delete_image(self, permission: Permission, image_id: int) -> None:
        await self._send(permission, "delete", lambda box: box.images.pop(image_id, None) is not None)

    async def init(self, permission: Permission) -> None:
        await self._send(permission, "init", Device.init)

    async def start(self, permission: Permission) -> None:
        await self._send(permission, "start", Device.start)

    async def reset(self, permission: Permission) -> None:
        await self._send(permission, "reset", Device.reset)

    async def prepare_upload(self, *, lasting_s: float = 0.0) -> UploadSession:
        fault = await self._read_fault()
        if fault is not None and fault in _READS:
            raise _READS[fault]()
        return _WorldUpload(self)

    def release_logins(self) -> None:
        """There are none."""

    async def close(self) -> None:
        """There is no connection."""

    def upload(self, permission: Permission) -> Image:
        """Take a whole upload at once; the device goes on with it in its own time."""
        self._world.point(self._process, "before upload")
        fault = self._world.fault(self._device)
        if fault in (Fault.REFUSED, Fault.CERTIFICATE) or self._device.down:
            raise Unreachable("connection refused")
        permission.claim("upload", self._device.name)
        self._arrive(permission, "upload", fault)
        if fault in _UNHANDLED:
            raise UnknownOutcome("no answer to the upload")
        if fault in (Fault.REFUSAL, Fault.AUTH, Fault.UNSUPPORTED):
            raise Refused("no", status=409, error_id="X")
        image = None if self._stranger(fault) else self._device.receive(breaks=fault is Fault.BROKEN_UPLOAD)
        self._world.point(self._process, "after upload")
        if image is None or fault in _HANDLED:
            raise UnknownOutcome("the connection broke")
        return image

    async def _read_fault(self) -> Fault | None:
        """Wait as a request waits, and raise what a read can raise."""
        process, world, device = self._process, self._world, self._device
        process.check()
        fault = world.fault(device)
        await asyncio.sleep(_delay(fault))
        await process.gate()
        device.live()
        if fault is not None and fault in _READS:
            raise _READS[fault]()
        if device.down:
            raise Unreachable("connection refused")
        if device.certificate != world.trusted[device.name]:
            raise TrustError("its certificate is new")
        return fault

    def _box(self, fault: Fault | None) -> Device | None:
        """Return the box that answers; None is a stranger in IDLE."""
        return None if fault is Fault.IDENTITY else self._device

    def _stranger(self, fault: Fault | None) -> bool:
        return fault in (Fault.IDENTITY, Fault.TWIN)

    async def _send(self, permission: Permission, op: str, do: Callable[[Device], bool]) -> None:
        process, world, device = self._process, self._world, self._device
        process.check()
        await asyncio.sleep(0.05)
        world.point(process, f"before {op}")
        await process.gate()
        device.live()
        fault = world.fault(device)
        if fault in (Fault.REFUSED, Fault.CERTIFICATE) or device.down:
            raise Unreachable("connection refused")
        if device.certificate != world.trusted[device.name]:
            raise TrustError("its certificate is new")
        permission.claim(op, device.name)
        self._arrive(permission, op, fault)
        if fault in (Fault.REFUSAL, Fault.UNSUPPORTED, Fault.AUTH):
            raise Refused("no", status=409, error_id="X")
        done = fault in _UNHANDLED or self._stranger(fault) or do(device)
        world.point(process, f"after {op}")
        await asyncio.sleep(_delay(fault))
        await process.gate()
        if fault in _UNHANDLED or fault in _HANDLED:
            raise UnknownOutcome(f"no answer to {op}")
        if not done:
            raise Refused(f"{device.state}", status=409, error_id="WRONG_STATE")

    def _arrive(self, permission: Permission, op: str, fault: Fault | None) -> None:
        world, device = self._world, self._device
        device.live()
        intent_id = permission.intent_id if isinstance(permission, Permit) else 0
        serial = "S-stranger" if self._stranger(fault) else device.serial
        for one in world.devices.values():
            one.live()
        busy = tuple(one.name for one in world.devices.values() if one is not device and one.busy)
        world.arrived(
            Arrival(
                world.now(),
                self._process.actor.pid,
                device.name,
                op,
                intent_id,
                serial,
                device.state,
                self._told,
                busy,
            )
        )


class _WorldUpload(UploadSession):
    """An upload about to be sent, as the worker thread gets it."""

    def __init__(self, client: WorldClient) -> None:
        super().__init__(client.endpoint, {})
        self._client = client

    def send(
        self,
        permission: Permission,
        source: ImageFile,
        *,
        progress: Callable[[int], None],
        cancel: threading.Event,
        stall_s: float,
        total_s: float,
    ) -> Image:
        image = self._client.upload(permission)
        progress(source.size_bytes)
        return image


def _delay(fault: Fault | None) -> float:
    if fault in (Fault.BLACK_HOLE, Fault.BLACK_HOLE_AFTER):
        return _HOLE_S
    return _SLOW_S if fault is Fault.SLOW else 0.1
