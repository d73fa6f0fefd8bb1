"""Upload and fetch: choose an image, see who gets it, say yes; what runs on is told when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from updeck.errors import UpdeckError, fault_in_words
from updeck.fleet.orders import Examination, Performed
from updeck.journal.models import Op, Outcome
from updeck.paths import state_dir
from updeck.text import clean, plural
from updeck.ui.directory import first_directory
from updeck.ui.flows.asking import ask, look_of
from updeck.ui.flows.engines import why_no_engine
from updeck.ui.flows.hashing import CHECKSUMS
from updeck.ui.flows.staging import fetched_image, plannable, stage, uploaded_image
from updeck.ui.ink import Ink, line
from updeck.ui.recent import Recent, load_recent, save_recent, with_directory, with_rate, with_url
from updeck.ui.screens.fetch_dialog import FetchDialog
from updeck.ui.screens.file_picker import FilePicker
from updeck.ui.screens.upload_dialog import UploadDialog

if TYPE_CHECKING:
    from updeck.fleet.service import FleetService
    from updeck.rollout.plan import PlannedImage
    from updeck.ui.app import UpdeckApp

__all__ = ["choose_file", "fetch_flow", "summary", "upload_flow"]

SAMPLE_S = 1.0
"""How often the rate of a running upload is looked at, to be remembered once it has ended."""


async def upload_flow(app: UpdeckApp, service: FleetService, names: tuple[str, ...]) -> str | None:
    """Upload a file to devices; returns once the uploads have begun.

    They are a plan with the goal `staged`, whose engine outlives this terminal. Where there can be none (Windows, a
    fleet that is saved nowhere), and for a device in FAILED_GRACEFUL, this process sends them, and quitting asks.
    """
    target = names[0] if len(names) == 1 else plural(len(names), "device")
    path = await choose_file(app, f"Upload to {target}: choose a file")
    if path is None:
        return None
    recent = await asyncio.to_thread(load_recent, state_dir())

    def examine(name: str) -> asyncio.Future[Examination]:
        return asyncio.wrap_future(service.examine(name, Op.UPLOAD))

    goes_on = why_no_engine(service) is None
    dialog = UploadDialog(look_of(app), path, names, examine, checksums=CHECKSUMS, rates=recent.rates, goes_on=goes_on)
    choice = await ask(app, dialog)
    if choice is None:
        return None
    planned = plannable(service, uploaded_image(choice.order), choice.devices)
    by_hand = [name for name in choice.devices if name not in planned]
    ends = {name: _told(asyncio.wrap_future(service.upload(name, choice.order))) for name in by_hand}
    return await _under_way(app, service, clean(path.name), "uploaded to", uploaded_image(choice.order), planned, ends)


async def _under_way(
    app: UpdeckApp,
    service: FleetService,
    what: str,
    done: str,
    image: PlannedImage | None,
    planned: Sequence[str],
    ends: dict[str, asyncio.Future[str | None]],
) -> str:
    """Have an engine drive what can be planned, see all of it through, and say what goes on where.

    `ends` are those that this process sends by itself.
    """
    warning = None
    try:
        if image is not None and planned:
            staged, warning = await stage(app, service, image, planned)
            ends |= staged
    finally:
        if ends:
            app.run_worker(_see_through(app, service, f"{what} {done}", ends), exit_on_error=False)
    alone = len(ends) - len(planned)
    words = [f"{what} on its way to {plural(len(ends), 'device')}"]
    if planned:
        key = app.keymap.keys("next")[0]
        goes_on = "it goes on when this is quit" if not alone else f"{len(planned)} go on when this is quit"
        words += [goes_on if app.options.label != "DEMO" else "the demo ends it", f"{key} on a device shows it"]
    return "; ".join(filter(None, (*words, warning)))


async def choose_file(app: UpdeckApp, title: str) -> Path | None:
    """Let a person choose a file, and remember in which directory."""
    recent = await asyncio.to_thread(load_recent, state_dir())
    directory = await asyncio.to_thread(first_directory, recent.directory)
    path = await ask(app, FilePicker(look_of(app), directory, title=title))
    if path is not None:
        await _remember(lambda known: with_directory(known, str(path.parent)))
    return path


async def _remember(change: Callable[[Recent], Recent]) -> None:
    """Change what is remembered, on the disk of this moment: another process may have written meanwhile."""

    def rewrite() -> None:
        save_recent(state_dir(), change(load_recent(state_dir())))

    await asyncio.to_thread(rewrite)


async def _see_through(
    app: UpdeckApp, service: FleetService, what: str, ends: Mapping[str, asyncio.Future[str | None]]
) -> None:
    """Wait for transfers, tell how they ended, and remember at which rate uploads ran."""
    rates: dict[str, float] = {}
    pending = set(ends.values())
    while pending:
        _, pending = await asyncio.wait(pending, timeout=SAMPLE_S)
        for name in ends:
            view = service.state.view(name)
            if view is not None and view.transfer is not None and view.transfer.rate_bps:
                rates[name] = view.transfer.rate_bps
    ended = {name: future.result() for name, future in ends.items()}
    done = {name: rate for name, rate in rates.items() if ended[name] is None}
    if done:
        await _remember(lambda known: _with_rates(known, done))
    text, ink = summary(what, ended)
    app.home.say(line((text, ink)))


def _with_rates(recent: Recent, rates: Mapping[str, float]) -> Recent:
    for name, rate in rates.items():
        recent = with_rate(recent, name, rate)
    return recent


def _told(sending: asyncio.Future[Performed]) -> asyncio.Future[str | None]:
    """Return the future of why a transfer that this process sends did not go through, None where it did."""

    async def ended() -> str | None:
        try:
            done = await sending
        except asyncio.CancelledError:
            return "broken off"
        except UpdeckError as error:
            return error.message
        except Exception as error:
            return fault_in_words(error)
        if done.outcome is Outcome.REFUSED:
            return f"refused: {done.text}"
        return f"the answer was lost: {done.text}" if done.outcome is Outcome.UNKNOWN else None

    return asyncio.ensure_future(ended())


def summary(what: str, ended: Mapping[str, str | None]) -> tuple[str, Ink]:
    """Return in one sentence how a transfer to several devices ended, and how grave that is."""
    failed = [f"{name}: {reason}" for name, reason in ended.items() if reason is not None]
    good = len(ended) - len(failed)
    if not failed:
        only = next(iter(ended), "no device")
        return f"{what} {only if len(ended) == 1 else plural(len(ended), 'device')}", Ink.PLAIN
    head = f"{what} {good} of {plural(len(ended), 'device')}; " if good else ""
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return f"{head}{failed[0]}{more}", Ink.MAY


async def fetch_flow(app: UpdeckApp, service: FleetService, names: tuple[str, ...]) -> str | None:
    """Have devices fetch an image from a URL.

    With its SHA-256 and its version it is a plan, which an engine drives until the image is proven. Without them
    there is nothing to plan for: each device is told once from here, returns its answer, and fetches by itself.
    """
    recent = await asyncio.to_thread(load_recent, state_dir())

    def examine(name: str) -> asyncio.Future[Examination]:
        return asyncio.wrap_future(service.examine(name, Op.FETCH))

    def allows_local(name: str) -> bool:
        entry = service.fleet.get(name)
        return entry is not None and entry.fetch_local

    dialog = FetchDialog(look_of(app), names, examine, urls=recent.urls, allows_local=allows_local)
    choice = await ask(app, dialog)
    if choice is None:
        return None
    await _remember(lambda known: with_url(known, choice.order.url))
    planned = plannable(service, fetched_image(choice.order), choice.devices)
    by_hand = [name for name in choice.devices if name not in planned]
    fetching = {name: _told(asyncio.wrap_future(service.fetch(name, choice.order))) for name in by_hand}
    if fetching:
        await asyncio.wait(fetching.values())
    if not planned:
        return summary("fetch accepted by", {name: future.result() for name, future in fetching.items()})[0]
    name = clean(choice.order.url.partition("?")[0].rpartition("/")[2], 80) or "the image"
    return await _under_way(app, service, name, "fetched by", fetched_image(choice.order), planned, fetching)
