"""The way from an engine to a device of the world, in memory: `DeviceClient`'s calls, and all that goes wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from updeck.device.client import DeviceClient, Endpoint
from updeck.device.credentials import Credential, LoginTurn
from updeck.device.exchange import Departure
from updeck.device.image_file import ImageFile
from updeck.device.models import Image, Info, Update
from updeck.device.permission import Permission
from updeck.device.upload import UploadSession
from updeck.errors import Refused, SecretError, TrustError, UnknownOutcome, Unreachable
from updeck.fleet.inventory import DeviceEntry
from updeck.journal.permit import Permit
from world.device import Device
from world.faults import NOT_SENT, after_call, as_read, before_call, delay_of, read_failure, with_odd_progress
from world.script import Fault

if TYPE_CHECKING:
    from world.process import Process
    from world.world import Strike, World

__all__ = ["Arrival", "Told", "WorldClient"]


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
    others_fetching: tuple[str, ...]


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
        self._repeated = False

    @property
    def tls_note(self) -> str:
        return "pinned"

    async def update(self) -> Update:
        self._process.asks(self._device.name)
        try:
            return await self._updated()
        except BaseException:
            self._told = Told(self._world.now(), False)
            raise

    async def _updated(self) -> Update:
        """Read it; until the answer is there, what was told before holds: an upload leaves beside the polls."""
        strike = await self._read_strike()
        fault = None if strike is None else strike.fault
        box = self._box(fault)
        answer = box.update() if box is not None else Update("IDLE", "", self._device.state_at, ())
        answer = as_read(fault, answer)
        if strike is not None and fault is Fault.STALE:
            if self._cached is None or self._cached[0] != strike.begins:
                self._cached = (strike.begins, self._before or answer)
            answer = self._cached[1]
        elif fault is Fault.DUPLICATE and self._before is not None and not self._repeated:
            answer, self._repeated = self._before, True
        elif fault is Fault.REORDERED and self._before is not None:
            answer, self._before = self._before, answer
        else:
            self._before, self._repeated = answer, False
        if fault is Fault.UNKNOWN_STATE:
            answer = Update("PONDERING", "", answer.last_state_time, answer.history, answer.target_version)
        self._told = Told(self._world.now(), True, answer.state, answer.target_version, None, answer.last_state_time)
        return answer

    async def images(self) -> tuple[Image, ...]:
        fault = await self._read_fault()
        box = self._box(fault)
        images = () if box is None else tuple(box.images.values())
        return with_odd_progress(images) if fault is Fault.ODD_PROGRESS else images

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
        await self._read_fault()
        return _WorldUpload(self)

    def release_logins(self) -> None:
        """There are none."""

    async def close(self) -> None:
        """There is no connection."""

    def upload(self, permission: Permission, departure: Departure) -> Image:
        """Take a whole upload at once; the device goes on with it in its own time."""
        self._world.point(self._process, "before upload")
        fault = self._fault_of_call()
        if fault in NOT_SENT or self._device.down:
            raise Unreachable("connection refused")
        permission.claim("upload", self._device.name)
        departure.leave()
        self._arrive(permission, "upload", fault)
        if (error := before_call("upload", fault)) is not None:
            raise error
        image = None if self._stranger(fault) else self._device.receive(breaks=fault is Fault.BROKEN_UPLOAD)
        self._world.point(self._process, "after upload")
        if (error := after_call("upload", fault)) is not None:
            raise error
        if image is None:
            raise UnknownOutcome("the connection broke")
        return image

    def _fault_of_call(self) -> Fault | None:
        strike = self._world.strike(self._device, call=True)
        return None if strike is None else strike.fault

    async def _read_fault(self) -> Fault | None:
        strike = await self._read_strike()
        return None if strike is None else strike.fault

    async def _read_strike(self) -> Strike | None:
        """Wait as a request waits, and raise what a read can raise."""
        process, world, device = self._process, self._world, self._device
        process.check()
        strike = world.strike(device, call=False)
        fault = None if strike is None else strike.fault
        await asyncio.sleep(delay_of(fault))
        await process.gate()
        device.live()
        if (error := read_failure(fault)) is not None:
            raise error
        if device.down:
            raise Unreachable("connection refused")
        if device.certificate != world.trusted[device.name]:
            raise TrustError("its certificate is new")
        return strike

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
        fault = self._fault_of_call()
        if fault in NOT_SENT or device.down:
            raise Unreachable("connection refused")
        if device.certificate != world.trusted[device.name]:
            raise TrustError("its certificate is new")
        permission.claim(op, device.name)
        self._arrive(permission, op, fault)
        error = before_call(op, fault)
        done = error is not None or self._stranger(fault) or do(device)
        world.point(process, f"after {op}")
        await asyncio.sleep(delay_of(fault))
        await process.gate()
        if (error := error or after_call(op, fault)) is not None:
            raise error
        if not done:
            raise Refused(f"{device.state}", status=409, error_id="WRONG_STATE")

    def _arrive(self, permission: Permission, op: str, fault: Fault | None) -> None:
        world, device = self._world, self._device
        device.live()
        intent_id = permission.intent_id if isinstance(permission, Permit) else 0
        serial = "S-stranger" if self._stranger(fault) else device.serial
        for one in world.devices.values():
            one.live()
        others = [one for one in world.devices.values() if one is not device]
        busy = tuple(one.name for one in others if one.busy)
        fetching = tuple(
            one.name for one in others if any(image.state == "VALIDATING" for image in one.images.values())
        )
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
                fetching,
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
        image = self._client.upload(permission, self._departure)
        progress(source.size_bytes)
        return image
