"""Everything that works on a fleet within one event loop, put together: for the service's thread and for an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from updeck.clock import Clock
from updeck.device.client import DeviceClient, Endpoint
from updeck.fleet.credentials import CredentialVault
from updeck.fleet.inventory import DeviceEntry, Fleet
from updeck.fleet.monitor import Monitor
from updeck.fleet.operations import Operations
from updeck.fleet.pace import Pace
from updeck.fleet.poller import Poller
from updeck.fleet.roster import Roster
from updeck.fleet.state import FleetState
from updeck.fleet.transfers import AT_ONCE, Transfers
from updeck.journal.store import Journal

__all__ = ["Desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts; to be assembled and used in one running loop, and closed at its end."""

    monitor: Monitor
    operations: Operations
    transfers: Transfers
    poller: Poller
    roster: Roster

    @classmethod
    def assemble(
        cls,
        fleet: Fleet,
        journal: Journal | None,
        *,
        state: FleetState,
        clock: Clock,
        random: Random,
        read_only: bool = False,
        prompt: Callable[[DeviceEntry], Awaitable[str]] | None = None,
        vault: CredentialVault | None = None,
        uploads_at_once: int = AT_ONCE,
        pace: Pace | None = None,
        connect: Callable[[DeviceEntry], DeviceClient] | None = None,
    ) -> Desk:
        """Put the parts together; no device is tracked yet and nothing runs.

        `vault` holds what another process handed over; without one, credentials are read from their sources.
        `connect` gives a device's client; without one, it is the one that speaks HTTP.
        """
        vault = vault or CredentialVault(fleet, clock=clock, prompt=prompt)
        patience = fleet.patience

        def speak(entry: DeviceEntry) -> DeviceClient:
            endpoint = Endpoint(
                name=entry.name,
                url=entry.url,
                tls=entry.tls,
                proxy=entry.proxy,
                auth=entry.auth,
                read_only=read_only,
                get_total_s=patience.get_total,
                post_total_s=patience.post_total,
                relogin_s=patience.relogin,
            )
            return DeviceClient(endpoint, vault.source(entry), clock=clock)

        monitor = Monitor(
            fleet, connect=connect or speak, journal=journal, state=state, clock=clock, read_only=read_only
        )
        operations = Operations(monitor)
        poller = Poller(monitor.poll, clock=clock, random=random)
        roster = Roster(monitor, poller, vault)
        transfers = Transfers(monitor, operations, at_once=uploads_at_once, pace=pace)
        return cls(monitor, operations, transfers, poller, roster)

    async def close(self) -> None:
        """Break uploads off and close every connection."""
        await asyncio.to_thread(self.transfers.close)
        await self.operations.close()
        await self.monitor.close()
