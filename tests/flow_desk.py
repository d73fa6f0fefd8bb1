"""The app over a simulated fleet, its flows driven by keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

from aiohttp import web
from textual.pilot import Pilot

from dialog_stage import asks, burst, words
from updeck.fleet.views import DeviceView
from updeck.journal.models import Verdict
from updeck.simulator.images import write_image
from updeck.simulator.serving import Simulator
from updeck.ui import flows
from updeck.ui.app import UpdeckApp
from updeck.ui.ink import text_of
from updeck.ui.screens.dialog import Dialog

VERSION = "11.8.0 #28924"
HANG_S = 60.0


Open = Callable[..., AbstractAsyncContextManager["Desk"]]


class Desk:
    """The app over a simulated fleet, and what flows returned."""

    def __init__(self, app: UpdeckApp, pilot: Pilot[None], simulator: Simulator, directory: Path) -> None:
        self.app = app
        self.pilot = pilot
        self.directory = directory
        self.told: list[str | None] = []
        self.simulator = simulator

    def begin(self, flow: Callable[[], Awaitable[str | None]]) -> None:
        """Run a flow as the screen does."""

        async def run() -> str | None:
            notice = await flow()
            self.told.append(notice)
            return notice

        self.app.run_flow("the dialog", run)

    async def asked(self, what: str) -> None:
        """Wait until a dialog shows these words and takes input."""
        await self.wait(lambda: asks(self.app, what))

    @property
    def notice(self) -> str:
        """The sentence above the footer of the home screen."""
        return " ".join(" ".join(map(text_of, self.app.home.board.notice.lines)).split())

    async def wait(self, condition: Callable[[], bool]) -> None:
        with seen_on_hang(self):
            async with asyncio.timeout(HANG_S):
                while not condition():
                    await self.pilot.pause(0.01)

    async def type(self, text: str, *keys: str) -> None:
        """Press the keys of a text, then others, all in one burst."""
        burst(self.app, text, *keys)
        await self.pilot.pause()

    async def until(self, name: str, fulfilled: Callable[[DeviceView], bool]) -> DeviceView:
        """Wait until a device is seen as asked, poll by poll."""
        async with asyncio.timeout(HANG_S):
            while True:
                view = self.app.service.state.view(name)
                if view is not None and fulfilled(view):
                    return view
                await asyncio.wrap_future(self.app.service.read_once([name]))
                await self.pilot.pause()

    def image(self, version: str = VERSION, size_bytes: int = 200_000) -> Path:
        """Write an image that simulated devices take."""
        path = self.directory / f"update-{version.split()[0]}.iso"
        write_image(path, version=version, size_bytes=size_bytes, corrupt=False)
        return path

    async def upload(self, name: str, path: Path) -> None:
        """Upload a file by keys."""
        self.begin(lambda: flows.upload_flow(self.app, self.app.service, (name,)))
        await self.asked("choose a file")
        await self.type(str(path), "enter")
        await self.asked("press y to upload")
        await self.pilot.press("y")
        await self.wait(lambda: self.told != [])
        await self.until(name, lambda view: view.next.text.startswith("init?") and _staged(view))

    async def initialize(self, name: str) -> None:
        """Init by keys, after an upload."""
        self.begin(lambda: flows.init_flow(self.app, self.app.service, name))
        await self.asked("press y to init")
        await self.pilot.press("y")
        await self.until(name, lambda view: view.next.text == "start?")

    def count(self, name: str, what: str) -> int:
        """Return how often a device was really told to do something."""
        number = self.simulator.truth(name)[what]
        assert isinstance(number, int)
        return number


def _staged(view: DeviceView) -> bool:
    """Whether the engine of the upload has recorded its verdict; the device shows VALID before that."""
    return view.record.last_end is not None and view.record.last_end.verdict is Verdict.STAGED


@contextmanager
def seen_on_hang(bench: Desk) -> Iterator[None]:
    """Say in a failure what stood on the screen."""
    try:
        yield
    except TimeoutError:
        dialog = bench.app.screen if isinstance(bench.app.screen, Dialog) else None
        open_ = "" if dialog is None else "\n".join(words(bench.app, part) for part in ("title", "body", "remark"))
        raise AssertionError(f"it never came to that; notice: {bench.notice!r}; dialog:\n{open_}") from None


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[str]:
    """Serve one file over HTTP on loopback."""

    async def give(request: web.Request) -> web.FileResponse:
        return web.FileResponse(path)

    application = web.Application()
    application.router.add_get(f"/{path.name}", give)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/{path.name}"
    finally:
        await runner.cleanup()
