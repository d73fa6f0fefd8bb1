"""The vendor's own client updates a simulated box, its example unmodified (`protocol.md` 4).

Runs where `STEELSCRIPT_PYTHON` names an interpreter with steelscript, steelscript.appresponse and setuptools<81.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from simulation import StartSimulator
from updeck.simulator.images import write_image
from updeck.simulator.options import AuthMode

PYTHON = os.environ.get("STEELSCRIPT_PYTHON", "")
SCRIPT = Path(PYTHON).parent.parent / "share/doc/steelscript/examples/appresponse/update_script.py"
CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""These make requests verify although the vendor's client says not to."""

pytestmark = pytest.mark.skipif(not PYTHON, reason="STEELSCRIPT_PYTHON is not set")


@asynccontextmanager
async def file_server(path: Path) -> AsyncIterator[str]:
    async def answer(_: BaseRequest) -> web.StreamResponse:
        return web.FileResponse(path)

    server = web.Server(answer)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/image.iso"
    finally:
        listening.close()
        await server.shutdown(0.1)


@pytest.mark.parametrize("way", ["upload", "fetch"])
async def test_the_vendors_example_updates_a_device(simulator: StartSimulator, tmp_path: Path, way: str) -> None:
    fleet = await simulator(devices=1, auth=AuthMode.COOKIE)
    name = fleet.names[0]
    image = tmp_path / "image.iso"
    digest = write_image(image, "11.8.0 #28924", 5_000_000)
    async with file_server(image) as url:
        process = await asyncio.create_subprocess_exec(
            PYTHON,
            str(SCRIPT),
            fleet.url(name).removeprefix("https://"),
            *("-u", fleet.username, "-p", fleet.password),
            *(("--image_path", str(image)) if way == "upload" else ("--image_url", url)),
            env={key: value for key, value in os.environ.items() if key not in CA_BUNDLES} | {"HOME": str(tmp_path)},
        )
        assert await process.wait() == 0
    await fleet.until(name, lambda device: device.version == "11.8.0 #28924" and device.state == "IDLE")
    truth = fleet.truth(name)
    assert (truth["inits"], truth["starts"], truth["resets"]) == (1, 1, 0)
    transfers = truth["uploads" if way == "upload" else "fetches"]
    assert isinstance(transfers, list)
    assert [transfer["sha256"] for transfer in transfers] == [digest]
