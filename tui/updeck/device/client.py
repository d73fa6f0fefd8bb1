"""The client of one device: the nine calls of npm.system_update 2.0 and what common 1.0 tells (`protocol.md`).

Reading calls return models. Calls that change the device demand a permission, leave at most once, and either return
(accepted), raise `Refused` (surely refused), `UnknownOutcome` (nobody can know), or any other error of
`updeck.errors`, which then means that not one byte of the call has left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from updeck.clock import Clock, SystemClock
from updeck.device import parse, parse_login
from updeck.device.auth import Authenticator
from updeck.device.credentials import CredentialSource
from updeck.device.endpoint import Endpoint
from updeck.device.exchange import Answer, Call, Departure
from updeck.device.models import Image, Info, Update
from updeck.device.paths import AUTH_INFO, FETCH, IMAGES, INFO, PING, SERVICES, UPDATE, UPLOAD, image_path, update_call
from updeck.device.permission import Permission
from updeck.device.reply import call_error, made_image, named, outcome_known, read_error, told
from updeck.errors import Refused

if TYPE_CHECKING:
    from updeck.device.upload import UploadSession
    from updeck.device.wire import Wire

__all__ = ["DeviceClient", "Endpoint"]

UPLOAD_LASTS_S = 3600.0
"""For how long an upload's session should hold, in seconds; a token that ends earlier is renewed before it."""

_KEPT_BYTES = 1 << 14
"""The largest answer that is kept to be compared with the next."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Read(Generic[T]):
    """An answer and what it says."""

    body: bytes
    value: T


class DeviceClient:
    """Speaks to one device, in one event loop. Connects, logs in and loads httpx when first used.

    `clock_offset_s` is the device's clock minus ours in seconds by its last `Date` header, None where it sent none.
    """

    def __init__(self, endpoint: Endpoint, source: CredentialSource, *, clock: Clock | None = None) -> None:
        self.endpoint = endpoint
        self.clock_offset_s: float | None = None
        self._source = source
        self._clock = clock or SystemClock()
        self._opened: tuple[Wire, Authenticator] | None = None
        self._update: _Read[Update] | None = None
        self._images: _Read[tuple[Image, ...]] | None = None

    @property
    def tls_note(self) -> str:
        """How far the connection can be trusted: verified, pinned, insecure or plain http."""
        return self.endpoint.tls_note

    @property
    def login_note(self) -> str:
        """How we are logged in: token, cookie, oauth or basic; "" before the first login."""
        return "" if self._opened is None else self._opened[1].way

    async def services(self) -> Mapping[str, tuple[str, ...]]:
        """Return the versions of each service that the device offers; needs no login."""
        return await self._read(SERVICES, parse.services, login=False)

    async def auth_info(self) -> frozenset[str]:
        """Return the login methods that common 1.0 offers, BASIC where it tells none; needs no login."""
        with self._named():
            answer = await self._exchange(Call("GET", AUTH_INFO, self.endpoint.get_total_s))
            if answer.status == 404:
                return frozenset({"BASIC"})
            return parse_login.auth_methods(_good(answer).body)

    async def ping(self) -> None:
        """Return when the device answers at all; needs no login."""
        with self._named():
            _good(await self._exchange(Call("GET", PING, self.endpoint.get_total_s)))

    async def info(self) -> Info | None:
        """Return what the device says of itself, None where it does not offer that (404)."""
        with self._named():
            answer = await self._get(INFO)
            return None if answer.status == 404 else parse.info(_good(answer).body)

    async def images(self) -> tuple[Image, ...]:
        """Return the images on the device."""
        found = await self._reread(IMAGES, parse.images, self._images)
        self._images = found if len(found.body) <= _KEPT_BYTES else None
        return found.value

    async def image(self, image_id: int) -> Image:
        """Return one image; raises Refused with status 404 where the device has none of that id."""
        with self._named():
            answer = await self._get(image_path(image_id))
            fault = parse.fault(answer.body) if answer.status == 404 else None
            if fault is not None:
                raise Refused(f"image {image_id}: {told(answer)}", status=404, error_id=fault.error_id)
            return parse.image(_good(answer).body)

    async def update(self) -> Update:
        """Return the state of the device's update, its target and its history."""
        found = await self._reread(UPDATE, parse.update, self._update)
        self._update = found if len(found.body) <= _KEPT_BYTES else None
        return found.value

    async def fetch(self, permission: Permission, url: str) -> Image:
        """Have the device fetch an image from a checked URL (`fetch_url.py`); returns the image it made."""
        answer = await self._change(permission, "fetch", "POST", FETCH, json.dumps({"url": url}).encode("ascii"))
        with self._named():
            return made_image("fetch", answer)

    async def delete_image(self, permission: Permission, image_id: int) -> None:
        """Delete an image."""
        await self._change(permission, "delete", "DELETE", image_path(image_id))

    async def init(self, permission: Permission) -> None:
        """Initialize the update; accepted does not mean done."""
        await self._change(permission, "init", "POST", update_call("init"))

    async def start(self, permission: Permission) -> None:
        """Start the update; the device goes down soon after it accepted."""
        await self._change(permission, "start", "POST", update_call("start"))

    async def reset(self, permission: Permission) -> None:
        """Un-initialize: back to IDLE."""
        await self._change(permission, "reset", "POST", update_call("reset"))

    async def prepare_upload(self, *, lasting_s: float = UPLOAD_LASTS_S) -> UploadSession:
        """Log in, or renew a token that ends within `lasting_s`, and return what a worker thread needs to upload."""
        from updeck.device.upload import UploadSession  # httpx is loaded only when something is sent

        with self._named():
            wire, authenticator = self._open()
            wire.check_call("POST", UPLOAD)
            session = await authenticator.session(lasting_s=lasting_s)
            return UploadSession(self.endpoint, session.headers, wire.echoes)

    def release_logins(self) -> None:
        """Lift the hold after a rejected password, a barred account or too many logins, because a person said so."""
        if self._opened is not None:
            self._opened[1].release()

    async def close(self) -> None:
        """Close the connection; the client can be used again and then connects anew."""
        if self._opened is not None:
            await self._opened[0].close()

    async def _read(self, path: str, parser: Callable[[bytes], T], *, login: bool = True) -> T:
        with self._named():
            call = Call("GET", path, self.endpoint.get_total_s)
            answer = await self._get(path) if login else await self._exchange(call)
            return parser(_good(answer).body)

    async def _reread(self, path: str, parser: Callable[[bytes], T], known: _Read[T] | None) -> _Read[T]:
        """Read what rarely changes: bytes that came before mean the same again, and are not parsed once more."""
        with self._named():
            body = _good(await self._get(path)).body
            if known is not None and known.body == body:
                return known
            return _Read(body, parser(body))

    async def _get(self, path: str) -> Answer:
        """Send a GET with a session; a session that the device ended is replaced once, within the login limits."""
        _, authenticator = self._open()
        session = await authenticator.session()
        answer = await self._exchange(Call("GET", path, self.endpoint.get_total_s, session.headers))
        if answer.status == 401:
            authenticator.drop(session)
            session = await authenticator.session()
            answer = await self._exchange(Call("GET", path, self.endpoint.get_total_s, session.headers))
        return answer

    async def _change(self, permission: Permission, op: str, method: str, path: str, body: bytes = b"") -> Answer:
        """Send a call that changes the device, once; the permission is claimed with the connection ready."""
        with self._named():
            wire, authenticator = self._open()
            wire.check_call(method, path)
            session = await authenticator.session(lasting_s=self.endpoint.post_total_s)
            departure = Departure(lambda: permission.claim(op, self.endpoint.name))
            headers = {**session.headers, "Content-Type": "application/json"} if body else session.headers
            with outcome_known(op, departure):
                answer = await self._exchange(Call(method, path, self.endpoint.post_total_s, headers, body, departure))
            if answer.status == 401:
                authenticator.drop(session)
            error = call_error(op, answer, transfer=op == "fetch")
            if error is not None:
                raise error
            return answer

    async def _exchange(self, call: Call) -> Answer:
        wire, _ = self._open()
        answer = await wire.exchange(call)
        device_time = answer.device_time()
        self.clock_offset_s = None if device_time is None else device_time - self._clock.wall()
        return answer

    def _open(self) -> tuple[Wire, Authenticator]:
        if self._opened is None:
            from updeck.device.wire import Wire  # httpx is loaded only when something is sent

            wire = Wire(self.endpoint)
            self._opened = (wire, Authenticator(self.endpoint, wire, self._source, self._clock))
        return self._opened

    def _named(self) -> AbstractContextManager[None]:
        return named(self.endpoint.name)


def _good(answer: Answer) -> Answer:
    error = read_error(answer)
    if error is not None:
        raise error
    return answer
