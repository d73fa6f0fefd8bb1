"""How simulated devices fetch images: they really download, and say what went wrong as a device would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from updeck.simulator.device import SimulatedDevice
from updeck.simulator.images import Received
from updeck.simulator.refusal import Refusal
from updeck.simulator.shelf import Transfer, TransferBroken

__all__ = ["Fetcher"]

CONNECT_S = 15.0
SILENCE_S = 120.0


class Fetcher:
    """Downloads for all devices of a simulator, each as a task; needs a running loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S),
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
        )

    def fetch(self, device: SimulatedDevice, transfer: Transfer, url: str) -> None:
        """Let `device` download `url` into `transfer`; its image tells how that goes."""
        task = asyncio.get_running_loop().create_task(self._run(device, transfer, url))
        transfer.stop = lambda: _cancel(task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End all downloads."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._session.close()

    async def _run(self, device: SimulatedDevice, transfer: Transfer, url: str) -> None:
        received: Received | None = None
        with _failures(transfer):
            # A device takes what it is told to fetch; what counts is the signature of the image.
            async with self._session.get(url, ssl=False) as response:
                if response.status != 200:
                    transfer.fail(f"Server answered {response.status} {response.reason or ''}".rstrip())
                transfer.expect(response.content_length)
                async for chunk in response.content.iter_any():
                    transfer.feed(chunk)
            received = transfer.complete()
        complete = received is not None
        received = received or transfer.fail("Download failed")
        device.record.fetches.append(
            {
                "url": url,
                "bytes": received.size_bytes,
                "sha256": received.sha256,
                "image_id": transfer.image.id,
                "complete": complete,
            }
        )


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


@contextmanager
def _failures(transfer: Transfer) -> Iterator[None]:
    """Write what goes wrong into the image."""
    try:
        yield
    except (TransferBroken, Refusal):
        pass
    except aiohttp.ClientConnectorDNSError:
        transfer.fail("Could not resolve host")
    except aiohttp.ClientConnectorError:
        transfer.fail("Connection refused")
    except TimeoutError:
        transfer.fail("Connection timed out")
    except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        transfer.fail("Connection closed by peer")
    except (aiohttp.ClientError, ValueError):
        transfer.fail("Could not read the answer of the server")
