"""Changing which devices are tracked, whom they are trusted as, and with which credential: while everything runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from updeck.device.models import Reach
from updeck.device.trust import Tls
from updeck.errors import AuthError, Blocked, ReadOnly
from updeck.fleet.credentials import CredentialVault, HandOver
from updeck.fleet.inventory import DeviceEntry
from updeck.fleet.inventory_edit import set_pin
from updeck.fleet.monitor import Monitor
from updeck.fleet.poller import Poller
from updeck.fleet.tracked import Tracked

__all__ = ["Roster"]


class Roster:
    """The living inventory."""

    def __init__(self, monitor: Monitor, poller: Poller, vault: CredentialVault) -> None:
        self._monitor = monitor
        self._poller = poller
        self._vault = vault
        self._editing = asyncio.Lock()

    async def add(self, entry: DeviceEntry) -> None:
        """Track a device from now on, or with new settings."""
        fleet = self._monitor.fleet
        others = tuple(one for one in fleet.devices if one.name != entry.name)
        if len(others) == len(fleet.devices):
            devices = (*others, entry)
        else:
            devices = tuple(entry if one.name == entry.name else one for one in fleet.devices)
        self._monitor.fleet = replace(fleet, devices=devices)
        self._vault.adopt(self._monitor.fleet)
        await self._monitor.add([entry])
        self._poller.poke([entry.name])

    async def remove(self, device: str) -> None:
        """Track a device no more; what is saved of it is the caller's."""
        fleet = self._monitor.fleet
        self._monitor.fleet = replace(fleet, devices=tuple(one for one in fleet.devices if one.name != device))
        self._poller.remove(device)
        await self._monitor.remove(device)

    async def trust(self, device: str, fingerprint: str) -> None:
        """Pin a certificate; written to the inventory first, so that what is trusted is what is saved.

        Raises `ReadOnly` where the inventory has to stay as it is; a fleet that is saved nowhere takes it in memory.
        """
        tracked = self._tracked(device)
        path = self._monitor.fleet.path
        if path is not None:
            if self._monitor.read_only:
                raise ReadOnly("read-only: the inventory keeps the certificates that it has", device=device)
            async with self._editing:
                await asyncio.to_thread(set_pin, path, device, fingerprint)
        old = tracked.entry.tls.pin or tracked.entry.tls.mode
        if self._monitor.journal is not None:
            text = f"certificate trusted: {fingerprint} (before: {old})"
            await self._monitor.record(lambda journal: journal.note("trust", device, text))
        await self.add(replace(tracked.entry, tls=Tls("pin", None, fingerprint)))

    async def login(self, device: str, username: str, password: str) -> str:
        """Try a credential. Raises `AuthError` with the device's words when it is refused."""
        tracked = self._tracked(device)
        self._vault.supply(tracked.entry, username, password)
        await self.add(tracked.entry)
        await self._monitor.poll(device)
        fresh = self._tracked(device)
        if fresh.reach is Reach.AUTH:
            raise AuthError(fresh.error or "the login was refused", device=device)
        if fresh.reach is not Reach.OK:
            raise Blocked(f"the login could not be tried: {fresh.reach}: {fresh.error}", device=device)
        return f"logged in as {username}"

    async def at_hand(self, devices: Iterable[str]) -> HandOver:
        """Return the credentials of these devices that another process of ours has to be given."""
        entries = [entry for entry in map(self._monitor.fleet.get, devices) if entry is not None]
        return await self._vault.at_hand(entries)

    def _tracked(self, device: str) -> Tracked:
        tracked = self._monitor.devices.get(device)
        if tracked is None:
            raise Blocked("no such device in the fleet", device=device)
        return tracked
