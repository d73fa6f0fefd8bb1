"""Credentials of the whole fleet: read once, kept in memory only, and never tried again once refused.

Devices of one user name and one secret source are served by one reading of it. Devices with the same credential
share its fate: until it was accepted somewhere, one login is in flight; once it was rejected anywhere, none is
sent (`security.md`, lock-out).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from updeck.clock import Clock
from updeck.device.credentials import Credential, CredentialSource, LoginTurn
from updeck.errors import AuthError, SecretError
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.fleet.secret_reading import READ_TIMEOUT_S, SecretReader, keep_in_keyring
from updeck.fleet.secret_sources import EnvSecret, KeyringSecret, PromptSecret, SecretSource
from updeck.text import clean

__all__ = ["LOGINS_AT_ONCE", "CredentialVault", "HandOver", "Prompt", "rereadable"]

LOGINS_AT_ONCE = 16
"""Logins with one credential that may be in flight once it was accepted.

When the sessions of a whole fleet end at once, the directory behind the boxes is not asked by all of them at once.
"""

RETRY_S = 30.0
"""How long a source that gave nothing is not asked again: 200 devices must not start 200 commands."""

Prompt = Callable[[DeviceEntry], Awaitable[str]]
"""Asks a person for a device's password; may raise SecretError."""


def rereadable(entry: DeviceEntry) -> bool:
    """Whether any process can read the device's credential from its source by itself, again and again."""
    sources = (entry.password, entry.oauth_code)
    if entry.password is None and entry.oauth_code is None:
        return False
    return not any(isinstance(source, EnvSecret | PromptSecret) for source in sources)


@dataclass(frozen=True, slots=True)
class HandOver:
    """By device: the credentials that an engine needs to be given, and why one is not at hand."""

    credentials: Mapping[str, Credential] = field(repr=False)
    missing: Mapping[str, str]


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
class _Reading:
    """What one source gave, or why it gave nothing."""

    credential: Credential | None = field(default=None, repr=False)
    failure: SecretError | None = None
    failed_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(eq=False, slots=True)
class _Fate:
    """What became of one credential. It is replaced when a new try is allowed, so a late answer hits the old one."""

    proven: bool = False
    rejection: str | None = None
    rejected_by: str | None = None
    login: asyncio.Lock = field(default_factory=asyncio.Lock)
    lanes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOGINS_AT_ONCE))


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
        self._readings: dict[_Key, _Reading] = {}
        self._typed: dict[str, Credential] = {}
        self._fates: dict[Credential, _Fate] = {}
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
        credential = self._at_hand(entry)
        return None if credential is None else self._fate(credential).rejection

    def supply(self, entry: DeviceEntry, username: str, password: str, *, shared: bool = False) -> None:
        """Take what a person typed for a device.

        It serves all devices that share the credential when `shared` is set, and also where it answers their
        common prompt; otherwise this device alone. A credential that was rejected gets a new try only when it is
        typed for the device that rejected it: typing it for each of 200 devices must not lock the account.
        """
        credential = Credential(username, password)
        if self._fate(credential).rejected_by == entry.name:
            self._fates[credential] = _Fate()
        if shared or (isinstance(entry.password, PromptSecret) and self._awaits_typing(entry)):
            self._readings[_Key.of(entry)] = _Reading(credential)
            self._typed.pop(entry.name, None)
        else:
            self._typed[entry.name] = credential

    def take_handed(self, entry: DeviceEntry, credential: Credential) -> None:
        """Take a credential that another process of ours read or asked for."""
        self._typed[entry.name] = credential

    async def hand_over(self, entries: Iterable[DeviceEntry]) -> dict[str, Credential]:
        """Return by device the credentials that no other process can read again: typed ones and variables.

        A person is asked where need be. Raises SecretError.
        """
        handed: dict[str, Credential] = {}
        for entry in entries:
            if entry.name in self._typed or not rereadable(entry):
                handed[entry.name] = await self._credential(entry)
        return handed

    async def at_hand(self, entries: Iterable[DeviceEntry]) -> HandOver:
        """Return what `hand_over` would, but for what a person has to type first: what is unknown, or was rejected."""
        handed: dict[str, Credential] = {}
        missing: dict[str, str] = {}
        for entry in entries:
            try:
                handed.update(await self.hand_over([entry]))
            except SecretError as error:
                missing[entry.name] = error.message
            rejection = self.rejected(entry)
            if rejection is not None:
                handed.pop(entry.name, None)
                missing[entry.name] = rejection
        return HandOver(handed, missing)

    async def keep(self, entry: DeviceEntry) -> bool:
        """Store the device's credential in the keyring where the inventory names that as its source.

        Returns whether it was stored. Raises SecretError.
        """
        credential = self._at_hand(entry)
        if credential is None or not isinstance(entry.password, KeyringSecret):
            return False
        await keep_in_keyring(entry.password, credential.username, credential.password)
        return True

    def _at_hand(self, entry: DeviceEntry) -> Credential | None:
        return self._typed.get(entry.name) or self._reading(entry).credential

    def _reading(self, entry: DeviceEntry) -> _Reading:
        return self._readings.setdefault(_Key.of(entry), _Reading())

    def _fate(self, credential: Credential) -> _Fate:
        return self._fates.setdefault(credential, _Fate())

    def _awaits_typing(self, entry: DeviceEntry) -> bool:
        credential = self._reading(entry).credential
        return credential is None or self._fate(credential).rejection is not None

    async def _credential(self, entry: DeviceEntry) -> Credential:
        known = self._at_hand(entry)
        if known is not None:
            return known
        reading = self._reading(entry)
        async with reading.lock:
            if reading.credential is None:
                reading.credential = await self._read(entry, reading)
            return reading.credential

    async def _read(self, entry: DeviceEntry, reading: _Reading) -> Credential:
        error = reading.failure
        if error is None or self._clock.monotonic() - reading.failed_at >= RETRY_S:
            try:
                return await self._read_now(entry)
            except SecretError as failure:
                reading.failure, reading.failed_at = failure, self._clock.monotonic()
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
    """One device's view of the vault. A turn is for the credential that was handed out before it."""

    def __init__(self, vault: CredentialVault, entry: DeviceEntry) -> None:
        self._vault = vault
        self._entry = entry
        self._handed_out: Credential | None = None
        self._in_turn = False

    async def credential(self) -> Credential:
        """Return the credential; raises SecretError where its source gives none."""
        if self._handed_out is None or not self._in_turn:
            self._handed_out = await self._vault._credential(self._entry)
        return self._handed_out

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[LoginTurn]:
        """Return the turn to enter around one login; entering raises AuthError after a rejection."""
        credential = self._handed_out or await self.credential()
        fate = self._vault._fate(credential)
        try:
            async with AsyncExitStack() as lane:
                await lane.enter_async_context(fate.login)
                if fate.proven:  # once it was accepted somewhere, many go side by side
                    await lane.aclose()
                    await lane.enter_async_context(fate.lanes)
                if fate.rejection is not None:
                    advice = "log in with another password"
                    raise AuthError(fate.rejection, device=self._entry.name, advice=advice, rejected=True)
                self._in_turn = True
                yield _Turn(fate, credential, self._entry.name)
        finally:
            self._in_turn = False
            self._handed_out = None


class _Turn:
    """The right to try one login, and what came of it."""

    def __init__(self, fate: _Fate, credential: Credential, device: str) -> None:
        self._fate = fate
        self._username = credential.username
        self._device = device

    def accepted(self) -> None:
        """Tell that the device took the credential."""
        self._fate.proven = True

    def rejected(self, message: str) -> None:
        """Tell that the device refused the credential itself; no other device is tried with it."""
        whose = f"password of {self._username}" if self._username else "OAuth code"
        self._fate.proven = False
        self._fate.rejected_by = self._device
        self._fate.rejection = clean(f"the {whose} was rejected by {self._device}: {message}")
