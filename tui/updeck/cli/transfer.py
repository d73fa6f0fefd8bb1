"""Bringing an image to several devices at once: by upload from here, or by their own fetch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from updeck.cli.command import Invocation
from updeck.cli.exits import Exit
from updeck.cli.output import Output
from updeck.cli.results import Result, ended, failed, not_awaited, report
from updeck.cli.session import Session, fleet_of, opened, possible_names
from updeck.device.fetch_url import check_fetch_url
from updeck.device.image_file import Checksums, ImageFile, publisher_sum
from updeck.errors import Interrupted, LocalFileError, UpdeckError
from updeck.fleet.inventory import Fleet
from updeck.fleet.orders import FetchOrder, Performed, UploadOrder
from updeck.fleet.views import DeviceView
from updeck.journal.models import Op, Verdict
from updeck.text import plural

__all__ = ["fetch_to", "hashed_order", "upload_to"]


def upload_to(
    invocation: Invocation, selectors: Sequence[str], path: Path, *, sha256: str | None, no_wait: bool
) -> Exit:
    """Upload a file to every device that is meant, and tell what became of each.

    Raises `LocalFileError` where the file cannot be sent or differs from its publisher's sum: nothing was sent then.
    """
    fleet = fleet_of(invocation)
    names = possible_names(fleet, selectors)
    invocation.forbid_when_read_only(Op.UPLOAD.value)
    order = hashed_order(invocation.out, path, sha256)
    batch = _Batch(Op.UPLOAD, order.sha256, no_wait)
    with opened(invocation, fleet, names) as session:
        names = session.chosen(selectors)
        results = batch.run(session, {name: partial(session.service.upload, name, order) for name in names})
    return report(invocation, [results[name] for name in names])


def fetch_to(invocation: Invocation, selectors: Sequence[str], order: FetchOrder, *, no_wait: bool) -> Exit:
    """Have every device that is meant fetch a URL, and tell what became of each."""
    check_fetch_url(order.url, allow_local=True)
    fleet = fleet_of(invocation)
    names = possible_names(fleet, selectors)
    invocation.forbid_when_read_only(Op.FETCH.value)
    batch = _Batch(Op.FETCH, order.sha256, no_wait)
    with opened(invocation, fleet, names) as session:
        names = session.chosen(selectors)
        results = {name: refused for name in names if (refused := _refused_url(fleet, name, order)) is not None}
        allowed = [name for name in names if name not in results]
        results |= batch.run(session, {name: partial(session.service.fetch, name, order) for name in allowed})
    return report(invocation, [results[name] for name in names])


def hashed_order(out: Output, path: Path, expected: str | None) -> UploadOrder:
    """Read a file once and return the order to send it; raises `LocalFileError` where its sum is another one."""
    source = ImageFile.open(path)
    stated = expected or publisher_sum(path)

    def moved(done: int) -> None:
        out.move(f"hashing {source.name} {100 * done // source.size_bytes} %")

    digest = Checksums().of(source, progress=moved if out.interactive else None)
    out.rest()
    if stated is not None and stated != digest:
        raise LocalFileError(
            f"{source.name} has the SHA-256 {digest}, and its publisher says {stated}", advice="nothing was sent"
        )
    return UploadOrder(path, digest, source.size_bytes, None, publisher_sha256=stated)


def _refused_url(fleet: Fleet, name: str, order: FetchOrder) -> Result | None:
    entry = fleet.get(name)
    try:
        check_fetch_url(order.url, allow_local=order.allow_local or (entry is not None and entry.fetch_local))
    except UpdeckError as error:
        return failed(name, Op.FETCH, error, None)
    return None


@dataclass(frozen=True, slots=True)
class _Batch:
    """One image on its way to several devices; `sha256` is what it has to be, where known."""

    op: Op
    sha256: str | None
    no_wait: bool

    def run(self, session: Session, sending: Mapping[str, Callable[[], Future[Performed]]]) -> dict[str, Result]:
        """Send to all, wait for their ends, and return each one's result."""
        sent = {name: send() for name, send in sending.items()}
        try:
            return self._results(session, sent)
        except KeyboardInterrupt:
            raise self._interrupted(session, sent) from None

    def _results(self, session: Session, sending: Mapping[str, Future[Performed]]) -> dict[str, Result]:
        service = session.service
        results: dict[str, Result] = {}
        underway: dict[str, Performed] = {}
        for name, performed in session.results(sending).items():
            if isinstance(performed, UpdeckError):
                results[name] = failed(name, self.op, performed, service.state.view(name))
            elif performed.outcome is None or self.no_wait:
                results[name] = not_awaited(name, replace(performed, op=self.op))
            else:
                underway[name] = performed
        ends = session.results({name: service.wait_end(one.rollout) for name, one in underway.items()})
        for name, end in ends.items():
            view = service.state.view(name)
            if isinstance(end, UpdeckError):
                results[name] = failed(name, self.op, end, view)
            else:
                results[name] = self._proven(ended(name, underway[name], end), view)
        return results

    def _proven(self, result: Result, view: DeviceView | None) -> Result:
        """Leave to a person a VALID image whose checksum the device does not name."""
        if result.verdict is not Verdict.STAGED or self.sha256 is None or _holds(view, self.sha256):
            return result
        return replace(result, exit_=Exit.REVIEW)

    def _interrupted(self, session: Session, sent: Mapping[str, Future[Performed]]) -> Interrupted:
        """Break off what this process is uploading, and wait until that is recorded."""
        broken = session.service.transfers()
        for name in broken:
            session.service.cancel_transfer(name)
        session.results({name: sent[name] for name in broken})
        if broken:
            return Interrupted(f"interrupted: {plural(len(broken), 'upload')} broken off ({', '.join(broken)})")
        return Interrupted(
            f"stopped waiting: each {self.op.value} that was sent goes on",
            advice="watch on with `updeck status --watch`",
        )


def _holds(view: DeviceView | None, sha256: str) -> bool:
    return (
        view is not None and view.reading is not None and any(image.checksum == sha256 for image in view.reading.valid)
    )
