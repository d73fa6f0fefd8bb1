"""Bringing an image to several devices at once: by upload from here, or by their own fetch."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from updeck.cli.command import Invocation
from updeck.cli.exits import Exit
from updeck.cli.output import Output
from updeck.cli.results import Result, ended, failed, not_awaited, report
from updeck.cli.session import Session, fleet_of, opened, possible_names
from updeck.device.fetch_url import check_fetch_url
from updeck.device.image_file import Checksums, ImageFile, publisher_sum
from updeck.errors import Interrupted, LocalFileError, UpdeckError, UsageError
from updeck.fleet.orders import FetchOrder, Performed, UploadOrder
from updeck.fleet.views import DeviceView
from updeck.journal.models import Op, Verdict
from updeck.text import clean, plural

__all__ = ["fetch_to", "hashed_order", "sha256_of", "upload_to"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


def sha256_of(text: str | None) -> str | None:
    """Return a SHA-256 as 64 lower-case hex digits; raises `UsageError` for anything else."""
    if text is None:
        return None
    digits = text.strip().lower().removeprefix("sha256:")
    if not _SHA256.fullmatch(digits):
        raise UsageError(f'"{clean(text, 80)}" is no SHA-256', advice="it has 64 hex digits")
    return digits


def hashed_order(out: Output, path: Path, expected: str | None) -> UploadOrder:
    """Hash a file once and compare it with what its publisher says, given or beside it.

    Raises `LocalFileError` where it cannot be sent or differs: nothing was sent then.
    """
    source = ImageFile.open(path)
    stated = expected or publisher_sum(path)

    def moved(done: int) -> None:
        out.move(f"hashing {source.name} {100 * done // source.size_bytes} %")

    digest = Checksums().of(source, progress=moved)
    out.rest()
    if stated is not None and stated != digest:
        raise LocalFileError(
            f"{source.name} has the SHA-256 {digest}, and its publisher says {stated}", advice="nothing was sent"
        )
    return UploadOrder(path, digest, source.size_bytes, None, publisher_sha256=stated)


def upload_to(invocation: Invocation, selectors: Sequence[str], order: UploadOrder, *, no_wait: bool) -> Exit:
    """Upload a file to every device that is meant, and tell what became of each."""
    wish = _Transfer(Op.UPLOAD, order.sha256, no_wait=no_wait)
    return wish.run(invocation, selectors, lambda session, name: session.service.upload(name, order))


def fetch_to(invocation: Invocation, selectors: Sequence[str], order: FetchOrder, *, no_wait: bool) -> Exit:
    """Have every device that is meant fetch a URL, and tell what became of each."""
    check_fetch_url(order.url, allow_local=True)
    wish = _Transfer(Op.FETCH, order.sha256, no_wait=no_wait)
    return wish.run(invocation, selectors, lambda session, name: session.service.fetch(name, order))


class _Transfer:
    """One image on its way to several devices."""

    def __init__(self, op: Op, sha256: str | None, *, no_wait: bool) -> None:
        self._op = op
        self._sha256 = sha256
        self._no_wait = no_wait

    def run(
        self,
        invocation: Invocation,
        selectors: Sequence[str],
        send: Callable[[Session, str], Future[Performed]],
    ) -> Exit:
        """Send to all that are meant, wait for their ends, report."""
        fleet = fleet_of(invocation)
        invocation.forbid_when_read_only(self._op.value)
        with opened(invocation, fleet, possible_names(fleet, selectors)) as session:
            names = session.chosen(selectors)
            try:
                results = self._results(session, names, send)
            except KeyboardInterrupt:
                raise _interrupted(self._op, session) from None
        return report(invocation, [results[name] for name in names])

    def _results(
        self, session: Session, names: Sequence[str], send: Callable[[Session, str], Future[Performed]]
    ) -> dict[str, Result]:
        results: dict[str, Result] = {}
        underway: dict[str, Performed] = {}
        for name, performed in session.results({name: send(session, name) for name in names}).items():
            if isinstance(performed, UpdeckError):
                results[name] = failed(name, self._op, performed, session.service.state.view(name))
            elif performed.outcome is None or self._no_wait:
                results[name] = not_awaited(name, replace(performed, op=self._op))
            else:
                underway[name] = performed
        ends = session.results({name: session.service.wait_end(one.rollout) for name, one in underway.items()})
        for name, end in ends.items():
            view = session.service.state.view(name)
            if isinstance(end, UpdeckError):
                results[name] = failed(name, self._op, end, view)
            else:
                results[name] = self._judged(ended(name, underway[name], end), view)
        return results

    def _judged(self, result: Result, view: DeviceView | None) -> Result:
        """Call a VALID image whose checksum the device does not name what it is: unproven, for a person to review."""
        if result.verdict is not Verdict.STAGED or self._sha256 is None or _holds(view, self._sha256):
            return result
        return replace(result, exit_=Exit.REVIEW)


def _holds(view: DeviceView | None, sha256: str) -> bool:
    return (
        view is not None and view.reading is not None and any(image.checksum == sha256 for image in view.reading.valid)
    )


def _interrupted(op: Op, session: Session) -> Interrupted:
    broken = session.service.transfers()
    if broken:
        return Interrupted(f"interrupted: {plural(len(broken), 'upload')} broken off ({', '.join(broken)})")
    return Interrupted(
        f"stopped waiting: each {op.value} that was sent goes on", advice="watch on with `updeck status --watch`"
    )
