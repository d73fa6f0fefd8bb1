"""Credentials of the whole fleet: read once, kept in memory only, and never tried again once refused.

Devices of one user name and one secret source share a credential and its fate: until it was accepted somewhere,
one login is in flight; once it was rejected anywhere, none is sent (`security.md`, lock-out).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from updeck.clock import Clock
from updeck.device.credentials import Credential, CredentialSource, LoginTurn
from updeck.errors import AuthError, SecretError
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.fleet.secret_reading import READ_TIMEOUT_S, SecretReader, keep_in_keyring
from updeck.fleet.secret_sources import KeyringSecret, PromptSecret, SecretSource
from updeck.text import clean

__all__ = ["CredentialVault", "Prompt"]

RETRY_S = 30.0
"""How long a source that gave nothing is not asked again: 200 devices must not start 200 commands."""

Prompt = Callable[[DeviceEntry], Awaitable[str]]
"""Asks a person for a device's password; may raise SecretError."""


@dataclass(frozen=True, slots=True)
class _Key:
    """What devices have in common that share a credential; `device` is set where they have nothing."""

    username: str | None
    password: SecretSource | None
    oauth_code: SecretSource | None
    device: str | None

    @classmethod
    def of(cls, entry: DeviceEntry) -> _Key:
        alone = entry.password is None and entry.oauth_code is None
        return cls(entry.username, entry.password, entry.oauth_code, entry.name if alone else None)


@dataclass(eq=False, slots=True)
class _Slot:
    """One credential and what became of it. A new credential gets a new slot, so a late answer hits the old one."""

    credential: Credential | None = field(default=None, repr=False)
    failure: SecretError | None = None
    failed_at: float = 0.0
    proven: bool = False
    rejection: str | None = None
    rejected_by: str | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    login: asyncio.Lock = field(default_factory=asyncio.Lock)


class CredentialVault:
    """All credentials of one process. Use it from one event loop; the constructor may run before there is one.

    Variables that hold secrets are taken out of `environ` at once. Without a `prompt`, a person has to `supply`
    what is to be typed.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        clock: Clock,
        prompt: Prompt | None = None,
        environ: MutableMapping[str, str] = os.environ,
        timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._clock = clock
        self._prompt = prompt
        self._reader = SecretReader(environ, timeout_s=timeout_s)
        self._shared: dict[_Key, _Slot] = {}
        self._own: dict[str, _Slot] = {}
        self._asking = asyncio.Lock()
        self.adopt(fleet)

    def adopt(self, fleet: Fleet) -> None:
        """Take a changed inventory; what is known stays known."""
        for entry in fleet.devices:
            self._reader.take((entry.password, entry.oauth_code))

    def source(self, entry: DeviceEntry) -> CredentialSource:
        """Return what a device's client asks for its credential."""
        return _DeviceSource(self, entry)

    def rejected(self, entry: DeviceEntry) -> str | None:
        """Return who refused the device's credential, in one sentence; None while nobody did."""
        return self._slot(entry).rejection

    def supply(self, entry: DeviceEntry, username: str, password: str, *, shared: bool = False) -> None:
        """Take what a person typed for a device, and forget that the former credential was rejected.

        It serves all devices that share the credential when `shared` is set, and also where it answers their
        common prompt; otherwise this device alone. The very credential that another device has rejected stays
        rejected: typing it for each of 200 devices must not lock the account.
        """
        credential = Credential(username, password)
        slot = self._fate_of(credential)
        if slot is None or slot.rejected_by == entry.name:
            slot = _Slot(credential=credential)
        shared_slot = self._shared.get(_Key.of(entry), _Slot())
        awaited = shared_slot.credential is None or shared_slot.rejection is not None
        if shared or (awaited and isinstance(entry.password, PromptSecret)):
            self._shared[_Key.of(entry)] = slot
            self._own.pop(entry.name, None)
        else:
            self._own[entry.name] = slot

    async def keep(self, entry: DeviceEntry) -> bool:
        """Store the device's credential in the keyring where the inventory names that as its source.

        Returns whether it was stored. Raises SecretError.
        """
        credential = self._slot(entry).credential
        if credential is None or not isinstance(entry.password, KeyringSecret):
            return False
        await keep_in_keyring(entry.password, credential.username, credential.password)
        return True

    def _slot(self, entry: DeviceEntry) -> _Slot:
        own = self._own.get(entry.name)
        return own if own is not None else self._shared.setdefault(_Key.of(entry), _Slot())

    def _fate_of(self, credential: Credential) -> _Slot | None:
        slots = (*self._shared.values(), *self._own.values())
        return next((slot for slot in slots if slot.credential == credential), None)

    async def _credential(self, entry: DeviceEntry, slot: _Slot) -> Credential:
        async with slot.reading:
            if slot.credential is None:
                slot.credential = await self._read(entry, slot)
            return slot.credential

    async def _read(self, entry: DeviceEntry, slot: _Slot) -> Credential:
        error = slot.failure
        if error is None or self._clock.monotonic() - slot.failed_at >= RETRY_S:
            try:
                return await self._read_now(entry)
            except SecretError as failure:
                slot.failure, slot.failed_at = failure, self._clock.monotonic()
                error = failure
        raise SecretError(error.message, device=entry.name, advice=error.advice) from None

    async def _read_now(self, entry: DeviceEntry) -> Credential:
        code = None
        if entry.oauth_code is not None:
            code = await self._secret(entry, entry.oauth_code)
            if entry.password is None:
                return Credential(entry.username or "", "", code)
        if entry.username is None:
            advice = "log in, or set username in the inventory"
            raise SecretError("no user name is known", advice=advice)
        password = await self._secret(entry, entry.password or PromptSecret())
        return Credential(entry.username, password, code)

    async def _secret(self, entry: DeviceEntry, source: SecretSource) -> str:
        if not isinstance(source, PromptSecret):
            return await self._reader.read(source, entry.username or "")
        if self._prompt is None:
            raise SecretError("its password has to be typed", advice="log in")
        async with self._asking:  # one question at a time on one terminal
            secret = await self._prompt(entry)
        if not secret:
            raise SecretError("no password was typed")
        return secret


class _DeviceSource:
    """One device's view of the vault. A turn and the credential used in it belong to the same slot."""

    def __init__(self, vault: CredentialVault, entry: DeviceEntry) -> None:
        self._vault = vault
        self._entry = entry
        self._slot: _Slot | None = None
        self._in_turn = False

    async def credential(self) -> Credential:
        """Return the credential; raises SecretError where its source gives none."""
        if self._slot is None or not self._in_turn:
            self._slot = self._vault._slot(self._entry)
        return await self._vault._credential(self._entry, self._slot)

    def turn(self) -> AbstractAsyncContextManager[LoginTurn]:
        """Return the turn to enter around one login; entering raises AuthError after a rejection."""
        return self._turn()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[LoginTurn]:
        slot = self._slot = self._slot or self._vault._slot(self._entry)
        try:
            async with AsyncExitStack() as lane:
                if not slot.proven:
                    await lane.enter_async_context(slot.login)
                if slot.proven:  # by the one that went before: the others go side by side
                    await lane.aclose()
                if slot.rejection is not None:
                    advice = "log in with another password"
                    raise AuthError(slot.rejection, device=self._entry.name, advice=advice, rejected=True)
                self._in_turn = True
                yield _Turn(slot, self._entry)
        finally:
            self._in_turn = False
            self._slot = None


class _Turn:
    """The right to try one login, and what came of it."""

    def __init__(self, slot: _Slot, entry: DeviceEntry) -> None:
        self._slot = slot
        self._entry = entry

    def accepted(self) -> None:
        """Tell that the device took the credential."""
        self._slot.proven = True

    def rejected(self, message: str) -> None:
        """Tell that the device refused the credential itself; no other device is tried with it."""
        credential = self._slot.credential
        username = credential.username if credential else self._entry.username
        self._slot.proven = False
        self._slot.rejected_by = self._entry.name
        self._slot.rejection = clean(
            f"the password of {username or 'nobody'} was rejected by {self._entry.name}: {message}"
        )
